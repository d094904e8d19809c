"""The state as JSON and the page for people: all of it, page by page, with addresses only where they are asked for."""

from __future__ import annotations

import re

import httpx
import pytest
from unit.simulator.driver import Driver

from reconcile.simulator import inspector
from reconcile.simulator.inspector import Opened
from reconcile.simulator.server import running


@pytest.fixture
def api() -> Driver:
    api = Driver({"latency": {"most": 0.0001}, "calls": [{"fault": "error-9", "ids": ["hit@example.com"]}]})
    api.account.flows.add({"flow": "Welcome", "joined": "Main"})
    for number in range(130):
        api.sim.account.put(api.account.new_profile(int(api.clock.now), f"person{number}@example.com"))
    for number in (5, 129):
        api.person(f"person{number}@example.com", lists={"Main": 1})
    api.call("GET", "/user", {"id": "hit@example.com"})
    return api


def test_the_state_pages_through_everybody_whoever_comes_and_goes(api: Driver) -> None:
    seen, after = [], ""
    while after is not None:
        state = api.sim.state(after=after, limit=50)
        seen += [profile["keys"]["email"] for profile in state["profiles"]]
        after = state["profiles_next"]
        if len(seen) == 50:
            for number in (7, 49, 50):
                profile = api.account.profile(f"person{number}@example.com")
                assert profile is not None
                api.account.remove(profile, int(api.clock.now))

    assert seen == [f"person{number}@example.com" for number in range(130) if number != 50]


@pytest.mark.parametrize("query", ["limit=0", "limit=x", "limit=100001", "entered_after=-1"])
def test_a_page_that_is_none_is_refused(api: Driver, query: str) -> None:
    with running(api.sim) as base_url, httpx.Client(base_url=base_url) as client:
        assert client.get(f"/_sim/state?{query}").status_code == 400
        page = client.get("/_sim/state", params={"limit": 3}).json()
        after = client.get("/_sim/state", params={"limit": 3, "after": page["profiles_next"]}).json()

    assert after["profiles"][0]["keys"]["email"] == "person3@example.com"


def test_lists_open_to_masked_members(api: Driver) -> None:
    for number in range(130):
        api.person(f"person{number}@example.com", lists={"Main": 1, "Side": 0})
    main = api.account.named("Main")[0].list_id
    closed, opened = inspector.page(api.sim), inspector.page(api.sim, "", Opened(list=main))
    asked = inspector.page(api.sim, "", Opened(list=main, show="addresses"))

    assert f'href="/?list={main}#members"' in closed
    assert 'id="members"' not in closed
    members = opened.partition('id="members"')[2].partition("</article>")[0]
    assert "Main: 130 members" in members
    assert members.count("p***@e***.com") == 100
    assert "person" not in members
    assert "person5@example.com" in asked.partition('id="members"')[2].partition("</article>")[0]
    following = re.search(r"after=([0-9a-f]{24})", members)
    assert following is not None
    rest = inspector.page(api.sim, "", Opened(list=main, after=following[1]))
    assert rest.partition('id="members"')[2].count("p***@e***.com") == 30 + 50  # those of flows, too


def test_faults_that_struck_are_told_apart_from_delays(api: Driver) -> None:
    page = inspector.page(api.sim)

    assert re.search(r'Faults struck</p>\s*<p class="figure">1</p>\s*<p class="note">and 3 delays', page)
    assert "struck 1&times;" in page
    assert "delayed 3&times;" in page
    state = api.sim.state()
    assert (state["faults_done"], state["delays_done"]) == ({"error-9": 1}, {"latency": 3})


def test_delays_are_no_faults() -> None:
    api = Driver({"latency": {"least": 0, "most": 0.001}, "jobs": {"rows_per_second": {"update": 1}}})
    api.job({"job": "update", "emails": "a@example.com"})

    assert api.sim.mischief.done == {}
    assert api.sim.state()["delays_done"] == {"latency": 2, "slow-job": 1}


def test_the_page_tells_of_flows_and_masks_who_entered(api: Driver) -> None:
    page = inspector.page(api.sim).partition("<h2>Flows</h2>")[2].partition("</section>")[0]

    assert re.search(r"Welcome</th><td>joined the list Main</td><td class=\"n\">2</td><td class=\"n\">0</td>", page)
    assert page.count("p***@e***.com") == 2


def test_all_lists_can_be_opened(api: Driver) -> None:
    for number in range(40):
        api.account.add_list(f"L{number}", 0)

    assert "and 11 more" in inspector.page(api.sim)
    assert inspector.page(api.sim, "", Opened(lists="all")).count("#members") == 41


@pytest.mark.parametrize(
    ("email", "mask"), [("ada@example.com", "a***@e***.com"), ("x@[10.0.0.1]", "x***@[***.1]"), ("a@b", "a***@b***")]
)
def test_a_mask_tells_no_address(email: str, mask: str) -> None:
    assert inspector.masked(email) == mask

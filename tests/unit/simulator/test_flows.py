"""Journeys: who enters which flow, by which way, and where flows come from."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import httpx
import pytest
from unit.simulator.driver import START, Driver

from reconcile.simulator import seeds, store
from reconcile.simulator.flows import Flows
from reconcile.simulator.server import running

WELCOME, GOODBYE, UPGRADE = (
    {"flow": "Welcome", "joined": "Main"},
    {"flow": "Goodbye", "removed": "Main"},
    {"flow": "Upgrade", "changed": "plan"},
)


def driver(**guesses: Any) -> Driver:
    api = Driver({"guesses": guesses})
    for flow in (WELCOME, GOODBYE, UPGRADE):
        api.account.flows.add(flow)
    return api


def entered(api: Driver, by: str = "user") -> dict[str, int]:
    """Entries by flow, of one way."""
    return {one["flow"]: one["entered"][by] for one in api.sim.state()["flows"] if one["entered"][by]}


@pytest.mark.parametrize(
    ("writes", "flows"),
    [
        ([{"lists": {"Main": 1}}], {"Welcome": 1}),
        ([{"lists": {"Main": 1}}, {"lists": {"Main": 1}}], {"Welcome": 1}),
        ([{"lists": {"Main": 1}}, {"lists": {"Main": 0}}, {"lists": {"Main": 1}}], {"Welcome": 2, "Goodbye": 1}),
        ([{"lists": {"Side": 1, "Main": 0}}], {}),
        ([{"vars": {"plan": "pro"}}, {"vars": {"plan": "pro"}}], {"Upgrade": 1}),
        ([{"vars": {"plan": 1}}, {"vars": {"plan": True}}, {"vars": {"plan": None}}], {"Upgrade": 3}),
        ([{"vars": {"city": "Rome"}}], {}),
        ([{"lists": {"Main": 1}, "optout_email": "nonsense"}], {}),
    ],
)
def test_what_starts_a_flow_by_user(writes: list[dict[str, Any]], flows: dict[str, int]) -> None:
    api = driver()
    for write in writes:
        api.call("POST", "/user", {"id": "ada@example.com", **write})

    assert entered(api) == flows


@pytest.mark.parametrize(
    ("knob", "flows"),
    [
        ([], {}),
        (["removed"], {"Goodbye": 1}),
        (["changed"], {"Upgrade": 2}),
        (["removed", "changed"], {"Goodbye": 1, "Upgrade": 2}),
    ],
)
def test_a_join_by_job_starts_nothing_and_the_rest_is_a_knob(knob: list[str], flows: dict[str, int]) -> None:
    api = driver(flows_by_jobs=knob)
    api.job({"job": "import", "list": "Main", "emails": "ada@example.com,b@example.com"})
    api.job({"job": "update"}, file=api.lines({"id": "c@example.com", "vars": {"plan": "a"}, "lists": {"Main": 1}}))
    api.job({"job": "update", "emails": "c@example.com", "update": {"delete_vars": ["plan"], "lists": {"Main": 0}}})

    assert entered(api, "job") == flows
    assert entered(api) == {}


def test_who_entered_when_is_told_page_by_page() -> None:
    api = driver()
    for number in range(5):
        api.person(f"p{number}@example.com", lists={"Main": 1})
        api.clock.sleep(10)
    gone = api.account.profile("p0@example.com")
    assert gone is not None
    api.ok("DELETE", "/user", {"id": gone.sid})

    pages, after = [], 0
    while after is not None:
        state = api.sim.state(entered_after=after, limit=2)
        pages.append(state["entries"])
        after = state["entries_next"]

    assert [len(page) for page in pages] == [2, 2, 1]
    first = {"number": 1, "flow": "Welcome", "sid": gone.sid, "email": "p0@example.com", "at": int(START), "by": "user"}
    assert pages[0][0] == first
    assert (state["entries_total"], state["entries_forgotten"]) == (5, 0)


def test_merging_removing_and_deleting_start_nothing() -> None:
    api = driver(flows_by_jobs=["removed", "changed"])
    api.person("b@example.com", lists={"Main": 1}, vars={"plan": "x"})
    sid = api.person("a@example.com")
    before = entered(api)
    api.ok("POST", "/user", {"id": sid, "keys": {"email": "b@example.com"}, "keysconflict": "merge"})
    api.ok("DELETE", "/list", {"list": "Main"})
    api.ok("DELETE", "/user", {"id": sid})

    assert entered(api) == before == {"Welcome": 1, "Upgrade": 1}


def test_a_seed_file_has_flows_and_starts_none(tmp_path: Path) -> None:
    path, kept = tmp_path / "seed.ndjson", tmp_path / "kept.json"
    path.write_text(Driver.lines(WELCOME, {"id": "ada@example.com", "lists": {"Main": 1}}))
    api, later = Driver(), Driver()
    seeds.load(api.sim, path)
    store.save(api.account, kept)
    store.restore(later.account, kept)

    assert later.sim.state()["flows"] == [{**WELCOME, "entered": {"user": 0, "job": 0}}]
    later.person("b@example.com", lists={"Main": 1})
    assert entered(later) == {"Welcome": 1}


WRONG = [
    {},
    {"flow": ""},
    {"flow": "W"},
    {"flow": "W", "joined": "Main", "removed": "Main"},
    {"flow": "W", "opened": "Main"},
    {"flow": "W", "joined": ["Main"]},
]


@pytest.mark.parametrize("wrong", WRONG, ids=str)
def test_a_flow_that_is_none_is_told_so(wrong: dict[str, Any], tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="flow"):
        Flows().add(wrong)
    if wrong:
        path = tmp_path / "seed.ndjson"
        path.write_text(Driver.lines({"id": "a@example.com"}, wrong))
        with pytest.raises(ValueError, match=r"seed.ndjson: flow 2: "):
            seeds.load(Driver().sim, path)


def test_flows_are_made_by_the_state_endpoint_all_or_none() -> None:
    api = Driver()
    with running(api.sim) as base_url, httpx.Client(base_url=base_url) as client:
        wrong = [
            client.post("/_sim/state", json={"flows": [WELCOME, {"flow": "W"}]}),
            client.post("/_sim/state", json=[WELCOME]),
            client.post("/_sim/state", content=b"{"),
            client.post("/_sim/state", content=b"{", headers={"content-type": "application/json"}),
            client.post("/_sim/state", content=b'{"flows":[]}', headers={"content-type": "text/plain"}),
        ]
        assert [answer.status_code for answer in wrong] == [400] * len(wrong)
        assert not api.account.flows.all
        made = client.post("/_sim/state", json={"flows": [WELCOME, UPGRADE]}).json()

    assert [one["flow"] for one in made["flows"]] == ["Welcome", "Upgrade"]


def test_entries_that_are_forgotten_are_counted_all_the_same() -> None:
    api = driver()
    api.account.flows.entries = type(api.account.flows.entries)(maxlen=2)
    for number in range(5):
        api.person(f"p{number}@example.com", lists={"Main": 1})
    state = api.sim.state()

    assert ([one["number"] for one in state["entries"]], state["entries_forgotten"]) == ([4, 5], 3)
    assert entered(api) == {"Welcome": 5}

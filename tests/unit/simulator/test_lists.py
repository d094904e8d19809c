from __future__ import annotations

import asyncio

import pytest
from unit.simulator.driver import Driver

from reconcile.simulator import Simulator


@pytest.fixture
def api() -> Driver:
    return Driver()


def test_all_lists_have_their_own_shape(api: Driver) -> None:
    api.person(lists={"Main": 1})
    api.ok("POST", "/list", {"list": "!! bar/foo", "primary": 1})

    rows = api.ok("GET", "/list", {})["lists"]

    assert [row["name"] for row in rows] == ["Main", "!! bar/foo"]
    for row in rows:
        assert list(row) == ["list_id", "name", "email_count", "valid_count", "create_time", "type"]
        assert row["type"] == "normal"
        assert int(row["list_id"][:8], 16) == int(api.clock.now)
    assert (rows[0]["email_count"], rows[1]["email_count"]) == (1, 0)


@pytest.mark.parametrize("payload", ["null", "{}", "[]", {"list": ""}])
def test_every_way_to_ask_for_all_lists_works(api: Driver, payload: object) -> None:
    api.ok("POST", "/list", {"list": "Main"})

    assert len(api.ok("GET", "/list", payload)["lists"]) == 1


def test_lists_are_filtered_by_type_and_primary(api: Driver) -> None:
    api.ok("POST", "/list", {"list": "A"})
    api.ok("POST", "/list", {"list": "B", "primary": 1})
    api.ok("POST", "/list", {"list": "C", "type": "smart", "query": {"source_list": "A"}})

    def names(**asked: object) -> list[str]:
        return [row["name"] for row in api.ok("GET", "/list", asked)["lists"]]

    assert names(primary=1) == ["B"]
    assert names(primary=0) == ["A", "C"]
    assert names(type="natural") == names(type="normal") == ["A", "B"]
    assert names(type="smart") == ["C"]


def test_one_list_is_told_by_name_or_id(api: Driver) -> None:
    made = api.ok("POST", "/list", {"list": "Main", "vars": {"a": 1}, "public_name": "News"})
    by_name = api.ok("GET", "/list", {"list": "Main"})

    assert by_name == api.ok("GET", "/list", {"list_id": made["list_id"]})
    assert "vars" not in by_name
    more = api.ok("GET", "/list", {"list": "Main", "fields": {"vars": 1}})
    assert (more["vars"], more["public_name"]) == ({"a": 1}, "News")


def test_writing_an_existing_list_changes_what_is_named_and_says_when_it_was_made(api: Driver) -> None:
    made = api.ok("POST", "/list", {"list": "Main", "public_name": "News"})
    again = api.ok("POST", "/list", {"list": "Main", "primary": 1})

    assert list(made) == ["list", "type", "list_id"]
    assert again == {**made, "create_time": "Sun, 13 Sep 2020 08:26:40 -0400"}
    one = api.ok("GET", "/list", {"list": "Main", "fields": {"vars": 1}})
    assert (one["primary"], one["public_name"]) == (True, "News")


def test_a_smart_list_counts_whom_its_query_means(api: Driver) -> None:
    for name, plan in (("a", "pro"), ("b", "free"), ("c", "pro")):
        api.person(f"{name}@example.com", vars={"plan": plan}, lists={"Main": 1})
    query = {"source_list": "Main", "criteria": ["match"], "field": ["plan"], "value": ["pro"]}
    api.ok("POST", "/list", {"list": "Pros", "type": "smart", "query": query})

    assert api.ok("GET", "/list", {"list": "Pros"})["count"] == 2
    api.person("b@example.com", vars={"plan": "pro"})
    assert api.ok("GET", "/list", {"list": "Pros"})["count"] == 3
    assert api.export("Pros").count("\n") == 4


def test_deleting_a_list_keeps_its_members(api: Driver) -> None:
    api.person(lists={"Main": 1, "Side": 1})

    assert api.call("DELETE", "/list", {"list": "Main"}).text == '{"list":"Main","ok":true}'

    assert list(api.look()["lists"]) == ["Side"]
    assert api.no("DELETE", "/list", {"list": "Main"}) == (404, 15, "Unknown list: Main")


def test_list_names_are_taken_to_the_letter(api: Driver) -> None:
    for name in ("Main", "main", " Main"):
        api.ok("POST", "/list", {"list": name})

    assert api.account.list_names() == [" Main", "Main", "main"]
    assert api.no("POST", "/list", {"list": "No $"})[:2] == (400, 99)
    assert api.no("POST", "/user", {"id": "a@example.com", "lists": {"Ok": 1, "No $": 1}})[:2] == (400, 99)
    assert api.no("POST", "/list", {})[:2] == (400, 2)


def test_two_thousand_lists_are_the_limit(api: Driver) -> None:
    for number in range(1999):
        api.account.add_list(f"L{number}", 0)

    full = (400, 99, "Maximum list count reached: 2000")
    assert api.no("POST", "/user", {"id": "a@example.com", "lists": {"x": 1, "y": 1}}) == full
    assert not api.account.profiles
    api.ok("POST", "/list", {"list": "x"})
    assert api.no("POST", "/list", {"list": "y"}) == full


def test_fifty_primary_lists_are_the_limit(api: Driver) -> None:
    for number in range(50):
        api.ok("POST", "/list", {"list": f"L{number}", "primary": 1})

    full = (400, 99, "You may only track up to 50 primary lists")
    assert api.no("POST", "/list", {"list": "x", "primary": 1}) == full
    assert "x" not in api.account.list_names()
    api.ok("POST", "/list", {"list": "x"})
    assert api.no("POST", "/list", {"list": "x", "primary": 1}) == full


# -- counts


def count(api: Driver, name: str = "Main") -> int:
    return int(api.ok("GET", "/list", {"list": name})["count"])


def test_the_count_follows_memberships_at_once(api: Driver) -> None:
    api.person(lists={"Main": 1})
    api.person("b@example.com", lists={"Main": 1})
    api.person("b@example.com", lists={"Main": 1})
    assert count(api) == 2

    api.person("b@example.com", lists={"Main": 0})
    assert count(api) == 1


def test_a_deleted_user_still_counts_until_the_recount(api: Driver) -> None:
    for name in "abc":
        api.person(f"{name}@example.com", lists={"Main": 1})
    for name in "abc":
        api.ok("DELETE", "/user", {"id": f"{name}@example.com"})
        api.person(f"{name}@example.com", lists={"Main": 1})
    assert count(api) == 6  # as in the field: doubled after delete-all and add-all

    api.clock.sleep(56 * 60)
    assert count(api) == 6
    api.clock.sleep(24 * 3600)
    assert count(api) == 3
    assert api.ok("GET", "/list", {})["lists"][0]["email_count"] == 3


# -- twins


def twins(api: Driver) -> Driver:
    calls = [("POST", "/user", {"id": f"p{i}@example.com", "lists": {"Main": 1}}) for i in range(20)]
    api.together(*calls)
    return api


def test_two_writes_that_miss_a_list_at_once_both_make_it() -> None:
    api = twins(Driver({"lists": {"twins": True, "window": 0.001}}))

    names = api.account.list_names()
    assert len(names) > 1
    assert set(names) == {"Main"}
    assert len(api.account.members("Main")) == 20
    homes = [profile.joined for profile in api.account.profiles.values()]
    assert all(len(joined) == 1 for joined in homes)  # each ended in one of the twins


def test_two_creations_at_once_make_twins_too() -> None:
    api = Driver({"lists": {"twins": True, "window": 0.001}})
    answers = api.together(("POST", "/list", {"list": "Main"}), ("POST", "/list", {"list": "Main"}))

    assert len({answer.json()["list_id"] for answer in answers}) == 2


def test_one_after_the_other_makes_no_twins() -> None:
    api = Driver({"lists": {"twins": True, "window": 0.001}})
    api.ok("POST", "/list", {"list": "Main"})

    assert twins(api).account.list_names() == ["Main"]


def test_without_the_fault_there_are_no_twins() -> None:
    assert twins(Driver()).account.list_names() == ["Main"]


def test_settings_tell_the_time_zone_and_the_primary_lists() -> None:
    api = Driver(timezone="Europe/Vienna")
    api.ok("POST", "/list", {"list": "Main", "primary": 1})
    body = api.ok("GET", "/settings")

    assert (body["timezone"], body["lists_primary"]) == ("Europe/Vienna", ["Main"])
    assert api.ok("GET", "/list", {"list": "Main"})["create_time"].endswith("+0200")


def test_stats_of_a_list(api: Driver) -> None:
    api.person(lists={"Main": 1}, optout_email="all")
    body = api.ok("GET", "/stats", {"stat": "list", "list": "Main"})

    assert (body["email_count"], body["valid_count"], body["optout_count"]) == (1, 0, 1)
    assert (body["list"], body["lists_count"], body["lists_signup_count"], body["day"]) == ("Main", 1, 1, 20200913)


def test_stats_of_all_lists_tell_everybody_once(api: Driver) -> None:
    api.person(lists={"Main": 1, "Side": 1})
    api.person("b@example.com", lists={"Side": 1}, optout_email="all")
    body = api.ok("GET", "/stats", {"stat": "list"})

    assert (body["email_count"], body["optout_count"], body["lists_count"]) == (2, 1, 2)


def test_stats_are_there_from_the_day_of_the_list_to_today(api: Driver) -> None:
    api.person(lists={"Main": 1})
    api.clock.sleep(24 * 3600)

    def status(date: str) -> int:
        return api.call("GET", "/stats", {"stat": "list", "list": "Main", "date": date}).status_code

    days = ("-2 days", "-1 day", "2020-09-14", "2020-09-15", "tomorrow")
    assert [status(day) for day in days] == [400, 200, 200, 400, 400]


def test_a_count_may_be_behind_the_writes() -> None:
    api = Driver({"reads": {"counts": 10}})

    def counts() -> tuple[int, int, int]:
        one = api.ok("GET", "/list", {"list": "Main"})["count"]
        row = api.ok("GET", "/list", {})["lists"][0]
        return one, row["email_count"], row["valid_count"]

    api.person(lists={"Main": 1})
    api.clock.sleep(4)
    api.person("b@example.com", lists={"Main": 1})
    assert counts() == (0, 0, 0)
    api.clock.sleep(7)
    assert counts() == (1, 1, 1)
    api.clock.sleep(4)
    assert counts() == (2, 2, 2)
    assert list(api.look(lists=1)["lists"]) == ["Main"]
    assert set(api.sim.mischief.done) == {"stale-count"}


def test_the_account_is_ready_to_be_looked_at_from_tests() -> None:
    sim = Simulator()
    assert sim.account.profile("ada@example.com") is None
    assert sim.account.members("Main") == set()
    assert asyncio.run(_state(sim))["profiles_total"] == 0


async def _state(sim: Simulator) -> dict[str, object]:
    return sim.state()

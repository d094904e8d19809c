"""Queries of jobs and smart lists: whom they mean."""

from __future__ import annotations

from typing import Any

import pytest
from unit.simulator.driver import Driver


@pytest.fixture
def api() -> Driver:
    return Driver()


@pytest.mark.parametrize(
    ("criterion", "field", "value", "found"),
    [
        ("match", "plan", "pro", "ac"),
        ("not", "plan", "pro", "b"),
        ("gt", "ltv", 10, "bc"),
        ("lt", "ltv", "20", "a"),
        ("min", "ltv", 20, "bc"),
        ("max", "ltv", 20, "ab"),
        ("domain", "", "x.org", "b"),
        ("valid", "", "", "ab"),
        ("optout_all", "", "", "c"),
        ("list_member_not", "", "Side", "bc"),
        ("gt", "plan", 10, ""),
        ("engagement_min", "", 3, "abc"),
        ("engagement_max", "", "2", ""),
        ("engagement_max", "", "high", ""),
        ("status_hardbounce", "", "", ""),
        ("signup_before", "", "no date", ""),
        ("signup_after", "", "Mon, 01 Jan 1990 00:00:00 +0000", "abc"),
        ("signup_after", "", "631152000", "abc"),
        ("signup_after", "", "1990-01-01", "abc"),
        ("signup_before", "", "1990-01-01", ""),
    ],
)
def test_queries_choose_by_criteria(api: Driver, criterion: str, field: str, value: Any, found: str) -> None:
    api.person("a@example.com", vars={"plan": "pro", "ltv": 10}, lists={"Main": 1, "Side": 1})
    api.person("b@x.org", vars={"plan": "free", "ltv": 20}, lists={"Main": 1})
    api.person("c@example.com", vars={"plan": "pro", "ltv": 30}, lists={"Main": 1}, optout_email="all")
    query = {"source_list": "Main", "criteria": [criterion], "field": [field], "value": [value]}
    api.job({"job": "update", "query": query, "update": {"lists": {"Found": 1}}})

    assert {email[0] for email in api.account.members("Found")} == set(found)


def test_a_criterion_that_is_unknown_is_refused(api: Driver) -> None:
    api.person(lists={"Main": 1})
    query = {"source_list": "Main", "criteria": ["horoscope"]}

    assert api.no("POST", "/job", {"job": "update", "query": query})[:2] == (400, 99)


def test_queries_may_ask_for_any_of_their_criteria(api: Driver) -> None:
    for name in "abc":
        api.person(f"{name}@example.com", vars={"plan": name}, lists={"Main": 1})
    query = {"source_list": "Main", "query_mode": "or", "criteria": ["match", "match"]}
    query |= {"field": ["plan", "plan"], "value": ["a", "c"]}
    api.job({"job": "update", "query": query, "update": {"lists": {"Found": 1}, "delete_vars": {"0": "plan"}}})

    assert api.account.members("Found") == {"a@example.com", "c@example.com"}
    assert api.look("a@example.com")["vars"] == {}


def test_a_smart_list_whose_source_is_gone_has_nobody(api: Driver) -> None:
    api.ok("POST", "/list", {"list": "Smart", "type": "smart", "query": {"source_list": "Main"}})

    assert api.ok("GET", "/list", {"list": "Smart"})["count"] == 0
    assert api.no("POST", "/job", {"job": "import", "list": "Smart", "emails": "a@example.com"})[:2] == (400, 99)


def test_smart_lists_over_each_other_come_to_an_end(api: Driver) -> None:
    for one, other in (("A", "B"), ("B", "A")):
        api.ok("POST", "/list", {"list": one, "type": "smart", "query": {"source_list": other}})

    assert api.ok("GET", "/list", {"list": "A"})["count"] == 0


def found(api: Driver, **query: Any) -> set[str]:
    """Whom an update by this query touches."""
    api.job({"job": "update", "query": query, "update": {"lists": {"Found": 1}}})
    return {name.partition("@")[0] for name in api.account.members("Found")}


@pytest.mark.parametrize(("knob", "touched"), [("everybody", {"a", "b", "c"}), ("nobody", set())])
def test_a_query_without_a_source_means_all_users_or_nobody(knob: str, touched: set[str]) -> None:
    api = Driver({"guesses": {"query_without_source": knob}})
    for name in "abc":
        api.person(f"{name}@example.com", lists={"Main": 1} if name == "a" else {})

    assert found(api, criteria=[]) == touched
    api.ok("POST", "/list", {"list": "Smart", "type": "smart", "query": {"criteria": ["valid"]}})
    assert api.ok("GET", "/list", {"list": "Smart"})["count"] == 0, "a smart list needs a natural one"


@pytest.mark.parametrize(
    ("query", "touched"),
    [
        ({"criteria": ["daily_open"], "compare": ["min"], "compare_value": [3]}, set()),
        ({"criteria": ["daily_open"], "compare": ["max"], "compare_value": [3]}, {"new", "old"}),
        ({"criteria": ["daily_open"]}, set()),
        ({"criteria": ["signup_after"]}, {"new"}),
        ({"criteria": ["var_date"], "field": ["signup"], "timerange": ["since_date"]}, {"new"}),
        ({"criteria": ["var_date"], "field": ["signup"], "timerange": ["not_since_date"]}, {"old"}),
        ({"criteria": ["var_date"], "field": ["seen"], "timerange": ["since_days"], "value": [3]}, {"new"}),
        ({"criteria": ["var_date"], "field": ["seen"], "timerange": ["ever"]}, {"new"}),
        ({"criteria": ["var_date"], "field": ["seen"], "timerange": ["not_ever"]}, {"old"}),
    ],
)
def test_queries_know_opens_and_dates_from_now(query: dict[str, Any], touched: set[str]) -> None:
    api = Driver()
    api.person("old@example.com")
    api.clock.sleep(40 * 24 * 3600)
    api.person("new@example.com", vars={"seen": "2020-10-22"})

    assert found(api, **{"value": ["-30 days"], "timerange": ["since_date"], **query}) == touched


@pytest.mark.parametrize("wrong", [{"compare": ["like"]}, {"timerange": ["soon"]}])
def test_words_of_a_query_that_are_not_known_are_refused(api: Driver, wrong: dict[str, Any]) -> None:
    api.person()

    assert api.no("POST", "/job", {"job": "snapshot", "query": {"criteria": ["daily_open"], **wrong}})[:2] == (400, 99)

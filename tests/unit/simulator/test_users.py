from __future__ import annotations

from typing import Any

import pytest
from unit.simulator.driver import Driver

ADA = "ada@example.com"


@pytest.fixture
def api() -> Driver:
    return Driver()


# -- keys


@pytest.mark.parametrize("kind", ["sid", "cookie", "extid", "sms", "email"])
def test_a_profile_is_found_by_each_of_its_keys(api: Driver, kind: str) -> None:
    api.person(keys={"extid": "C-42", "sms": "+15551234567"})
    keys = api.look()["keys"]
    assert list(keys) == ["sid", "cookie", "email", "extid", "sms"]

    assert api.ok("GET", "/user", {"id": keys[kind], "key": kind})["keys"] == keys


@pytest.mark.parametrize("kind", ["sid", "cookie", "sms", "email"])
def test_the_kind_of_key_is_guessed_where_it_is_not_given(api: Driver, kind: str) -> None:
    api.person(keys={"sms": "+15551234567"})
    keys = api.look()["keys"]

    assert api.ok("GET", "/user", {"id": keys[kind]})["keys"] == keys


def test_an_extid_is_case_sensitive_an_email_is_not(api: Driver) -> None:
    api.person(keys={"extid": "Abc"})

    assert api.no("GET", "/user", {"id": "abc", "key": "extid"})[:2] == (400, 99)
    assert api.ok("GET", "/user", {"id": " ADA@Example.COM ", "key": "email"})["keys"]["email"] == ADA


def test_a_profile_may_have_no_email(api: Driver) -> None:
    api.ok("POST", "/user", {"id": "C-1", "key": "extid", "vars": {"plan": "pro"}})

    body = api.ok("GET", "/user", {"id": "C-1", "key": "extid"})
    assert list(body["keys"]) == ["sid", "cookie", "extid"]
    assert body["vars"] == {"plan": "pro"}


def test_created_by_extid_with_an_email_it_is_found_by_both(api: Driver) -> None:
    api.ok("POST", "/user", {"id": "C-1", "key": "extid", "keys": {"email": ADA}})

    assert api.look()["keys"]["extid"] == "C-1"


def test_nothing_is_made_by_an_unknown_sid(api: Driver) -> None:
    answer = api.no("POST", "/user", {"id": "5e94d0f0c2f4d7a3b1e60f21", "key": "sid", "vars": {"a": 1}})

    assert answer == (400, 99, "User not found with sid: 5e94d0f0c2f4d7a3b1e60f21")
    assert not api.account.profiles


def test_extid_lookup_may_not_be_enabled() -> None:
    api = Driver({"guesses": {"extid_lookup": False}})

    assert api.no("GET", "/user", {"id": "C-1", "key": "extid"})[:2] == (400, 99)


@pytest.mark.parametrize("payload", [{}, [], None, {"id": ""}, {"id": None}, {"id": {"a": 1}}])
def test_an_id_is_required(api: Driver, payload: Any) -> None:
    assert api.no("GET", "/user", "null" if payload is None else payload) == (
        400,
        2,
        "Missing required parameter: id",
    )


@pytest.mark.parametrize(
    "email", ["", "ada", "ada@", "@example.com", "-ada@example.com", "a b@example.com", "a@b", "a..b@example.com"]
)
def test_an_address_that_is_none_is_error_11(api: Driver, email: str) -> None:
    assert api.no("POST", "/user", {"id": email or " ", "key": "email"})[:2] == (400, 11)
    assert not api.account.profiles


# -- changing keys


def test_a_new_address_keeps_sid_vars_and_lists_and_changes_the_cookies_end(api: Driver) -> None:
    sid = api.person(vars={"plan": "pro"}, lists={"Main": 1})
    before = api.look()

    api.ok("POST", "/user", {"id": sid, "key": "sid", "keys": {"email": "new@example.com"}})

    after = api.look("new@example.com")
    assert after["keys"]["sid"] == sid
    assert (after["vars"], after["lists"]) == (before["vars"], before["lists"])
    assert after["keys"]["cookie"][:56] == before["keys"]["cookie"][:56]
    assert after["keys"]["cookie"][56:] != before["keys"]["cookie"][56:]
    assert api.no("GET", "/user", {"id": ADA, "key": "email"})[:2] == (400, 99)


def test_a_conflict_is_an_error_where_error_is_asked_for(api: Driver) -> None:
    sid = api.person()
    api.person("other@example.com")
    write = {"id": sid, "key": "sid", "keys": {"email": "other@example.com"}}

    for how in ({"keysconflict": "error"}, {}):
        assert api.no("POST", "/user", {**write, **how, "vars": {"lost": 1}})[:2] == (409, 99)
    assert api.look()["vars"] == {}
    assert len(api.account.profiles) == 2


def test_a_merge_unites_two_profiles_into_the_one_that_is_modified(api: Driver) -> None:
    sid = api.person(vars={"plan": "pro"}, lists={"Main": 1})
    api.clock.sleep(60)
    api.person("o@example.com", vars={"plan": "free", "city": "Paris"}, lists={"Main": 1, "Old": 1})
    api.person("o@example.com", optout_email="blast")
    signed_up = api.look(lists=1)["lists"]["Main"]

    write = {"id": sid, "key": "sid", "keys": {"email": "o@example.com"}, "keysconflict": "merge"}
    api.ok("POST", "/user", write)

    body = api.look("o@example.com")
    assert body["keys"]["sid"] == sid
    assert body["vars"] == {"city": "Paris", "plan": "pro"}
    assert list(body["lists"]) == ["Main", "Old"]
    assert body["lists"]["Main"] == signed_up
    assert body["optout_email"] == "blast"
    assert len(api.account.profiles) == 1
    assert api.account.members("Main") == {"o@example.com"}


def test_a_merge_takes_over_one_profile_not_two(api: Driver) -> None:
    sid = api.person()
    api.person("b@example.com")
    api.person("c@example.com", keys={"extid": "C-1"})
    write = {"id": sid, "key": "sid", "keys": {"email": "b@example.com", "extid": "C-1"}, "keysconflict": "merge"}

    assert api.no("POST", "/user", write)[:2] == (409, 99)
    assert len(api.account.profiles) == 3


def test_a_merge_takes_over_keys_that_are_then_no_longer_another_ones(api: Driver) -> None:
    sid = api.person()
    other = api.person("b@example.com", keys={"extid": "C-1"})
    write = {"id": sid, "key": "sid", "keys": {"email": "b@example.com"}, "keysconflict": "merge"}
    api.ok("POST", "/user", write)

    assert api.ok("GET", "/user", {"id": "C-1", "key": "extid"})["keys"]["sid"] == sid
    assert api.no("GET", "/user", {"id": other, "key": "sid"})[:2] == (400, 99)
    api.ok("POST", "/user", {"id": sid, "key": "sid", "keys": {"extid": "C-2"}})
    assert api.no("GET", "/user", {"id": "C-1", "key": "extid"})[:2] == (400, 99)


def test_a_cookie_that_is_none_finds_nobody(api: Driver) -> None:
    cookie = api.ok("GET", "/user", {"id": api.person()})["keys"]["cookie"]

    for wrong in ("x" * 88, "0" * 32 + cookie[32:], cookie[:-1]):
        assert api.no("GET", "/user", {"id": wrong, "key": "cookie"})[:2] == (400, 99)
    assert api.no("POST", "/user", {"id": "0" * 88, "key": "cookie"})[:2] == (400, 99)


# -- fields


def test_without_fields_the_default_ones_come(api: Driver) -> None:
    api.person()

    assert list(api.look()) == ["keys", "vars", "lists", "engagement", "optout_email"]


def test_only_the_fields_that_are_asked_for_come(api: Driver) -> None:
    api.person()

    assert list(api.look(optout_email=1, keys="1", vars=0)) == ["keys", "optout_email"]
    every = ("activity", "device", "lifetime", "purchases", "purchase_incomplete", "smart_lists")
    assert set(api.look(**dict.fromkeys(every, 1))) == set(every)


def test_a_write_answers_ok_alone_or_last(api: Driver) -> None:
    assert api.call("POST", "/user", {"id": ADA}).text == '{"ok":true}'
    body = api.ok("POST", "/user", {"id": ADA, "vars": {"a": 1}, "fields": {"vars": 1, "optout_email": 1}})
    assert list(body.items()) == [("vars", {"a": 1}), ("optout_email", "none"), ("ok", True)]


# -- vars


def test_vars_keep_their_types(api: Driver) -> None:
    sent = {
        "array": [1, "a", None],
        "bool": True,
        "date": "1987-08-01",
        "empty": "",
        "float": 1.0,
        "int": 2**53 - 1,
        "nothing": None,
        "object": {"b": 1, "a": {}},
        "text": 'Zoë "x"/\\ \n\u2028😀',
    }
    api.person(vars=sent)

    assert api.look()["vars"] == sent
    assert '"float":1.0' in api.call("GET", "/user", {"id": ADA}).text
    assert list(api.look()["vars"]) == sorted(sent)


def test_vars_that_are_not_named_stay(api: Driver) -> None:
    api.person(vars={"a": 1, "b": 2})
    api.person(vars={"b": None})

    assert api.look()["vars"] == {"a": 1, "b": None}


def test_var_names_are_scrubbed_in_silence(api: Driver) -> None:
    api.person(vars={"first name": 1, "a%-.$b": 2, "$": 3, "Plan": 4, "plan": 5})

    assert api.look()["vars"] == {"Plan": 4, "ab": 2, "first_name": 1, "plan": 5}


@pytest.mark.parametrize("name", ["a" * 33, "1st"])
def test_var_names_that_break_the_rules_are_refused_whole(api: Driver, name: str) -> None:
    assert api.no("POST", "/user", {"id": ADA, "vars": {"good": 1, name: 1}, "lists": {"Main": 1}})[:2] == (400, 99)
    assert not api.account.profiles
    assert not api.account.lists


def test_a_thousand_custom_fields_are_the_limit(api: Driver) -> None:
    api.person(vars={f"v{i}": i for i in range(1000)})

    assert api.no("POST", "/user", {"id": ADA, "vars": {"one_more": 1}})[:2] == (400, 99)
    api.person("other@example.com", vars={"v7": 1})


@pytest.mark.parametrize(
    ("knob", "shown"), [("null", {"vars": None}), ("[]", {"vars": []}), ("{}", {"vars": {}}), ("missing", {})]
)
def test_no_vars_look_as_the_knob_says(knob: str, shown: dict[str, Any]) -> None:
    api = Driver({"guesses": {"empty_vars": knob}})
    api.person()

    assert api.look(vars=1) == shown


@pytest.mark.parametrize("empty", [[], {}, None])
def test_empty_maps_may_come_as_arrays(api: Driver, empty: Any) -> None:
    api.person(vars=empty, lists=empty, keys=empty)

    assert api.look()["lists"] is None


# -- lists


def test_one_joins_and_makes_the_list_and_zero_leaves(api: Driver) -> None:
    api.person(lists={"Main": 1, "Side": "1"})
    assert list(api.look()["lists"]) == ["Main", "Side"]

    api.person(lists={"Main": 0, "Side": "0", "Never": 0})

    assert api.look()["lists"] is None
    assert api.account.list_names() == ["Main", "Side"]


def test_joining_again_keeps_the_sign_up_time(api: Driver) -> None:
    api.person(lists={"Main": 1})
    first = api.look()["lists"]
    api.clock.sleep(3600)
    api.person(lists={"Main": 1})

    assert api.look()["lists"] == first == {"Main": "Sun, 13 Sep 2020 08:26:40 -0400"}


def test_a_smart_list_is_not_written(api: Driver) -> None:
    api.ok("POST", "/list", {"list": "Smart", "type": "smart", "query": {"source_list": "Main"}})

    assert api.no("POST", "/user", {"id": ADA, "lists": {"Fresh": 1, "Smart": 1}})[:2] == (400, 99)
    assert api.account.list_names() == ["Smart"]


# -- opt-out


@pytest.mark.parametrize(("sent", "told"), [("all", "all"), ("blast", "blast"), ("basic", "basic"), ("valid", "none")])
def test_opt_out_is_set_and_lifted(api: Driver, sent: str, told: str) -> None:
    api.person(optout_email=sent)
    assert api.look()["optout_email"] == told
    assert ("optout_time" in api.look(activity=1)["activity"]) is (told != "none")

    api.person(optout_email="none")
    assert api.look()["optout_email"] == "none"


def test_an_opt_out_word_that_is_unknown_is_refused(api: Driver) -> None:
    assert api.no("POST", "/user", {"id": ADA, "optout_email": "some"})[:2] == (400, 99)


def test_a_hard_bounce_is_not_lifted(api: Driver) -> None:
    sid = api.person()
    api.account.put(api.account.profiles[sid]._replace(bounced=True))
    api.person(optout_email="none", lists={"Main": 1})

    assert api.look()["engagement"] == "hardbounce"
    assert api.ok("GET", "/list", {})["lists"][0]["valid_count"] == 0


# -- delete


@pytest.mark.parametrize("kind", ["sid", "email", "extid", "cookie"])
def test_deleted_by_any_key_a_profile_is_gone(api: Driver, kind: str) -> None:
    api.person(keys={"extid": "C-1"}, lists={"Main": 1})
    keys = api.look()["keys"]

    assert api.ok("DELETE", "/user", {"id": keys[kind], "key": kind}) == {"ok": True}

    for other in keys:
        assert api.no("GET", "/user", {"id": keys[other], "key": other})[:2] == (400, 99)
    status = api.call("DELETE", "/user", {"id": keys[kind], "key": kind}).status_code
    assert status == (200 if kind == "sid" else 404)


def test_made_again_a_profile_is_a_new_one(api: Driver) -> None:
    first = api.person(vars={"a": 1}, lists={"Main": 1})
    api.ok("DELETE", "/user", {"id": first})
    second = api.person()

    assert second != first
    body = api.look()
    assert (body["vars"], body["lists"]) == ({}, None)


def test_a_sid_carries_its_second(api: Driver) -> None:
    assert int(api.person()[:8], 16) == int(api.clock.now)

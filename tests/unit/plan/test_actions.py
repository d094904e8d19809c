"""Actions as lines of JSON: what the engine writes is what we read."""

from __future__ import annotations

import json

import pytest

import reconcile as rc
from reconcile.plan import actions, archive
from reconcile.plan.model import Cause, CreateList, Delete, Stage, Upsert
from reconcile.state import values

UPSERT = {
    "stage": 2,
    "op": "upsert",
    "hash": "h",
    "email": "new@example.com",
    "sid": "s",
    "kind": "update",
    "moved": False,
    "cause": None,
    "vars": {"city": "Rome"},
    "was": {"city": None},
    "lists": {"News": True, "Old": False},
}


def read(**changes: object) -> tuple[Stage, object]:
    [found] = actions.read([json.dumps({**UPSERT, **changes}).encode()])
    return found


def test_an_upsert() -> None:
    stage, action = read()
    assert stage is Stage.UPSERTS
    assert action == Upsert(
        "h",
        "new@example.com",
        "s",
        vars={"city": "Rome"},
        was={"city": None},
        lists={"News": True, "Old": False},
    )


def test_somebody_new_has_a_cause() -> None:
    _, action = read(kind="create", cause="new", sid=None)
    assert isinstance(action, Upsert)
    assert (action.new, action.cause) == (True, Cause.NEW)


def test_who_moves_is_found_by_sid_and_never_by_an_address_that_is_not_theirs_yet() -> None:
    _, action = read(moved=True)
    assert isinstance(action, Upsert)
    assert (action.email, action.sid, action.moves_to) == (None, "s", "new@example.com")


def test_lists_come_in_the_order_of_their_names() -> None:
    lines = actions.list_lines(["b", 'A "quoted" |', "é"]).splitlines()
    assert list(actions.read(lines)) == [(Stage.LISTS, CreateList(name)) for name in ('A "quoted" |', "b", "é")]


@pytest.mark.parametrize("change", [{"op": "explode"}, {"stage": 9}, {"cause": "whim"}])
def test_what_is_no_action_is_refused(change: dict[str, object]) -> None:
    with pytest.raises(ValueError, match=str(next(iter(change.values())))):
        read(**change)


@pytest.mark.parametrize("missing", sorted(UPSERT))
def test_an_action_without_a_field_is_refused(missing: str) -> None:
    line = json.dumps({name: value for name, value in UPSERT.items() if name != missing}).encode()
    with pytest.raises(KeyError, match=missing):
        list(actions.read([line]))


@pytest.mark.parametrize(
    ("action", "glyph"),
    [
        (CreateList("a"), "+"),
        (Upsert("h", "e", None, new=True), "+"),
        (Upsert("h", "e", "s"), "~"),
        (Delete("h", None, "s"), "-"),
    ],
)
def test_glyphs(action: CreateList | Upsert | Delete, glyph: str) -> None:
    assert actions.glyph(action) == glyph


def test_the_engine_writes_what_is_read(plan: rc.Plan) -> None:
    found = dict.fromkeys(("cyd", "dan", "robert", "stranger", "gus"))
    walked = [action for _, action in archive.walk(plan)]
    for action in walked:
        if isinstance(action, Upsert | Delete):
            moves_to = action.moves_to if isinstance(action, Upsert) else None
            found[str(action.email or moves_to).partition("@")[0]] = action
    assert walked[0] == CreateList("A|B")
    assert found["cyd"] == Upsert(
        values.hash_of("cyd@example.com"),
        "cyd@example.com",
        None,
        new=True,
        vars={"city": "a|b", "customer_id": "3"},
        was={"city": None, "customer_id": None},
        lists={"A|B": True, "Big Spenders": True, "reconcile: managed": True},
        cause=Cause.NEW,
    )
    assert found["dan"] == Upsert(
        values.hash_of("dan@example.com"),
        "dan@example.com",
        "sid-03",
        vars={"city": None},
        was={"city": "Bern"},
        lists={"Big Spenders": False},
    )
    robert = Upsert(values.hash_of("robert@example.com"), None, "sid-02", moves_to="robert@example.com")
    assert found["robert"] == robert
    gus = Delete(values.hash_of("gus@example.com"), "gus@example.com", "sid-04", {"reconcile: managed": False})
    assert found["gus"] == gus
    stranger = found["stranger"]
    assert isinstance(stranger, Upsert)
    assert (stranger.sid, stranger.lists, stranger.cause) == ("sid-05", {"Big Spenders": False}, Cause.DRIFT)

"""What each call makes of each answer: a table of calls and answers in `answers.json` (SAILTHRU.md §4, §7 to §10)."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from reconcile.sailthru import wire
from reconcile.sailthru.model import Answer, Call, Cause, Group, Trouble

TABLE = json.loads((Path(__file__).parent / "answers.json").read_text("utf-8"))
CALLS = {name: Call(one["method"], one["endpoint"], one["params"]) for name, one in TABLE["calls"].items()}
SUCCESSES = [(name, row) for row in TABLE["yes"] for name in row["of"]]


def decoded(name: str, row: dict) -> Answer | Trouble:
    body = row["text"] if "text" in row else json.dumps(row["body"])
    try:
        return wire.decode(CALLS[name], row.get("status", 200), {}, body.encode())
    except Trouble as trouble:
        return trouble


def outcome(name: str, row: dict) -> tuple[Group, Cause]:
    found = decoded(name, row)
    assert isinstance(found, Trouble), found.body
    return found.group, found.cause


def told(value: object) -> str | None:
    return json.dumps(value)[:90] if isinstance(value, dict) else None


@pytest.mark.parametrize(("name", "row"), SUCCESSES, ids=told)
def test_a_success_has_the_shape_that_its_call_promises(name, row):
    found = decoded(name, row)
    assert isinstance(found, Answer)
    assert found.body == row["body"]


@pytest.mark.parametrize("status", [301, 302, 400, 404])
@pytest.mark.parametrize(("name", "row"), SUCCESSES, ids=told)
def test_the_body_of_a_success_with_another_status_is_none(name, row, status):
    assert outcome(name, row | {"status": status}) == (Group.PASSING, Cause.GARBLED)


@pytest.mark.parametrize("name", CALLS)
@pytest.mark.parametrize("row", TABLE["garbled"], ids=told)
def test_what_is_none_of_sailthrus_answers_says_nothing_to_any_call(name, row):
    assert outcome(name, row) == (Group.PASSING, Cause.GARBLED)


@pytest.mark.parametrize(("name", "row"), [(name, row) for row in TABLE["another's"] for name in row["to"]], ids=told)
def test_an_answer_of_another_shape_or_about_another_subject_says_nothing(name, row):
    assert outcome(name, row) == (Group.PASSING, Cause.GARBLED)


@pytest.mark.parametrize("name", CALLS)
@pytest.mark.parametrize("row", TABLE["yes"], ids=told)
def test_the_answer_to_another_call_is_no_answer(name, row):
    related = CALLS[name].endpoint in {CALLS[other].endpoint for other in row["of"]}
    found = decoded(name, row)
    assert isinstance(found, Answer) == (name in row["of"]) or related
    if not related:
        assert (found.group, found.cause) == (Group.PASSING, Cause.GARBLED)


@pytest.mark.parametrize("name", CALLS)
@pytest.mark.parametrize("row", TABLE["absent"], ids=told)
def test_absent_is_only_what_sailthru_says_of_this_very_call(name, row):
    found = decoded(name, row)
    assert isinstance(found, Trouble)
    assert (found.group is Group.ABSENT) == (name in row["of"])


@pytest.mark.parametrize("name", CALLS)
@pytest.mark.parametrize("row", TABLE["no"], ids=told)
def test_a_no_in_sailthrus_words_is_final_and_never_absence(name, row):
    assert outcome(name, row) == (Group.FINAL, Cause.NONE)

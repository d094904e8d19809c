"""The journal as a file: what is written is what is read."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import orjson
import pytest

import reconcile as rc
from reconcile.apply import journal
from reconcile.apply.journal import ranges
from reconcile.apply.model import Outcome

AT = "2026-03-01T12:00:00+00:00"


@pytest.mark.parametrize(
    ("numbers", "expected"),
    [([], []), ([3], [[3, 3]]), ([0, 1, 2], [[0, 2]]), ([0, 2, 3, 9], [[0, 0], [2, 3], [9, 9]])],
)
def test_ranges(numbers: list[int], expected: list[list[int]]) -> None:
    assert ranges(numbers) == expected


def test_what_is_settled_in_doubt_and_untouched(tmp_path: Path) -> None:
    path = tmp_path / "journal.ndjson"
    with journal.opened(path, "p", 10) as (log, past):
        assert not past.attempts
        log.attempt("2026-03-01T12:00:00+00:00", "ada@x")
        first = log.intend("actions", range(4))
        log.settle(first, {Outcome.VERIFIED: [0, 1], Outcome.REJECTED: [2]})  # 3 was cut off
        log.intend("actions", [4, 5])
        log.end("2026-03-01T12:00:00+00:00", "ada@x", converged=False, status=8)
    past, _ = journal.read(path)
    assert [past.is_settled(number) for number in range(10)] == [True] * 2 + [False] * 8
    assert [past.is_doubtful(number) for number in range(10)] == [True] * 6 + [False] * 4
    assert past.settled(1, 10) == 1
    assert past.finished is None


def test_after_a_kill_all_that_is_left_is_in_doubt(tmp_path: Path) -> None:
    path = tmp_path / "journal.ndjson"
    with journal.opened(path, "p", 3) as (log, _):
        log.attempt("2026-03-01T12:00:00+00:00", "ada@x")
    past, _ = journal.read(path)
    assert all(past.is_doubtful(number) for number in range(3))


def test_an_open_intent_keeps_its_facts_and_what_was_noted(tmp_path: Path) -> None:
    path = tmp_path / "journal.ndjson"
    with journal.opened(path, "p", 3) as (log, _):
        done, lost = log.intend("job", file="a"), log.intend("job", range(2), file="b")
        log.note(lost, job="77")
        log.settle(done)
    past, _ = journal.read(path)
    [intent] = past.open.values()
    assert (intent.kind, intent.numbers, intent.facts) == ("job", [[0, 1]], {"file": "b", "job": "77"})


def test_it_goes_on_after_a_torn_line(tmp_path: Path) -> None:
    path = tmp_path / "journal.ndjson"
    with journal.opened(path, "p", 3) as (log, _):
        log.attempt("2026-03-01T12:00:00+00:00", "ada@x")
    path.write_bytes(path.read_bytes() + b'{"i":2,"t":"int')
    with journal.opened(path, "p", 3) as (log, past):
        assert past.attempts == 1
        log.attempt("2026-03-01T13:00:00+00:00", "bob@y")
    assert [json.loads(line)["i"] for line in path.read_text().splitlines()] == [0, 1, 2]


@pytest.mark.parametrize(("plan", "total"), [("q", 3), ("p", 4)])
def test_the_journal_of_another_plan_is_refused(tmp_path: Path, plan: str, total: int) -> None:
    path = tmp_path / "journal.ndjson"
    with journal.opened(path, "p", 3):
        pass
    with pytest.raises(rc.PlanUnusable, match="another plan's"), journal.opened(path, plan, total):
        pass


def sealed(*records: dict[str, Any]) -> bytes:
    """Lines as they are written, whatever the records say."""
    return b"".join(journal._sealed(orjson.dumps({"i": i, **record})) for i, record in enumerate(records))


RUN = {"t": "run", "plan": "p", "total": 6, "format": journal.FORMAT}
BEFORE = {"t": "run", "plan": "p", "total": 6}
"""As versions before began a journal."""
ATTEMPT = {"t": "attempt", "at": AT, "by": "ada@x", "pid": 1}
END = {"t": "end", "at": AT, "by": "ada@x", "converged": False, "status": 8}


@pytest.mark.parametrize(
    "records",
    [
        pytest.param([{"t": "settle", "of": 2, "outcomes": {"verified": [[1, 2]]}}], id="there was no intent"),
        pytest.param(
            [
                {"t": "intend", "kind": "actions", "numbers": [[3, 4]]},
                {"t": "settle", "of": 2, "outcomes": {"verified": [[1, 2]]}},
            ],
            id="the intent was about others",
        ),
        pytest.param(
            [
                {"t": "intend", "kind": "actions", "numbers": [[1, 1], [2, 2]]},
                {"t": "intend", "kind": "by job", "numbers": []},
                {"t": "settle", "of": 3, "outcomes": {"verified": [[1, 2]]}},
            ],
            id="another intent was about it",
        ),
    ],
)
def test_a_receipt_without_its_intent_is_in_doubt(tmp_path: Path, records: list[dict[str, Any]]) -> None:
    path = tmp_path / "journal.ndjson"
    path.write_bytes(sealed(RUN, ATTEMPT, *records, END))
    past, _ = journal.read(path)
    assert not past.settled(0, 6)
    assert [past.is_doubtful(number) for number in range(3)] == [False, True, True]
    assert past.orderly


def test_a_receipt_without_its_intent_cannot_be_written(tmp_path: Path) -> None:
    path = tmp_path / "journal.ndjson"
    with journal.opened(path, "p", 9) as (log, _):
        entry = log.intend("actions", [1, 2, 3, 6])
        size = path.stat().st_size
        for numbers in ([0], [3, 4], [5], [6, 7]):
            with pytest.raises(ValueError, match="a receipt without an intent"):
                log.settle(entry, {Outcome.VERIFIED: numbers})
        assert path.stat().st_size == size
        entry = log.intend("actions", [1, 2, 3, 6])
        log.settle(entry, {Outcome.VERIFIED: [1, 2, 6]})
    assert journal.read(path)[0].settled(0, 9) == 3


def test_what_was_never_begun_is_in_no_doubt(tmp_path: Path) -> None:
    path = tmp_path / "journal.ndjson"
    with journal.opened(path, "p", 6) as (log, _):
        log.attempt(AT, "ada@x")
        entry = log.intend("actions", range(6))
        log.settle(entry, {Outcome.VERIFIED: [0]}, unbegun=[2, 3, 4, 5])
        log.end(AT, "ada@x", converged=False, status=8)
    past, _ = journal.read(path)
    assert past.count_in_doubt() == 1
    assert [past.is_doubtful(number) for number in range(6)] == [True, True, False, False, False, False]


def test_an_orderly_end_then_another_attempt_that_is_killed_leaves_all_in_doubt(tmp_path: Path) -> None:
    path = tmp_path / "journal.ndjson"
    path.write_bytes(sealed(RUN, ATTEMPT, END, ATTEMPT))
    past, _ = journal.read(path)
    assert all(past.is_doubtful(number) for number in range(6))


def test_a_kill_then_an_orderly_end_leaves_all_in_doubt_that_nobody_looked_at(tmp_path: Path) -> None:
    path = tmp_path / "journal.ndjson"
    path.write_bytes(sealed(RUN, ATTEMPT, ATTEMPT, END))
    past, _ = journal.read(path)
    assert past.orderly
    assert all(past.is_doubtful(number) for number in range(6))


def test_a_journal_of_before_is_read_as_it_is_and_not_gone_on_with(tmp_path: Path) -> None:
    path = tmp_path / "journal.ndjson"
    before = [
        BEFORE,
        ATTEMPT,
        {"t": "intend", "kind": "actions", "numbers": [[0, 2]]},
        {"t": "settle", "of": 2, "outcomes": {"verified": [[0, 1]], "rejected": [[2, 2]]}},
        {"t": "intend", "kind": "job", "numbers": [], "file": "update-0.json"},
        {"t": "note", "of": 4, "job": "77"},
        END,
    ]
    path.write_bytes(b"".join(orjson.dumps({"i": i, **one}) + b"\n" for i, one in enumerate(before)))
    whole = path.read_bytes()
    past, _ = journal.read(path)
    assert (past.settled(0, 6), past.orderly, past.damaged) == (2, True, False)
    assert [intent.facts["job"] for intent in past.open.values()] == ["77"]
    with pytest.raises(rc.PlanUnusable, match="earlier version"), journal.opened(path, "p", 6):
        pass
    assert path.read_bytes() == whole


def test_a_line_that_lost_its_checksum_is_no_line_of_before(tmp_path: Path) -> None:
    path = tmp_path / "journal.ndjson"
    lines = sealed(RUN, ATTEMPT, {"t": "intend", "kind": "actions", "numbers": [[0, 2]]}).splitlines(keepends=True)
    bare = orjson.dumps({"i": 3, "t": "settle", "of": 2, "outcomes": {"verified": [[0, 1]]}}) + b"\n"
    path.write_bytes(b"".join(lines) + bare)
    past, _ = journal.read(path)
    assert (past.settled(0, 6), past.damaged) == (0, True)
    path.write_bytes(b"".join(lines).replace(b'"crc"', b'"crd"'))
    past, _ = journal.read(path)
    assert (past.plan, past.damaged) == ("", True)


def test_a_damaged_first_line_leaves_nothing_to_believe_and_the_journal_goes_on(tmp_path: Path) -> None:
    path = tmp_path / "journal.ndjson"
    intend = {"t": "intend", "kind": "actions", "numbers": [[0, 5]]}
    settle = {"t": "settle", "of": 2, "outcomes": {"verified": [[0, 5]]}}
    path.write_bytes(sealed(RUN, ATTEMPT, intend, settle, END | {"converged": True}).replace(b'"p"', b'"q"'))
    with journal.opened(path, "p", 6) as (log, past):
        assert not past.finished
        assert not past.settled(0, 6)
        assert all(past.is_doubtful(number) for number in range(6))
        log.attempt(AT, "bob@y")
        log.settle(log.intend("actions", [1]), {Outcome.VERIFIED: [1]})
    past, _ = journal.read(path)
    assert [past.is_settled(number) for number in range(6)] == [False, True] + [False] * 4


@pytest.mark.parametrize("converged", [False, True])
def test_what_a_journal_of_before_settled_by_job_is_looked_at_when_the_run_goes_on(
    tmp_path: Path, converged: bool
) -> None:
    """Of a run that converged it is as it was: nothing goes on, and only a rollback asks."""
    path = tmp_path / "journal.ndjson"
    look = {"t": "intend", "kind": "by job", "numbers": []}
    records = [BEFORE, ATTEMPT, look, {"t": "settle", "of": 2, "outcomes": {"verified": [[0, 5]]}}]
    records.append(END | {"converged": converged})
    path.write_bytes(b"".join(orjson.dumps({"i": i, **one}) + b"\n" for i, one in enumerate(records)))
    past, _ = journal.read(path)
    assert (past.settled(0, 6), past.count_in_doubt()) == ((6, 0) if converged else (0, 6))
    assert all(past.is_doubtful(number) for number in range(6))


def test_every_record_is_on_the_disk_before_anything_else_is_done(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path, safe = tmp_path / "journal.ndjson", [0]
    monkeypatch.setattr(os, "fsync", lambda file: safe.append(os.fstat(file).st_size))
    with journal.opened(path, "p", 3) as (log, _):
        steps = [
            lambda: log.attempt(AT, "ada@x"),
            lambda: log.intend("actions", range(3)),
            lambda: log.settle(2, {Outcome.VERIFIED: range(3)}),
            lambda: log.end(AT, "ada@x", converged=True, status=0),
        ]
        for step in steps:
            step()
            assert safe[-1] == path.stat().st_size > safe[-2]

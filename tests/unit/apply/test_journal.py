"""The journal as a file: what is written is what is read."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

import reconcile as rc
from reconcile.apply import journal
from reconcile.apply.journal import ranges
from reconcile.apply.model import Outcome


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


def test_the_journal_of_another_plan_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "journal.ndjson"
    with journal.opened(path, "p", 3):
        pass
    with pytest.raises(rc.PlanUnusable, match="damaged in line 1"), journal.opened(path, "p", 4):
        pass

"""What a run meant to do, and what came of it: intent before, receipt after, so that a killed run can be gone on with.

One JSON object a line, only ever appended, and on the disk (fsync) before the next thing is done. Actions are named by
their number in the plan's walk, a chunk at a time and as ranges, so that the journal of a million actions is small and
holds nobody. A record is one of

    run      the first: which plan, and how many actions it has
    attempt  somebody begins, or goes on
    intend   this is about to be done; `kind` says what: `actions`, or a route's own unit, such as a bulk job
    note     what became known of an intent meanwhile, such as the id that a job got
    settle   an intent is over; `outcomes` says of which actions what came. Those not named are in doubt
    end      the attempt ended by itself, and whether the account has converged

A cut at any byte is read: the last line is dropped when it has no end, since whatever it announced has not begun, and
whatever it confirmed can be looked at again. Anything else that is torn is an error.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import IO, Any

import orjson

from reconcile.apply.model import Outcome
from reconcile.errors import PlanUnusable

Ranges = list[list[int]]
"""Action numbers: `[[0, 499], [512, 512]]`, both ends included."""

_UNTOUCHED, _INTENDED = 0, 1
_CODES = {outcome: code for code, outcome in enumerate(Outcome, 2)}


@dataclass(slots=True)
class Intent:
    """An intent that nobody settled: whether it was carried out is to be found out."""

    kind: str
    numbers: Ranges
    facts: dict[str, Any]


@dataclass(slots=True)
class Past:
    """What earlier attempts at a run left behind: a byte for each action, and the few intents that are open.

    Attributes:
        attempts: how many there were.
        orderly: the last one ended by itself, so what has no intent was not begun.
        begun_at: when the first attempt was made; None when there was none.
        finished: when and by whom the plan was applied in full; None when it was not.
        open: record number -> intent without a settlement.
    """

    total: int = 0
    attempts: int = 0
    orderly: bool = False
    begun_at: datetime | None = None
    finished: str | None = None
    open: dict[int, Intent] = field(default_factory=dict)
    _records: int = 0
    _states: bytearray = field(default_factory=bytearray, repr=False)

    def is_settled(self, number: int) -> bool:
        """Whether an action is done and was looked at: it is never done again."""
        return number < len(self._states) and self._states[number] == _CODES[Outcome.VERIFIED]

    def is_doubtful(self, number: int) -> bool:
        """Whether an action may have been carried out: look first, then do what is left of it."""
        if number < len(self._states) and self._states[number] != _UNTOUCHED:
            return True
        return self.attempts > 0 and not self.orderly

    def settled(self, first: int, end: int) -> int:
        """How many actions from `first` up to but not including `end` are settled."""
        return self._states[first:end].count(_CODES[Outcome.VERIFIED])

    @property
    def settled_map(self) -> bytes:
        """A byte for each action: 1 when it is settled, else 0."""
        verified = _CODES[Outcome.VERIFIED]
        return bytes(self._states).translate(bytes(int(code == verified) for code in range(256)))

    def take(self, record: Mapping[str, Any]) -> None:
        """Follow the journal by one record."""
        if record["i"] != self._records:
            raise ValueError("a record is missing")
        self._records += 1
        self.orderly = record["t"] == "end"
        match record["t"]:
            case "run":
                self.total, self._states = record["total"], bytearray(record["total"])
            case "attempt":
                self.attempts += 1
                self.begun_at = self.begun_at or datetime.fromisoformat(record["at"])
            case "intend":
                self._intend(record)
            case "note":
                self.open[record["of"]].facts.update(_facts(record))
            case "settle":
                self._settle(record)
            case "end":
                self.finished = f"{record['at']} by {record['by']}" if record["converged"] else None
            case _:
                raise ValueError("an unknown record")

    def _intend(self, record: Mapping[str, Any]) -> None:
        self.open[record["i"]] = Intent(record["kind"], record["numbers"], _facts(record))
        self._mark(record["numbers"], _INTENDED)

    def _settle(self, record: Mapping[str, Any]) -> None:
        self.open.pop(record["of"])
        for outcome, numbers in record["outcomes"].items():
            self._mark(numbers, _CODES[Outcome(outcome)])

    def _mark(self, numbers: Ranges, code: int) -> None:
        for first, last in numbers:
            self._states[first : last + 1] = bytes([code]) * (last + 1 - first)


class Journal:
    """Writes a journal; every record is on the disk when the call returns.

    Args:
        file: opened to append; None for a run that nobody will go on with.
        records: how many there are already.
    """

    def __init__(self, file: IO[bytes] | None = None, records: int = 0) -> None:
        self._file = file
        self._records = records

    def run(self, plan: str, total: int) -> None:
        """The first record: which plan this is about, and how many actions it has."""
        self._append("run", plan=plan, total=total)

    def attempt(self, at: str, by: str) -> None:
        """Somebody begins, or goes on."""
        self._append("attempt", at=at, by=by, pid=os.getpid())

    def intend(self, kind: str, numbers: Iterable[int] = (), **facts: Any) -> int:
        """This is about to be done; returns the entry, to note and to settle.

        Args:
            kind: of the thing: `actions`, or what a route calls its own (a job).
            numbers: the actions it carries out.
            facts: what it takes to find out later whether it was done; without people.
        """
        return self._append("intend", kind=kind, numbers=ranges(numbers), **facts)

    def note(self, entry: int, **facts: Any) -> None:
        """What became known of an intent: added to its facts when the journal is read."""
        self._append("note", of=entry, **facts)

    def settle(self, entry: int, outcomes: Mapping[Outcome, Iterable[int]] | None = None, **facts: Any) -> None:
        """An intent is over. Its actions that are in no outcome were cut off, or not begun: they stay in doubt."""
        told = {str(outcome): ranges(numbers) for outcome, numbers in (outcomes or {}).items()}
        self._append("settle", of=entry, outcomes=told, **facts)

    def end(self, at: str, by: str, *, converged: bool, status: int) -> None:
        """The attempt ends by itself."""
        self._append("end", at=at, by=by, converged=converged, status=status)

    def _append(self, record: str, **facts: Any) -> int:
        number, self._records = self._records, self._records + 1
        self._write(orjson.dumps({"i": number, "t": record, **facts}, option=orjson.OPT_APPEND_NEWLINE))
        return number

    def _write(self, line: bytes) -> None:
        if self._file is not None:
            self._file.write(line)
            self._file.flush()
            os.fsync(self._file.fileno())


@contextmanager
def opened(path: Path, plan: str, total: int) -> Iterator[tuple[Journal, Past]]:
    """The journal of a run, to go on with, and what is in it. A torn last line is taken off.

    Args:
        plan: the plan's id.
        total: the plan's actions.

    Raises:
        PlanUnusable: the journal is damaged, or another plan's.
    """
    past, whole = read(path)
    with os.fdopen(os.open(path, os.O_RDWR | os.O_CREAT, 0o600), "r+b") as file:
        file.truncate(whole)
        file.seek(whole)
        journal = Journal(file, past._records)
        if not whole:
            journal.run(plan, total)
            past.total = total
        elif past.total != total:
            raise _damaged(str(path), 1)
        yield journal, past


def read(path: Path) -> tuple[Past, int]:
    """What a journal says, and how many of its bytes are whole records; nothing when there is none.

    Raises:
        PlanUnusable: it is damaged in another place than its end.
    """
    if not path.exists():
        return Past(), 0
    with path.open("rb") as file:
        return parsed(file, str(path))


def parsed(lines: Iterable[bytes], called: str) -> tuple[Past, int]:
    """The same of the lines of a journal, by what it is called in an error."""
    past, whole = Past(), 0
    for number, line in enumerate(lines, 1):
        if not line.endswith(b"\n"):
            past.orderly = False
            break
        try:
            past.take(orjson.loads(line))
        except (ValueError, KeyError, TypeError):
            raise _damaged(called, number) from None
        whole += len(line)
    # Somebody was here, even if the cut took the record that says so: whatever they did must be looked for.
    past.attempts = max(past.attempts, 1)
    return past, whole


def ranges(numbers: Iterable[int]) -> Ranges:
    """Numbers in ascending order as ranges, both ends included."""
    found: Ranges = []
    for number in numbers:
        if found and found[-1][1] == number - 1:
            found[-1][1] = number
        else:
            found.append([number, number])
    return found


def _facts(record: Mapping[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in record.items() if name not in {"i", "t", "of", "kind", "numbers"}}


def _damaged(path: str, line: int) -> PlanUnusable:
    return PlanUnusable(
        f"The journal {path} is damaged in line {line}, so nobody can say what was done.",
        hint="Plan again: the new plan is made against what the account holds now, and has a journal of its own.",
    )

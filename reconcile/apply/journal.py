"""What a run meant to do, and what came of it: intent before, receipt after, so that a killed run can be gone on with.

One JSON object a line, only ever appended, and on the disk (fsync) before the next thing is done. Actions are named by
their number in the plan's walk, a chunk at a time and as ranges, so that the journal of a million actions is small and
holds nobody. A record is one of

    run      the first: which plan, and how many actions it has
    attempt  somebody begins, or goes on
    intend   this is about to be done; `kind` says what: `actions`, a `job` that carries them, or a look at what jobs
             did (`by job`)
    note     what became known of an intent meanwhile, such as the id that a job got
    settle   an intent is over; `outcomes` says of which actions what came, `unbegun` which were never begun. Those not
             named are in doubt
    end      the attempt ended by itself, and whether the account has converged

**The law**: what is verified was intended. A receipt whose intent does not name the action is not believed: the action
is in doubt, and is looked at. It cannot be written either.

Every line ends with a checksum of the rest of it (`crc`). A line that does not fit its own is not believed, and since
nobody knows what it was about, all that is not settled is looked at. So is it when a record is missing. The last line
is dropped when it has no end, since whatever it announced has not begun, and whatever it confirmed can be looked at
again. Only the journal of another plan or of another format is refused, by whoever would go on with it. Journals of
before (format 1) can be looked at: the first of them have no checksums, and their looks at jobs name no actions.
"""

from __future__ import annotations

import os
import zlib
from bisect import bisect_right
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import IO, Any

import orjson

from reconcile.apply.model import Outcome
from reconcile.errors import PlanUnusable, Unwritten
from reconcile.state import disk

FORMAT = 2
"""The format of journals that this version goes on with; those of before can be looked at."""

Ranges = list[list[int]]
"""Action numbers: `[[0, 499], [512, 512]]`, both ends included."""

_UNTOUCHED, _INTENDED, _CLAIMED = 0, 1, 2
_CODES = {outcome: code for code, outcome in enumerate(Outcome, 3)}

_LOOK = "by job"
"""The kind of an intent to look only: nothing is in doubt because of it."""

_MOST = 1 << 28
"""Actions of a plan: far more than any plan has, and few enough to keep a byte of memory for each."""

_GO_ON = "Make room there, and see who may write there; then apply the same plan again to go on from here."
_CRC = b',"crc":"'
_CRC_SIZE = len(_CRC) + len('01234567"}\n')

_BEFORE = {
    "run": {"plan", "total"},
    "attempt": {"at", "by", "pid"},
    "intend": {"kind", "numbers", "file"},
    "note": {"of", "job"},
    "settle": {"of", "outcomes"},
    "end": {"at", "by", "converged", "status"},
}
"""What the records of journals without checksums hold: a line with anything else has lost its checksum by damage."""


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
        plan: the id of the plan that it is about; empty when the journal does not tell.
        format: of the journal.
        attempts: how many there were.
        orderly: the last one ended by itself, so what has no intent was not begun.
        cut: an attempt before the last did not: the journal may lack its last words.
        damaged: lines are damaged or missing: what they were about is not known.
        begun_at: when the first attempt was made; None when there was none.
        finished: when and by whom the plan was applied in full; None when it was not.
        status: what the last attempt exited with; None when it did not end by itself.
        open: record number -> intent without a settlement.
    """

    plan: str = ""
    total: int = 0
    format: int = FORMAT
    attempts: int = 0
    orderly: bool = False
    cut: bool = False
    damaged: bool = False
    begun_at: datetime | None = None
    finished: str | None = None
    status: int | None = None
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
        return self.damaged or self.cut or (self.attempts > 0 and not self.orderly)

    def count_in_doubt(self) -> int:
        """How many actions may have been done, and nobody has looked: they were intended, and have no receipt.

        Of a journal that lost lines, all that have no receipt.
        """
        doubtful = self._states.count(_INTENDED) + self._states.count(_CLAIMED)
        return doubtful + (self._states.count(_UNTOUCHED) if self.damaged else 0)

    def count_outcomes(self) -> dict[str, int]:
        """Actions by the last that is known of them: an outcome, or `in_doubt`."""
        found = {str(outcome): self._states.count(code) for outcome, code in _CODES.items()}
        return {name: count for name, count in {**found, "in_doubt": self.count_in_doubt()}.items() if count}

    def settled(self, first: int, end: int) -> int:
        """How many actions from `first` up to but not including `end` are settled."""
        return self._states[first:end].count(_CODES[Outcome.VERIFIED])

    @property
    def settled_map(self) -> bytes:
        """A byte for each action: 1 when it is settled, else 0."""
        verified = _CODES[Outcome.VERIFIED]
        return bytes(self._states).translate(bytes(int(code == verified) for code in range(256)))

    def take(self, record: Mapping[str, Any]) -> None:
        """Follow the journal by one record.

        Raises:
            ValueError, KeyError, TypeError: it is no record of this journal; nothing was taken of it.
        """
        number = record["i"]
        if type(number) is not int or number < self._records:
            raise ValueError("a record out of its order")
        if number and not self.plan and record["t"] not in {"run", "attempt"}:
            raise ValueError("a record of a plan that is not known")
        self._follow(record)
        self.damaged |= number > self._records
        self._records = number + 1
        self.orderly = record["t"] == "end"

    def _follow(self, record: Mapping[str, Any]) -> None:
        match record["t"]:
            case "run":
                self._begin(record)
            case "attempt":
                at = datetime.fromisoformat(record["at"])
                if at.tzinfo is None:
                    raise ValueError("a moment without its time zone")
                self.cut |= self.attempts > 0 and not self.orderly
                self.attempts += 1
                self.status = None
                self.begun_at = self.begun_at or at
            case "intend":
                self._intend(record)
            case "note":
                self.open[record["of"]].facts.update(_facts(record))
            case "settle":
                self._settle(record)
            case "end":
                self._end(record)
            case _:
                raise ValueError("an unknown record")

    def _begin(self, record: Mapping[str, Any]) -> None:
        plan, total = record["plan"], record["total"]
        if not isinstance(plan, str) or type(total) is not int or self.plan not in {"", plan}:
            raise ValueError("another plan")
        if not 0 <= total <= _MOST:
            raise ValueError("more actions than any plan has")
        self.plan, self.total, self._states = plan, total, bytearray(total)
        self.format = record.get("format", 1)

    def _intend(self, record: Mapping[str, Any]) -> None:
        numbers = _checked(record["numbers"], self.total)
        self.open[record["i"]] = Intent(record["kind"], numbers, _facts(record))
        if record["kind"] != _LOOK:
            self._mark(numbers, _INTENDED)

    def _settle(self, record: Mapping[str, Any]) -> None:
        told = [(_CODES[Outcome(name)], _checked(ones, self.total)) for name, ones in record["outcomes"].items()]
        told.append((_UNTOUCHED, _checked(record.get("unbegun", []), self.total)))
        intent = self.open.pop(record["of"], None)
        intended = intent.numbers if intent else []
        # Versions before did not say which actions a look was about, and took removals for settled too.
        unsure = _CLAIMED if intent and intent.kind == _LOOK and not intended else _INTENDED
        for code, numbers in told:
            for one in numbers:
                self._mark([one], code if _is_within(one, intended) else unsure)

    def _end(self, record: Mapping[str, Any]) -> None:
        self.finished = f"{record['at']} by {record['by']}" if record["converged"] else None
        self.status = record["status"] if type(record["status"]) is int else None
        if self.finished and not self.damaged:
            self._states = self._states.replace(bytes([_CLAIMED]), bytes([_CODES[Outcome.VERIFIED]]))

    def _mark(self, numbers: Ranges, code: int) -> None:
        for first, last in numbers:
            self._states[first : last + 1] = bytes([code]) * (last + 1 - first)


class Journal:
    """Writes a journal; every record is on the disk when the call returns.

    Args:
        file: opened to append, without a buffer; None for a run that nobody will go on with.
        records: how many there are already.
        path: of the file, for people.
    """

    def __init__(self, file: IO[bytes] | None = None, records: int = 0, path: Path = Path()) -> None:
        self._file = file
        self._records = records
        self._path = path
        self._failure: Unwritten | None = None
        self._intended: dict[int, Ranges] = {}

    def run(self, plan: str, total: int) -> None:
        """The first record: which plan this is about, and how many actions it has."""
        self._append("run", plan=plan, total=total, format=FORMAT)

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
        named = ranges(numbers)
        entry = self._append("intend", kind=kind, numbers=named, **facts)
        self._intended[entry] = named
        return entry

    def intend_look(self, numbers: Iterable[int]) -> int:
        """What jobs did to these is about to be looked at; returns the entry, to settle."""
        return self.intend(_LOOK, numbers)

    def note(self, entry: int, **facts: Any) -> None:
        """What became known of an intent: added to its facts when the journal is read."""
        self._append("note", of=entry, **facts)

    def settle(
        self,
        entry: int,
        outcomes: Mapping[Outcome, Iterable[int]] | None = None,
        *,
        unbegun: Iterable[int] = (),
        **facts: Any,
    ) -> None:
        """An intent is over. Its actions that are in no outcome and were begun were cut off: they stay in doubt.

        Args:
            unbegun: those that were never begun, and that no earlier attempt may have done.

        Raises:
            ValueError: a receipt, and the intent does not name its action: what is verified was intended.
        """
        told = {str(outcome): ranges(numbers) for outcome, numbers in (outcomes or {}).items()}
        never = ranges(unbegun)
        intended = self._intended.pop(entry, [])
        if not all(_is_within(one, intended) for numbers in (*told.values(), never) for one in numbers):
            raise ValueError("a receipt without an intent")
        if never:
            facts["unbegun"] = never
        self._append("settle", of=entry, outcomes=told, **facts)

    def end(self, at: str, by: str, *, converged: bool, status: int) -> None:
        """The attempt ends by itself."""
        self._append("end", at=at, by=by, converged=converged, status=status)

    def _append(self, record: str, **facts: Any) -> int:
        number, self._records = self._records, self._records + 1
        self._write(_sealed(orjson.dumps({"i": number, "t": record, **facts})))
        return number

    def _write(self, line: bytes) -> None:
        """Have a record on the disk.

        Raises:
            DiskFull, Unwritten: it is not, and no later one will be: what is not on record is not begun.
        """
        if self._file is None:
            return
        if self._failure is not None:
            raise self._failure
        whole = self._file.tell()
        try:
            rest = memoryview(line)
            while rest:
                rest = rest[self._file.write(rest) :]
            os.fsync(self._file.fileno())
        except OSError as error:
            with suppress(OSError):
                self._file.truncate(whole)
            refused = disk.refused("the journal of the run", self._path, error)
            self._failure = type(refused)(refused.message, hint=_GO_ON)
            raise self._failure from None


@contextmanager
def opened(path: Path, plan: str, total: int) -> Iterator[tuple[Journal, Past]]:
    """The journal of a run, to go on with, and what is in it. A torn last line is taken off.

    Args:
        plan: the plan's id.
        total: the plan's actions.

    Raises:
        PlanUnusable: the journal is another plan's, or of another version.
        DiskFull, Unwritten: it cannot be written.
    """
    past, whole = read(path)
    if past.plan and past.format != FORMAT:
        which = "an earlier" if past.format < FORMAT else "a later"
        raise PlanUnusable(
            f"The journal {path} was begun by {which} version of reconcile"
            f" (format {past.format}; this one goes on with format {FORMAT}).",
            hint="Plan again: the new plan is made against what the account holds now, and has a journal of its own.",
        )
    with disk.writing("the journal of the run", path, hint=_GO_ON):
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT, 0o600)
    with os.fdopen(descriptor, "r+b", buffering=0) as file:
        with disk.writing("the journal of the run", path, hint=_GO_ON):
            file.truncate(whole)
            file.seek(whole)
        journal = Journal(file, past._records, path)
        if not past.plan:  # nothing is written yet, or whose it is was damaged: nothing of it is believed
            journal.run(plan, total)
            past.plan, past.total, past._states = plan, total, bytearray(total)
        elif (past.plan, past.total) != (plan, total):
            raise _of_another(path, past, plan, total)
        yield journal, past


def read(path: Path) -> tuple[Past, int]:
    """What a journal says, and how many of its bytes are whole lines; nothing when there is none."""
    if not path.exists():
        return Past(), 0
    with path.open("rb") as file:
        return parsed(file)


def parsed(lines: Iterable[bytes]) -> tuple[Past, int]:
    """The same of the lines of a journal."""
    past, whole, checked = Past(), 0, False
    for line in lines:
        if not line.endswith(b"\n"):
            past.orderly = False
            break
        whole += len(line)
        try:
            content, fits = _unsealed(line)
            past.take(_record(content, fits=fits, checked=checked))
        except (ValueError, KeyError, TypeError, AttributeError, IndexError, OverflowError, MemoryError):
            past.damaged, past.orderly = True, False
        else:
            checked |= fits
    # Somebody was here, even if the cut took the record that says so: whatever they did must be looked for.
    past.attempts = max(past.attempts, 1)
    return past, whole


def _sealed(record: bytes) -> bytes:
    """A record as a line with its checksum."""
    return record[:-1] + _CRC + b'%08x"}\n' % zlib.crc32(record)


def _unsealed(line: bytes) -> tuple[bytes, bool]:
    """The record of a line, and whether it has a checksum that fits."""
    record = line[:-_CRC_SIZE] + b"}"
    return (record, True) if _sealed(record) == line else (line, False)


def _record(content: bytes, *, fits: bool, checked: bool) -> Mapping[str, Any]:
    """What a line says.

    Args:
        fits: it has a checksum that fits.
        checked: a line before it had one, so this must have one.

    Raises:
        ValueError, KeyError, TypeError: it is damaged.
    """
    record: dict[str, Any] = orjson.loads(content)
    if not fits and (checked or not {*record} <= {"i", "t"} | _BEFORE[record["t"]]):
        raise ValueError("a line without its checksum")
    return record


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


def _checked(numbers: Any, total: int) -> Ranges:
    """Ranges as they were written.

    Raises:
        ValueError, TypeError: they are no ranges of actions of this plan.
    """
    for first, last in numbers:
        if type(first) is not int or type(last) is not int or not 0 <= first <= last < total:
            raise ValueError("no range of actions")
    return list(numbers)


def _is_within(one: list[int], intended: Ranges) -> bool:
    """Whether one of these ranges, in ascending order, holds all of this one."""
    place = bisect_right(intended, one[0], key=lambda other: other[0])
    return place > 0 and one[1] <= intended[place - 1][1]


def _of_another(path: Path, past: Past, plan: str, total: int) -> PlanUnusable:
    return PlanUnusable(
        f"The journal {path} is another plan's, or is damaged in line 1: it is about the plan {past.plan} with"
        f" {past.total:,} actions, and this is {plan} with {total:,}.",
        hint="Plan again: the new plan is made against what the account holds now, and has a journal of its own.",
    )

"""The values of structured rules: what fits which operator, and what "90 days ago" means.

Dates, `today` and `N days ago` compare calendar days in UTC, so that a plan made an hour later is the same plan:
`after: 90 days ago` is true on the days after that day. `now` and values with a time of day compare moments.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime
from typing import Any

from reconcile.spec.model import All, Any_, Condition, Op, Path, Rule
from reconcile.spec.part import Scalar

_AGO = re.compile(r"(\d{1,5})\s+(day|week|month|year)s?\s+ago", re.IGNORECASE)
_WANTED = 'A date (2026-01-31), a date and time (2026-01-31T09:00:00), "90 days ago", "today" or "now".'


@dataclass(frozen=True, slots=True)
class Ago:
    """A calendar day, so many units before the run's own day. `today` is no days ago."""

    count: int
    unit: str


@dataclass(frozen=True, slots=True)
class Now:
    """The moment of the run."""


Moment = Ago | Now | datetime | date


@dataclass(frozen=True, slots=True)
class Mismatch:
    """A value that does not fit its operator, and where in the rule it stands."""

    path: Path
    message: str
    hint: str | None = None


def moment(text: str) -> Moment | None:
    """What a text means as a time, None where it means none. Without an offset it is in UTC."""
    text = text.strip()
    if ago := _AGO.fullmatch(text):
        return Ago(int(ago[1]), ago[2].lower())
    match text.lower():
        case "now":
            return Now()
        case "today":
            return Ago(0, "day")
    return _iso(text)


def _iso(text: str) -> datetime | date | None:
    try:
        return date.fromisoformat(text)
    except ValueError:
        pass
    try:
        read = datetime.fromisoformat(text)
        return (read if read.tzinfo else read.replace(tzinfo=UTC)).astimezone(UTC)
    except (ValueError, OverflowError):
        return None


def is_iso(text: str) -> bool:
    """Whether the text is an ISO date, or date and time."""
    return _iso(text) is not None


def parts(rule: Rule) -> Iterator[tuple[Path, Condition]]:
    """Every condition of a rule, with its path inside the rule."""
    match rule:
        case Condition():
            yield (), rule
        case All(all=rules):
            yield from _parts("all", rules)
        case Any_(any=rules):
            yield from _parts("any", rules)


def _parts(kind: str, rules: list[Rule]) -> Iterator[tuple[Path, Condition]]:
    for index, rule in enumerate(rules):
        for path, condition in parts(rule):
            yield (kind, index, *path), condition


def mismatches(rule: Rule) -> Iterator[Mismatch]:
    """The values of a rule that do not fit their operators."""
    for path, condition in parts(rule):
        wrong = _mismatch(condition)
        if wrong is not None:
            yield Mismatch((*path, "value"), f'operator "{condition.op}" {wrong[0]}', wrong[1])


def _mismatch(condition: Condition) -> tuple[str, str | None] | None:
    """What is wrong with the value, as the end of a sentence, and a hint."""
    value = condition.value
    match condition.op:
        case Op.EXISTS:
            fine = value is None or isinstance(value, bool)
            return None if fine else ("takes true or false", "true (the default): there is a value; false: it is null.")
        case Op.IN:
            return _no_list(value)
        case Op.BEFORE | Op.AFTER:
            fine = isinstance(value, str) and moment(value) is not None
            return None if fine else ("needs a time", _WANTED)
        case Op.CONTAINS | Op.STARTS_WITH:
            fine = isinstance(value, str) and value != ""
            return None if fine else ("needs a text that is not empty", "Put numbers in quotes.")
        case _:
            return _no_scalar(condition.op, value)


def _no_list(value: Scalar | list[Scalar]) -> tuple[str, str | None] | None:
    if not isinstance(value, list):
        return "needs a list of values", "Write it as [a, b, c]."
    if not value:
        return "needs at least one value: nothing is in an empty list", None
    if None in value:
        return "cannot find null in a list", "Add {property: …, op: exists, value: false} under any."
    return None


def _no_scalar(op: Op, value: Scalar | list[Scalar]) -> tuple[str, str | None] | None:
    if value is None:
        return (
            "needs a value: nothing equals, or is more or less than, null",
            "To ask for null: op: exists, value: false.",
        )
    if isinstance(value, list):
        return "needs a single value, not a list", "To compare with several use op: in."
    if isinstance(value, bool) and op not in (Op.EQ, Op.NE):
        return "cannot put true and false in order", "Use eq."
    return None


def scalars(value: Any) -> list[Scalar]:
    """The values of a condition as a list."""
    return value if isinstance(value, list) else [value]

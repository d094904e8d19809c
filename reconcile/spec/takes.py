"""What values operators take, and what is wrong with one of another shape."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeAlias

from reconcile.spec import conditions, patterns
from reconcile.spec.part import Scalar

Value: TypeAlias = Scalar | list[Scalar]
Wrong: TypeAlias = tuple[str, str | None] | None
"""What is wrong with a value, as the end of a sentence, and a hint; None where nothing is."""

TIMES = 'A date (2026-01-31), a date and time (2026-01-31T09:00:00), "90 days ago", "today" or "now".'


@dataclass(frozen=True, slots=True)
class Takes:
    """What value an operator takes.

    Args:
        words: for people.
        wrong: what is wrong with a value whose property may be of any kind.
        each: whether its scalars have to be of the property's kind.
    """

    words: str
    wrong: Callable[[Value], Wrong]
    each: bool = False


def _flag(value: Value) -> Wrong:
    fine = value is None or isinstance(value, bool)
    return None if fine else ("takes true or false", "true (the default): there is a value; false: it is null.")


def _one(value: Value) -> Wrong:
    if value is None:
        return (
            "needs a value: nothing equals, or is more or less than, null",
            "To ask for null: op: exists, value: false.",
        )
    return (
        ("needs a single value, not a list", "To compare with several use op: in.") if isinstance(value, list) else None
    )


def _ordered(value: Value) -> Wrong:
    if isinstance(value, bool):
        return "cannot put true and false in order", "Use eq."
    return _one(value)


def _some(value: Value) -> Wrong:
    if not isinstance(value, list):
        return "needs a list of values", "Write it as [a, b, c]."
    if not value:
        return "needs at least one value: nothing is in an empty list", None
    if None in value:
        return "cannot find null in a list", "Add {property: …, op: exists, value: false} under any."
    return None


def _pair(value: Value) -> Wrong:
    if not isinstance(value, list) or len(value) != 2:
        return "needs a list of two values, the least and the most", "Write it as [10, 20]; both belong to it."
    if any(one is None or isinstance(one, bool) for one in value):
        return "needs two values that can be put in order", "For one side only use gte or lte."
    return None


def _text(value: Value) -> Wrong:
    fine = isinstance(value, str) and value != ""
    return None if fine else ("needs a text that is not empty", "Put numbers in quotes.")


def _pattern(value: Value) -> Wrong:
    if (wrong := _text(value)) is not None:
        return wrong
    found = patterns.fault(str(value))
    return (f"cannot read its pattern: {found[0]}", found[1]) if found else None


def _time(value: Value) -> Wrong:
    fine = isinstance(value, str) and conditions.moment(value) is not None
    return None if fine else ("needs a time", TIMES)


def _span(value: Value) -> Wrong:
    fine = isinstance(value, str) and conditions.span(value) is not None
    return None if fine else ("needs a span of time", "For example: 90 days. There are days, weeks, months and years.")


LENGTHS = re.compile(r"(>=|<=|=|!=|>|<)\s*(\d{1,9})")


def _length(value: Value) -> Wrong:
    whole = isinstance(value, int) and not isinstance(value, bool) and value >= 0
    fine = whole or (isinstance(value, str) and LENGTHS.fullmatch(value.strip()))
    return None if fine else ("needs a length", 'A whole number, or a comparison such as ">= 3" (>, >=, <, <=, =, !=).')


def _texts(value: Value) -> Wrong:
    if not isinstance(value, list) or not value:
        return _some(value)
    return None if all(isinstance(one, str) for one in value) else ("needs a list of texts", "Put numbers in quotes.")


FLAG = Takes("true (also when left out) or false", _flag)
ONE = Takes("one value of the property's type", _one, each=True)
ORDER = Takes("one value of the property's type", _ordered, each=True)
PAIR = Takes("the least and the most: `[10, 20]`", _pair, each=True)
SOME = Takes("a list of values of the property's type", _some, each=True)
TEXT = Takes("a text that is not empty", _text)
PATTERN = Takes("a regular expression, see below", _pattern)
TIME = Takes("a time", _time)
SPAN = Takes("a number of days, weeks, months or years", _span)
LENGTH = Takes('a whole number, or a comparison: `">= 3"`', _length)
TEXTS = Takes("a list of texts", _texts)

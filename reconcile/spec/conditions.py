"""The values of structured rules as times: what "90 days ago" means; and the walk over a rule's conditions.

Dates, `today`, `N days ago` and `N days from now` compare calendar days in UTC, so that a plan made an hour later is
the same plan: `after: 90 days ago` is true on the days after that day. `now` and values with a time of day compare
moments.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime
from typing import TypeAlias

from reconcile.spec import grammar
from reconcile.spec.group import All, Any_, Condition, Group, In, None_, NotIn, Rule
from reconcile.spec.model import Path

_SPAN = re.compile(r"(\d{1,5})\s+(day|week|month|year)s?", re.IGNORECASE)
_AWAY = re.compile(rf"{_SPAN.pattern}\s+(ago|from\s+now)", re.IGNORECASE)

_DAYS = {"day": 1, "week": 7, "month": 31, "year": 366}
_LONGEST = 1000 * 366
"""Days, so that every engine can count them."""


@dataclass(frozen=True, slots=True)
class Span:
    """So many days, weeks, months or years."""

    count: int
    unit: str


@dataclass(frozen=True, slots=True)
class Day:
    """A calendar day, a span before the run's own day, or after it where that is `ahead`. `today` is no days away."""

    span: Span
    ahead: bool = False


@dataclass(frozen=True, slots=True)
class Now:
    """The moment of the run."""


Moment = Day | Now | datetime | date


def span(text: str) -> Span | None:
    """What a text such as `90 days` means; None where it is no span, of no length, or longer than a thousand years."""
    found = _SPAN.fullmatch(text.strip())
    return _span(found) if found and int(found[1]) else None


def _span(found: re.Match[str]) -> Span | None:
    count, unit = int(found[1]), found[2].lower()
    return Span(count, unit) if count * _DAYS[unit] <= _LONGEST else None


def moment(text: str) -> Moment | None:
    """What a text means as a time, None where it means none. Without an offset it is in UTC."""
    text = text.strip()
    if away := _AWAY.fullmatch(text):
        found = _span(away)
        return Day(found, ahead=away[3].lower() != "ago") if found else None
    match text.lower():
        case "now":
            return Now()
        case "today":
            return Day(Span(0, "day"))
    return _iso(text)


def _iso(text: str) -> datetime | date | None:
    if (day := grammar.read_date(text)) is not None:
        return day
    found = grammar.read_moment(text)
    return found.replace(tzinfo=UTC) if found is not None else None


def is_iso(text: str) -> bool:
    """Whether the text is an ISO date, or date and time."""
    return _iso(text) is not None


Leaf: TypeAlias = Condition | In | NotIn


def leaves(rule: Rule) -> Iterator[tuple[Path, Leaf]]:
    """What a rule is made of in the end, each with its path inside the rule."""
    match rule:
        case All(all=rules):
            yield from _leaves("all", rules)
        case Any_(any=rules):
            yield from _leaves("any", rules)
        case None_(none=rules):
            yield from _leaves("none", rules)
        case _:
            yield (), rule


def _leaves(kind: str, rules: list[Rule]) -> Iterator[tuple[Path, Leaf]]:
    for index, rule in enumerate(rules):
        for path, leaf in leaves(rule):
            yield (kind, index, *path), leaf


def parts(rule: Rule) -> Iterator[tuple[Path, Condition]]:
    """Every condition of a rule, with its path inside the rule."""
    return ((path, leaf) for path, leaf in leaves(rule) if isinstance(leaf, Condition))


def groups(group: Group) -> Iterator[tuple[Path, str]]:
    """Every other group that a group names, with its path inside the group."""
    for key, names in (("in", group.in_), ("not_in", group.not_in)):
        yield from (((key, at), name) for at, name in enumerate(names or ()))
    for path, leaf in leaves(group.rules) if group.rules is not None else ():
        match leaf:
            case In(in_=names):
                yield from ((("rules", *path, "in", at), name) for at, name in enumerate(names))
            case NotIn(not_in=names):
                yield from ((("rules", *path, "not_in", at), name) for at, name in enumerate(names))

"""The guards of a spec: how much a plan may do before `apply` refuses it."""

from __future__ import annotations

import re
from collections.abc import Mapping
from enum import StrEnum
from fractions import Fraction
from typing import Annotated, Any, TypeAlias

from pydantic import BeforeValidator, Field, StrictInt, WithJsonSchema

from reconcile.spec.part import Part

FIRST = 10_000
"""Members up to which a list is small: in a large one a smaller share is already a lot of people."""

FIRST_FILL = 5_000
"""Members that a list without any may get: there is nothing yet to be out of proportion to."""
JOINS_SHARE = "25%"
JOINS_AT_LEAST = 25
"""People who may join any list, however small, unless the spec gives a number: joins of a small list vary more than the
rest does."""
PER_LIST = ("removals", "joins", "opted_out_joins")
"""The rules whose limits may differ by list."""

_SHARE = re.compile(r"^([0-9]{1,6}(?:\.[0-9]{1,6})?) ?%$")
_SCHEMA: dict[str, Any] = {
    "anyOf": [
        {"type": "integer", "minimum": 0},
        {"type": "string", "format": "share", "pattern": r"^[0-9]{1,6}(\.[0-9]{1,6})? ?%$"},
    ]
}


class Guard(StrEnum):
    """The rules, by the names that the spec and `--allow` know them by."""

    REMOVALS = "removals"
    JOINS = "joins"
    DELETIONS = "deletions"
    UPDATES = "updates"
    ADDITIONS = "additions"
    NULLED = "nulled"
    SAME_VALUE = "same_value"
    SOURCE_ROWS = "source_rows"
    INVALID_ROWS = "invalid_rows"
    OPTED_OUT_JOINS = "opted_out_joins"
    OBSERVATION_AGE = "observation_age"
    NEW_REFERENCES = "new_references"
    """Has no limit in a spec: the base spec says what is known."""


def _limit(given: Any) -> int | str:
    if isinstance(given, int) and not isinstance(given, bool) and given >= 0:
        return given
    if isinstance(given, str) and _SHARE.match(given.strip()):
        return given.strip()
    raise ValueError("must be a whole number such as 500, or a share such as 5%")


Limit: TypeAlias = Annotated[int | str, BeforeValidator(_limit), WithJsonSchema(_SCHEMA)]
"""A number of profiles or rows, or a share such as `5%` of what the rule measures against."""


def _long(short: Any) -> Any:
    return {"default": short} if isinstance(short, int | str) and not isinstance(short, bool) else short


class PerList(Part):
    """A limit for every list, and others for some. Short form: the limit for every list."""

    default: Limit | None = None
    """For every list that is not named. What the rule's own default is, when absent."""
    lists: Mapping[str, Limit] = Field(default_factory=dict)
    """For some: the id of a group, or the name of a list (the registry's too), to its limit."""


PerListOrLimit: TypeAlias = Annotated[PerList, BeforeValidator(_long, json_schema_input_type=Limit | PerList)]


class Guards(Part):
    """How much a plan may do: numbers (`500`) or shares (`5%`), see [guards.md](guards.md).

    A plan that exceeds a limit is still made and shown; `apply` refuses it until `--allow` lets exactly that through.
    """

    removals: PerListOrLimit = PerList()
    """Members that leave a list, deleted profiles included. 5 % of the first 10,000 members and 1 % of the rest, when
    absent."""
    joins: PerListOrLimit = PerList()
    """Members that a list gains: who joins less who leaves. 25 % of its members, at least 25, when absent. A share lets
    up to 5,000 join a list without members. The registry only where it is named in `lists`."""
    deletions: StrictInt = Field(default=0, ge=0)
    """Profiles that are deleted for good."""
    updates: Limit = "60%"
    """Existing profiles that are changed, of those observed."""
    additions: Limit = "200%"
    """Profiles that are created, of those on the registry. No limit while the registry is empty: the first fill."""
    nulled: Limit = "20%"
    """Members of one list that lose their value of one var."""
    same_value: Limit = "20%"
    """Members of one list whose value of one var is replaced by one and the same."""
    source_rows: Limit = "10%"
    """Rows that a source lost since the last apply that converged."""
    invalid_rows: Limit = "1%"
    """Rows of a source that cannot be used, and values of one column that do not fit their type."""
    opted_out_joins: PerListOrLimit = PerList()
    """People known to have opted out who join a list, the registry excepted; a share is of those who join. None, when
    absent."""
    observation_age: StrictInt = Field(default=24, ge=0)
    """Hours since a kept observation that a plan is made from (`plan --observed`) was taken."""
    at_least: StrictInt = Field(default=10, ge=0)
    """A share never stops fewer than this many, so that small lists are not stopped by rounding."""


def bound(limit: Limit, base: int, at_least: int) -> int:
    """The most that a limit lets through: a number as it is, a share of `base` rounded down, but `at_least`."""
    share = _SHARE.match(limit) if isinstance(limit, str) else None
    return int(limit) if share is None else max(int(Fraction(share[1]) * base / 100), at_least)


def joining(limit: Limit | None, members: int, at_least: int) -> int:
    """The most members that a list of so many may gain; None is what the spec says when it says nothing."""
    if isinstance(limit, int):
        return limit
    return bound(limit or JOINS_SHARE, members, max(JOINS_AT_LEAST, at_least)) if members else FIRST_FILL


def graded(members: int, at_least: int) -> int:
    """The most that may leave a list of so many members when the spec says nothing."""
    return max((min(members, FIRST) * 5 + max(members - FIRST, 0)) // 100, at_least)

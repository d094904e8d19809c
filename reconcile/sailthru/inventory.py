"""What an account has before anybody manages it: its lists, and its vars with the types of their values.

Only looked at, never written to: GET /list, one export, and a bounded number of GET /user.
"""

from __future__ import annotations

import asyncio
import re
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from reconcile.sailthru import exports
from reconcile.sailthru.target import Target
from reconcile.state.model import Ref, RemoteList, Sighting
from reconcile.state.sightings import Unknown, look

LOOKS: Final = 100
"""How many people are looked up for the types of vars: an export cannot prove any (SAILTHRU.md §9.3)."""

_DATE: Final = re.compile(r"\d{4}-\d\d-\d\d")
_DATETIME: Final = re.compile(r"\d{4}-\d\d-\d\d[T ]\d\d:\d\d(:\d\d(\.\d+)?)?(Z|[+-]\d\d:?\d\d)?")

_KINDS: Final = {bool: "boolean", int: "integer", float: "float"}


@dataclass(frozen=True, slots=True)
class Counted:
    """A list and how many members Sailthru counts, deleted ones included until it recounts (SAILTHRU.md §8.1)."""

    list: RemoteList
    members: int | None


@dataclass(frozen=True, slots=True)
class Inventory:
    """What was found.

    Args:
        lists: all of them, smart ones and twins included, by name.
        vars: name -> type (`spec.model.ValueType`), None where its values are of several or none is known.
        seen: the list whose export told the vars; None where no list has a member.
        looked_up: how many people told the types.
    """

    lists: Sequence[Counted]
    vars: Mapping[str, str | None]
    seen: str | None
    looked_up: int

    @property
    def twins(self) -> frozenset[str]:
        """Names that more than one list has."""
        return frozenset(name for name, count in Counter(one.list.name for one in self.lists).items() if count > 1)


async def take(account: Target) -> Inventory:
    """Look at an account.

    Raises:
        AccountUnavailable, CredentialsRefused, ApiRejected, ExportBroken: it does not answer as it should.
    """
    lists = [Counted(*pair) for pair in sorted(await account.counted_lists(), key=lambda pair: pair[0].name)]
    found = Inventory(lists, {}, None, 0)
    able = [one for one in lists if one.list.type == "natural" and one.list.name not in found.twins and one.members]
    if not able:
        return found
    smallest = min(able, key=lambda one: one.members or 0).list.name
    export = await account.export(smallest, ())
    names = exports.vars_in(Path(export.path))
    sightings = await asyncio.gather(
        *(look(account, Ref(sid=sid), names) for sid in exports.sids(export, LOOKS if names else 0))
    )
    for one in sightings:
        if isinstance(one, Unknown) and one.error is not None:
            raise one.error
    seen = [one.vars for one in sightings if isinstance(one, Sighting)]
    return Inventory(lists, {name: _type([vars_.get(name) for vars_ in seen]) for name in names}, smallest, len(seen))


def _type(values: Sequence[Any]) -> str | None:
    """The one type of all values that are there; whole numbers among others are numbers."""
    kinds = {_kind(value) for value in values if value is not None and value != ""}
    if kinds == {"integer", "float"}:
        return "float"
    if "string" in kinds and kinds <= {"string", "date", "datetime"}:  # a text may happen to look like a date
        return "string"
    return kinds.pop() if len(kinds) == 1 else None


def _kind(value: Any) -> str | None:
    if isinstance(value, str):
        return "date" if _DATE.fullmatch(value) else "datetime" if _DATETIME.fullmatch(value) else "string"
    return _KINDS.get(type(value))  # None for a list or an object

"""An account in memory that can be looked at and changed, and does what a test tells it to do wrong.

It satisfies `state.model.Observable` and `apply.model.Executor` by shape, and knows nothing of HTTP: what the floors
make of an account is tested here, what Sailthru does is the simulator's to say.
"""

from __future__ import annotations

import asyncio
import csv
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from reconcile.apply.model import Write
from reconcile.errors import ReconcileError
from reconcile.state import values
from reconcile.state.model import Arrived, Ref, RemoteList, Sighting

Trouble = Callable[[str, Any], ReconcileError | None]
"""Asked before every call with its name and subject: the error to raise, or None to let it be done."""


@dataclass
class Profile:
    """Somebody at the account."""

    sid: str
    email: str
    vars: dict[str, Any] = field(default_factory=dict)
    lists: set[str] = field(default_factory=set)


@dataclass(frozen=True)
class Export:
    """The members of one list in a file; satisfies `state.model.Export`."""

    list: str
    path: str
    columns: tuple[str, ...]
    var_columns: Mapping[str, str]
    sid_column: str = "c0"
    hash_column: str = "c1"
    optout_column: str | None = None
    status_column: str | None = None


@dataclass
class FakeAccount:
    """An account.

    Args:
        folder: where exports are put.
        trouble: what fails, and how.
        forgets: sid or address -> fields (`var x`, `list L`, `email`) of it that a write says ok to and leaves as
            they are.
        lies: sid -> how many deletions say ok and do nothing; -1 for all.
        late: how many seconds a write takes to show.
        ghosts: profiles that are gone, and that exports still show.
    """

    folder: Path | None = None
    profiles: dict[str, Profile] = field(default_factory=dict)
    remote: list[RemoteList] = field(default_factory=list)
    trouble: Trouble = lambda _name, _subject: None
    forgets: dict[str, set[str]] = field(default_factory=dict)
    lies: dict[str, int] = field(default_factory=dict)
    late: float = 0.0
    ghosts: list[Profile] = field(default_factory=list)
    now: float = 0.0
    slept: list[float] = field(default_factory=list)
    calls: Counter[str] = field(default_factory=Counter)
    under_way: int = 0
    most_at_once: int = 0
    _pending: list[tuple[float, Callable[[], None]]] = field(default_factory=list)

    # what tests say and see

    def person(self, email: str, *, sid: str | None = None, lists: Sequence[str] = (), **vars_: Any) -> Profile:
        """Somebody who is there from the start."""
        made = Profile(sid or f"sid-{len(self.profiles) + 1:02}", email, dict(vars_), set(lists))
        self.profiles[made.sid] = made
        return made

    def natural(self, *names: str) -> None:
        """Natural lists."""
        self.remote += [RemoteList(f"id of {name}", name, "natural") for name in names]

    def find(self, ref: Ref) -> Profile | None:
        """Whoever a ref names."""
        if ref.email is not None:
            return next((one for one in self.profiles.values() if one.email == ref.email), None)
        return self.profiles.get(ref.sid or "")

    # Observable and Executor

    @property
    def hash_checked(self) -> bool:
        return False

    async def lists(self) -> Sequence[RemoteList]:
        await self._called("lists", None)
        return tuple(self.remote)

    async def export(self, list_name: str, vars: Sequence[str], arrived: Arrived | None = None) -> Export:
        await self._called("export", list_name)
        assert self.folder is not None
        path = self.folder / f"export {len(list(self.folder.glob('export*')))}.csv"
        with path.open("w", newline="", encoding="utf-8") as file:
            out = csv.writer(file, lineterminator="\n")
            out.writerow(["Profile Id", "Email Hash", *vars])
            for one in (*self.profiles.values(), *self.ghosts):
                if list_name in one.lists:
                    out.writerow([one.sid, values.hash_of(one.email), *(_cell(one.vars.get(name)) for name in vars)])
        columns = tuple(f"c{index}" for index in range(len(vars) + 2))
        return Export(list_name, str(path), columns, dict(zip(vars, columns[2:], strict=True)))

    async def create_list(self, name: str, *, doubtful: bool = False) -> None:
        await self._called("create_list", name)
        if name not in {one.name for one in self.remote}:
            self.natural(name)

    async def upsert(self, write: Write) -> None:
        await self._called("upsert", write)
        self._later(lambda: self._write(write))

    async def delete(self, ref: Ref) -> None:
        await self._called("delete", ref)
        found = self.find(ref)
        if found is None:
            return
        if self.lies.get(found.sid):
            self.lies[found.sid] -= 1
            return
        self._later(lambda: self.profiles.pop(found.sid, None))

    async def look(self, ref: Ref, vars: Sequence[str], *, most: int | None = None) -> Sighting | None:
        await self._called("look", ref)
        one = self.find(ref)
        if one is None:
            return None
        known = {name: one.vars[name] for name in vars if name in one.vars}
        return Sighting(one.email, one.sid, known, frozenset(one.lists))

    async def sleep(self, seconds: float) -> None:
        if seconds:
            self.slept.append(seconds)
        self.now += seconds
        self._settle()
        await asyncio.sleep(0)

    # how

    async def _called(self, name: str, subject: Any) -> None:
        self.calls[name] += 1
        self.under_way += 1
        self.most_at_once = max(self.most_at_once, self.under_way)
        try:
            await asyncio.sleep(0)
            if error := self.trouble(name, subject):
                raise error
        finally:
            self.under_way -= 1

    def _later(self, do: Callable[[], Any]) -> None:
        self._pending.append((self.now + self.late, do))
        self._settle()

    def _settle(self) -> None:
        due = [do for when, do in self._pending if when <= self.now]
        self._pending = [(when, do) for when, do in self._pending if when > self.now]
        for do in due:
            do()

    def _write(self, write: Write) -> None:
        one = self.find(write.ref)
        if one is None:
            assert write.ref.email is not None, "nobody is made from a sid"
            one = self.person(write.ref.email)
        kept = self.forgets.get(one.sid, set()) | self.forgets.get(one.email, set())
        one.vars |= {name: value for name, value in write.vars.items() if f"var {name}" not in kept}
        for name, member in write.lists.items():
            if f"list {name}" not in kept:
                (one.lists.add if member else one.lists.discard)(name)
        if write.email is not None and "email" not in kept:
            one.email = write.email


def _cell(value: Any) -> str:
    """One var in an export: untyped (SAILTHRU.md §9.3)."""
    if value is None:
        return ""
    return str(int(value)) if isinstance(value, bool) else str(value)

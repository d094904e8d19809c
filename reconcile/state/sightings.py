"""Profiles that are read one by one, typed: what no export can tell, as far as the spec lets a plan read."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from reconcile.errors import AnswerGarbled, ApiRejected
from reconcile.spec.folding import fold_address
from reconcile.state import abreast, arrows, values
from reconcile.state.model import Observable, Progress, Ref, Rows, Shape, Sighting
from reconcile.state.workspace import Workspace

PAGE = 1_000
"""Profiles that are read one by one before their rows are put away."""

REFUSED = "an address that Sailthru refuses"
HIDDEN = "a profile that Sailthru refuses to show"
UNCLEAR = "a profile of which Sailthru's answer is not understood"

MOST_UNCLEAR = 200
"""Looks in a row that come to nothing before it is the account's trouble, and no longer that of single people."""

FIRST_TRIES = 3
"""Tries of a look whose answer is not understood, before the others are looked at and this one is asked for again."""

MOST_IN_VAIN = 40
"""Looks in a row that are asked for again in vain before the others are not: each takes 40 seconds."""

LOOKING = "looking up profiles"
AGAIN = "asking again for profiles whose answers are not understood"


@dataclass(frozen=True, slots=True)
class Unknown:
    """A profile of which nobody can say whether it exists, and why: it is neither new, nor gone, nor changed."""

    ref: Ref
    reason: str
    error: AnswerGarbled | None = None


async def look(
    account: Observable, ref: Ref, vars: Sequence[str], *, most: int | None = None
) -> Sighting | Unknown | None:
    """One profile. What Sailthru says to one look is a verdict about one profile, and stops nobody else's plan."""
    try:
        return await account.look(ref, vars, most=most)
    except ApiRejected as error:
        refused = error.code == 11 or "invalid email" in error.message.casefold()
        return Unknown(ref, REFUSED if refused and ref.email else HIDDEN)
    except AnswerGarbled as error:
        return Unknown(ref, UNCLEAR, error)


@dataclass(slots=True)
class Budget:
    """How many more profiles may be read one by one; a set is read whole or not at all."""

    left: int | None
    workspace: Workspace

    def allows(self, rows: Rows) -> bool:
        """Whether all of these may be read; if so, they count."""
        if self.left is None:
            return True
        size = self.workspace.count(rows)
        if size > self.left:
            return False
        self.left -= size
        return True


@dataclass(slots=True)
class Looker:
    """Reads profiles one by one, side by side, and puts them away a page at a time.

    Attributes:
        count: profiles that were asked for.
        unclear: looks in a row whose answers were not understood.
    """

    account: Observable
    shape: Shape
    workspace: Workspace
    at_once: int
    progress: Progress
    count: int = 0
    unclear: int = field(default=0, init=False)
    seen: Rows = None
    unknown: Rows = None
    _later: list[Ref] = field(default_factory=list, init=False)

    async def look(self, asked: Sequence[tuple[str, Rows]], *, more: bool = False) -> tuple[Rows, Rows]:
        """Those of the asked-for that exist, typed, and `sid, email, reason` of those of whom nothing can be said.

        Args:
            asked: tables with a column of refs each, `sid` or `email`.
            more: those that were found before stay.

        Raises:
            AnswerGarbled: so many answers in a row are not understood that it is not about single people.
        """
        total = sum(self.workspace.count(rows) for _, rows in asked)
        self.progress.start(LOOKING, total, "profiles")
        if not more:
            self.seen = self.workspace.store("seen", as_arrow([], self.shape))
            self.unknown = self.workspace.store("unknown", unknown_as_arrow([]))
        for by, rows in asked:
            for page in self.workspace.stream(rows, size=PAGE):
                refs = [Ref(**{by: name}) for name in page.column(by).to_pylist()]
                self._put_away(await abreast.each(refs, self._one, at_once=self.at_once))
                self.count += len(refs)
        self.progress.finish(LOOKING)
        if self._later:
            await self._look_again()
        return canonical(self.seen, self.shape) if self.count else self.seen, self.unknown

    async def _one(self, ref: Ref) -> Sighting | Unknown | None:
        found = await self._look(ref, FIRST_TRIES)
        if self.unclear >= MOST_UNCLEAR:
            found = await self._look(ref)
            if isinstance(found, Unknown) and found.error:
                raise found.error
        self.progress.advance(LOOKING)
        if isinstance(found, Unknown) and found.error:
            self._later.append(ref)
            return None
        return found

    async def _look(self, ref: Ref, most: int | None = None) -> Sighting | Unknown | None:
        found = await look(self.account, ref, [var.name for var in self.shape.vars], most=most)
        self.unclear = self.unclear + 1 if isinstance(found, Unknown) and found.error else 0
        return found

    async def _look_again(self) -> None:
        """Ask again, patiently, where the answers were not understood: what stands between may have been mended."""
        refs, self._later, self.unclear = self._later, [], 0
        self.progress.start(AGAIN, len(refs), "profiles")
        self._put_away(await abreast.each(refs, self._one_again, at_once=self.at_once))
        self.progress.finish(AGAIN)

    async def _one_again(self, ref: Ref) -> Sighting | Unknown | None:
        found = Unknown(ref, UNCLEAR) if self.unclear >= MOST_IN_VAIN else await self._look(ref)
        self.progress.advance(AGAIN)
        return found

    def _put_away(self, found: Sequence[Sighting | Unknown | None]) -> None:
        self.workspace.append("seen", as_arrow([one for one in found if isinstance(one, Sighting)], self.shape))
        if left_open := [one for one in found if isinstance(one, Unknown)]:
            self.workspace.append("unknown", unknown_as_arrow(left_open))


def unknown_as_arrow(unknown: Sequence[Unknown]) -> object:
    """A table `sid, email, reason`."""
    columns: dict[str, list[str | None]] = {
        "sid": [one.ref.sid for one in unknown],
        "email": [one.ref.email for one in unknown],
        "reason": [one.reason for one in unknown],
    }
    return arrows.table(columns, dict.fromkeys(columns, "string"))


def columns(shape: Shape) -> list[str]:
    """The columns of an observed table of this shape."""
    return [
        "hash",
        "email",
        "sid",
        "optout",
        *(var.column for var in shape.vars),
        *(one.column for one in shape.memberships),
    ]


def as_arrow(sightings: Sequence[Sighting], shape: Shape) -> object:
    """Sightings as a table of raw text: what `values.seen` makes of each var, null where there is none."""
    emails = [fold_address(one.email or "") or None for one in sightings]
    cells: dict[str, list[object]] = {
        "hash": [
            values.hash_of(email) if email else f"sid:{one.sid}" for email, one in zip(emails, sightings, strict=True)
        ],
        "email": list(emails),
        "sid": [one.sid for one in sightings],
        "optout": [one.opted_out for one in sightings],
    }
    for var in shape.vars:
        cells[var.column] = [values.seen(one.vars.get(var.name), var.type) for one in sightings]
    for membership in shape.memberships:
        cells[membership.column] = [membership.list in one.lists for one in sightings]
    lists = {one.column for one in shape.memberships}
    return arrows.table(cells, {name: "bool" if name in lists else "string" for name in columns(shape)})


def canonical(rows: Rows, shape: Shape) -> Rows:
    """The table of `as_arrow` as an observed table: its vars in canonical form."""
    return rows.mutate(**{var.column: values.canonical(rows[var.column], var.type) for var in shape.vars})

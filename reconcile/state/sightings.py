"""Profiles that are read one by one, typed: what no export can tell, as far as the spec lets a plan read."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from reconcile.state import abreast, arrows, values
from reconcile.state.model import Observable, Progress, Ref, Rows, Shape, Sighting
from reconcile.state.workspace import Workspace

PAGE = 1_000
"""Profiles that are read one by one before their rows are put away."""


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
    """Reads profiles one by one, side by side, and puts them away a page at a time."""

    account: Observable
    shape: Shape
    workspace: Workspace
    at_once: int
    progress: Progress
    count: int = 0

    async def look(self, asked: Sequence[tuple[str, Rows]]) -> Rows:
        """Those of the asked-for that exist, typed: `asked` has a column of refs, `sid` or `email`, in each table."""
        total = sum(self.workspace.count(rows) for _, rows in asked)
        self.progress.start("looking up profiles", total, "profiles")
        seen = self.workspace.store("seen", as_arrow([], self.shape))
        for by, rows in asked:
            for page in self.workspace.stream(rows, size=PAGE):
                refs = [Ref(**{by: name}) for name in page.column(by).to_pylist()]
                found = await abreast.each(refs, self._one, at_once=self.at_once)
                self.workspace.append("seen", as_arrow([one for one in found if one is not None], self.shape))
                self.count += len(refs)
        self.progress.finish("looking up profiles")
        return canonical(seen, self.shape)

    async def _one(self, ref: Ref) -> Sighting | None:
        sighting = await self.account.look(ref, [var.name for var in self.shape.vars])
        self.progress.advance("looking up profiles")
        return sighting


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
    emails = [(one.email or "").strip().lower() or None for one in sightings]
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

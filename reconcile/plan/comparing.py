"""What one plan does that another does not: person by person, where the bodies lie; counts come out.

Plans have no order in time here: the first is what was looked at, the second is what is asked about.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import ibis

from reconcile.plan import archive, picking
from reconcile.plan.model import Breach, Face, Plan
from reconcile.plan.picking import Op
from reconcile.state.engines.duckdb import DuckDB
from reconcile.state.model import Rows


@dataclass(frozen=True, slots=True)
class Change:
    """Actions that only the second plan has, and those that only the first has."""

    more: int = 0
    less: int = 0

    def __bool__(self) -> bool:
        """Whether there is any."""
        return bool(self.more or self.less)


@dataclass(frozen=True, slots=True)
class Difference:
    """Two plans beside each other; only what differs is named.

    Args:
        lists: list and way (`join`, `leave`) -> people.
        fields: var -> people it is set for, or set to another value.
        breached, mended: guards that only the second breaches, and only the first.
        verified: both plans are.
    """

    first: Face
    second: Face
    same: int
    ops: Mapping[Op, Change]
    lists: Mapping[tuple[str, str], Change]
    fields: Mapping[str, Change]
    breached: tuple[Breach, ...]
    mended: tuple[Breach, ...]
    verified: bool = True

    @property
    def none(self) -> bool:
        """Both do the same: then their ids are the same, but for what they are about."""
        return not (self.ops or self.lists or self.fields)


def between(first: Plan, second: Plan, workspace: DuckDB) -> Difference:
    """Compare two plans.

    Raises:
        PlanUnusable: one was not kept in a file.
    """
    names = _names(first.face, second.face)
    sides = [_side(plan, name, names, workspace) for plan, name in ((first, "first"), (second, "second"))]
    joined = sides[0].outer_join(sides[1], "key", lname="a:{name}", rname="b:{name}")
    flags = {key: (_differs(joined, at, "b", "a"), _differs(joined, at, "a", "b")) for key, at in names.items()}
    columns = {f"{at}:{way}": flag.sum() for at, both in enumerate(flags.values()) for way, flag in enumerate(both)}
    found = workspace.one(joined.aggregate(**columns, same=_same(joined, names).sum()))
    changes = {key: Change(*(int(found[f"{at}:{way}"] or 0) for way in (0, 1))) for at, key in enumerate(flags)}
    kept = {key: change for key, change in changes.items() if change}
    before, after = ({(one.guard, one.scope): one for one in plan.face.breaches} for plan in (first, second))
    return Difference(
        first=first.face,
        second=second.face,
        same=int(found["same"] or 0),
        ops={Op(name): change for (kind, name), change in kept.items() if kind == "op"},
        lists={(name, kind): change for (kind, name), change in kept.items() if kind in ("join", "leave")},
        fields={name: change for (kind, name), change in kept.items() if kind == "field"},
        breached=tuple(one for key, one in after.items() if key not in before),
        mended=tuple(one for key, one in before.items() if key not in after),
        verified=first.verified and second.verified,
    )


def _names(first: Face, second: Face) -> dict[tuple[str, str], str]:
    """All that may differ -> the column that holds it."""
    lists = sorted({one.name for face in (first, second) for one in face.lists})
    fields = sorted({one.name for face in (first, second) for one in face.vars})
    keys = [("op", op.value) for op in Op]
    keys += [(way, name) for name in lists for way in ("join", "leave")]
    keys += [("field", name) for name in fields]
    return {key: f"c{at}" for at, key in enumerate(keys)}


def _side(plan: Plan, name: str, names: Mapping[tuple[str, str], str], workspace: DuckDB) -> Rows:
    """A row an action: `key`, which is the same in both plans for the same deed to the same person, and the columns."""
    lines = workspace.json_lines(archive.body(plan, workspace.folder / f"{name}.ndjson.zst"), picking.LINE)
    ops = picking.ops(lines)
    who = ibis.coalesce(lines["hash"], lines["list"])
    columns: dict[str, Any] = {"key": lines["op"] + ":" + lines["kind"].fill_null("") + ":" + who}
    for (kind, word), column in names.items():
        match kind:
            case "op":
                value = ibis.ifelse(ops[Op(word)], "yes", ibis.null("string"))
            case "field":
                # A null that is set is not the same as nothing that is set.
                text = lines["vars"].get(word)
                value = ibis.ifelse(
                    lines["vars"].contains(word),
                    "=" + text.fill_null("") + text.isnull().cast("string"),
                    ibis.null("string"),
                )
            case _:
                value = ibis.ifelse(lines["lists"].get(word) == (kind == "join"), "yes", ibis.null("string"))
        columns[column] = value
    return lines.select(**columns)


def _differs(joined: Rows, column: str, one: str, other: str) -> Rows:
    """That one side does something that the other does not, or not so."""
    here, there = joined[f"{one}:{column}"], joined[f"{other}:{column}"]
    return (here.notnull() & (there.isnull() | (here != there))).fill_null(False)  # noqa: FBT003 -- Ibis's own signature


def _same(joined: Rows, names: Mapping[tuple[str, str], str]) -> Rows:
    """That both have an action, and it is the same."""
    same = joined["a:key"].notnull() & joined["b:key"].notnull()
    for column in names.values():
        same &= ~_differs(joined, column, "a", "b") & ~_differs(joined, column, "b", "a")
    return same

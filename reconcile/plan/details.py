"""What a reviewer asks beyond counts: whose vars change on which list, and from which values to which.

Values are shown only where they tell of nobody: of vars with a few values, held by `SMALL` people or more each, with
e-mail addresses in them masked. What is `pii`, addresses, phones and the id of the source are never among them.
"""

from __future__ import annotations

from typing import Any

from reconcile.plan.model import Face, ListFace, Transition, VarFace
from reconcile.plan.weighing import numbered
from reconcile.spec.property import ValueType
from reconcile.state import diff
from reconcile.state.masks import Masks
from reconcile.state.model import Rows
from reconcile.state.workspace import Workspace

SMALL = 10
"""People below which a group is small: it is counted, and its value is not shown."""

FEW = 24
"""Pairs of old and new value up to which a var has a few."""

LOOKED = 2_000
"""Rows that are looked at first: a var with many values shows it there, and costs no more."""


def add(face: Face, known: Rows, decided: Rows, masks: Masks, workspace: Workspace) -> Face:
    """The face with `change` and `fields` of its lists, and `transitions` of its vars.

    Args:
        known: the decided changes of profiles that were there, see `weighing.known`.
    """
    touched = [one.name for one in face.vars if one.set or one.cleared]
    if not touched:
        return face
    lists = _lists(face, touched, known, workspace) if face.counts.update else face.lists
    some = [one for one in face.vars if one.set + one.cleared >= SMALL and _public(one, face)]
    shown = _transitions(_with_few_values(some, decided, workspace), decided, masks, workspace)
    vars_ = tuple(one.model_copy(update={"transitions": shown.get(one.name, ())}) for one in face.vars)
    return face.model_copy(update={"lists": lists, "vars": vars_})


def _public(one: VarFace, face: Face) -> bool:
    return not one.pii and one.name != face.identity and one.type not in (ValueType.EMAIL, ValueType.PHONE)


def _lists(face: Face, touched: list[str], known: Rows, workspace: Workspace) -> tuple[ListFace, ...]:
    some = [one for one in face.lists if one.before]
    changed = diff.any_of(known, [f"set:{name}" for name in touched])
    flags: dict[tuple[str, str], Any] = {}
    for one in some:
        stays = known[f"on:{one.name}"] & ~known[f"leave:{one.name}"]
        flags[one.name, ""] = (stays & changed).sum()
        flags |= {(one.name, var): (stays & known[f"set:{var}"]).sum() for var in touched}
    found = numbered(flags, known, workspace) if flags else {}
    return tuple(
        one.model_copy(
            update={
                "change": found.get((one.name, ""), 0),
                "fields": {var: found[one.name, var] for var in touched if found.get((one.name, var))},
            }
        )
        for one in face.lists
    )


def _with_few_values(vars: list[VarFace], decided: Rows, workspace: Workspace) -> list[str]:
    """Those that do not show at once that they have many values."""
    if not vars:
        return []
    rows = decided.limit(LOOKED)
    flags = {one.name: rows[f"new:{one.name}"].nunique(where=rows[f"set:{one.name}"]) for one in vars}
    return [name for name, count in numbered(flags, rows, workspace).items() if count <= FEW]


def _transitions(
    names: list[str], decided: Rows, masks: Masks, workspace: Workspace
) -> dict[str, tuple[Transition, ...]]:
    """Var -> its transitions, the largest first; what is small is in one without values. Only of vars with a few."""
    found = {}
    for name in names:
        rows = decided.filter(decided[f"set:{name}"]).select(old=f"old:{name}", new=f"new:{name}")
        pairs = rows.group_by("old", "new").aggregate(count=rows.count())
        some = workspace.dicts(pairs.order_by(pairs["count"].desc(), "old", "new"), limit=FEW + 1)
        if len(some) <= FEW:
            found[name] = _told(some, masks)
    return found


def _told(pairs: list[dict[str, Any]], masks: Masks) -> tuple[Transition, ...]:
    large = [Transition(**_masked(pair, masks)) for pair in pairs if pair["count"] >= SMALL]
    small = [pair["count"] for pair in pairs if pair["count"] < SMALL]
    if not large:
        return ()
    return (*large, Transition(small=len(small), count=sum(small))) if small else tuple(large)


def _masked(pair: dict[str, Any], masks: Masks) -> dict[str, Any]:
    return pair | {way: None if pair[way] is None else masks.text(pair[way]) for way in ("old", "new")}

"""What is to be done with single people, a line each: masked, or as they are where they were asked for by name."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import islice
from typing import assert_never

from reconcile.plan import actions, archive
from reconcile.plan.model import Action, Cause, CreateList, Delete, Face, MakeRoom, Plan, Sample, Upsert
from reconcile.state.masks import Masks

REVEALED = 50
"""Actions shown in full when people are revealed."""


@dataclass(frozen=True, slots=True)
class Row:
    """One line about a list, var or profile: a glyph, a name, and what is said about it."""

    glyph: str
    name: str
    told: str


def sampled(sample: Sample) -> Row:
    """One of the masked samples of a plan's face."""
    told = [f"set {', '.join(sample.sets)}"] if sample.sets else []
    told += ["new e-mail address"] if sample.moved else []
    told += [f"join {', '.join(sample.joins)}"] if sample.joins else []
    told += [f"leave {', '.join(sample.leaves)}"] if sample.leaves else []
    if sample.glyph == "-":
        told = ["delete profile"]
    return Row(sample.glyph, sample.who, "; ".join(told) + _because(sample.cause))


def masked(action: Action, masks: Masks) -> Row:
    """An action without the person: which fields and lists, and why."""
    match action:
        case CreateList(list=name):
            return Row("+", name, "create list")
        case MakeRoom():
            return Row("~", masks.person(action.sid), "make room: e-mail address")
        case Delete():
            told = f"delete profile{_because(action.cause)}"
            return Row("-", masks.person(action.email or str(action.sid)), told)
        case Upsert():
            who = masks.person(action.moves_to or action.email or str(action.sid))
            edits = ["new e-mail address"] if action.moves_to else []
            edits += [f"set {', '.join(action.vars)}"] if action.vars else []
            told = "; ".join([*edits, *_moves(action.lists)]) + _because(action.cause)
            return Row(actions.glyph(action), who, told)
        case _:
            assert_never(action)


def revealed(plan: Plan) -> list[Row]:
    """The first actions on people, with the people and values in them.

    Raises:
        PlanUnusable: the plan was not kept in a file.
    """
    walked = (action for _, action in archive.walk(plan))
    people = (action for action in walked if not isinstance(action, CreateList))
    hidden = pii(plan.face)
    rows = [as_is(action, hidden) for action in islice(people, REVEALED)]
    more = plan.face.counts.total - len(rows)
    return [*rows, Row(" ", f"and {more:,} more", "")] if more > 0 else rows


def pii(face: Face) -> frozenset[str]:
    """Vars whose values nobody is shown."""
    return frozenset(one.name for one in face.vars if one.pii)


def as_is(action: Action, hidden: Collection[str]) -> Row:
    """An action with the person and values in it.

    Args:
        hidden: vars whose values nobody is shown (`pii`).
    """
    match action:
        case CreateList(list=name):
            return Row("+", name, "create list")
        case MakeRoom():
            return Row(actions.glyph(action), f"sid {action.sid}", f"make room: e-mail address → {action.to}")
        case Delete():
            return Row(actions.glyph(action), _who(action), f"delete profile{_because(action.cause)}")
        case Upsert():
            told = "; ".join(_edits(action, hidden)) + _because(action.cause)
            return Row(actions.glyph(action), _who(action), told)
        case _:
            assert_never(action)


def _because(cause: Cause | None) -> str:
    return f" ({cause})" if cause else ""


def _who(action: Upsert | Delete) -> str:
    return action.email or f"sid {action.sid}"


def _edits(action: Upsert, hidden: Collection[str]) -> Iterator[str]:
    """What becomes of one profile, field by field, as deepdiff sees it: the few that a person is shown.

    Args:
        hidden: vars whose values nobody is shown (`pii`).
    """
    from deepdiff import DeepDiff

    if action.moves_to:
        yield f"e-mail address → {action.moves_to}"
    will = dict(action.vars)
    was = {name: action.was.get(name) for name in will}
    found = DeepDiff(was, will, view="tree")
    for change in sorted(
        (leaf for leaves in found.values() for leaf in leaves),
        key=lambda leaf: str(leaf.path(output_format="list")),
    ):
        name = str(change.path(output_format="list")[0])
        shown = _masked if name in hidden else _shown
        yield f"{name}: {shown(change.t1)} → {shown(change.t2)}"
    yield from _moves(action.lists)


def _moves(lists: Mapping[str, bool]) -> Iterator[str]:
    for word, way in (("join", True), ("leave", False)):
        names: Sequence[str] = [name for name, member in lists.items() if member is way]
        if names:
            yield f"{word} {', '.join(names)}"


def _masked(value: object) -> str:
    return "nothing" if value is None else "***"


def _shown(value: object) -> str:
    return "nothing" if value is None else repr(value)

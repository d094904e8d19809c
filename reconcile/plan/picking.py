"""The part of a plan that somebody asks for: by list, field, cause, kind of action or person.

The body is asked where it lies, by the engine; Python holds counts and the few actions that are shown.
"""

from __future__ import annotations

import functools
import operator
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

import ibis

from reconcile.plan import actions, archive
from reconcile.plan.model import Action, Cause, Face, Plan
from reconcile.spec.folding import fold_address
from reconcile.spec.places import meant
from reconcile.state import values
from reconcile.state.engines.duckdb import DuckDB
from reconcile.state.masks import Masks
from reconcile.state.model import Rows

SHOWN = 50
"""Actions shown one by one."""

LINE = actions.LINE | {
    "sid": "VARCHAR",
    "kind": "VARCHAR",
    "cause": "VARCHAR",
    "list": "VARCHAR",
    "to": "VARCHAR",
    "was": "MAP(VARCHAR, VARCHAR)",
}
"""What the engine needs to know to read all of a body's lines."""


class Op(StrEnum):
    """Kinds of actions, as `--op` knows them, in the order they are told: deletions first.

    Those of `update` that have a word of their own are in both.
    """

    DELETE = "delete"
    CREATE_LIST = "create_list"
    CREATE = "create"
    UPDATE = "update"
    MOVE = "move"
    UNLIST = "unlist"
    ROOM = "make_room"


@dataclass(frozen=True, slots=True)
class Wanted:
    """What is asked for: any of the words of a kind, and something of every kind that has words.

    Args:
        keys: addresses, sids, or masks (`u:7f3a91c2`).
    """

    lists: tuple[str, ...] = ()
    fields: tuple[str, ...] = ()
    causes: tuple[str, ...] = ()
    ops: tuple[Op, ...] = ()
    keys: tuple[str, ...] = ()

    def __bool__(self) -> bool:
        """Whether anything is asked for: else it is the whole plan."""
        return any((self.lists, self.fields, self.causes, self.ops, self.keys))


@dataclass(frozen=True, slots=True)
class Picked:
    """What was found: counts, and the first `SHOWN` actions in the order of the body.

    Args:
        people: how each of `keys` may be shown.
        lists: list -> how many join and leave.
        causes: `""` for those whose cause is not known.
    """

    wanted: Wanted
    masks: Masks
    count: int
    ops: Mapping[Op, int]
    causes: Mapping[str, int]
    fields: Mapping[str, int]
    lists: Mapping[str, tuple[int, int]]
    shown: tuple[Action, ...]
    people: tuple[str, ...] = field(default=())


def unknown(wanted: Wanted, face: Face) -> str | None:
    """What is asked for and not in this plan's spec, in a sentence; None when all is."""
    known: tuple[tuple[str, Iterable[str], list[str]], ...] = (
        ("list", wanted.lists, [one.name for one in face.lists]),
        ("field", wanted.fields, [one.name for one in face.vars]),
        ("cause", wanted.causes, [one.value for one in Cause]),
    )
    for what, words, there in known:
        for word in words:
            if word not in there:
                return f'the plan has no {what} "{word}". {meant(word, there) or ""}'.strip()
    return None


def pick(plan: Plan, wanted: Wanted, masks: Masks, workspace: DuckDB) -> Picked:
    """Ask a plan's body.

    Raises:
        PlanUnusable: the plan was not kept in a file.
    """
    lines = workspace.json_lines(archive.body(plan, workspace.folder / "asked.ndjson.zst"), LINE)
    conditions = [*_conditions(wanted, lines), *_persons(wanted.keys, lines, masks, workspace)]
    rows = lines.filter(functools.reduce(operator.and_, conditions)) if conditions else lines
    flags = _flags(rows, plan.face)
    found = workspace.one(rows.aggregate(**{str(at): flag.sum() for at, flag in enumerate(flags.values())}))
    sums = {key: int(found[str(at)] or 0) for at, key in enumerate(flags)}
    shown = workspace.dicts(rows.order_by("stage", "hash"), limit=SHOWN)
    return Picked(
        wanted=wanted,
        masks=masks,
        count=sums["all", ""],
        ops={op: sums["op", op] for op in Op if sums["op", op]},
        causes={str(cause): sums["cause", cause] for cause in ("", *Cause) if sums["cause", cause]},
        fields={one.name: sums["field", one.name] for one in plan.face.vars if sums["field", one.name]},
        lists=_moves(sums, plan.face),
        shown=tuple(actions.of(_whole(row)) for row in shown),
        people=tuple(masks.person(key) if not key.startswith("u:") else key for key in wanted.keys),
    )


def _conditions(wanted: Wanted, lines: Rows) -> list[Rows]:
    kinds_of = ops(lines)
    kinds = (
        [(lines["lists"].contains(name).fill_null(False)) | (lines["list"] == name) for name in wanted.lists],  # noqa: FBT003 -- Ibis's own signature
        [lines["vars"].contains(name).fill_null(False) for name in wanted.fields],  # noqa: FBT003 -- the same
        [lines["cause"] == cause for cause in wanted.causes],
        [kinds_of[op] for op in wanted.ops],
    )
    return [functools.reduce(operator.or_, words) for words in kinds if words]


def _persons(keys: Iterable[str], lines: Rows, masks: Masks, workspace: DuckDB) -> list[Rows]:
    """That an action is about one of these people: by address, sid or mask."""
    ways = []
    if asked := {key for key in keys if not key.startswith("u:")}:
        addresses = [fold_address(key) for key in asked]
        ways += [lines["hash"].isin([values.hash_of(one) for one in addresses]), lines["sid"].isin(list(asked))]
        ways += [lines["email"].isin(addresses), lines["to"].isin(addresses)]
    if asked := {key for key in keys if key.startswith("u:")}:
        ways.append(lines["hash"].isin(_hashes(asked, lines, masks, workspace)))
    return [functools.reduce(operator.or_, [way.fill_null(False) for way in ways])] if ways else []  # noqa: FBT003 -- Ibis's own signature


def _hashes(masked: set[str], lines: Rows, masks: Masks, workspace: DuckDB) -> list[str]:
    """Whose mask is one of these, a batch in memory at a time."""
    people = lines.filter(lines["hash"].notnull()).select("hash", who=ibis.coalesce(lines["email"], lines["sid"]))
    found = []
    for batch in workspace.stream(people):
        columns = zip(batch.column("hash").to_pylist(), batch.column("who").to_pylist(), strict=True)
        found += [hash_ for hash_, who in columns if masks.person(who) in masked]
    return found


def ops(lines: Rows) -> dict[Op, Rows]:
    """Of which kinds a line's action is."""
    op, kind = lines["op"], lines["kind"]
    moved = lines["moved"].fill_null(False)  # noqa: FBT003 -- Ibis's own signature
    upsert = op == "upsert"
    return {
        Op.CREATE_LIST: op == "create_list",
        Op.CREATE: upsert & (kind == "create"),
        Op.UPDATE: upsert & (kind != "create"),
        Op.MOVE: upsert & moved,
        Op.UNLIST: upsert & (kind == "leave"),
        Op.ROOM: op == "make_room",
        Op.DELETE: op == "delete",
    }


def _flags(rows: Rows, face: Face) -> dict[tuple[str, str], Rows]:
    """What is counted, under keys that no list or var can take from another."""
    flags: dict[tuple[str, str], Any] = {("all", ""): rows["op"].notnull()}
    flags |= {("op", op): flag for op, flag in ops(rows).items()}
    flags |= {("cause", cause): rows["cause"] == cause for cause in Cause}
    flags["cause", ""] = rows["cause"].isnull() & rows["op"].isin(["upsert", "delete"])
    flags |= {("field", one.name): rows["vars"].contains(one.name) for one in face.vars}
    flags |= {("join", one.name): rows["lists"].get(one.name) for one in face.lists}
    return flags | {("leave", one.name): ~rows["lists"].get(one.name) for one in face.lists}


def _moves(sums: Mapping[tuple[str, str], int], face: Face) -> dict[str, tuple[int, int]]:
    moves = {one.name: (sums["join", one.name], sums["leave", one.name]) for one in face.lists}
    return {name: both for name, both in moves.items() if any(both)}


def _whole(row: Mapping[str, Any]) -> dict[str, Any]:
    """A line as the body has it: the engine gives maps as pairs."""
    maps = {name: dict(row[name] or ()) for name in ("vars", "was", "lists")}
    return {**row, **maps}

"""The inverse of a plan that was applied: what is wanted is what is there, with what the plan wrote as it was before.

From there on it is made as any plan is: it has the same face, guards and consent, and is reviewed and applied by
the same ways. The body of the plan is asked where it lies, by the engine; nothing of a person passes through here.

Who no longer has what the plan had written was changed by somebody since, and is left alone.
"""

from __future__ import annotations

import functools
import operator
from collections.abc import Mapping
from dataclasses import dataclass, replace

import ibis

from reconcile.plan import archive, picking
from reconcile.plan.model import Face, Plan, Stage, UndoFace
from reconcile.state import observed, values
from reconcile.state.desired import Desired
from reconcile.state.engines.duckdb import DuckDB
from reconcile.state.model import Observable, Progress, Rows, Shape
from reconcile.state.observed import Observed


@dataclass(frozen=True, slots=True)
class Inverse:
    """What a plan is made from that takes another back, and what it says of that."""

    desired: Desired
    observed: Observed
    undoes: UndoFace


def lines(plan: Plan, workspace: DuckDB) -> Rows:
    """The body of the plan to take back, as the engine reads it.

    Raises:
        PlanUnusable: the plan was not kept in a file, or is sealed.
    """
    return workspace.json_lines(archive.body(plan, workspace.folder / "applied.ndjson.zst"), picking.LINE)


def undoing(face: Face, run: str, settled: bytes) -> UndoFace:
    """What a run's journal tells of what is to be taken back.

    Args:
        settled: a byte for each of the plan's actions: 1 where it was done and looked at.
    """
    first, _ = face.span(Stage.LISTS)
    lists = tuple(name for number, name in enumerate(sorted(face.new_lists), first) if settled[number])
    return UndoFace(run=run, plan_id=face.plan_id, lists=lists, unverified=settled.count(0), unseen=face.unlooked)


async def build(  # noqa: PLR0913 -- what is known of the run, and how to look at the account
    done: Rows,
    undoes: UndoFace,
    face: Face,
    account: Observable,
    workspace: DuckDB,
    *,
    lookups: int | None,
    at_once: int,
    progress: Progress,
) -> Inverse:
    """Look at the people whom a plan wrote to, and say what they were before.

    Args:
        done: the lines of the plan's body that were done and looked at.
        undoes: what is known of the run already.
        face: the plan's.
        lookups: how many profiles that are on none of our lists may be read one by one; None for all.

    Raises:
        TwinLists, AccountUnfit, ExportBroken: see `observed.build`.
    """
    shape = _shape(face)
    written = workspace.keep("written", _written(done, shape))
    there, unlooked = await observed.among(
        account, written, shape, workspace, lookups=lookups, at_once=at_once, progress=progress
    )
    pairs = workspace.keep("pairs", _paired(written, there.rows, shape))
    ours = pairs.filter(pairs.intact)
    wanted = workspace.keep("desired", _before(ours, shape, face.shape.identity))
    # Who is observed and not wanted would be one who has left.
    rows = workspace.keep("observed to undo", there.rows.semi_join(wanted, "hash"))
    found = workspace.one(pairs.aggregate(**_counts(pairs, shape)))
    deleted = workspace.count(done.filter(done["op"] == "delete"))
    told = {name: int(count or 0) for name, count in found.items()} | {"unlooked": unlooked, "deleted": deleted}
    told["gone"] = told["people"] - told.pop("there") - unlooked
    return Inverse(_desired(wanted, shape, workspace), replace(there, rows=rows), undoes.model_copy(update=told))


def _shape(face: Face) -> Shape:
    """The shape of the plan, in which people are who they are by address and nulls are nulls."""
    shape = face.shape
    return replace(shape, vars=tuple(replace(var, skip_nulls=False) for var in shape.vars), identity=None)


def _desired(rows: Rows, shape: Shape, workspace: DuckDB) -> Desired:
    def settle(name: str, rows: Rows) -> Rows:
        return workspace.keep(name, rows)

    nobody = rows.select("hash", identity=ibis.null("string")).limit(0)
    return Desired(
        rows=rows,
        shape=shape,
        held=nobody,
        invalid=(),
        sources=(),
        total=workspace.count(rows),
        settle=settle,
        _among=lambda keys: rows.mutate(**values.keys(rows["hash"])).semi_join(keys, list(values.KEYS)),
        _owned=lambda ids: ids.limit(0),
    )


def _written(done: Rows, shape: Shape) -> Rows:
    """A row for each profile that was written to: who, and of each field what was written and what was there."""
    rows = done.filter(done["op"] == "upsert")
    columns = {name: rows[name] for name in ("hash", "email", "sid", "kind", "moved")}
    for var in shape.vars:
        columns[f"set:{var.name}"] = rows["vars"].contains(var.name)
        columns[f"new:{var.name}"] = rows["vars"].get(var.name)
        columns[f"old:{var.name}"] = rows["was"].get(var.name)
    for one in shape.memberships:
        columns[f"way:{one.list}"] = rows["lists"].get(one.list)
    return rows.select(**columns)


def _paired(written: Rows, there: Rows, shape: Shape) -> Rows:
    """What was written beside what is there (`o:`): `there`, and `intact` where that is the same."""
    pairs = written.left_join(there.rename("o:{name}"), written["hash"] == there["hash"].name("o:hash"))
    found = pairs["o:hash"].notnull()
    same = [
        ~pairs[f"set:{var.name}"] | pairs[f"new:{var.name}"].identical_to(pairs[f"o:{var.column}"])
        for var in shape.vars
    ]
    # An address may have changed hands in the very run, or since: another profile is another person's.
    same.append(pairs.sid.isnull() | (pairs.sid == pairs["o:sid"]))
    for one in shape.memberships:
        way = pairs[f"way:{one.list}"]
        same.append(way.isnull() | (way == pairs[f"o:{one.column}"]))
    return pairs.mutate(there=found, intact=(functools.reduce(operator.and_, same, found)).fill_null(False))  # noqa: FBT003 -- Ibis's own signature


def _before(pairs: Rows, shape: Shape, key: str | None) -> Rows:
    """A desired table: what is there, but for what was written.

    Args:
        key: the var that keeps people's keys. It is never cleared: without it, nobody knows whose profile it is, and
            the next person at the address would be given it.
    """
    columns = {"hash": pairs["hash"], "email": ibis.coalesce(pairs["email"], pairs["o:email"])}
    for var in shape.vars:
        back = pairs[f"set:{var.name}"] & ~_foreign(pairs, var.name)
        if var.name == key:
            back &= pairs[f"old:{var.name}"].notnull()
        columns[var.column] = ibis.ifelse(back, pairs[f"old:{var.name}"], pairs[f"o:{var.column}"])
    for one in shape.memberships:
        columns[one.column] = ibis.coalesce(~pairs[f"way:{one.list}"], pairs[f"o:{one.column}"])
    return pairs.select(**columns)


def _foreign(pairs: Rows, name: str) -> Rows:
    """Whether there was a value of another JSON type, which a plan of this var's type cannot write."""
    old = pairs[f"old:{name}"]
    return (pairs[f"set:{name}"] & old.startswith(values.FOREIGN)).fill_null(False)  # noqa: FBT003 -- Ibis's own signature


def _counts(pairs: Rows, shape: Shape) -> Mapping[str, Rows]:
    foreign = functools.reduce(
        operator.add, (_foreign(pairs, var.name).cast("int64") for var in shape.vars), ibis.literal(0, "int64")
    )
    return {
        "people": pairs.count(),
        "there": pairs.there.sum(),
        "changed": (pairs.there & ~pairs.intact).sum(),
        "created": (pairs.intact & (pairs.kind == "create")).sum(),
        "moved": (pairs.intact & pairs.moved).sum(),
        "foreign": ibis.ifelse(pairs.intact, foreign, 0).sum(),
    }

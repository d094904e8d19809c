"""Who may differ, found by numbers alone: most people are as they should be, and need no further look.

Every row of either side becomes a short key of its address (see `values.keys`), a number that stands for its vars, and
a bit for each list. One pass brings together what has the same key. Who is wanted and there, with equal numbers and
equal lists, is as wanted: the vars of the desired side are in canonical form already, so that an export which says the
very same is no difference (`values.canonical` is idempotent). Everybody else is a *candidate*: for them alone the rows
are worked out in full, brought into canonical form and compared. A candidate too many costs a little time; that nobody
who differs passes as equal is the law (up to one in 2^64).
"""

from __future__ import annotations

import functools
import operator
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass

import ibis

from reconcile.state import diff, exported, values
from reconcile.state.model import Export, Rows, Shape
from reconcile.state.workspace import Workspace, stacked

WIDTH = 62
"""Lists whose bits share a column of whole numbers."""


@dataclass(frozen=True, slots=True)
class Sifted:
    """Who may differ, and how many do not.

    Args:
        candidates: `key, check` (see `values.keys`), and a boolean column for each list: who is on it now.
        same: people who are as wanted.
        members: list -> how many of those are on it.
    """

    candidates: Rows
    same: int
    members: Mapping[str, int]


def sift(
    desired: Rows,
    exports: Sequence[Export],
    shape: Shape,
    workspace: Workspace,
    settle: Callable[[str, Rows], Rows],
) -> Sifted:
    """Compare everybody who is wanted with everybody who is exported, by numbers.

    Args:
        desired: a desired table of the shape; read once.
        exports: each read once.
        settle: works out rows made of the desired ones, see `properties.Known`.
    """
    pairs = _paired([_wanted(desired, shape), *_there(exports, shape, workspace)], shape)
    same = _alike(pairs, shape)
    # Those who are the same need no keys any more, and fall together, a row for each set of lists that they are on.
    keys = {name: ibis.ifelse(same, ibis.null(pairs[name].type()), pairs[name]) for name in values.KEYS}
    columns = ["same", *values.KEYS, *_masks("on", shape)]
    apart = pairs.mutate(same=same, **keys).group_by(columns).aggregate(people=ibis._.count())
    found = settle("sifted", apart)
    few = found.filter(~found.same)
    return Sifted(few.select(*values.KEYS, **_flags(few, shape)), *_same(found.filter(found.same), shape, workspace))


def marked(exports: Sequence[Export], among: Rows, shape: Shape, workspace: Workspace) -> Rows:
    """Who of a few is on which of the exported lists: `candidates` without a comparison.

    Args:
        among: a table with the `key` and `check` of each.
    """
    rows = [part.semi_join(among, list(values.KEYS)) for part in _there(exports, shape, workspace)]
    return (found := workspace.keep("marked", _paired(rows, shape))).select(*values.KEYS, **_flags(found, shape))


def changes(desired: Rows, observed: Rows, shape: Shape, workspace: Workspace) -> Rows:
    """The changes between two tables of this shape, as `diff.between` tells them, worked out for candidates alone."""
    pairs = _paired([_wanted(desired, shape), _seen(observed, shape)], shape)
    few = workspace.keep("candidates", pairs.filter(~_alike(pairs, shape)).select(*values.KEYS))

    def kept(name: str, rows: Rows) -> Rows:
        keyed = rows.mutate(**values.keys(rows["hash"]))
        return workspace.keep(name, keyed.semi_join(few, list(values.KEYS)).drop(*values.KEYS))

    return diff.between(kept("wanted", desired), kept("there", observed), shape)


def _alike(pairs: Rows, shape: Shape) -> Rows:
    """Whether both sides say the same of somebody, for sure."""
    # Who is exported twice, such as a deleted profile beside its successor (SAILTHRU.md §15), is looked at in full.
    alike = (pairs.wants == pairs.has).fill_null(False) & (pairs.times == 1)  # noqa: FBT003 -- Ibis's own signature
    for want, on in zip(_masks("want", shape), _masks("on", shape), strict=True):
        alike &= pairs[want] == pairs[on]
    return alike


def _wanted(rows: Rows, shape: Shape) -> Rows:
    return _numbered(rows, shape, "want", wants=_fingerprint(rows, shape), has=_nobody())


def _seen(rows: Rows, shape: Shape) -> Rows:
    return _numbered(rows, shape, "on", wants=_nobody(), has=_fingerprint(rows, shape))


def _fingerprint(rows: Rows, shape: Shape) -> Rows:
    return values.fingerprint([rows[var.column] for var in shape.vars])


def _numbered(rows: Rows, shape: Shape, side: str, **numbers: Rows) -> Rows:
    bits = _bits([rows[one.column] for one in shape.memberships])
    return rows.select(**values.keys(rows["hash"]), **numbers, **_columns(side, bits, shape))


def _there(exports: Sequence[Export], shape: Shape, workspace: Workspace) -> Iterator[Rows]:
    for export in exports:
        rows = workspace.records(export)
        # The registry's export has the vars of everybody who can be the same: who is not on it has to join it.
        ours = export.list == shape.registry.list
        numbers = {"wants": _nobody(), "has": exported.fingerprint(rows, export, shape) if ours else _nobody()}
        bits = _bits([ibis.literal(one.list == export.list) for one in shape.memberships])
        yield rows.select(**exported.key(rows, export), **numbers, **_columns("on", bits, shape))


def _nobody() -> Rows:
    return ibis.null("uint64")


def _masks(side: str, shape: Shape) -> list[str]:
    return [f"{side}{at}" for at in range(-(-len(shape.memberships) // WIDTH))]


def _bits(members: Sequence[Rows]) -> list[Rows]:
    """Which lists somebody is on, as whole numbers of `WIDTH` bits."""
    bits = [ibis.ifelse(member, 1 << at % WIDTH, 0).cast("int64") for at, member in enumerate(members)]
    parts = [bits[start : start + WIDTH] for start in range(0, len(bits), WIDTH)]
    return [functools.reduce(operator.add, part) for part in parts]


def _columns(side: str, bits: Sequence[Rows], shape: Shape) -> dict[str, Rows]:
    """The bits as the masks of this side; those of the other are empty."""
    other = "on" if side == "want" else "want"
    return dict(zip(_masks(side, shape), bits, strict=True)) | dict.fromkeys(
        _masks(other, shape), ibis.literal(0, "int64")
    )


def _paired(parts: Sequence[Rows], shape: Shape) -> Rows:
    """One row a key, of all that has it."""
    names = [*values.KEYS, "wants", "has", *_masks("want", shape), *_masks("on", shape)]
    rows = stacked([part.select(names) for part in parts])
    masks = {name: rows[name].bit_or() for name in (*_masks("want", shape), *_masks("on", shape))}
    return rows.group_by(list(values.KEYS)).aggregate(
        wants=rows.wants.max(), has=rows.has.max(), times=rows.has.count(), **masks
    )


def _flags(rows: Rows, shape: Shape) -> dict[str, Rows]:
    masks = _masks("on", shape)
    bits = [rows[masks[at // WIDTH]] & (1 << at % WIDTH) for at in range(len(shape.memberships))]
    return {one.column: bit != 0 for one, bit in zip(shape.memberships, bits, strict=True)}


def _same(rows: Rows, shape: Shape, workspace: Workspace) -> tuple[int, dict[str, int]]:
    """How many are the same, and how many of them are on each list."""
    flags = _flags(rows, shape)
    sums = {one.column: ibis.ifelse(flags[one.column], rows.people, 0).sum() for one in shape.memberships}
    found = workspace.one(rows.aggregate(people=rows.people.sum(), **sums))
    return int(found["people"] or 0), {one.list: int(found[one.column] or 0) for one in shape.memberships}

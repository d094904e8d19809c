"""How large groups are, and how far they overlap, counted over everybody; the account is not asked."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from itertools import combinations, islice

from reconcile.spec.model import Spec
from reconcile.state import groups, people, steps
from reconcile.state.gathering import Gathering
from reconcile.state.model import Invalid, Rows
from reconcile.state.people import People
from reconcile.state.properties import Known
from reconcile.state.workspace import Workspace

PAIRS = 500
"""Pairs of groups that one pass counts: more, and the statement is slower to make than to run."""


@dataclass(frozen=True, slots=True)
class Audience:
    """Everybody who can be used, by group.

    Args:
        sizes: group -> people in it.
        overlaps: two groups, in the order of the spec -> people in both; pairs that share nobody are left out.
        excluded: group -> people whom only `exclude_from_all` keeps out of it; groups without any are left out.
        nowhere: people in no group.
        invalid: rows and values that cannot be used, by reason.
    """

    total: int
    sizes: Mapping[str, int]
    overlaps: Mapping[tuple[str, str], int]
    excluded: Mapping[str, int]
    nowhere: int
    invalid: tuple[Invalid, ...]


def counted(gathering: Gathering) -> Audience:
    """Count them.

    Raises:
        see `desired.build`.
    """
    spec, workspace = gathering.spec, gathering.workspace
    found, known = gathering.everybody()
    with steps.step(gathering.progress, "counting groups", len(spec.groups), unit="groups") as step:
        audience = _counted(spec, found, known, workspace)
        step.advance(len(spec.groups))
    return audience


def _counted(spec: Spec, found: People, known: Known, workspace: Workspace) -> Audience:
    columns = {name: f"g:{name}" for name in spec.groups}
    before = {name: groups.before(name) for name in groups.excludable(spec)}
    rows = known.settle("members", known.rows.select(people.KEY, *columns.values(), *before.values()))
    sizes = _sums({name: rows[column] for name, column in columns.items()}, rows, workspace)
    filled = [name for name in columns if sizes[name]]
    overlaps: dict[tuple[str, str], int] = {}
    pairs = combinations(filled, 2)
    while some := list(islice(pairs, PAIRS)):
        both = {str(at): rows[columns[a]] & rows[columns[b]] for at, (a, b) in enumerate(some)}
        counts = _sums(both, rows, workspace)
        overlaps |= {pair: counts[str(at)] for at, pair in enumerate(some) if counts[str(at)]}
    joined = (rows[column].fill_null(False) for column in columns.values())  # noqa: FBT003 -- Ibis's own signature
    nowhere = rows.filter([~one for one in joined]) if columns else rows
    taken = _sums({name: rows[column] & ~rows[columns[name]] for name, column in before.items()}, rows, workspace)
    excluded = {name: count for name, count in taken.items() if count}
    return Audience(
        found.total, sizes, overlaps, excluded, workspace.count(nowhere), (*found.invalid, *known.unconverted)
    )


def _sums(conditions: Mapping[str, Rows], rows: Rows, workspace: Workspace) -> dict[str, int]:
    """For how many rows each condition holds."""
    if not conditions:
        return {}
    sums = workspace.one(rows.aggregate(**{name: one.sum() for name, one in conditions.items()}))
    return {name: int(count or 0) for name, count in sums.items()}

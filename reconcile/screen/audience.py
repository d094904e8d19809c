"""Sizes and overlaps of groups, in words and as JSON."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from reconcile.screen import cells
from reconcile.spec.model import Spec

if TYPE_CHECKING:
    from reconcile.state.audience import Audience

LARGEST = 20
"""Overlaps that a person is shown."""


def groups(spec: Spec, found: Audience) -> Iterator[str]:
    """All of it as lines for a person: sizes in the order of the spec, then the largest overlaps."""
    rows = [
        (name, size, cells.share(size, found.total), _told(name, spec, found)) for name, size in found.sizes.items()
    ]
    if not rows:
        yield "The spec has no groups; see docs/groups.md."
    rows += [("(in no group)", found.nowhere, cells.share(found.nowhere, found.total), "")] if rows else []
    rows += [("(everybody)", found.total, cells.share(found.total, found.total), "")]
    names, numbers = (
        max(len(text) for text in column) for column in zip(*((r[0], f"{r[1]:,}") for r in rows), strict=True)
    )
    for name, size, share, told in rows:
        yield f"{name.ljust(names)}  {f'{size:,}'.rjust(numbers)}  {share.rjust(6)}  {told}".rstrip()
    if found.overlaps:
        yield ""
        yield "Overlaps"
        yield from _overlaps(found)
    for one in found.invalid:
        yield f"  ! {one.count:,} in {one.source}: {one.reason}"


def _told(name: str, spec: Spec, found: Audience) -> str:
    """The list of a group, and how many more would be in it."""
    excluded = found.excluded.get(name)
    listed = spec.groups[name].list or ""
    return f"{listed}  ({excluded:,} more out by exclude_from_all)".lstrip() if excluded else listed


def _overlaps(found: Audience) -> Iterator[str]:
    largest = sorted(found.overlaps.items(), key=lambda one: (-one[1], one[0]))
    shown = [(f"{a} and {b}", count, found.sizes[a], found.sizes[b]) for (a, b), count in largest[:LARGEST]]
    wide, numbers = max(len(one[0]) for one in shown), len(f"{shown[0][1]:,}")
    for names, count, first, second in shown:
        shares = f"{cells.share(count, first)} and {cells.share(count, second)} of them"
        yield f"  {names.ljust(wide)}  {f'{count:,}'.rjust(numbers)}  {shares}"
    if len(largest) > LARGEST:
        yield f"  and {len(largest) - LARGEST:,} smaller ones; --json has them all."


def groups_json(found: Audience) -> dict[str, Any]:
    """All of it as the fields of an event."""
    return {
        "people": found.total,
        "sizes": dict(found.sizes),
        "overlaps": [{"groups": list(pair), "people": count} for pair, count in sorted(found.overlaps.items())],
        "excluded": dict(found.excluded),
        "in_no_group": found.nowhere,
        "invalid": [{"reason": one.reason, "source": one.source, "count": one.count} for one in found.invalid],
    }

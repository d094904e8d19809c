"""What a spec can take over of an account that is in use: which vars its columns fill, and which lists it may name."""

from __future__ import annotations

import unicodedata
from collections import Counter
from collections.abc import Mapping, Sequence

from reconcile.spec import naming
from reconcile.spec.check import misnamed
from reconcile.spec.drafting import TYPES, Listed, Sent
from reconcile.spec.model import REGISTRY


def vars(found: Mapping[str, str | None], columns: Mapping[str, str]) -> tuple[list[Sent], dict[str, str | None]]:
    """The vars that a column of the same name fills (but for case and underscores), and those that none does.

    Args:
        found: the account's vars with their types, None where unknown.
        columns: with their kinds.

    A column fills one var, that of exactly its name before another. Of vars that differ only in case, which no spec may
    have side by side, one is filled.
    """
    sent: dict[str, Sent] = {}
    taken: set[str] = set()
    for var in sorted(found, key=lambda name: (name not in columns, name)):
        column = naming.same(var, tuple(columns)) if naming.kept_by_sailthru(var) else None
        if column is None or column in sent or var.casefold() in taken:
            continue
        taken.add(var.casefold())
        type_ = found[var]
        sent[column] = Sent(var, column, None if type_ == TYPES.get(columns[column]) else type_)
    known = {one.var for one in sent.values()}
    return sorted(sent.values(), key=lambda one: one.var), {
        name: type_ for name, type_ in found.items() if name not in known
    }


def lists(found: Sequence[tuple[str, str, int | None]]) -> list[Listed]:
    """The account's lists, each with why a spec cannot have it, if so.

    Args:
        found: name, type (`natural` or `smart`) and members of each.
    """
    counts = Counter(name for name, _, _ in found)
    near = Counter(_folded(name) for name in counts)
    return [
        Listed(name, members, _unfit(name, type_, counts[name], near[_folded(name)])) for name, type_, members in found
    ]


def _unfit(name: str, type_: str, twins: int, near: int) -> str | None:
    wrong = next(iter(misnamed(name)), None)
    if type_ != "natural":
        return "it is a smart list, which Sailthru fills by itself"
    if twins > 1:
        return f"{twins} lists have this name; rename or delete all but one"
    if near > 1:
        return "another list's name differs only in case or outer space"
    if _folded(name) == _folded(REGISTRY):
        return "it is the list of everybody we manage (account.registry)"
    return f"its name {wrong}" if wrong else None


def _folded(name: str) -> str:
    """As `check` compares names of lists."""
    return unicodedata.normalize("NFC", name).strip().casefold()

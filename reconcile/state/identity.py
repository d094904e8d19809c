"""Who is who: people of the sources and profiles of the account brought together.

The source's own id comes first, where the account keeps it, and the address second: so a changed address is the same
profile, and two people who exchanged addresses each keep theirs, with all that was ever known of them. A profile that
is known to be another person's is never taken for somebody's because of its address.
"""

from __future__ import annotations

from collections.abc import Callable

import ibis

from reconcile.state import values
from reconcile.state.model import Rows, Shape
from reconcile.state.workspace import Workspace

TAKEN = "address is another person's at Sailthru"
"""Why somebody is left out of a plan whose address a profile has that is not theirs, and stays."""


def matched(desired: Rows, observed: Rows, shape: Shape) -> Rows:
    """Desired with two more columns.

    `match` is the hash of the profile that is theirs, null where there is none. `holder` is the sid of the profile that
    has their address and is another person's, null where there is none: it has to go before they can have it.
    """
    if shape.identity is None:
        return desired.mutate(match=desired["hash"], holder=ibis.null("string"))
    identity = f"var:{shape.identity}"
    observed = observed.mutate(**{identity: said(observed[identity])})
    moved, others = _moved(desired, observed, shape, identity), _others(desired, observed, identity)
    found = desired.left_join(moved, "hash").drop("hash_right").left_join(others, "hash")
    # Whose address is another person's profile has no profile by it, and may have one by their id.
    by_address = ibis.ifelse(found.holder.isnull(), found["hash"], ibis.null("string"))
    return found.select(*desired.columns, "holder", match=found.partner.fill_null(by_address))


def mark_duplicates(changes: Rows, owned: Callable[[Rows], Rows], shape: Shape, workspace: Workspace) -> Rows:
    """The changes with `duplicate` true for each profile that nobody wants and that keeps the key of somebody wanted.

    It is a second profile of theirs, and not somebody who left. Where a profile without a key becomes theirs instead of
    their only registered one, that one has left.

    Args:
        changes: see `state.diff`.
        owned: gives back those of a table of ids (column `id`) that a row of the sources has.
    """
    if shape.identity is None:
        return changes
    kept, new = said(changes[f"old:{shape.identity}"]), changes[f"new:{shape.identity}"]
    left = changes.filter((changes.kind == "leave") & kept.notnull())
    left = left.select("sid", id=kept, ours=left[f"leave:{shape.registry.list}"])
    left = workspace.keep("leaving with a key", left)
    if not workspace.count(left):
        return changes
    doubles = left.semi_join(workspace.keep("owned keys", owned(left.select("id").distinct())), "id")
    signed_up = changes.filter((changes.kind == "update") & ~changes.moved & kept.isnull()).select(id=new)
    ours = doubles.filter(doubles.ours)
    only = ours.group_by("id").aggregate(sid=ours.sid.min(), profiles=ours.count())
    replaced = only.filter(only.profiles == 1).semi_join(signed_up, "id")
    found = workspace.keep("duplicates", doubles.anti_join(replaced, "sid").select(double="sid"))
    if not workspace.count(found):
        return changes
    marked = changes.left_join(found, changes.sid == found.double)
    return marked.mutate(duplicate=(marked.kind == "leave") & marked.double.notnull()).drop("double")


def said(key: Rows) -> Rows:
    """A key without its type: `"2"` and 2 are one person's, whatever has to be written."""
    return ibis.ifelse(key.startswith(values.FOREIGN), key.substr(1).replace('"', ""), key)


def _moved(desired: Rows, observed: Rows, shape: Shape, identity: str) -> Rows:
    """`hash, partner`: people of ours whose profile has another address than they have now."""
    ours = observed.filter(observed[shape.registry.column])
    pairs = _alone(desired, identity).join(_alone(ours, identity).rename(partner="hash"), identity)
    there = observed.select("hash", theirs=identity)
    # Two profiles are never merged. Where their new address has a profile that keeps their key already, or one that
    # keeps no key (it signed up by itself), that one is theirs from now on, and the other is not moved.
    settled = pairs.select("hash", mine=identity).join(there, "hash")
    settled = settled.filter(settled.theirs.isnull() | (settled.mine == settled.theirs))
    return pairs.filter(pairs["hash"] != pairs.partner).select("hash", "partner").anti_join(settled, "hash")


def _others(desired: Rows, observed: Rows, identity: str) -> Rows:
    """`hash, holder`: people whose address is that of a profile with another person's id."""
    there = observed.filter(observed[identity].notnull()).select("hash", theirs=identity, holder="sid")
    pairs = desired.select("hash", mine=identity).join(there, "hash")
    others = pairs.filter(pairs.mine != pairs.theirs)
    return others.group_by("hash").aggregate(holder=others.holder.min())


def _alone(rows: Rows, identity: str) -> Rows:
    """Rows whose identity is known and theirs alone: two profiles with one id cannot say who moved."""
    known = rows.filter(rows[identity].notnull())
    groups = known.group_by(identity).aggregate(hash=known["hash"].min(), people=known.count())
    return groups.filter(groups.people == 1).drop("people")

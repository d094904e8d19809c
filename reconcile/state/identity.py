"""Who is who: people of the sources and profiles of the account brought together.

The source's own id comes first, where the account keeps it, and the address second: so a changed address is the same
profile, and two people who exchanged addresses each keep theirs, with all that was ever known of them. A profile that
is known to be another person's is never taken for somebody's because of its address.
"""

from __future__ import annotations

import ibis

from reconcile.state import values
from reconcile.state.model import Rows, Shape

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


def said(key: Rows) -> Rows:
    """A key without its type: `"2"` and 2 are one person's, whatever has to be written."""
    return ibis.ifelse(key.startswith(values.FOREIGN), key.substr(1).replace('"', ""), key)


def _moved(desired: Rows, observed: Rows, shape: Shape, identity: str) -> Rows:
    """`hash, partner`: people of ours whose profile has another address than they have now."""
    ours = observed.filter(observed[shape.registry.column])
    pairs = _alone(desired, identity).join(_alone(ours, identity).rename(partner="hash"), identity)
    # Their new address may have a profile that nobody's id is known of, such as one that signed up by itself: two
    # profiles are never merged, so that one is theirs from now on, and the old one has left.
    signed_up = observed.filter(observed[identity].isnull())
    return pairs.filter(pairs["hash"] != pairs.partner).select("hash", "partner").anti_join(signed_up, "hash")


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

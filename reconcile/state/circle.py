"""One person at the account, and whoever is at the addresses that concern them: all that a plan would look at of them.

Who they are there is said by address and by id (`state.identity`), so a person's own profile may have an address that
another person is to have, and the other way round. What leads on is followed, one typed look at a time.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from reconcile.state import identity, observed, people, sightings, values
from reconcile.state.desired import Desired
from reconcile.state.model import Observable, Ref, Rows, Sighting
from reconcile.state.people import People
from reconcile.state.workspace import Workspace, arrow

MOST = 20
"""Profiles that are looked at: a longer chain of addresses is not followed to its end."""


@dataclass(frozen=True, slots=True)
class Circle:
    """Both states, of one person and those around.

    Args:
        observed: an observed table.
        email: the address that the person is to have; None where no source has them.
        seen: the profile that is theirs, None where the account has none.
        other: whether the address is that of a profile of somebody else.
    """

    desired: Desired
    observed: Rows
    email: str | None
    seen: Sighting | None
    other: bool = False

    @property
    def name(self) -> str | None:
        """What the sources may know them by: the address, or the id that their profile keeps."""
        identity = self.desired.shape.identity
        kept = self.seen.vars.get(identity) if self.seen and identity else None
        return self.email or (str(kept) if kept is not None else None)


async def around(account: Observable, desired: Desired, found: People, workspace: Workspace, address: str) -> Circle:
    """Look at who is at this address, and at whoever that leads to."""
    shape, names = desired.shape, [var.name for var in desired.shape.vars]
    looked: dict[str, Sighting | None] = {}
    waiting = [address]
    while waiting and len(looked) < MOST:
        for one in waiting:
            looked[one] = await account.look(Ref(email=one), names)
        there = [sighting for sighting in looked.values() if sighting is not None]
        rows = sightings.canonical(workspace.store("looked at", sightings.as_arrow(there, shape)), shape)
        rows = workspace.keep("circle", rows)
        waiting = [one for one in _addresses(rows, desired, found, workspace) if one not in looked]
    among = workspace.store("among", arrow({"hash": [values.hash_of(one) for one in looked]}, {"hash": "string"}))
    few = desired.among(among.select(**values.keys(among["hash"])))
    ours = workspace.keep("ours", observed.hands_off(rows, few, workspace))
    seen = {values.hash_of(one): sighting for one, sighting in looked.items()}
    person = _theirs(few, ours, address, workspace)
    free = observed.without_theirs(few, rows, ours, workspace)
    if person is None:
        return Circle(free, ours, None, looked[address])
    left_out = workspace.count(free.rows.filter(free.rows["hash"] == person["hash"])) == 0
    own = None if left_out or person["match"] is None else seen.get(person["match"])
    return Circle(free, ours, person["email"], own, other=left_out or person["holder"] is not None)


def _addresses(rows: Rows, desired: Desired, found: People, workspace: Workspace) -> list[str]:
    """The addresses of our people whose ids these profiles have."""
    if desired.shape.identity is None:
        return []
    ids = rows.select(**{people.KEY: identity.said(rows[f"var:{desired.shape.identity}"])})
    ids = workspace.keep("ids", ids.filter(ids[people.KEY].notnull()))
    some = found.home.semi_join(ids, people.KEY).select(people.EMAIL).order_by(people.EMAIL)
    return [row[people.EMAIL] for row in workspace.dicts(some, limit=MOST)]


def _theirs(desired: Desired, ours: Rows, address: str, workspace: Workspace) -> Mapping[str, Any] | None:
    """Who is to have the address, or else whose profile has it now: `email, hash, match, holder`."""
    pairs = workspace.keep("pairs", identity.matched(desired.rows, ours, desired.shape))
    for side in ("hash", "match"):
        found = pairs.filter(pairs[side] == values.hash_of(address)).select("email", "hash", "match", "holder")
        if rows := workspace.dicts(found, limit=1):
            return rows[0]
    return None

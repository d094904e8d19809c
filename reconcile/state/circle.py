"""One person at the account, and whoever is at the addresses that concern them: all that a plan would look at of them.

Who they are there is said by address and by id (`state.identity`), so a person's own profile may have an address that
another person is to have, and the other way round. What leads on is followed, one typed look at a time.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from reconcile.spec.folding import fold_address
from reconcile.state import arrows, exported, identity, observed, people, sightings, values
from reconcile.state.desired import Desired
from reconcile.state.model import Export, Observable, Ref, Rows, Sighting
from reconcile.state.people import People
from reconcile.state.sightings import Unknown
from reconcile.state.workspace import Workspace

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
        unknown: why nothing can be said of the person's profile, or of one that theirs depends on; else None.
    """

    desired: Desired
    observed: Rows
    email: str | None
    seen: Sighting | None
    other: bool = False
    unknown: str | None = None

    @property
    def hashes(self) -> Rows:
        """`hash` of everybody in either state."""
        return self.desired.rows.select("hash").union(self.observed.select("hash"))

    @property
    def name(self) -> str | None:
        """What the sources may know them by: the address, or the id that their profile keeps."""
        identity = self.desired.shape.identity
        kept = self.seen.vars.get(identity) if self.seen and identity else None
        return self.email or (str(kept) if kept is not None else None)


async def around(
    account: Observable,
    desired: Desired,
    found: People,
    workspace: Workspace,
    address: str,
    registry: Export | None = None,
) -> Circle:
    """Look at who is at this address, and at whoever that leads to.

    Args:
        registry: an export of the registry, to find profiles by the ids that they keep: no call can.
    """
    names = [var.name for var in desired.shape.vars]
    known = None if registry is None else _kept_ids(registry, desired, workspace)
    there: dict[str, Sighting] = {}
    unknown: list[Unknown] = []
    done, waiting, rows = set[Ref](), [Ref(email=address)], None
    while waiting and len(done) < MOST:
        done |= {*waiting}
        for ref in waiting:
            one = await sightings.look(account, ref, names)
            if isinstance(one, Unknown):
                unknown.append(one)
            elif one is not None:
                there[one.sid] = one
                done |= {Ref(sid=one.sid), Ref(email=_address(one))}
        told = workspace.store("looked at", sightings.as_arrow([*there.values()], desired.shape))
        rows = workspace.keep("circle", sightings.canonical(told, desired.shape))
        waiting = [ref for ref in _further(rows, _addresses(done), known, desired, found, workspace) if ref not in done]
    seen = {values.hash_of(_address(one) or one.sid): one for one in there.values()}
    circle = _circle(desired, rows, _addresses(done), seen, address, workspace)
    return _known(circle, unknown, address, workspace) if unknown else circle


def _known(circle: Circle, unknown: Sequence[Unknown], address: str, workspace: Workspace) -> Circle:
    """The circle without those whom a plan would leave out because nothing can be said of a profile."""
    told = workspace.store("unknown", sightings.unknown_as_arrow(unknown))
    desired, rows = observed.without_unknown(circle.desired, circle.observed, told, workspace)
    hash_ = values.hash_of(circle.email or address)
    before, after = (workspace.count(one.filter(one["hash"] == hash_)) for one in (circle.desired.rows, desired.rows))
    left_out = after < before or any(one.ref.email == address for one in unknown)
    return replace(circle, desired=desired, observed=rows, unknown=unknown[0].reason if left_out else None)


def _addresses(refs: Collection[Ref]) -> list[str]:
    return sorted(ref.email for ref in refs if ref.email)


def _address(sighting: Sighting) -> str | None:
    return fold_address(sighting.email or "") or None


def _kept_ids(registry: Export, desired: Desired, workspace: Workspace) -> Rows | None:
    """`k:id, sid` of the profiles on the registry; None where nobody is known by an id."""
    if desired.shape.identity is None:
        return None
    records = workspace.records(registry)
    told = exported.profiles(records.mutate(**exported.key(records, registry)), registry, desired.shape)
    return told.select("sid", **{people.KEY: identity.said(told[f"var:{desired.shape.identity}"])})


def _further(
    rows: Rows, addresses: Sequence[str], kept: Rows | None, desired: Desired, found: People, workspace: Workspace
) -> list[Ref]:
    """Where the ids of these profiles, and of our people at these addresses, lead to."""
    if desired.shape.identity is None:
        return []
    ids = rows.select(**{people.KEY: identity.said(rows[f"var:{desired.shape.identity}"])})
    ours = found.home.filter(found.home[people.EMAIL].isin(addresses)).select(people.KEY)
    ids = workspace.keep("ids", ids.filter(ids[people.KEY].notnull()).union(ours))
    some = found.home.semi_join(ids, people.KEY).select(people.EMAIL).order_by(people.EMAIL)
    refs = [Ref(email=row[people.EMAIL]) for row in workspace.dicts(some, limit=MOST)]
    if kept is not None:
        theirs = kept.semi_join(ids, people.KEY).select("sid").order_by("sid")
        refs += [Ref(sid=row["sid"]) for row in workspace.dicts(theirs, limit=MOST)]
    return refs


def _circle(
    desired: Desired,
    rows: Rows,
    addresses: Sequence[str],
    seen: Mapping[str, Sighting],
    address: str,
    workspace: Workspace,
) -> Circle:
    """Both states of all of these, and who of them the person is."""
    hashes = arrows.table({"hash": [values.hash_of(one) for one in addresses]}, {"hash": "string"})
    among = workspace.store("among", hashes)
    few = desired.among(among.select(**values.keys(among["hash"])))
    ours = workspace.keep("ours", observed.hands_off(rows, few, workspace))
    person = _theirs(few, ours, address, workspace)
    free = observed.without_theirs(few, rows, ours, workspace)
    if person is None:
        return Circle(free, ours, None, seen.get(values.hash_of(address)))
    left_out = workspace.count(free.rows.filter(free.rows["hash"] == person["hash"])) == 0
    own = None if left_out or person["match"] is None else seen.get(person["match"])
    return Circle(free, ours, person["email"], own, other=left_out or person["holder"] is not None)


def _theirs(desired: Desired, ours: Rows, address: str, workspace: Workspace) -> Mapping[str, Any] | None:
    """Who is to have the address, or else whose profile has it now: `email, hash, match, holder`."""
    pairs = workspace.keep("pairs", identity.matched(desired.rows, ours, desired.shape))
    for side in ("hash", "match"):
        found = pairs.filter(pairs[side] == values.hash_of(address)).select("email", "hash", "match", "holder")
        if rows := workspace.dicts(found, limit=1):
            return rows[0]
    return None

"""One person at the account, and whoever is at the addresses that concern them: a part of what a plan looks at.

It is read and matched as a plan is (`observed.build`). Only what is read one by one is restricted to profiles that may
have to do with the person: those that hang together with theirs by addresses and ids, however many steps away.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import ibis

from reconcile.state import arrows, identity, observed, sightings, values
from reconcile.state.desired import Desired
from reconcile.state.model import Observable, Progress, Ref, Rows, Shape, Sighting
from reconcile.state.observed import Observed
from reconcile.state.sightings import Unknown
from reconcile.state.tracing import Trace
from reconcile.state.workspace import Workspace

_NODES = {"hash": "string", "id": "string"}


@dataclass(frozen=True, slots=True)
class Circle:
    """Both states, of one person and those around.

    Args:
        desired: with the rows of those who may differ.
        observed: with the rows of the same.
        email: the address that the person is to have; None where no source has them.
        seen: the profile that is theirs, None where the account has none.
        other: whether the address is that of a profile of somebody else.
        id: the key of the person, where profiles keep it.
        sid: that of the profile that is theirs, where a plan knows it.
        unknown: why a plan leaves the person out: nothing can be said of their profile, or of one that theirs depends
            on; else None.
        unseen: why their profile cannot be shown; else None.
    """

    desired: Desired
    observed: Observed
    email: str | None
    seen: Sighting | None
    other: bool = False
    id: str | None = None
    sid: str | None = None
    unknown: str | None = None
    unseen: str | None = None

    @property
    def hashes(self) -> Rows:
        """`hash` of everybody in either state."""
        return self.desired.rows.select("hash").union(self.observed.rows.select("hash"))


def kept_id(profile: Sighting | Unknown | None, shape: Shape) -> str | None:
    """The key that a profile keeps."""
    kept = profile.vars.get(shape.identity) if isinstance(profile, Sighting) and shape.identity else None
    return None if kept is None else str(kept)


@dataclass(frozen=True, slots=True)
class Person:
    """Whom it is about: an address, a key, or both. Satisfies `observed.Around`.

    Args:
        address: None where only the key is known: the person's profile is to be found by it.
    """

    address: str | None
    id: str | None
    known: bool
    """Whether a source has them."""

    @classmethod
    def of(cls, address: str, traces: Sequence[Trace], shape: Shape) -> Person:
        """Whoever has these traces and is to have the address."""
        usable = [one for one in traces if not one.refused]
        return cls(address, usable[0].key if usable and shape.identity else None, known=bool(usable))

    async def look(
        self,
        looker: sightings.Looker,
        asked: Sequence[tuple[str, Rows]],
        desired: Desired,
        there: Rows,
        workspace: Workspace,
    ) -> tuple[Rows, Rows]:
        """Look at whoever hangs together with the person, and at whoever that leads to."""
        seen, unknown = await looker.look([])
        done = set[tuple[str, str]]()
        while True:
            near = self.around(desired.rows, there.union(seen.select(*there.columns)), desired.shape, workspace)
            todo = []
            for by, rows in asked:
                few = rows.semi_join(near, "hash").select(by)
                found = {row[by] for row in workspace.dicts(few, limit=workspace.count(few))}
                if new := sorted(one for one in found if (by, one) not in done):
                    done |= {(by, one) for one in new}
                    todo.append((by, workspace.store(f"to look up by {by}", arrows.table({by: new}, {by: "string"}))))
            if not todo:
                return seen, unknown
            seen, unknown = await looker.look(todo, more=True)

    def around(self, desired: Rows, there: Rows, shape: Shape, workspace: Workspace) -> Rows:
        """`hash, id` of everybody who hangs together with the person."""
        hash_ = None if self.address is None else values.hash_of(self.address)
        seed: dict[str, list[str | None]] = {"hash": [hash_], "id": [self.id]}
        near = workspace.store("around 0", arrows.table(seed, _NODES))
        key = None if shape.identity is None else f"var:{shape.identity}"
        nodes = [
            rows.select("hash", id=ibis.null("string") if key is None else identity.said(rows[key]))
            for rows in (desired, there)
        ]
        everybody, size, step = nodes[0].union(nodes[1]), 0, 0
        while (count := workspace.count(near)) > size:
            size, step = count, step + 1
            ids = near.filter(near.id.notnull()).select("id")
            more = everybody.semi_join(near, "hash").union(everybody.semi_join(ids, "id"))
            near = workspace.keep(f"around {step}", near.union(more).distinct())
        return near


async def around(  # noqa: PLR0913 -- whom it is about, and how the account may be looked at
    account: Observable,
    desired: Desired,
    person: Person,
    workspace: Workspace,
    *,
    lookups: int | None,
    at_once: int,
    progress: Progress,
    first: Sighting | Unknown | None,
) -> Circle:
    """Look at the account as a plan does, for one person.

    Args:
        first: the profile at the person's address, if there is one, or why nobody can say.

    Raises: as `observed.build`.
    """
    wanted, there = await observed.build(
        account, desired, workspace, lookups=lookups, at_once=at_once, progress=progress, around=person
    )
    near = person.around(wanted.rows, there.rows, wanted.shape, workspace).select("hash").distinct()
    wanted = replace(wanted, rows=workspace.keep("desired around", wanted.rows.semi_join(near, "hash")))
    there = replace(there, rows=workspace.keep("observed around", there.rows.semi_join(near, "hash")))
    pair = _pair(wanted, there.rows, person, workspace) if person.known else None
    own = pair["sid"] if pair else None if person.known else _sid_of(person, there.rows, wanted.shape, workspace)
    seen = first
    if own is not None and (not isinstance(first, Sighting) or first.sid != own):
        seen = await sightings.look(account, Ref(sid=own), [var.name for var in wanted.shape.vars])
    elif pair is not None and own is None:
        seen = None  # whose profile has the address is another person
    # Who is in neither state is as wanted already, or left out with somebody of whom nothing can be said.
    left_out = wanted.invalid[len(desired.invalid) :] if pair is None and own is None else ()
    unknown = left_out[0].reason if left_out else None
    return Circle(
        wanted,
        there,
        person.address if person.known else None,
        seen if isinstance(seen, Sighting) else None,
        other=pair is not None and pair["holder"] is not None,
        id=person.id if person.known else None,
        sid=own or (seen.sid if isinstance(seen, Sighting) else None),
        unknown=unknown,
        unseen=unknown or (seen.reason if isinstance(seen, Unknown) else None),
    )


def _sid_of(person: Person, there: Rows, shape: Shape, workspace: Workspace) -> str | None:
    """The sid of the profile at the address of somebody whom no source has, or else of the one that keeps their key."""
    if person.address is not None:
        theirs = there["hash"] == values.hash_of(person.address)
    else:
        theirs = identity.said(there[f"var:{shape.identity}"]) == person.id
    # Of two profiles with one key, the one that we manage.
    order = [ibis.desc(there[shape.registry.column]), there.sid]
    found = workspace.dicts(there.filter(theirs).order_by(order).select("sid"), limit=1)
    return found[0]["sid"] if found else None


def _pair(desired: Desired, there: Rows, person: Person, workspace: Workspace) -> Mapping[str, Any] | None:
    """`holder, sid`: whose profile has the person's address, and which is the person's own. None for nobody."""
    if person.address is None:
        return None
    pairs = identity.matched(desired.rows, there, desired.shape)
    mine = workspace.keep("own pair", pairs.filter(pairs["hash"] == values.hash_of(person.address)))
    found = mine.select("match", "holder").left_join(there.select("hash", "sid"), [("match", "hash")])
    rows = workspace.dicts(found.select("holder", "sid"), limit=1)
    return rows[0] if rows else None

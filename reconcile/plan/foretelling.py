"""What a plan would do about one person: made as a plan is made, and told in its words."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass

import ibis

from reconcile.plan import actions, addresses, causes, people, planner
from reconcile.plan.causes import Memory
from reconcile.plan.model import Action, Cause, Delete, MakeRoom, Stage, Upsert
from reconcile.spec.model import Policy, Spec
from reconcile.state import identity, values
from reconcile.state.circle import Circle
from reconcile.state.masks import Masks
from reconcile.state.model import Rows, Shape, Sighting, Violation
from reconcile.state.tracing import Trace

_HELD = {
    "create": "no profile is created",
    "update": "nobody is taken off a list",
    "leave": "who left is left alone",
}

_CAUSES: Mapping[Cause | None, str] = {
    Cause.DATA: "the sources say something else than at the last apply",
    Cause.SPEC: "the spec says something else than at the last apply",
    Cause.DRIFT: "somebody changed it at the account since the last apply",
}


@dataclass(frozen=True, slots=True)
class Foretold:
    """What a plan would do.

    Args:
        steps: its lines about the person, each with why.
        held: what differs, and the policy leaves alone, in words.
        taken: whether they would be left out, because somebody else has their address and stays.
        violations: terms of contracts for which nobody is taken off a list or deleted.
    """

    steps: tuple[tuple[people.Row, str], ...] = ()
    held: tuple[str, ...] = ()
    taken: bool = False
    violations: tuple[Violation, ...] = ()


@dataclass(frozen=True, slots=True)
class Explanation:
    """What is known of a person, and, where the account was looked at, what it has and what a plan would do."""

    masks: Masks
    traces: list[Trace]
    circle: Circle | None = None
    foretold: Foretold | None = None
    looked: bool = False

    @property
    def seen(self) -> Sighting | None:
        """The person's profile."""
        return self.circle.seen if self.circle else None

    @property
    def unknown(self) -> str | None:
        """Why nothing can be said of the person's profile, so that a plan leaves them out."""
        return self.circle.unknown if self.circle else None

    @property
    def unseen(self) -> str | None:
        """Why the person's profile cannot be shown."""
        return self.circle.unseen if self.circle else None


def foretell(circle: Circle, bounds: addresses.Setting, spec: Spec, memory: Memory) -> Foretold:
    """Plan the circle by the steps of a plan, and tell what concerns the person.

    Args:
        memory: what was last applied, to tell causes by.
    """
    workspace, policy, desired = bounds.workspace, bounds.policy, circle.desired
    changes = planner.compare(desired, circle.observed.rows, workspace)
    why = causes.Why.of(memory, spec, bounds.shape, workspace)
    decision = planner.settle(changes, desired, circle.observed, bounds, why)
    theirs = _about(circle, decision.settled.changes, bounds.shape)
    done = workspace.keep("decided about", _about(circle, decision.decided, bounds.shape))
    left = workspace.dicts(theirs.anti_join(done, ["hash", "kind"]).select("kind"), limit=1)
    # Whom a source has did not leave: what is taken off lists or deleted is another profile that keeps their key.
    second = done.filter((done.kind == "leave") & (circle.email is not None)).select("sid")
    doubles = frozenset(row["sid"] for row in workspace.dicts(second, limit=workspace.count(second)))
    return Foretold(
        steps=tuple(_told(_actions(circle, decision.settled, done, bounds), circle, bounds, doubles)),
        held=tuple(f"policy.mode is {policy.mode}: {_HELD[row['kind']]}" for row in left if not bounds.hold),
        taken=circle.other and workspace.count(theirs.filter(theirs.kind != "leave")) == 0,
        violations=desired.violations,
    )


def _about(circle: Circle, rows: Rows, shape: Shape) -> Rows:
    """Changes of the person's profile, of others that keep their key, and of who is to have the address."""
    theirs = rows.sid == circle.sid if circle.sid else ibis.literal(value=False)
    if circle.email is not None:
        theirs |= (rows.kind != "leave") & (rows["hash"] == values.hash_of(circle.email))
    if circle.id is not None and shape.identity is not None:
        theirs |= (rows.kind == "leave") & (identity.said(rows[f"old:{shape.identity}"]) == circle.id)
    return rows.filter(theirs.fill_null(False))  # noqa: FBT003 -- Ibis's own signature


def _room(circle: Circle, room: Rows) -> Rows:
    """Profiles that make room: the person's own, and whoever has the address that they are to have."""
    theirs = room.sid == circle.sid if circle.sid else ibis.literal(value=False)
    if circle.email is not None:
        theirs |= room["hash"] == values.hash_of(circle.email)
    return room.filter(theirs.fill_null(False))  # noqa: FBT003 -- Ibis's own signature


def _actions(
    circle: Circle, settled: addresses.Settled, done: Rows, setting: addresses.Setting
) -> Iterator[tuple[Stage, Action]]:
    """The actions on the person, read from the lines that a plan would keep."""
    text = setting.workspace.text
    if settled.room is not None:
        yield from actions.read(b"".join(text(addresses.lines(_room(circle, settled.room)))).splitlines())
    yield from actions.read(b"".join(text(actions.lines(done, setting.shape))).splitlines())


def _told(
    done: Iterable[tuple[Stage, Action]], circle: Circle, setting: addresses.Setting, doubles: frozenset[str]
) -> Iterator[tuple[people.Row, str]]:
    masks, hidden = setting.masks, {var.name for var in setting.shape.vars if var.pii}
    for stage, action in done:
        row = people.as_is(action, hidden) if masks.reveal else people.masked(action, masks)
        if isinstance(action, Upsert | Delete) and action.sid in doubles:
            yield row, "it keeps the key of this person, whose own profile is another"
        else:
            yield row, _why(stage, action, circle, setting.policy)


def _why(stage: Stage, action: Action, circle: Circle, policy: Policy) -> str:
    own = circle.sid
    match action:
        case MakeRoom(sid=sid):
            return (
                "another person is to have the address" if sid == own else "it has the address, and is another person's"
            )
        case Upsert(new=True):
            return "the account has no profile that is theirs"
        case Upsert(moves_to=str()):
            return "their profile, known by their id, has another address"
        case Upsert(cause=Cause.DRIFT) if stage is Stage.REMOVALS:
            return "no source has this person, and who put them on our lists was not us"
        case _ if stage in (Stage.REMOVALS, Stage.DELETIONS):
            return f"no source has this person any more; policy.on_leave is {policy.on_leave}"
        case _:
            cause = action.cause if isinstance(action, Upsert) else None
            return _CAUSES.get(cause, "the account has something else than is desired")

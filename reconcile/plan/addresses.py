"""Addresses that change hands: who goes first, who has to wait, and who cannot have theirs.

Sailthru knows one profile an address, and would rather merge two people than be asked twice (SAILTHRU.md §7.3). So
whoever has an address that another person is to have makes room first: at their own new address where that is free,
at a temporary one else. Who has it and stays is nobody's to move: the other person is left out of the plan, and told.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import ibis

from reconcile.plan.model import UNSEEN, Stage
from reconcile.spec.model import Mode, OnLeave, Policy
from reconcile.state import values
from reconcile.state.identity import TAKEN
from reconcile.state.masks import Masks
from reconcile.state.model import Invalid, Rows, Shape
from reconcile.state.workspace import Workspace

TEMPORARY = "@reconcile.invalid"
"""Where profiles are meanwhile: a name that is never anybody's (RFC 2606), so no mail reaches a stranger."""
LINKS, SAMPLES = 20, 3


@dataclass(frozen=True, slots=True)
class Settled:
    """Changes of which each can be made.

    Args:
        changes: without those who cannot have their address.
        room: `sid, hash, to, temporary` of the profiles that make room, and of which address; None for none.
        moving, temporary: how many do, and how many of them at a temporary address.
        left_out: those who cannot have their address.
    """

    changes: Rows
    room: Rows | None = None
    moving: int = 0
    temporary: int = 0
    left_out: tuple[Invalid, ...] = ()


@dataclass(frozen=True, slots=True)
class Setting:
    """What it is settled in.

    Args:
        hold: nothing is deleted, whatever the policy.
        unseen: nobody looked whether the addresses of those who are new have a profile that keeps another key.
    """

    policy: Policy
    shape: Shape
    workspace: Workspace
    masks: Masks
    source: str
    hold: bool = False
    unseen: bool = False


def settle(changes: Rows, observed: Rows, setting: Setting) -> Settled:
    """Say who makes room, and leave out who cannot have their address."""
    workspace = setting.workspace
    waiting = workspace.keep(
        "waiting", changes.filter(changes.holder.notnull()).select("hash", "sid", "holder", "email")
    )
    if not workspace.count(waiting):
        return Settled(_with_unseen(changes, setting))
    stuck = _stuck(waiting, workspace.keep("going", _going(changes, observed, setting)), workspace)
    free = workspace.keep("settled", _free(changes, observed, stuck, setting))
    # Where nobody is created, nobody has to make room for who is new.
    coming = waiting.filter(waiting.sid.notnull()) if setting.policy.mode is Mode.ENRICH else waiting
    room = workspace.keep("room", _room(coming.anti_join(stuck, "hash"), free))
    sums = workspace.one(room.aggregate(moving=room.count(), temporary=room.temporary.sum()))
    return Settled(
        changes=_with_unseen(_moved_out(free, room), setting),
        room=room,
        moving=int(sums["moving"]),
        temporary=int(sums["temporary"] or 0),
        left_out=tuple(_left_out(stuck, setting)),
    )


def _with_unseen(changes: Rows, setting: Setting) -> Rows:
    """The changes in which those who are new and were not looked up are looked at before they are written."""
    if not setting.unseen:
        return changes
    unseen = (changes.kind == "create") & changes.holder.isnull()
    return changes.mutate(holder=ibis.ifelse(unseen, UNSEEN, changes.holder))


def lines(room: Rows) -> Rows:
    """One column `line` for each profile that makes room, see `actions.lines`."""
    text = (
        ibis.literal(f'{{"stage":{int(Stage.ROOM)},"op":"make_room","hash":"')
        + room["hash"]
        + '","sid":'
        + values.quoted(room.sid)
        + ',"to":'
        + values.quoted(room.to)
        + "}\n"
    )
    return room.select("hash", line=text).order_by("hash").select("line")


def _going(changes: Rows, observed: Rows, setting: Setting) -> Rows:
    """`sid` of the profiles that will not have their address any more: those that move, and those to be deleted.

    Who opted out and left keeps the address: deleted, whoever gets it next would be mailed.
    """
    policy = setting.policy
    moving = changes.filter(changes.moved).select("sid")
    if setting.hold or policy.on_leave is not OnLeave.DELETE or policy.mode not in (Mode.SYNC, Mode.OBSERVE):
        return moving
    ours = changes[f"leave:{setting.shape.registry.list}"]
    deleted = changes.filter((changes.kind == "leave") & ours & ~changes.duplicate).select("sid")
    return moving.union(deleted.semi_join(observed.filter(observed.optout.isnull()), "sid"))


def _free(changes: Rows, observed: Rows, stuck: Rows, setting: Setting) -> Rows:
    """The changes without those who cannot have their address, and without the deletion of who opted out and has it."""
    free = changes.anti_join(stuck, [changes["hash"] == stuck["hash"], changes.holder == stuck.holder])
    if setting.policy.on_leave is not OnLeave.DELETE:
        return free
    opted_out = observed.filter(observed.optout.notnull()).semi_join(stuck, observed.sid == stuck.holder).select("sid")
    return free.filter(free.kind != "leave").union(free.filter(free.kind == "leave").anti_join(opted_out, "sid"))


def _stuck(waiting: Rows, going: Rows, workspace: Workspace) -> Rows:
    """Who waits for a profile that stays, and who waits for them, and so on."""
    stuck = workspace.keep("stuck 0", waiting.anti_join(going, waiting.holder == going.sid))
    for link in range(1, LINKS):
        theirs = stuck.filter(stuck.sid.notnull()).select("sid")
        more = waiting.semi_join(theirs, waiting.holder == theirs.sid).anti_join(stuck, "hash")
        longer = workspace.keep(f"stuck {link}", stuck.union(more))
        if workspace.count(longer) == workspace.count(stuck):
            return stuck
        stuck = longer
    return waiting  # a chain as long as that is nobody's to sort out: all of them wait


def _room(waiting: Rows, changes: Rows) -> Rows:
    """Who makes room for those who wait: at their new address if nobody has it, else at a temporary one."""
    direct = changes.filter(changes.moved & changes.holder.isnull()).select("sid", own="email")
    asked = waiting.select("hash", sid="holder")
    found = asked.left_join(direct, "sid").select("hash", "sid", "own")
    return found.select("hash", "sid", to=found.own.fill_null(_temporary(found.sid)), temporary=found.own.isnull())


def _temporary(sid: Rows) -> Rows:
    return ibis.literal("moving-") + sid + TEMPORARY


def _moved_out(changes: Rows, room: Rows) -> Rows:
    """Those who are to be deleted are looked for where they are by then."""
    away = room.filter(room.temporary).select(gone="sid")
    found = changes.left_join(away, changes.sid == away.gone)
    out = found.gone.notnull() & (found.kind == "leave")
    there = _temporary(found.sid)
    return found.mutate(
        email=ibis.ifelse(out, there, found.email), hash=ibis.ifelse(out, values.md5(there), found["hash"])
    ).drop("gone")


def _left_out(stuck: Rows, setting: Setting) -> Iterator[Invalid]:
    count = setting.workspace.count(stuck)
    if count:
        some = setting.workspace.dicts(stuck.order_by("hash").select("email"), limit=SAMPLES)
        yield Invalid(TAKEN, setting.source, count, tuple(setting.masks.person(row["email"]) for row in some))

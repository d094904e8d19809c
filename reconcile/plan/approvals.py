"""Whether a plan stays within what was approved: figures against figures, nothing but the plan's face."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta
from fractions import Fraction

from reconcile.errors import ApprovalExceeded
from reconcile.plan import explain
from reconcile.plan.model import Face
from reconcile.spec.approval import Approval, Members, Profiles, Values


def of(face: Face, *, tolerance: str, lasts: timedelta | None, now: datetime, any_spec: bool = False) -> Approval:
    """The approval of exactly what a plan does.

    Args:
        tolerance: by how much each number may be exceeded, such as `10%`.
        lasts: how long it holds; for good when None.
        any_spec: it is not bound to the plan's spec.
    """
    counts = face.counts
    return Approval(
        account=face.account.name,
        environment=face.environment,
        spec=None if any_spec else face.spec_digest,
        plan=face.plan_id,
        expires=None if lasts is None else (now + lasts).replace(microsecond=0),
        tolerance=tolerance,
        new_lists=face.new_lists,
        profiles=Profiles(create=counts.create, update=counts.update, unlist=counts.unlist, delete=counts.delete),
        lists={one.name: Members(join=one.join, leave=one.leave) for one in face.lists if one.join or one.leave},
        vars={one.name: Values(set=one.set, cleared=one.cleared) for one in face.vars if one.set or one.cleared},
    )


def told(approval: Approval) -> str:
    """What let a plan through, for the record of its run."""
    until = f" until {approval.expires.isoformat(timespec='seconds')}" if approval.expires else ""
    return f"what was approved{f' of plan {approval.plan}' if approval.plan else ''}{until}"


def enforce(face: Face, approval: Approval, *, now: datetime) -> None:
    """Make sure that a plan does no more than was approved.

    Raises:
        ApprovalExceeded: with every figure that is exceeded.
    """
    if left := tuple(misfits(face, approval, now=now)):
        raise ApprovalExceeded(left)


def misfits(face: Face, approval: Approval, *, now: datetime) -> Iterator[str]:
    """What of a plan was not approved, a sentence each; none when it fits."""
    yield from _foreign(face, approval, now)
    allowed = set(approval.new_lists)
    for name in face.new_lists:
        if name not in allowed:
            yield f'the list "{name}" would be created, and may not'
    for told, figure, most in _figures(face, approval):
        limit = int(most * (1 + Fraction(approval.tolerance.rstrip(" %")) / 100))
        if figure > limit:
            yield f"{told}; {f'at most {limit:,}' if limit else 'none'} may"


def _foreign(face: Face, approval: Approval, now: datetime) -> Iterator[str]:
    if approval.account != face.account.name:
        yield f'the approval is for the account "{approval.account}", and the plan for "{face.account.name}"'
    if approval.environment != face.environment:
        there, here = (_environment(one) for one in (approval.environment, face.environment))
        yield f"the approval is for {there}, and the plan for {here}"
    if approval.spec is not None and approval.spec != face.spec_digest:
        yield "the spec, or the account's secret, has changed since it was approved"
    if approval.expires is not None and now > approval.expires:
        yield f"the approval expired at {approval.expires.isoformat(timespec='seconds')}"


def _environment(name: str | None) -> str:
    return f'the environment "{name}"' if name else "the spec by itself"


def _figures(face: Face, approval: Approval) -> Iterator[tuple[str, int, int]]:
    """What would be done, to how many, and how many were approved."""
    deeds = {
        "delete": "deleted for good",
        "create": "created",
        "update": "changed",
        "unlist": "taken off all our lists",
    }
    for name, deed in deeds.items():
        figure = getattr(face.counts, name)
        yield f"{explain.counted(figure, 'profile')} would be {deed}", figure, getattr(approval.profiles, name)
    for one in face.lists:
        members = approval.lists.get(one.name, Members())
        yield f'{one.leave:,} would leave the list "{one.name}"', one.leave, members.leave
        yield f'{one.join:,} would join the list "{one.name}"', one.join, members.join
    for var in face.vars:
        values = approval.vars.get(var.name, Values())
        yield f'{var.cleared:,} would lose their value of the var "{var.name}"', var.cleared, values.cleared
        yield f'{var.set:,} would get another value of the var "{var.name}"', var.set, values.set

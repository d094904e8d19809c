"""Whether a plan may be applied, here and now: asked before the first write, answered by the plan's face alone."""

from __future__ import annotations

import hashlib
from datetime import datetime, timedelta

from reconcile.errors import PlanUnusable
from reconcile.plan.model import Face
from reconcile.spec.model import Mode

_AGAIN = "Plan again, and apply that."


def fingerprint(api_key: str) -> str:
    """Tells two accounts' keys apart without giving either away: keys are random, so the digest cannot be guessed."""
    return hashlib.blake2b(api_key.encode(), digest_size=8, person=b"reconcile.apikey").hexdigest()


def expiry(made_at: datetime, hours: int) -> str:
    """Until when a plan may be applied."""
    return (made_at + timedelta(hours=hours)).isoformat(timespec="seconds")


def check(face: Face, *, api_key: str, now: datetime) -> None:
    """Make sure that a plan may be applied to the account of this key, at this time.

    Raises:
        PlanUnusable: it only observes, was made for another account, or has expired.
    """
    if face.mode is Mode.OBSERVE:
        raise PlanUnusable(
            "This plan only observes (policy.mode: observe), so it cannot be applied.",
            hint="Change the mode, plan again.",
        )
    if face.account.fingerprint != fingerprint(api_key):
        raise PlanUnusable(
            f'This plan was made for the account "{face.account.name}" with another API key than the one that is set.',
            hint="Set the key it was made with, or plan for this account.",
        )
    if now > datetime.fromisoformat(face.expires_at):
        raise PlanUnusable(
            f"This plan expired at {face.expires_at} (made at {face.created_at}): the account has moved on since.",
            hint=f"{_AGAIN} policy.expires_hours says how long a plan is good for.",
        )

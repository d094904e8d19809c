"""Whether a plan may be applied, here and now: asked before the first write, answered by the plan's face alone."""

from __future__ import annotations

import hashlib
from datetime import datetime, timedelta

from reconcile.errors import PlanUnusable
from reconcile.plan.model import AccountIds, Face, Plan
from reconcile.spec.model import Mode, Spec
from reconcile.state.keys import Keys

_AGAIN = "Plan again, and apply that."


def fingerprint(api_key: str) -> str:
    """Tells two accounts' keys apart without giving either away: keys are random, so the digest cannot be guessed."""
    return hashlib.blake2b(api_key.encode(), digest_size=8, person=b"reconcile.apikey").hexdigest()


def expiry(made_at: datetime, hours: int) -> str:
    """Until when a plan may be applied."""
    return _told(made_at + timedelta(hours=hours))


def check(face: Face, *, api_key: str, now: datetime, begun_at: datetime | None = None, env: str | None = None) -> None:
    """Make sure that a plan may be applied to the account of this key, at this time.

    A run that was begun in time may be gone on with for as long again as its plan was good for: half of it done is
    worse than either end, and what cannot be undone is looked at right before.

    Args:
        begun_at: when the first attempt at it was made; None when there was none.
        env: the environment that was asked for; None when none was.

    Raises:
        PlanUnusable: it only observes, was made for another account or environment, or has expired.
    """
    if face.mode is Mode.OBSERVE:
        raise PlanUnusable(
            "This plan only observes (policy.mode: observe), so it cannot be applied.",
            hint="Change the mode, plan again.",
        )
    if env is not None and env != face.environment:
        made_for = f'the environment "{face.environment}"' if face.environment else "the spec by itself"
        raise PlanUnusable(
            f'This plan was made for {made_for}, not for "{env}".',
            hint=f"Plan for it (--env {env}), or leave --env (RECONCILE_ENV) out: a plan knows its own.",
        )
    _same_key(face, fingerprint(api_key))
    made, expires = datetime.fromisoformat(face.created_at), datetime.fromisoformat(face.expires_at)
    until = expires if begun_at is None else max(expires, begun_at + (expires - made))
    if now > until:
        begun = begun_at and f" Its run, begun at {_told(begun_at)}, could be gone on with until {_told(until)}."
        raise PlanUnusable(
            f"This plan expired at {face.expires_at} (made at {face.created_at}): the account has moved on since."
            f"{begun or ''}",
            hint=f"{_AGAIN} policy.expires_hours says how long a plan is good for.",
        )


def verified_keys(plan: Plan) -> Keys:
    """The keys that authenticate a plan, which must be there before anything is done by it.

    Raises:
        PlanUnusable: it was not kept in a file, or was read without the account's secret.
    """
    if plan.file is None:
        raise PlanUnusable("This plan was not kept in a file, so its actions are gone.")
    if plan.file.keys is None:
        raise PlanUnusable(
            f"{plan.path} is not verified: nobody knows who made it, so nothing of it is done.",
            hint="Read it with the keys of the account's API secret.",
        )
    return plan.file.keys


def same_url(face: Face, url: str) -> None:
    """Make sure that a plan was made for the place that its spec leads to.

    Raises:
        PlanUnusable: it was made for another.
    """
    if face.account.url != url:
        raise PlanUnusable(
            f"This plan was made for the account at {face.account.url}, and the spec leads to {url}.",
            hint=_AGAIN,
        )


def same_account(face: Face, spec: Spec, key: str) -> None:
    """Make sure that a plan was made for the account and environment of a spec.

    Args:
        key: the fingerprint of the API key that is set.

    Raises:
        PlanUnusable: it is another one's.
    """
    theirs, ours = (face.account.name, face.environment), (spec.account.name, spec.environment)
    if theirs != ours:
        told = [name + (f" (environment {environment})" if environment else "") for name, environment in (theirs, ours)]
        raise PlanUnusable(
            f"This plan was made for {told[0]}, and the spec is for {told[1]}.",
            hint="Give the spec, and the --env, that it was made with.",
        )
    _same_key(face, key)


def _same_key(face: Face, key: str) -> None:
    if face.account.fingerprint != key:
        raise PlanUnusable(
            f'This plan was made for the account "{face.account.name}" with another API key than the one that is set.',
            hint="Set the key it was made with, or plan for this account.",
        )


def raise_if_other_account(face: Face, ids: AccountIds) -> None:
    """Make sure that the account that answers is the one that a plan was made for, as far as both are known.

    Raises:
        PlanUnusable: Sailthru calls it by another id.
    """
    if is_other(face.account.ids, ids):
        raise PlanUnusable(
            f'This plan was made for the account "{face.account.name}" whose id is {face.account.id}, and the one that'
            f" answers at {face.account.url} is {ids.id}. Nothing was written.",
            hint="Check where the account's URL and key lead, or plan for this account.",
        )


def is_other(ours: AccountIds, theirs: AccountIds) -> bool:
    """Whether these are known to be two accounts."""
    return any(one and other and one != other for one, other in zip(ours, theirs, strict=True))


def same_spec(face: Face, spec: Spec, keys: Keys) -> None:
    """Make sure that a plan was made from what a spec says, wherever it is written.

    Args:
        keys: those that authenticate the plan.

    Raises:
        PlanUnusable: the spec says something else.
    """
    if face.spec_digest != keys.spec_digest(spec.digest):
        raise PlanUnusable(
            "The spec says something else than the one that this plan was made from, so nothing was written.",
            hint=_AGAIN,
        )


def _told(at: datetime) -> str:
    return at.isoformat(timespec="seconds")

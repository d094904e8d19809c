"""From what a call came to, to a receipt, and from a look at it to the final one."""

from __future__ import annotations

from collections.abc import Awaitable
from dataclasses import replace

from reconcile.apply.model import Outcome, Receipt
from reconcile.errors import AccountUnavailable, ApiRejected, ReconcileError
from reconcile.plan.model import Stage


class Conflict(ReconcileError):
    """Doing it would destroy what the plan never saw. It becomes a receipt, and is never raised."""


async def attempted(call: Awaitable[None]) -> ReconcileError | None:
    """None when it went well, the error when it did not; what ends the run is raised."""
    try:
        await call
    except (ApiRejected, AccountUnavailable) as error:
        return error
    return None


def receipt(stage: Stage, who: str, what: str, error: ReconcileError | None) -> Receipt:
    """What Sailthru said to it."""
    match error:
        case None:
            return Receipt(stage, who, what, Outcome.DONE)
        case Conflict():
            return Receipt(stage, who, what, Outcome.CONFLICT, error.message)
        case ApiRejected():
            return Receipt(stage, who, what, Outcome.REJECTED, error.message)
        case _:
            return Receipt(stage, who, what, Outcome.FAILED, error.message)


def verdict(receipt: Receipt, wrong: str) -> Receipt:
    """A done receipt as verified or diverged; any other as it is."""
    if receipt.outcome is not Outcome.DONE:
        return receipt
    return replace(receipt, outcome=Outcome.DIVERGED if wrong else Outcome.VERIFIED, why=wrong)

"""Why a run ends before its plan does. What was done stays done; the same plan, applied again, goes on from there."""

from __future__ import annotations

from reconcile.errors import ReconcileError

_GO_ON = "Apply the same plan again to go on from here."


class ListsUnfit(ReconcileError):
    """A list of the plan could not be created; the run ends before anybody joins."""

    exit_status = 4


class Ended(ReconcileError):
    """The run is to end: raised out of every wait, so that it does so soon (`brake.Brake.rest`)."""


class LeaseLost(Ended):
    """This run gave no sign of life for so long that another took the account over, or may have."""

    exit_status = 6


class Interrupted(Ended):
    """Somebody asked the run to end, or its time is up."""

    exit_status = 8

    def __init__(self, message: str = "interrupted.") -> None:
        super().__init__(message, hint=_GO_ON)


class GaveUp(Ended):
    """Too much of the run failed for it to go on."""

    exit_status = 9


class StillDown(ReconcileError):
    """Sailthru was down for longer than the policy lets a run wait."""

    exit_status = 69

    def __init__(self, message: str) -> None:
        super().__init__(message, hint=f"When Sailthru is back: {_GO_ON[0].lower()}{_GO_ON[1:]}")

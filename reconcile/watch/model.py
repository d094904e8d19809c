"""A command on its way, and what others are told of its end. Counts and names of lists only: no person is in it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum

from reconcile.apply.model import Report
from reconcile.apply.store import Store
from reconcile.plan.model import Face, about
from reconcile.state.model import Progress

WELL = (0, 2)
"""Exit statuses of commands that did what they were asked for; 2 is `--detailed-exitcode`."""
BLOCKED = 3
LEFT_OFF = 8
"""A run that was told to end before its plan did, to be gone on with (`apply.endings`): whoever told it knows."""


class Event(StrEnum):
    """What somebody who does not look at every run wants to hear of."""

    FAILED = "failed"
    """An error, or an apply that did not converge."""
    BLOCKED = "blocked"
    """A guard or an approval kept the plan from being applied."""
    DRIFTED = "drifted"
    """Somebody changed the account since it was applied; told once for the same changes."""
    RECOVERED = "recovered"
    """What was told before is over: an apply converged, or what drifted is undone."""


@dataclass(frozen=True, slots=True)
class Drift:
    """What drifted.

    Args:
        count: actions that would undo it.
        known: whether a ledger tells drift from other causes.
        said: differs when something else has drifted.
        told: in one sentence.
    """

    count: int
    known: bool
    said: str
    told: str


def named(account: str, environment: str | None) -> str:
    """An account and its environment, for people, known or not."""
    return about(account, environment) or "an account that is not known"


@dataclass(slots=True)
class Watched:
    """One command: what is known by now of what it is about, and at its end what came of it.

    Args:
        face: of the plan that it made or applies.
        store: opens the state of its account.
        status: the exit status.
        error: what ended it, in one sentence without personal data; empty where nothing did.
        seconds: how long it took.
        through: hears of its steps on their way to the screen.
        show: prints what it came to, when all others have been told: an output that nobody reads may hold up.
    """

    command: str
    environment: str | None = None
    account: str = ""
    face: Face | None = None
    report: Report | None = None
    drift: Drift | None = None
    store: Callable[[], Store] | None = None
    status: int = 0
    error: str = ""
    seconds: float = 0.0
    through: Callable[[Progress], Progress] = lambda then: then
    show: Callable[[], object] = lambda: None

    @property
    def about(self) -> str:
        """The account and its environment, for people."""
        return named(self.account, self.environment)

    @property
    def converged(self) -> bool:
        """Whether the account is as it should be: applied and verified, or looked at and nothing differs."""
        if self.status not in WELL:
            return False
        if self.report is not None:
            return self.report.converged
        if self.drift is not None:
            return not self.drift.count
        return self.face is not None and self.face.empty

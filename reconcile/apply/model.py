"""The nouns of apply: what an account must be able to do for us, receipts, and the report of a run. No I/O."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any, Protocol

from reconcile.plan.model import Stage
from reconcile.state.model import Ref, RemoteList, Sighting

EXAMPLES = 10
"""Receipts that did not end well are kept up to this many by outcome; the rest is counted."""


@dataclass(frozen=True, slots=True)
class Write:
    """One absolute statement about one profile: doing it twice is doing it once.

    Args:
        ref: who; a profile named by an address that does not exist is created.
        email: a new address for the profile, else None.
        vars: name -> typed JSON value; None sets the var to null.
        lists: name -> True (member) or False (not a member).
    """

    ref: Ref
    vars: Mapping[str, Any] = field(default_factory=dict)
    lists: Mapping[str, bool] = field(default_factory=dict)
    email: str | None = None


class Executor(Protocol):
    """An account that can be changed. Satisfied by `sailthru.target`; every call retries what is passing.

    Every method raises `ApiRejected` (final, with Sailthru's own words, masked), `AccountUnavailable`
    (passing trouble outlasted all tries) or `CredentialsRefused`.
    """

    async def lists(self) -> Sequence[RemoteList]:
        """All lists, twins included."""
        ...

    async def create_list(self, name: str) -> None:
        """Make sure that a natural list of this name exists: looked up first, and again after an unsure answer."""
        ...

    async def upsert(self, write: Write) -> None:
        """One write."""
        ...

    async def delete(self, ref: Ref) -> None:
        """One call to delete; no proof of anything. An unknown profile is no error."""
        ...

    async def look(self, ref: Ref, vars: Sequence[str]) -> Sighting | None:
        """One profile, typed; None only when the account says that it does not exist."""
        ...

    async def sleep(self, seconds: float) -> None:
        """Wait; virtual in tests."""
        ...


class Outcome(StrEnum):
    """What came of one action."""

    DONE = "done"
    """Sailthru said ok; nobody has looked yet."""
    VERIFIED = "verified"
    """Looked at afterwards, and it is so."""
    DIVERGED = "diverged"
    """Sailthru said ok, and it is not so."""
    REJECTED = "rejected"
    """Sailthru said no, for good."""
    FAILED = "failed"
    """Passing trouble outlasted all tries."""


BAD = (Outcome.REJECTED, Outcome.FAILED, Outcome.DIVERGED)


@dataclass(frozen=True, slots=True)
class Receipt:
    """What came of one action.

    Args:
        stage: the stage it belongs to.
        who: the profile, masked, or the list's name.
        what: the action in the infinitive (`create list`, `upsert`, `delete`).
        outcome: see `Outcome`.
        why: Sailthru's own words (masked), or the fields that still differ; empty when all is well.
    """

    stage: Stage
    who: str
    what: str
    outcome: Outcome
    why: str = ""


class Events(Protocol):
    """Is told what happens during a run; the roof draws bars or prints JSON lines."""

    def stage(self, stage: Stage, total: int) -> None:
        """A stage begins, with so many actions."""
        ...

    def receipt(self, receipt: Receipt) -> None:
        """An action has its final receipt."""
        ...


class Unheard:
    """`Events` that nobody hears."""

    def stage(self, stage: Stage, total: int) -> None:
        """Nothing."""

    def receipt(self, receipt: Receipt) -> None:
        """Nothing."""


@dataclass(slots=True)
class Tally:
    """Receipts as they come in: counted all, kept only where a person will want to see them."""

    total: int
    outcomes: Counter[Outcome] = field(default_factory=Counter)
    examples: list[Receipt] = field(default_factory=list)

    def add(self, receipt: Receipt) -> None:
        """Count one."""
        self.outcomes[receipt.outcome] += 1
        if receipt.outcome in BAD and self.outcomes[receipt.outcome] <= EXAMPLES:
            self.examples.append(receipt)


@dataclass(frozen=True, slots=True)
class Report:
    """One run and what came of it.

    Args:
        plan_id: the plan that was applied.
        total: actions in the plan; those without a receipt were not attempted.
        outcomes: receipts by outcome.
        examples: some receipts that did not end well, masked.
        calls: calls made, by method and endpoint; retries by cause.
        seconds: how long it took.
        stopped: why the run ended before the plan did; empty when it did not.
        stopped_status: the exit status of a run that was stopped.
    """

    plan_id: str
    total: int
    outcomes: Mapping[Outcome, int]
    examples: tuple[Receipt, ...]
    calls: Mapping[str, int]
    retries: Mapping[str, int]
    seconds: float
    stopped: str = ""
    stopped_status: int = 4

    @property
    def unattempted(self) -> int:
        """Actions that were never begun."""
        return self.total - sum(self.outcomes.values())

    @property
    def converged(self) -> bool:
        """Every action was done and looked at, and it is so."""
        return not self.stopped and self.outcomes.get(Outcome.VERIFIED, 0) == self.total

    @property
    def exit_status(self) -> int:
        """0 converged, 7 only verification found differences, 4 applied in part."""
        if self.converged:
            return 0
        if self.stopped:
            return self.stopped_status
        bad = [outcome for outcome in BAD if self.outcomes.get(outcome)]
        return 7 if bad == [Outcome.DIVERGED] and not self.unattempted else 4

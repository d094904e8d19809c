"""The nouns of apply: what an account must be able to do for us, receipts, and the report of a run. No I/O."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any, Generic, Protocol, TypeVar

from reconcile.apply.figures import Figures
from reconcile.apply.pace import Pace
from reconcile.plan.model import Action, Stage
from reconcile.state.model import Progress, Ref, RemoteList, Sighting, Silent

EXAMPLES = 10
"""Receipts that did not end well are kept up to this many by outcome; the rest is counted."""

REREADS = (1.0, 2.0, 4.0)
"""Seconds to wait before looking again at what differs: writes may take up to 5 s to show (SAILTHRU.md §15)."""


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

    async def create_list(self, name: str, *, doubtful: bool = False) -> None:
        """Make sure that a natural list of this name exists: looked up first, and again after an unsure answer.

        Args:
            doubtful: an earlier attempt may have made it, so that it is to be looked for until it would show.
        """
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
    CONFLICT = "conflict"
    """The world has moved since the plan was made, and doing it would destroy what the plan never saw."""


LOOKED_AT = (Outcome.VERIFIED, Outcome.DIVERGED, Outcome.CONFLICT)
"""Outcomes that say what was seen."""

BAD = (Outcome.REJECTED, Outcome.FAILED, Outcome.DIVERGED, Outcome.CONFLICT)


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


A_co = TypeVar("A_co", bound=Action, covariant=True)


@dataclass(frozen=True, slots=True)
class Item(Generic[A_co]):
    """An action on its way.

    Args:
        number: in the plan's walk.
        doubtful: it may have been carried out by an earlier attempt.
    """

    number: int
    action: A_co
    doubtful: bool = False


class Events(Progress, Protocol):
    """Is told what happens during a run; the roof draws bars or prints JSON lines."""

    def stage(self, stage: Stage, total: int) -> None:
        """A stage begins, with so many actions."""
        ...

    def receipt(self, receipt: Receipt) -> None:
        """An action has its final receipt."""
        ...

    def pace(self, pace: Pace) -> None:
        """A stage has got so far."""
        ...

    def paused(self, why: str, until: str) -> None:
        """The account is down; the run waits for it, at most until then (ISO 8601, UTC)."""
        ...

    def resumed(self, seconds: float) -> None:
        """The account is back, after so many seconds."""
        ...

    def settled(self, count: int) -> None:
        """So many actions of this stage went by job and were seen to be as wanted."""
        ...

    def written(self, count: int) -> None:
        """So many more actions of this stage were written; they are yet to be looked at."""
        ...


class Unheard(Silent):
    """`Events` that nobody hears."""

    def stage(self, stage: Stage, total: int) -> None:
        """Nothing."""

    def receipt(self, receipt: Receipt) -> None:
        """Nothing."""

    def pace(self, pace: Pace) -> None:
        """Nothing."""

    def paused(self, why: str, until: str) -> None:
        """Nothing."""

    def resumed(self, seconds: float) -> None:
        """Nothing."""

    def settled(self, count: int) -> None:
        """Nothing."""

    def written(self, count: int) -> None:
        """Nothing."""


@dataclass(slots=True)
class Tally:
    """Receipts as they come in: counted all, kept only where a person will want to see them.

    Args:
        total: actions of the plan.
        earlier: actions that an earlier attempt has settled.
        paces: how far each stage has come.
        figures: what was attempted, written and looked at.
    """

    total: int
    earlier: int = 0
    paces: dict[Stage, Pace] = field(default_factory=dict)
    outcomes: Counter[Outcome] = field(default_factory=Counter)
    examples: list[Receipt] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    figures: Figures = field(init=False)

    def __post_init__(self) -> None:
        self.figures = Figures(self.total)

    @property
    def left(self) -> int:
        """Actions without a receipt."""
        return self.total - self.earlier - self.outcomes.total()

    def add_verified(self, count: int) -> None:
        """Count actions that were seen to be as wanted, all at once."""
        self.outcomes[Outcome.VERIFIED] += count

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
        total: actions in the plan. Each was verified earlier, has a receipt, is in doubt, or was not attempted.
        outcomes: receipts by outcome.
        examples: some receipts that did not end well, masked.
        calls: calls made, by method and endpoint; retries by cause.
        seconds: how long it took.
        notes: what else to know, such as what a sample proves.
        allowed: limits of guards that were raised for this run, as they were given.
        stopped: why the run ended before the plan did; empty when it did not.
        stopped_status: the exit status of a run that was stopped.
        earlier: actions that an earlier attempt has settled.
        waited: seconds in which calls were held back, by cause; causes may overlap.
        paces: how far each stage came.
        paused: seconds in which the account was down.
        run: the name of the run's folder.
        by: who ran it.
        ended_at: when it ended (ISO 8601).
        audit: number and digest of the entries that it has in the audit.
        attempted: actions of this attempt for which a call that writes was sent, or that have a receipt.
        written: those to which Sailthru said ok, or whose job ended.
        looked_at: those that were seen afterwards, or found as wanted.
        in_doubt: actions that may have been done, in this attempt or an earlier one, and that nobody has looked at.
    """

    plan_id: str
    total: int
    outcomes: Mapping[Outcome, int]
    examples: tuple[Receipt, ...]
    calls: Mapping[str, int]
    retries: Mapping[str, int]
    seconds: float
    notes: tuple[str, ...] = ()
    stopped: str = ""
    stopped_status: int = 4
    allowed: tuple[str, ...] = ()
    earlier: int = 0
    waited: Mapping[str, float] = field(default_factory=dict)
    paces: tuple[Pace, ...] = ()
    paused: float = 0.0
    run: str = ""
    by: str = ""
    ended_at: str = ""
    audit: Mapping[int, str] = field(default_factory=dict)
    attempted: int = 0
    written: int = 0
    looked_at: int = 0
    in_doubt: int = 0

    @property
    def unattempted(self) -> int:
        """Actions that were not begun in this attempt, and that no earlier one may have done."""
        return self.total - self.earlier - sum(self.outcomes.values()) - self.in_doubt

    @property
    def converged(self) -> bool:
        """Every action was done and looked at, and it is so."""
        return not self.stopped and self.outcomes.get(Outcome.VERIFIED, 0) + self.earlier == self.total

    @property
    def exit_status(self) -> int:
        """0 converged, 7 only verification found differences, 4 applied in part; else why it was stopped."""
        if self.converged:
            return 0
        if self.stopped:
            return self.stopped_status
        bad = [outcome for outcome in BAD if self.outcomes.get(outcome)]
        return 7 if bad == [Outcome.DIVERGED] and not self.unattempted + self.in_doubt else 4

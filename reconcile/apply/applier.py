"""Doing it: the stages of a plan in order, a chunk at a time, with the journal written before and after each.

A final no becomes a receipt and does not stop the rest. What stops a run: a list that cannot be had exactly once
(nobody may join a name that is not one list), credentials that are refused, and the brake: the person at the keyboard,
the time that is up, and too many failures.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import groupby, islice
from pathlib import Path
from typing import Any, Protocol, assert_never

from reconcile.apply import bulk, pace
from reconcile.apply.brake import Brake
from reconcile.apply.creation import Creation
from reconcile.apply.endings import ListsUnfit
from reconcile.apply.erasure import Erasure
from reconcile.apply.figures import Figures
from reconcile.apply.journal import Journal, Past, Ranges
from reconcile.apply.model import BAD, LOOKED_AT, Events, Item, Outcome, Receipt, Tally
from reconcile.apply.pace import Pace
from reconcile.apply.room import Room
from reconcile.apply.upserts import Upserts
from reconcile.apply.verifier import Verifier
from reconcile.errors import ReconcileError
from reconcile.plan import archive
from reconcile.plan.model import Plan, Route, Stage
from reconcile.state import abreast
from reconcile.state.engines.duckdb import DuckDB
from reconcile.state.masks import Masks

CHUNK = 500
"""Actions that are written before they are looked at: time for a write to become visible (SAILTHRU.md §6)."""

SILENCE = 10.0
"""Seconds after which a stage says how far it is, also when no chunk of it is over yet."""


class Doer(Protocol):
    """Carries out the actions of one stage, and looks at them."""

    @property
    def side_by_side(self) -> int:
        """How many chunks may be under way at once."""
        ...

    async def do(self, chunk: Sequence[Item[Any]], begun: Callable[[], None]) -> Sequence[Receipt | None]:
        """A receipt for each, in their order; None for those that the end of the run left undone, or in doubt.

        Which of both it is, `figures` know.

        Args:
            begun: called once, when all of the chunk is under way or done, and the next may be begun.
        """
        ...


@dataclass(slots=True)
class Applier:
    """Applies one plan, or what an earlier attempt has left of it.

    Args:
        account: the account to change.
        masks: how people are shown in receipts.
        at_once: calls side by side.
        brake: ends the run after what is in flight.
        journal, past: what is to be done and was done, and what earlier attempts say of it.
        waited: seconds in which calls were held back so far, by cause.
    """

    account: bulk.BulkExecutor
    workspace: DuckDB
    masks: Masks
    events: Events
    at_once: int
    brake: Brake
    journal: Journal = field(default_factory=Journal)
    past: Past = field(default_factory=Past)
    waited: Callable[[], Mapping[str, float]] = dict
    clock: Callable[[], float] = time.time

    async def apply(self, plan: Plan, tally: Tally) -> None:
        """Do all of it, or as much as there is time for, counting receipts into `tally` as they come.

        Raises:
            ListsUnfit, TwinLists: a list is not there exactly once.
            CredentialsRefused: Sailthru does not take the key any more.
            Interrupted, GaveUp, LeaseLost, StillDown: the run ended before the plan did.
        """
        tally.earlier = self.past.settled(0, tally.total)
        for stage, pairs in groupby(enumerate(archive.walk(plan)), key=lambda pair: pair[1][0]):
            items = (Item(number, action, self.past.is_doubtful(number)) for number, (_, action) in pairs)
            await self._stage(stage, plan, items, tally)
        if self.brake.reason is not None and tally.left:
            raise self.brake.reason

    async def _stage(self, stage: Stage, plan: Plan, items: Iterable[Item[Any]], tally: Tally) -> None:
        first, end = plan.face.span(stage)
        total = end - first - self.past.settled(first, end)
        clocked = _Clocked(stage, total, self.events, tally, self.waited, self.clock)
        self.events.stage(stage, total)
        doer = self._doer(stage, plan, tally.figures)
        by_job = stage is Stage.UPSERTS and plan.face.route is Route.JOBS and not self.past.settled(first, end)
        if by_job and not self.brake.pulled:
            items = await self._in_bulk(plan, items, clocked)
        left = (item for item in items if not self.past.is_settled(item.number))
        await self._chunks(doer, left, clocked)
        clocked.tell(finished=True)
        if stage is Stage.LISTS and any(tally.outcomes[bad] for bad in BAD):
            raise ListsUnfit(
                "A list could not be created, so nobody was added to any.",
                hint="See the receipts; apply the same plan again when it is mended.",
            )

    async def _chunks(self, doer: Doer, left: Iterator[Item[Any]], clocked: _Clocked) -> None:
        """Chunk after chunk without a gap: the next is begun when nothing of those before waits to be begun.

        So no intent is written long before it is carried out, and what a chunk still waits for holds up nobody.
        """
        turn = asyncio.Lock()

        async def work(_: int) -> None:
            while True:
                await turn.acquire()
                chunk = [] if self.brake.pulled else list(islice(left, CHUNK))
                if not chunk:
                    return turn.release()
                for receipt in await self._chunk(doer, chunk, turn.release, clocked.tally.figures):
                    clocked.add(receipt)
                clocked.tell()

        await abreast.each(range(doer.side_by_side), work, at_once=doer.side_by_side)

    async def _chunk(
        self, doer: Doer, chunk: Sequence[Item[Any]], begun: Callable[[], None], figures: Figures
    ) -> list[Receipt]:
        entry = self.journal.intend("actions", (item.number for item in chunk))
        figures.enter(chunk)
        try:
            receipts = await doer.do(chunk, begun)
        except (ReconcileError, asyncio.CancelledError):
            self._settle(entry, chunk, [None] * len(chunk), figures)
            raise
        else:
            self._settle(entry, chunk, receipts, figures)
        finally:
            figures.leave(chunk)
        return [receipt for receipt in receipts if receipt is not None]

    def _settle(
        self, entry: int, chunk: Sequence[Item[Any]], receipts: Sequence[Receipt | None], figures: Figures
    ) -> None:
        """Say what came of a chunk: of which actions what, and which were never begun. The others are in doubt."""
        outcomes: dict[Outcome, list[int]] = {}
        unbegun = []
        for item, receipt in zip(chunk, receipts, strict=True):
            if receipt is not None:
                outcomes.setdefault(receipt.outcome, []).append(item.number)
            elif not (item.doubtful or figures.is_sent(item.action)):
                unbegun.append(item.number)
        self.journal.settle(entry, outcomes, unbegun=unbegun)
        for outcome, numbers in outcomes.items():
            figures.note_ended(numbers, looked_at=outcome in LOOKED_AT)

    async def _in_bulk(self, plan: Plan, items: Iterable[Item[Any]], clocked: _Clocked) -> Iterator[Item[Any]]:
        """What jobs can do; what they left undone goes on one by one, where errors have words."""
        figures = clocked.tally.figures
        jobs = _Jobs(self.journal, self.past, figures, clocked.tell)
        route = bulk.Bulk(self.account, self.workspace, self.events, self.at_once, self.brake, jobs)
        done = await route.apply(plan, resumed=_jobs_of(self.past))
        jobs.settle(done.settled)
        figures.note_ended(done.settled, looked_at=True)
        clocked.add_settled(done.total - len(done.left), done.told())
        return _without(items, done.settled)

    def _doer(self, stage: Stage, plan: Plan, figures: Figures) -> Doer:
        match stage:
            case Stage.LISTS:
                return Creation(self.account, self.brake, figures)
            case Stage.ROOM:
                return Room(self.account, self.masks, self.brake, self._places(), figures)
            case Stage.UPSERTS | Stage.REMOVALS:
                verifier, places = Verifier(plan.face.shape, self.workspace), (self._places(), self._places())
                return Upserts(self.account, self.masks, self.brake, verifier, stage, *places, figures)
            case Stage.DELETIONS:
                return Erasure(self.account, self.masks, self.brake, plan.face.registry, self._places(), figures)
            case _:
                assert_never(stage)

    def _places(self) -> asyncio.Semaphore:
        return asyncio.Semaphore(self.at_once)


@dataclass(slots=True)
class _Jobs:
    """Writes jobs and looks at them into the journal: before each is begun, and when it is over.

    Satisfies `bulk.Record`.
    """

    journal: Journal
    past: Past
    figures: Figures
    tell: Callable[[], None]
    entries: dict[str, tuple[int, Ranges]] = field(default_factory=dict)
    look: int = -1

    def intend_job(self, path: Path, numbers: Ranges) -> None:
        """A file with these actions is about to be handed in."""
        self.entries[path.name] = self.journal.intend("job", _each(numbers), file=path.name), numbers

    def note_job(self, path: Path, job: str) -> None:
        """It was, and the job has this id."""
        entry, numbers = self.entries[path.name]
        self.figures.note_attempted(_each(numbers))
        self.journal.note(entry, job=job)
        self.tell()

    def drop_job(self, path: Path) -> None:
        """It was not: nothing was sent."""
        entry, numbers = self.entries.pop(path.name)
        self.journal.settle(entry, unbegun=(one for one in _each(numbers) if not self.past.is_doubtful(one)))

    def end_job(self, path: Path) -> None:
        """The job has ended well."""
        self.figures.note_written(_each(self.entries[path.name][1]))

    def intend_look(self, numbers: Ranges) -> None:
        """What jobs did to these is about to be looked at."""
        self.look = self.journal.intend_look(_each(numbers))

    def settle(self, numbers: Iterable[int]) -> None:
        """All were looked at, and these actions are as wanted; so the jobs of earlier attempts are over too."""
        self.journal.settle(self.look, {Outcome.VERIFIED: numbers})
        for entry, _ in self.entries.values():
            self.journal.settle(entry)
        for entry, intent in self.past.open.items():
            if intent.kind == "job":
                self.journal.settle(entry)


def _each(numbers: Ranges) -> Iterator[int]:
    return (number for first, last in numbers for number in range(first, last + 1))


def _without(items: Iterable[Item[Any]], settled: Iterator[int]) -> Iterator[Item[Any]]:
    """Those that are not settled; both come in the order of their numbers."""
    skip = next(settled, None)
    for item in items:
        while skip is not None and skip < item.number:
            skip = next(settled, None)
        if item.number != skip:
            yield item


def _jobs_of(past: Past) -> list[str] | None:
    """Ids of the jobs of earlier attempts, as far as they are known; None when there was no earlier attempt."""
    if not past.attempts:
        return None
    return [intent.facts["job"] for intent in past.open.values() if intent.kind == "job" and "job" in intent.facts]


@dataclass(slots=True)
class _Clocked:
    """A stage on its way: passes receipts on, and says how fast they come."""

    stage: Stage
    total: int
    events: Events
    tally: Tally
    waited: Callable[[], Mapping[str, float]]
    clock: Callable[[], float]
    done: int = 0
    began: float = 0.0
    told_at: float = 0.0
    before: Mapping[str, float] = field(default_factory=dict)
    figured: tuple[int, int, int] = (0, 0, 0)

    def __post_init__(self) -> None:
        self.began, self.before = self.clock(), self.waited()
        figures = self.tally.figures
        self.figured = figures.attempted, figures.written, figures.looked_at
        self.told_at = self.began
        figures.moved = self.add_written

    def add(self, receipt: Receipt) -> None:
        """An action has its receipt."""
        self.done += 1
        self.tally.add(receipt)
        self.events.receipt(receipt)

    def add_settled(self, count: int, told: Iterable[str]) -> None:
        """So many actions went by job."""
        self.done += count
        self.tally.add_verified(count)
        self.tally.notes.extend(told)
        self.events.settled(count)

    def add_written(self, count: int) -> None:
        """So many more actions were written; told now and then, as looks at them may be long in coming."""
        self.events.written(count)
        if self.clock() - self.told_at >= SILENCE:
            self.tell()

    def tell(self, *, finished: bool = False) -> None:
        """Say how far it is."""
        waited = pace.since(self.before, self.waited())
        figures = self.tally.figures
        now = figures.attempted, figures.written, figures.looked_at
        attempted, written, looked_at = (later - before for later, before in zip(now, self.figured, strict=True))
        seconds = self.clock() - self.began
        told = Pace(self.stage, self.done, self.total, seconds, waited, finished, attempted, written, looked_at)
        self.told_at = self.clock()
        self.tally.paces[self.stage] = told
        self.events.pace(told)

"""One attempt at a run: alone at the account, on the record, and with an account of itself at the end."""

from __future__ import annotations

import asyncio
import functools
import tempfile
import time
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Protocol

from reconcile.apply import audit, history, journal, lease, ledgers, memory, reporting, runs
from reconcile.apply.applier import Applier
from reconcile.apply.brake import Brake
from reconcile.apply.bulk import BulkExecutor
from reconcile.apply.carrying import Carrier
from reconcile.apply.downtime import Breaker
from reconcile.apply.endings import LeaseLost
from reconcile.apply.journal import Journal, Past
from reconcile.apply.model import Events, Report, Tally, Unheard
from reconcile.apply.records import Damaged, dump_record
from reconcile.apply.reporting import Recorder
from reconcile.apply.store import Store
from reconcile.errors import PlanUnusable, ReconcileError, StoreUnavailable, Unwritten
from reconcile.plan import archive
from reconcile.plan.model import NO_IDS, AccountIds, Plan
from reconcile.state.engines.duckdb import DuckDB
from reconcile.state.masks import Masks


class Metered(BulkExecutor, Protocol):
    """An account that counts what is asked of it."""

    @property
    def calls(self) -> Mapping[str, int]:
        """Calls sent so far, by name, repeats included."""

    @property
    def retries(self) -> Mapping[str, int]:
        """Repeats so far, by cause."""

    @property
    def waited(self) -> Mapping[str, float]:
        """Seconds in which calls were held back, by cause."""


@dataclass(slots=True)
class Attempt:
    """Applies a plan, or goes on with it.

    Args:
        run: where it is kept on this machine.
        store: where it is kept for all.
        brake: ends it.
        allowed: limits that were raised for it, as they are told.
        where: who asked for it and where, see `audit.whereabouts`.
        now: the clock of what is written down.
        ids: what Sailthru calls the account that answers.
    """

    plan: Plan
    run: runs.Run
    store: Store
    brake: Brake
    events: Events = field(default_factory=Unheard)
    allowed: tuple[str, ...] = ()
    where: Mapping[str, str] = field(default_factory=dict)
    now: Callable[[], datetime] = lambda: datetime.now(UTC)
    clock: Callable[[], float] = time.time
    ids: AccountIds = NO_IDS
    _journal: Journal = field(default_factory=Journal)
    _past: Past = field(default_factory=Past)
    _audited: dict[int, str] = field(default_factory=dict)
    _carrier: Carrier = field(init=False)

    def __post_init__(self) -> None:
        self._carrier = Carrier(self.store, self.run)

    @asynccontextmanager
    async def begun(
        self, *, lock_timeout: float = 0.0, check: Callable[[], None] = lambda: None
    ) -> AsyncIterator[None]:
        """Hold the account's lease and the run's journal meanwhile.

        Args:
            check: that the plan may be applied; asked once nobody else is at work, as the wait may have been long.

        Raises:
            AccountBusy: another apply is at work on the account, and was for `lock_timeout` seconds.
            Ended: the run is to end before it has begun.
            PlanUnusable: the plan was applied already, another one was since it was made, or its journal is not its.
            StoreUnavailable: nobody can say whether any of it is so.
        """
        self.run.make()
        key = runs.key(self.plan.face.account.name, lease.NAME)
        lost = functools.partial(asyncio.get_running_loop().call_soon_threadsafe, self._lost)
        alone = lease.held(self.store, key, patience=lock_timeout, lost=lost, clock=self.clock, sleep=self.brake.rest)
        async with alone:
            self._carrier.bring()
            check()
            archive.raise_if_changed(self.plan)
            if not journal.read(self.run.journal)[0].finished:
                ledgers.not_overtaken(self.store, self.plan.face)
            with (
                journal.opened(self.run.journal, self.plan.id, self._total) as (self._journal, self._past),
                runs.appended(self.run.events) as file,
            ):
                if self._past.finished:
                    self._catch_up()
                    raise PlanUnusable(
                        f"This plan was already applied at {self._past.finished}.",
                        hint="Plan again: if anything differs by now, the new plan says so.",
                    )
                self.events = Recorder(file, self.events, self.now)
                yield

    async def apply(self, account: Metered, masks: Masks, workspace: DuckDB) -> Report:
        """Do it, and report, whatever it comes to."""
        began, by, stopped = self.clock(), lease.myself(), None
        tally, breaker = Tally(self._total), self._breaker(account)
        self._journal.attempt(self._at(), by)
        self._announce()
        with self._carrier.carrying():
            try:
                await self._applier(breaker, account, masks, workspace).apply(self.plan, tally)
            except ReconcileError as error:
                stopped = error
        past, _ = journal.read(self.run.journal)
        report = self._report(tally, past, account, stopped, paused=breaker.paused, seconds=self.clock() - began)
        report = self._remembered(report, past, workspace)
        try:
            self._journal.end(self._at(), by, converged=report.converged, status=report.exit_status)
        except Unwritten as error:
            if not report.stopped:
                report = replace(report, stopped=_told(error), stopped_status=error.exit_status)
        return self._kept(report)

    def _remembered(self, report: Report, past: Past, workspace: DuckDB) -> Report:
        """The report once the ledger has what was done; says so where it has not.

        Before the last record of the journal, so that whoever goes on writes what a sudden end kept from it.
        """
        if isinstance(self.brake.reason, LeaseLost):
            return report  # it is somebody else's by now
        try:
            ledgers.record(self.store, self.plan, past, self.run.name, self._at(), workspace, ids=self.ids)
        except ReconcileError as error:
            told = (
                f"{error.message} So what was done is not remembered, and the next plan may take it for drift or data."
            )
            return replace(report, notes=(*report.notes, told))
        return report

    def _announce(self) -> None:
        """Say in the store that the run has begun, before anything is written to the account.

        A sealed plan is kept there, so that the run can be taken back by its name. An open one is not: it names people.
        """
        self.run.write(self.run.plan, history.facts(self.plan.face.model_dump(mode="json")))
        if self.plan.sealed is not None:
            with tempfile.TemporaryDirectory(dir=self.run.folder) as folder:
                copy = archive.copy_sealed(self.plan, Path(folder, runs.SEALED))
                self.store.send(copy, self.run.key(self.run.sealed))
        self._carrier.deliver(self.run.plan)
        account = self.plan.face.account.name
        self._audit(audit.Step.BEGUN, after=history.end_cut_off(self.store, account, self.run.name, self._at()))

    def _kept(self, report: Report) -> Report:
        """The report as it is kept, here and in the store; says so where the store could not be told."""
        try:
            self._audit(audit.Step.ENDED, status=report.exit_status, outcomes=reporting.outcomes(report))
            report = replace(report, audit=self._audited)
            self.run.write(self.run.report, reporting.as_bytes(report))
            self._carrier.deliver(*self._files)
            face = self.plan.face  # rows that break their contract are no measure, and a rollback has read none
            if report.converged and not face.violations and not face.undoes:
                memory.remember(self.store, face)
        except StoreUnavailable as error:
            told = f"{error.message} What was done is in {self.run.folder}; apply the same plan again from here to have"
            report = replace(report, audit=self._audited, notes=(*report.notes, f"{told} it kept there too."))
            with suppress(Unwritten):  # where the run was to be kept here too, the journal has it
                self.run.write(self.run.report, reporting.as_bytes(report))
        except Unwritten as error:
            report = replace(report, notes=(*report.notes, f"The report is not kept: {error.message}"))
        return report

    def _catch_up(self) -> None:
        """Tell the store of a run that is over, as it may have been away then: its files, and its end in the audit."""
        if self.run.report.exists():  # on this machine
            with suppress(Damaged):  # `reconcile runs` and `status` tell of it
                report = reporting.load_report(self.run.report.read_bytes())
                if {"audit", "status", "outcomes"} <= report.keys() and len(report["audit"]) < len(audit.Step):
                    self._audit(audit.Step.ENDED, status=report["status"], outcomes=report["outcomes"])
                    report["audit"] |= {str(number): digest for number, digest in self._audited.items()}
                    self.run.write(self.run.report, dump_record(report))
        self._carrier.deliver(*self._files)

    def _audit(self, step: audit.Step, *, after: audit.Last | None = None, **more: Any) -> None:
        face = self.plan.face
        entry = audit.Entry(
            number=0,
            at=self._at(),
            step=step,
            by=lease.myself(),
            run=self.run.name,
            plan_id=self.plan.id,
            environment=face.environment,
            kind=face.kind,
            spec_digest=face.spec_digest,
            overrides=self.allowed,
            actions=self._total,
            **self.where,
            **more,
        )
        made = audit.append(self.store, face.account.name, entry, after=after)
        self._audited[made.number] = made.digest

    @property
    def _files(self) -> tuple[Path, ...]:
        """What is kept of a run beside its journal."""
        return self.run.plan, self.run.events, self.run.report

    def _report(
        self,
        tally: Tally,
        past: Past,
        account: Metered,
        stopped: ReconcileError | None,
        *,
        paused: float,
        seconds: float,
    ) -> Report:
        return Report(
            plan_id=self.plan.id,
            total=tally.total,
            outcomes=dict(tally.outcomes),
            examples=tuple(tally.examples),
            notes=tuple(tally.notes),
            allowed=self.allowed,
            calls=account.calls,
            retries=account.retries,
            seconds=round(seconds, 3),
            stopped=_told(stopped) if stopped else "",
            stopped_status=stopped.exit_status if stopped else 4,
            earlier=tally.earlier,
            waited=account.waited,
            paces=tuple(tally.paces.values()),
            paused=paused,
            run=self.run.name,
            by=lease.myself(),
            ended_at=self._at(),
            attempted=tally.figures.attempted,
            written=tally.figures.written,
            looked_at=tally.figures.looked_at,
            in_doubt=past.count_in_doubt(),
        )

    def _applier(self, breaker: Breaker, account: Metered, masks: Masks, workspace: DuckDB) -> Applier:
        return Applier(
            breaker,
            workspace,
            masks,
            self.events,
            self.plan.face.at_once,
            self.brake,
            self._journal,
            self._past,
            waited=lambda: account.waited,
            clock=self.clock,
        )

    def _breaker(self, account: Metered) -> Breaker:
        hours = self.plan.face.conduct.downtime_hours
        return Breaker(account, self.brake, self.events, hours=hours, clock=self.clock)

    @property
    def _total(self) -> int:
        return self.plan.face.counts.total + len(self.plan.face.new_lists)

    def _at(self) -> str:
        return self.now().isoformat(timespec="seconds")

    def _lost(self) -> None:
        self.brake.pull(
            LeaseLost(
                "this apply has lost the lease: it gave no sign of life for minutes, so another may be at work.",
                hint="See what runs (`reconcile runs`); then plan again.",
            )
        )


def _told(error: ReconcileError) -> str:
    return " ".join(filter(None, (error.message, error.hint)))

"""The facade: spec says, state sees, plan decides, apply does. A list of calls; the logic is on the floors."""

from __future__ import annotations

import asyncio
import os
import time
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from reconcile import sources
from reconcile.accounts import Accounts, Look
from reconcile.apply import audit, history, journal, ledgers, memory, runs
from reconcile.apply.attempt import Attempt
from reconcile.apply.brake import Brake
from reconcile.apply.carrying import Carrier
from reconcile.apply.model import Events, Report, Unheard
from reconcile.errors import CredentialsRefused
from reconcile.plan import allowances, approvals, foretelling, guards, integrity, inverse, planner
from reconcile.plan.foretelling import Explanation
from reconcile.plan.model import Allowance, Plan
from reconcile.plan.setting import Setting
from reconcile.records import Records
from reconcile.sailthru import inventory, limits, observation, target
from reconcile.sailthru.inventory import Inventory
from reconcile.sailthru.kept import Manifest, draft
from reconcile.sailthru.probing import Finding
from reconcile.spec import managed, templates
from reconcile.spec.approval import Approval
from reconcile.spec.model import Account, Mode, Policy, Spec
from reconcile.state import audience, capacity, circle, desired, engines, previews, sightings, tracing, verdicts
from reconcile.state import observed as reading
from reconcile.state.engines.duckdb import DuckDB
from reconcile.state.gathering import Gathering
from reconcile.state.keys import Keys
from reconcile.state.masks import Masks
from reconcile.state.model import Progress, Ref, Silent
from reconcile.state.workspace import Workspace

APPLYING = 416 * 2**20
"""Bytes of memory that are enough for an apply: a million upserts by job fit in."""

TESTING = 512 * 2**20
"""The same for the rows of a spec's tests."""


@dataclass(frozen=True, slots=True)
class Reconciler(Records):
    """Plans, applies and verifies, and knows what was applied (see `Records`, which has the first arguments).

    Everything it takes from outside is named here, so that tests can bring their own.

    Args:
        transport: an httpx transport in place of the network, such as a simulator's.
        sleep, clock: time; virtual in tests.
        now: the clock of relative dates and of the plan's date.
        memory_limit: memory of the whole process, such as `2GB` or `60%`; see `state.capacity`.
        workspace: below which folder runs keep their tables; the system's folder for such things when None.
        previous_secret: the account's API secret until it was changed: what was last applied is still known by it.
        same_account: the account is the one that the last run was applied to, though address and key do not tell so.
    """

    transport: Any = None
    sleep: Any = asyncio.sleep
    clock: Any = time.time
    now: Any = lambda: datetime.now(UTC)
    memory_limit: str | None = None
    workspace: Path | None = None
    previous_secret: str | None = field(default=None, repr=False)
    same_account: bool = False

    async def check(self, spec: Spec) -> target.Facts:
        """Whether the account answers, with what it has; nothing is written.

        Raises:
            CredentialsRefused, AccountUnavailable: it does not.
        """
        with self._workspace() as workspace:
            async with self._accounts.open(spec.account, spec.policy, workspace.folder) as (account, _):
                return await account.check()

    async def probe(self, account: Account, *, export: Sequence[str] | None = None) -> AsyncIterator[Finding]:
        """What the account's key may do, as far as reads tell; nothing is written, and no job is started but an export.

        Args:
            export: lists, of which the first that is there is exported too; no export is made when None.

        Raises:
            CredentialsRefused: a variable is not set.
        """
        with self._workspace() as workspace:
            url = self._accounts.whose(account).url
            async with self._accounts.open(account, Policy(), workspace.folder) as (connected, _):
                async for finding in connected.probe(url, export=export):
                    yield finding

    async def inventory(self, account: Account) -> Inventory:
        """What an account has before anybody manages it: lists, vars and their types. Nothing is written.

        Raises:
            CredentialsRefused, AccountUnavailable, AccountUnfit: see `errors`.
        """
        with self._workspace() as workspace:
            async with self._accounts.open(account, Policy(), workspace.folder) as (connected, _):
                return await inventory.take(connected)

    async def observe(self, spec: Spec, out: Path, *, progress: Progress | None = None) -> Manifest:
        """Keep what a plan would read of the account in bulk in the folder `out`, for `plan(observed=...)`.

        Nothing is written to the account. An earlier observation at `out` is replaced when this one is whole.

        Raises:
            ObservationUnusable: something else is at `out`, or nothing can be put there.
            AccountUnavailable, CredentialsRefused, AccountUnfit: see `errors`.
        """
        with draft(out) as folder, self._workspace() as workspace:
            async with self._accounts.open(spec.account, spec.policy, folder) as (account, _):
                return await observation.take(
                    account,
                    workspace,
                    folder,
                    lists=managed.lists(spec),
                    vars=managed.vars(spec),
                    whose=self._accounts.whose(spec.account),
                    keys=self._accounts.keys(spec.account),
                    taken_at=self.now(),
                    progress=progress or Silent(),
                )

    async def plan(
        self,
        spec: Spec,
        *,
        out: Path | None = None,
        observed: Path | None = None,
        as_of: datetime | None = None,
        allowed: Sequence[Allowance] = (),
        base: Spec | None = None,
        progress: Progress | None = None,
    ) -> Plan:
        """What differs between the sources and the account, and what would be done about it. Nothing is written there.

        Args:
            out: where to keep the plan so that it can be applied; without it the plan can only be looked at.
            observed: an observation kept by `observe`, to be planned on; a fresh look at the account when None.
            as_of: the clock of relative dates; now when None.
            allowed: limits of the spec's guards that are raised for this plan.
            base: a spec whose guards hold too, such as that of the branch that this one is to be merged into: nobody
                loosens the limit that they trip over.

        Raises:
            AllowanceUnfit: an allowance is about something that the spec does not have.
            ObservationUnusable: the observation is damaged, of another account, or lacks what is managed by now.
            SpecInvalid, SourceUnavailable, AccountUnavailable, CredentialsRefused, AccountUnfit: see `errors`.
            EngineUnavailable: the spec asks for a Spark that is not to be had.
        """
        allowances.check(allowed, allowances.scopes_of_spec(spec))
        progress = progress or Silent()
        now = as_of or self.now()
        with self._planning(spec) as workspace:
            lookups = None if spec.policy.mode is Mode.ENRICH else spec.policy.lookups
            looked_at = (
                self._accounts.fresh(spec, workspace.folder)
                if observed is None
                else self._accounts.kept(spec, workspace.folder, observed, looks=lookups != 0)
            )
            async with looked_at as look:
                wanted = desired.build(
                    spec,
                    sources.open_all(spec, self.environ),
                    workspace,
                    as_of=now,
                    masks=look.masks,
                    progress=progress,
                    environ=self.environ,
                )
                wanted, there = await reading.build(
                    look.account,
                    wanted,
                    workspace,
                    lookups=lookups,
                    at_once=spec.policy.at_once,
                    progress=progress,
                    masks=look.masks,
                )
                kept, whose = self.store_of(spec.state), (spec.account.name, spec.environment)
                setting = _setting(
                    spec,
                    workspace,
                    look,
                    as_of=now,
                    made_at=self.now(),
                    memory=ledgers.recall(kept, self._key_of(spec, look), wanted.shape, workspace),
                    last_good=memory.recall(kept, *whose),
                    allowed=tuple(allowed),
                    base=base,
                    observed_at=look.taken_at,
                    progress=progress,
                )
                return planner.build(wanted, there, setting, out)

    async def rollback(
        self, spec: Spec, applied: Plan, *, out: Path | None = None, progress: Progress | None = None
    ) -> Plan:
        """The inverse of a plan that was applied: a plan like any other, to be reviewed and applied by itself.

        Args:
            spec: whose guards, pace and account hold; what its sources say is not asked.
            applied: the plan, with its file; see `kept` for one that the state holds.
            out: where to keep the inverse; without it, it can only be looked at.

        Raises:
            PlanUnusable: it is not verified, was not applied, for all that the state tells, or is for another account.
            AccountUnavailable, CredentialsRefused, AccountUnfit, StoreUnavailable: see `errors`.
        """
        integrity.verified_keys(applied)
        run, past = history.past(self.store_of(applied.face.state), applied.face)
        progress = progress or Silent()
        with self._workspace() as workspace:
            async with self._accounts.fresh(spec, workspace.folder) as look:
                integrity.same_account(applied.face, spec, look.whose.fingerprint)
                integrity.raise_if_other_account(applied.face, look.ids)
                done = ledgers.settled(inverse.lines(applied, workspace), applied.face, past, workspace)
                found = await inverse.build(
                    done,
                    inverse.undoing(applied.face, run, past.settled_map),
                    applied.face,
                    look.account,
                    workspace,
                    lookups=spec.policy.lookups,
                    at_once=spec.policy.at_once,
                    progress=progress,
                )
                setting = _setting(
                    spec,
                    workspace,
                    look,
                    as_of=self.now(),
                    undoes=found.undoes,
                    progress=progress,
                    memory=ledgers.recall_whose(self.store_of(spec.state), self._key_of(spec, look)),
                )
                return planner.build(found.desired, found.observed, setting, out)

    async def apply(  # noqa: PLR0913 -- so many things can bound a run, all of them optional and by name
        self,
        plan: Plan,
        *,
        spec: Spec | None = None,
        env: str | None = None,
        allowed: Sequence[Allowance] = (),
        within: Approval | None = None,
        events: Events | None = None,
        stop: asyncio.Event | None = None,
        lock_timeout: float = 0.0,
        max_duration: float | None = None,
    ) -> Report:
        """Do what a plan says and look that it is so; or go on with it, where an earlier attempt did not finish.

        Args:
            spec: what the plan must be made from; its account and state are used then, in place of those in the plan.
            env: the environment that the plan must be for; whichever it is for when None.
            allowed: limits of guards that are raised for this run.
            within: what was approved, which the plan must not exceed.
            stop: set it to end the run after what is in flight.
            lock_timeout: seconds to wait for another apply to leave the account.
            max_duration: seconds after which to end, as with `stop`.

        Raises:
            AccountBusy: another apply is at work on the account.
            GuardBreached, ApprovalExceeded, AllowanceUnfit: the plan does more than it may; nothing was written.
            PlanUnusable: the plan is not verified, only observes, has expired, was applied already, is for another
                account, environment or spec, or was not kept in a file.
            CredentialsRefused, AccountUnavailable: before anything was written.
            Ended: the run was to end before it had begun.
        """
        keys = integrity.verified_keys(plan)  # before all else: nothing of another plan is believed
        if spec is not None:
            integrity.same_spec(plan.face, spec, keys)
            integrity.same_url(plan.face, self._accounts.url(spec.account))
        whose = plan.face.account if spec is None else spec.account
        kept = self.store_of(plan.face.state if spec is None else spec.state)
        run = runs.of(kept.local or self.local, plan.face)
        Carrier(kept, run).bring()
        api_key = templates.resolve_credential(whose.api_key, self.environ)

        def check() -> None:
            past, _ = journal.read(run.journal)
            integrity.check(plan.face, api_key=api_key, now=self.now(), begun_at=past.begun_at, env=env)
            guards.enforce(plan.face, allowed)
            if within is not None:
                approvals.enforce(plan.face, within, now=self.now())

        check()
        brake = Brake(stop or asyncio.Event(), plan.face.conduct, clock=self.clock, sleep=self.sleep)
        if max_duration is not None:
            brake.deadline = self.clock() + max_duration
        attempt = Attempt(
            plan,
            run,
            kept,
            brake,
            events or Unheard(),
            allowed=(
                *dict.fromkeys(str(one) for one in (*plan.face.allowed, *allowed)),
                *([approvals.told(within)] if within is not None else ()),
            ),
            where=audit.whereabouts(self.environ),
            now=self.now,
            clock=self.clock,
        )
        async with attempt.begun(lock_timeout=lock_timeout, check=check):
            with self._workspace(most=APPLYING) as workspace:
                opened = self._accounts.open(whose, plan.face, workspace.folder, brake.rest)
                async with opened as (account, masks):
                    facts = await account.check()
                    integrity.raise_if_other_account(plan.face, facts.ids)
                    attempt.ids = facts.ids
                    return await attempt.apply(account, masks, workspace)

    async def verify(self, spec: Spec, *, progress: Progress | None = None) -> bool:
        """Whether the account is as the spec and the sources say, by a fresh plan that comes out empty."""
        return (await self.plan(spec, progress=progress)).face.empty

    def test(self, spec: Spec) -> Iterator[verdicts.Verdict]:
        """Run the spec's own tests, one after the other, on the rows that they give; nothing else is read."""
        with self._workspace(most=TESTING) as workspace:
            for name in spec.tests:
                yield verdicts.run(spec, name, workspace, self.now())

    def groups(
        self, spec: Spec, *, as_of: datetime | None = None, progress: Progress | None = None
    ) -> audience.Audience:
        """How large groups are and how far they overlap; the account is not asked, and nobody is named."""
        with self._gathering(spec, as_of, progress) as gathering:
            return audience.counted(gathering)

    def preview(
        self,
        spec: Spec,
        name: str,
        *,
        limit: int = 5,
        as_of: datetime | None = None,
        reveal: bool = False,
        progress: Progress | None = None,
    ) -> previews.Preview:
        """A group or a property over everybody, and `limit` people of it; the account is not asked.

        Raises:
            NameUnknown: the spec has neither of this name.
            SpecInvalid, SourceUnavailable: see `errors`.
        """
        with self._gathering(spec, as_of, progress, reveal=reveal) as gathering:
            return previews.of(gathering, name, limit=limit)

    async def explain(
        self,
        spec: Spec,
        name: str,
        *,
        as_of: datetime | None = None,
        account: bool = True,
        observed: Path | None = None,
        reveal: bool = False,
        progress: Progress | None = None,
    ) -> Explanation:
        """Everything that leads to what a plan would do about one person; nothing is written.

        Args:
            name: a key or an address, that of a profile which no source has any more too; or a mask (`u:7f3a91c2`).
            account: look at the account as a plan does, and read one by one those alone who may concern the person.
            observed: an observation kept by `observe`, to be looked at in place of exports; those now when None.

        Raises:
            SpecInvalid, SourceUnavailable, AccountUnavailable, CredentialsRefused: see `errors`.
        """
        with self._gathering(spec, as_of, progress, reveal=reveal) as gathering:
            found, known = gathering.everybody()
            masks, workspace = gathering.masks, gathering.workspace
            name = tracing.unmasked(found, name, masks, workspace)
            traces = tracing.trace(gathering, found, known, name)
            address = tracing.address(traces, name)
            by_key = not traces and address is None and spec.profiles.identity is not None
            if not account or (address is None and not by_key):
                return Explanation(masks, traces)
            wanted = desired.of(spec, found, known)
            async with self._accounts.near(spec, workspace.folder, observed) as look:
                there = look.account
                names = [var.name for var in wanted.shape.vars]
                first = None if address is None else await sightings.look(there, Ref(email=address), names)
                if not traces and (kept := circle.kept_id(first, wanted.shape)) is not None:
                    # No source has the address, and one may have whoever's key the profile keeps.
                    traces = tracing.trace(gathering, found, known, kept)
                    if (home := tracing.address(traces, "")) is not None:
                        address, first = home, await sightings.look(there, Ref(email=home), names)
                if not traces and first is None and not by_key:
                    return Explanation(masks, traces, looked=True)
                person = circle.Person(None, name.strip(), known=False)
                if address is not None:
                    person = circle.Person.of(address, traces, wanted.shape)
                around = await circle.around(
                    there,
                    wanted,
                    person,
                    workspace,
                    lookups=None if spec.policy.mode is Mode.ENRICH else spec.policy.lookups,
                    at_once=spec.policy.at_once,
                    progress=gathering.progress,
                    first=first,
                )
                known_by = self._key_of(spec, await self._accounts.identify(look))
            last = ledgers.recall(self.store_of(spec.state), known_by, wanted.shape, workspace, among=around.hashes)
            bounds = planner.bounds(around.desired, around.observed, spec, spec.policy, workspace, masks)
            foretold = foretelling.foretell(around, bounds, spec, last)
            return Explanation(masks, traces, around, foretold, looked=True)

    @contextmanager
    def _gathering(
        self, spec: Spec, as_of: datetime | None, progress: Progress | None, *, reveal: bool = False
    ) -> Iterator[Gathering]:
        """What people are gathered from without an account."""
        opened = sources.open_all(spec, self.environ)
        with self._planning(spec) as workspace:
            yield Gathering(
                spec,
                opened,
                workspace,
                as_of or self.now(),
                self._masks(spec, reveal=reveal),
                self.environ,
                progress or Silent(),
            )

    def _masks(self, spec: Spec, *, reveal: bool) -> Masks:
        """Masks as a plan has them; where the API secret is not there, others for this run alone."""
        try:
            return Masks.keyed_by(templates.resolve_credential(spec.account.api_secret, self.environ), reveal=reveal)
        except CredentialsRefused:
            return Masks(os.urandom(32), reveal)

    def _workspace(self, *, most: int | None = None) -> DuckDB:
        """Where the tables of a run are, with the means it may use; `most` is enough where nobody said."""
        return DuckDB(capacity.of(self.memory_limit, most=most), within=self.workspace)

    def _planning(self, spec: Spec) -> Workspace:
        """Where the tables of a plan are: on the engine that the spec asks for."""
        spark = spec.engine.spark
        master = spark and templates.resolve(spark, self.environ, where=spec.where("engine", "spark"))
        return engines.of(master, capacity.of(self.memory_limit), within=self.workspace)

    def _key_of(self, spec: Spec, look: Look) -> ledgers.Key:
        """What the ledger of the account that is looked at is found and read by."""
        whose, before = look.whose, self.previous_secret
        return ledgers.Key(
            spec.account.name,
            spec.environment,
            look.keys,
            ledgers.Bound(url=whose.url, fingerprint=whose.fingerprint, **look.ids._asdict()),
            previous=None if before is None else Keys.of_secret(before),
            confirmed=self.same_account,
            unidentified=look.unidentified,
        )

    @property
    def _accounts(self) -> Accounts:
        """The way to accounts, with what was brought from outside."""
        return Accounts(self.environ, self.transport, self.sleep, self.clock)


def _setting(spec: Spec, workspace: Workspace, look: Look, **more: Any) -> Setting:
    """What a plan is made in, for the account that was looked at."""
    whose, quota = look.whose, limits.quota(spec.policy.share)
    return Setting(
        spec,
        workspace,
        look.masks,
        look.keys,
        url=whose.url,
        quota=quota,
        fingerprint=whose.fingerprint,
        ids=look.ids,
        **more,
    )

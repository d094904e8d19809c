"""Doing it: the stages of a plan in order, actions of a stage side by side, every one looked at afterwards.

A final no becomes a receipt and does not stop the rest. What stops a run: a list that cannot be had exactly once
(nobody may join a name that is not one list), credentials that are refused, and the person at the keyboard.
"""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine, Sequence
from dataclasses import dataclass, replace
from itertools import groupby, islice
from typing import Any, assert_never

from reconcile.apply import bulk
from reconcile.apply.erasure import Erasure
from reconcile.apply.model import Events, Outcome, Receipt, Tally, Write
from reconcile.apply.verifier import Verifier
from reconcile.errors import AccountUnavailable, ApiRejected, ReconcileError
from reconcile.plan import archive
from reconcile.plan.model import Action, CreateList, Delete, Plan, Route, Stage, Upsert
from reconcile.state import abreast, observed, values
from reconcile.state.masks import Masks
from reconcile.state.model import Membership, Ref, Sighting
from reconcile.state.workspace import Workspace

CHUNK = 500
"""Actions that are written before they are looked at: time for a write to become visible (SAILTHRU.md §6)."""

REREADS = (1.0, 2.0, 4.0)
"""Seconds to wait before looking again at what differs: writes may take up to 5 s to show (SAILTHRU.md §15)."""


class ListsUnfit(ReconcileError):
    """A list of the plan could not be created; the run ends before anybody joins."""

    exit_status = 4


@dataclass(slots=True)
class Applier:
    """Applies one plan once.

    Args:
        account: the account to change.
        masks: how people are shown in receipts.
        at_once: calls side by side.
        stop: set from outside to end the run after what is in flight.
    """

    account: bulk.BulkExecutor
    workspace: Workspace
    masks: Masks
    events: Events
    at_once: int
    stop: asyncio.Event

    async def apply(self, plan: Plan, tally: Tally) -> None:
        """Do all of it, or as much as there is time for, counting receipts into `tally` as they come.

        Raises:
            ListsUnfit, TwinLists: a list is not there exactly once.
            CredentialsRefused: Sailthru does not take the key any more.
        """
        verifier = Verifier(plan.face.shape, self.workspace)
        for stage, pairs in groupby(archive.walk(plan), key=lambda pair: pair[0]):
            self.events.stage(stage, _size(plan, stage))
            actions = (action for _, action in pairs)
            if stage is Stage.UPSERTS and plan.face.route is Route.JOBS:
                done = await self._in_bulk(plan, tally)
                actions = (action for action in actions if not done.settles(action))
            while not self.stop.is_set() and (chunk := list(islice(actions, CHUNK))):
                for receipt in await self._chunk(stage, chunk, verifier):
                    tally.add(receipt)
                    self.events.receipt(receipt)
            if stage is Stage.LISTS and tally.outcomes[Outcome.VERIFIED] < tally.outcomes.total():
                raise ListsUnfit(
                    "A list could not be created, so nobody was added to any.",
                    hint="See the receipts; apply the same plan again when it is mended.",
                )

    async def _in_bulk(self, plan: Plan, tally: Tally) -> bulk.Done:
        """What jobs can do; what they left undone goes on one by one, where errors have words."""
        done = await bulk.Bulk(self.account, self.workspace, self.events, self.at_once, self.stop).apply(plan)
        settled = done.total - len(done.left)
        tally.add_verified(settled)
        tally.notes.extend(done.told())
        self.events.settled(settled)
        return done

    async def _chunk(self, stage: Stage, chunk: Sequence[Action], verifier: Verifier) -> Sequence[Receipt]:
        match stage:
            case Stage.LISTS:
                return await self._create([action.list for action in chunk if isinstance(action, CreateList)])
            case Stage.UPSERTS | Stage.REMOVALS:
                upserts = [action for action in chunk if isinstance(action, Upsert)]
                return await self._upsert(stage, upserts, verifier)
            case Stage.DELETIONS:
                erasure = Erasure(self.account, self.masks, self.stop)
                deletes = [action for action in chunk if isinstance(action, Delete)]
                receipts = await abreast.each(deletes, erasure.of, at_once=self.at_once)
                return [receipt for receipt in receipts if receipt is not None]
            case _:
                assert_never(stage)

    async def _create(self, names: Sequence[str]) -> list[Receipt]:
        """Lists, one at a time: side by side they become twins (SAILTHRU.md §14.8). Then all are looked at."""
        receipts = [
            _receipt(Stage.LISTS, name, "create list", await _tried(self.account.create_list(name))) for name in names
        ]
        there = observed.check_lists(await self.account.lists(), [Membership(name) for name in names])
        return [_settled(receipt, "" if receipt.who in there else "the list is not there") for receipt in receipts]

    async def _upsert(self, stage: Stage, chunk: Sequence[Upsert], verifier: Verifier) -> list[Receipt]:
        errors = await abreast.each(chunk, lambda one: self._write(stage, one, verifier), at_once=self.at_once)
        begun = [(one, error) for one, error in zip(chunk, errors, strict=True) if not isinstance(error, _Unbegun)]
        wrong = await self._verify(stage, [one for one, error in begun if error is None], verifier)
        return [
            _settled(_receipt(stage, self._who(one), "upsert", error), wrong.get(one.hash, "")) for one, error in begun
        ]

    async def _write(self, stage: Stage, action: Upsert, verifier: Verifier) -> ReconcileError | None:
        if self.stop.is_set():
            return _Unbegun("")
        ref = _ref(stage, action)
        vars_ = {name: values.typed(text, verifier.types[name]) for name, text in action.vars.items()}
        error = await _tried(self.account.upsert(Write(ref, vars_, action.lists, action.moves_to)))
        if stage is Stage.REMOVALS and isinstance(error, ApiRejected) and await self._look(stage, action) is None:
            return None  # who no longer exists is on no list
        return error

    async def _verify(self, stage: Stage, done: Sequence[Upsert], verifier: Verifier) -> dict[str, str]:
        """What still differs after a few looks: hash -> fields."""
        wrong: dict[str, str] = {}
        left = done
        for wait in (0.0, *REREADS):
            if not left:
                break
            await self.account.sleep(wait)
            seen = await abreast.each(left, lambda one: self._look(stage, one), at_once=self.at_once)
            pairs = list(zip(left, seen, strict=True))
            wrong = {one.hash: sight for one, sight in pairs if isinstance(sight, str)}
            wrong |= verifier.differences([(one, sight) for one, sight in pairs if not isinstance(sight, str)])
            if stage is Stage.REMOVALS:  # who no longer exists is on no list
                wrong = {one.hash: wrong[one.hash] for one, sight in pairs if sight is not None and one.hash in wrong}
            left = [one for one in left if one.hash in wrong]
        return wrong

    async def _look(self, stage: Stage, action: Upsert) -> Sighting | str | None:
        """The profile as it is, or why it could not be looked at."""
        ref = Ref(email=action.moves_to) if action.moves_to else _ref(stage, action)
        try:
            return await self.account.look(ref, list(action.vars))
        except (ApiRejected, AccountUnavailable) as error:
            return f"could not be looked at: {error.message}"

    def _who(self, action: Upsert) -> str:
        return self.masks.person(action.email or action.moves_to or action.sid or action.hash)


class _Unbegun(ReconcileError):
    """Stands for a write that was never begun, because the run was interrupted."""


def _size(plan: Plan, stage: Stage) -> int:
    counts = plan.face.counts
    match stage:
        case Stage.LISTS:
            return len(plan.face.new_lists)
        case Stage.UPSERTS:
            return counts.create + counts.update - counts.unlist
        case Stage.REMOVALS:
            return counts.unlist
        case Stage.DELETIONS:
            return counts.delete
        case _:
            assert_never(stage)


def _ref(stage: Stage, action: Upsert) -> Ref:
    """By address, which makes who is not there; by sid who is only to be taken off, lest a ghost be made (§14.29)."""
    if action.sid and (action.moves_to or stage is Stage.REMOVALS):
        return Ref(sid=action.sid)
    return Ref(email=action.email) if action.email else Ref(sid=action.sid)


async def _tried(call: Coroutine[Any, Any, None]) -> ReconcileError | None:
    """None when it went well, the error when it did not; what ends the run is raised."""
    try:
        await call
    except (ApiRejected, AccountUnavailable) as error:
        return error
    return None


def _receipt(stage: Stage, who: str, what: str, error: ReconcileError | None) -> Receipt:
    match error:
        case None:
            return Receipt(stage, who, what, Outcome.DONE)
        case ApiRejected():
            return Receipt(stage, who, what, Outcome.REJECTED, error.message)
        case _:
            return Receipt(stage, who, what, Outcome.FAILED, error.message)


def _settled(receipt: Receipt, wrong: str) -> Receipt:
    """A done receipt as verified or diverged; any other as it is."""
    if receipt.outcome is not Outcome.DONE:
        return receipt
    return replace(receipt, outcome=Outcome.DIVERGED if wrong else Outcome.VERIFIED, why=wrong)

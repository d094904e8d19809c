"""Saying what profiles are to be, one by one side by side, and looking that they are.

Who may have been written before (a run that was killed) is looked at first: what is already so is not written again.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import ClassVar

from reconcile.apply.brake import Brake
from reconcile.apply.endings import Ended
from reconcile.apply.figures import Figures
from reconcile.apply.model import REREADS, Executor, Item, Receipt, Write
from reconcile.apply.receipts import Conflict, attempted, receipt, verdict
from reconcile.apply.verifier import Verifier
from reconcile.errors import AccountUnavailable, ApiRejected, ReconcileError
from reconcile.plan.model import UNSEEN, Stage, Upsert
from reconcile.state import abreast, values
from reconcile.state.masks import Masks
from reconcile.state.model import Ref, Sighting


@dataclass(frozen=True, slots=True)
class Upserts:
    """Writes profiles of one stage.

    Args:
        stage: upserts or removals; who is only to be taken off a list is never made.
        writing, looking: places for calls side by side, of each kind so many: their quotas are apart (SAILTHRU.md
            §5), and while one chunk is looked at the next is written.
        figures: is told what was written.
    """

    side_by_side: ClassVar[int] = 6
    """One that is written, one that is looked at, and those that wait to be looked at again: up to 7 s (`REREADS`),
    while at the published limits a chunk is written in two."""

    account: Executor
    masks: Masks
    brake: Brake
    verifier: Verifier
    stage: Stage
    writing: asyncio.Semaphore
    looking: asyncio.Semaphore
    figures: Figures = field(default_factory=Figures)

    async def do(self, chunk: Sequence[Item[Upsert]], begun: Callable[[], None]) -> list[Receipt | None]:
        """Write a chunk, then look at it; None for those that the end of the run left unwritten, or unseen."""
        right = await self._already([item.action for item in chunk if item.doubtful])
        actions = [item.action for item in chunk]
        errors = await abreast.each(actions, lambda one: self._written(one, right), at_once=self.writing, begun=begun)
        written = [one for one, error in zip(actions, errors, strict=True) if error is None and one.hash not in right]
        try:
            wrong = await self._verify(written)
        except Ended as ended:
            unseen, wrong = frozenset(one.hash for one in written), {}
            errors = [ended if one.hash in unseen else error for one, error in zip(actions, errors, strict=True)]
        self.brake.note(failed=len(wrong), tried=0)
        return [
            None if isinstance(error, Ended) else self._receipt(one, error, wrong)
            for one, error in zip(actions, errors, strict=True)
        ]

    def _receipt(self, action: Upsert, error: ReconcileError | None, wrong: dict[str, str]) -> Receipt:
        who = self.masks.person(action.email or action.moves_to or action.sid or action.hash)
        return verdict(receipt(self.stage, who, "upsert", error), wrong.get(action.hash, ""))

    async def _already(self, doubtful: Sequence[Upsert]) -> frozenset[str]:
        """Hashes of those that are as wanted before anything is written; of none when the run is to end."""
        try:
            wrong = await self._differing(doubtful)
        except Ended:  # nothing will be written, and what other chunks have under way is to be finished
            return frozenset()
        return frozenset(one.hash for one in doubtful if one.hash not in wrong)

    async def _written(self, action: Upsert, right: frozenset[str]) -> ReconcileError | None:
        if action.hash in right:
            return None
        if (reason := self.brake.reason) is not None:
            return reason
        try:
            error = await self._write(action)
        except Ended as ended:
            return ended
        self.brake.note(failed=error is not None)
        return error

    async def _write(self, action: Upsert) -> ReconcileError | None:
        if action.holder is not None and (blocked := await self._blocked(action)) is not None:
            return blocked
        vars_ = {name: values.typed(text, self.verifier.types[name]) for name, text in action.vars.items()}
        write = Write(self._ref(action), vars_, action.lists, action.moves_to)
        error = await attempted(self._upsert(action, write))
        if self.stage is Stage.REMOVALS and isinstance(error, ApiRejected) and await self._look(action) is None:
            return None  # who no longer exists is on no list
        return error

    async def _upsert(self, action: Upsert, write: Write) -> None:
        with self.figures.writing(action):
            await self.account.upsert(write)

    async def _blocked(self, action: Upsert) -> ReconcileError | None:
        """Why the address cannot be written to: it is that of another person's profile, or nobody knows."""
        ref, identity = Ref(email=action.moves_to or action.email), self.verifier.identity
        for wait in (0.0, *REREADS):  # that it has gone may take a moment to show
            await self.account.sleep(wait)
            try:
                seen = await self.account.look(ref, [identity] if identity else [])
            except (ApiRejected, AccountUnavailable) as error:
                return error
            if seen is None or (action.holder not in (seen.sid, UNSEEN)):
                return None
            if action.holder == UNSEEN:
                return self._another(action, seen, identity)
        return Conflict("another person's profile still has the address, so nothing was written")

    def _another(self, action: Upsert, seen: Sighting, identity: str | None) -> Conflict | None:
        """A conflict where the profile that a plan never looked at keeps another key than the person has."""
        kept = seen.vars.get(identity) if identity else None
        if kept in (None, "") or str(kept) == action.vars.get(identity or ""):
            return None
        return Conflict(
            "a profile that keeps another person's key has the address, so nothing was written: with a larger "
            "policy.lookups a plan leaves such people out"
        )

    async def _verify(self, written: Sequence[Upsert]) -> dict[str, str]:
        """What still differs after a few looks: hash -> fields."""
        wrong: dict[str, str] = {}
        left = written
        for wait in (0.0, *REREADS):
            if not left:
                break
            await self.account.sleep(wait)
            wrong = await self._differing(left)
            left = [one for one in left if one.hash in wrong]
        return wrong

    async def _differing(self, actions: Sequence[Upsert]) -> dict[str, str]:
        """What differs now: hash -> fields, or why nobody could look."""
        if not actions:
            return {}
        seen = await abreast.each(actions, self._look, at_once=self.looking)
        pairs = list(zip(actions, seen, strict=True))
        wrong = {one.hash: sight for one, sight in pairs if isinstance(sight, str)}
        wrong |= self.verifier.differences([(one, sight) for one, sight in pairs if not isinstance(sight, str)])
        if self.stage is Stage.REMOVALS:  # who no longer exists is on no list
            wrong = {one.hash: wrong[one.hash] for one, sight in pairs if sight is not None and one.hash in wrong}
        return wrong

    async def _look(self, action: Upsert) -> Sighting | str | None:
        """The profile as it is, or why it could not be looked at."""
        ref = Ref(email=action.moves_to) if action.moves_to else self._ref(action)
        try:
            return await self.account.look(ref, list(action.vars))
        except (ApiRejected, AccountUnavailable) as error:
            return f"could not be looked at: {error.message}"

    def _ref(self, action: Upsert) -> Ref:
        """By address, which makes who is not there; by sid who is only taken off, lest a ghost be made (§14.29)."""
        if action.sid and (action.moves_to or self.stage is Stage.REMOVALS):
            return Ref(sid=action.sid)
        return Ref(email=action.email) if action.email else Ref(sid=action.sid)

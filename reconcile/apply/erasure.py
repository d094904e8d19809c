"""Deleting people, for good and truly: look, delete, wait, look, and again, by every name we have.

An ok proves nothing: DELETE by sid answers 200 for the dead (SAILTHRU.md §7.4), and now and then for the living too
(§20). Only a look that finds nobody counts. And since nothing brings a profile back, it is looked at right before:
when it is no longer what the plan saw, it is left alone, and said so.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import ClassVar

from reconcile.apply.brake import Brake
from reconcile.apply.endings import Ended
from reconcile.apply.figures import Figures
from reconcile.apply.model import BAD, Executor, Item, Outcome, Receipt
from reconcile.errors import AccountUnavailable, ApiRejected
from reconcile.plan.model import Delete, Stage
from reconcile.spec.folding import fold_address
from reconcile.state import abreast, values
from reconcile.state.masks import Masks
from reconcile.state.model import Ref, Sighting

WAITS = (0.25, 1.0, 2.0, 4.0, 8.0, 8.0)
"""Seconds between a try and the look that follows it."""


@dataclass(frozen=True, slots=True)
class Erasure:
    """Deletes profiles of one account.

    Args:
        registry: the list of those we manage; who is no longer on it is not ours to delete.
        places: for deletions side by side.
        figures: is told what was written.
    """

    side_by_side: ClassVar[int] = 2
    """While the last of a chunk are waited for, the next is begun."""

    account: Executor
    masks: Masks
    brake: Brake
    registry: str
    places: asyncio.Semaphore
    figures: Figures = field(default_factory=Figures)

    async def do(self, chunk: Sequence[Item[Delete]], begun: Callable[[], None]) -> list[Receipt | None]:
        """Delete a chunk side by side; None for those that were never begun."""
        return await abreast.each([item.action for item in chunk], self.of, at_once=self.places, begun=begun)

    async def of(self, action: Delete) -> Receipt | None:
        """Delete one profile; None when the run ended before it was done and seen to be."""
        if self.brake.pulled:
            return None
        try:
            receipt = await self._done(action)
        except Ended:
            return None
        self.brake.note(failed=receipt.outcome in BAD)
        return receipt

    async def _done(self, action: Delete) -> Receipt:
        try:
            seen = await self.account.look(Ref(sid=action.sid) if action.sid else Ref(email=action.email), ())
            if seen is None:
                return self._receipt(action, Outcome.VERIFIED)
            if moved := self._moved(action, seen):
                return self._receipt(action, Outcome.CONFLICT, moved)
            gone = await self._until_gone(action, _names(seen))
        except ApiRejected as error:
            return self._receipt(action, Outcome.REJECTED, error.message)
        except AccountUnavailable as error:
            return self._receipt(action, Outcome.FAILED, error.message)
        if gone:
            return self._receipt(action, Outcome.VERIFIED)
        return self._receipt(action, Outcome.DIVERGED, "Sailthru said ok, and the profile is still there")

    def _moved(self, action: Delete, seen: Sighting) -> str:
        """What is no longer as the plan saw it; empty when all is."""
        if self.registry not in seen.lists:
            return f'no longer on the list "{self.registry}", so it was left alone'
        if seen.email is not None and values.hash_of(fold_address(seen.email)) != action.hash:
            return "its e-mail address has changed since the plan was made, so it was left alone"
        return ""

    async def _until_gone(self, action: Delete, refs: Sequence[Ref]) -> bool:
        for wait in WAITS:
            # By address first: there a repeat answers 404, real evidence; by sid for good measure.
            for ref in refs:
                with self.figures.writing(action):
                    await self.account.delete(ref)
                await self.account.sleep(wait)
                if await self._gone(refs):
                    return True
            if self.brake.pulled:
                break
        return False

    async def _gone(self, refs: Sequence[Ref]) -> bool:
        return all([await self.account.look(ref, ()) is None for ref in refs])

    def _receipt(self, action: Delete, outcome: Outcome, why: str = "") -> Receipt:
        who = self.masks.person(action.email or action.sid or action.hash)
        return Receipt(Stage.DELETIONS, who, "delete", outcome, why)


def _names(seen: Sighting) -> Sequence[Ref]:
    """The profile's names as of now, its address first."""
    return ([Ref(email=seen.email)] if seen.email else []) + [Ref(sid=seen.sid)]

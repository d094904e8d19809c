"""Deleting people, for good and truly: delete, wait, look, and again, by every name we have.

An ok proves nothing: DELETE by sid answers 200 for the dead (SAILTHRU.md §7.4), and now and then for the living too
(§20). Only a look that finds nobody counts.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass

from reconcile.apply.model import Executor, Outcome, Receipt
from reconcile.errors import AccountUnavailable, ApiRejected
from reconcile.plan.model import Delete, Stage
from reconcile.state.masks import Masks
from reconcile.state.model import Ref

WAITS = (0.25, 1.0, 2.0, 4.0, 8.0, 8.0)
"""Seconds between a try and the look that follows it."""


@dataclass(frozen=True, slots=True)
class Erasure:
    """Deletes profiles of one account.

    Args:
        stop: set from outside: no further try is begun.
    """

    account: Executor
    masks: Masks
    stop: asyncio.Event

    async def of(self, action: Delete) -> Receipt | None:
        """Delete one profile; None when the run was interrupted before anything was done."""
        if self.stop.is_set():
            return None
        try:
            refs = await self._names(action)
            gone = not refs or await self._until_gone(refs)
        except ApiRejected as error:
            return self._receipt(action, Outcome.REJECTED, error.message)
        except AccountUnavailable as error:
            return self._receipt(action, Outcome.FAILED, error.message)
        if gone:
            return self._receipt(action, Outcome.VERIFIED)
        return self._receipt(action, Outcome.DIVERGED, "Sailthru said ok, and the profile is still there")

    async def _names(self, action: Delete) -> Sequence[Ref]:
        """The profile's names as of now, its address first; none when nobody answers to them any more."""
        known = [Ref(sid=action.sid)] if action.sid else [Ref(email=action.email)]
        seen = await self.account.look(known[0], ())
        if seen is None:
            return []
        return ([Ref(email=seen.email)] if seen.email else []) + [Ref(sid=seen.sid)]

    async def _until_gone(self, refs: Sequence[Ref]) -> bool:
        for wait in WAITS:
            # By address first: there a repeat answers 404, real evidence; by sid for good measure.
            for ref in refs:
                await self.account.delete(ref)
                await self.account.sleep(wait)
                if await self._gone(refs):
                    return True
            if self.stop.is_set():
                break
        return False

    async def _gone(self, refs: Sequence[Ref]) -> bool:
        return all([await self.account.look(ref, ()) is None for ref in refs])

    def _receipt(self, action: Delete, outcome: Outcome, why: str = "") -> Receipt:
        who = self.masks.person(action.email or action.sid or action.hash)
        return Receipt(Stage.DELETIONS, who, "delete", outcome, why)

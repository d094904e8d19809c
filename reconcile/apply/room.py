"""Making room: a profile leaves an address that another person is to have, before anything is written there.

Only where it still has that address: so a run that goes on after it was killed takes nobody's new address away again.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import ClassVar

from reconcile.apply.brake import Brake
from reconcile.apply.endings import Ended
from reconcile.apply.figures import Figures
from reconcile.apply.model import BAD, REREADS, Executor, Item, Outcome, Receipt, Write
from reconcile.errors import AccountUnavailable, ApiRejected
from reconcile.plan.model import MakeRoom, Stage
from reconcile.spec.folding import fold_address
from reconcile.state import abreast, values
from reconcile.state.masks import Masks
from reconcile.state.model import Ref


@dataclass(frozen=True, slots=True)
class Room:
    """Makes room at one account.

    Args:
        places: for profiles side by side.
        figures: is told what was written.
    """

    side_by_side: ClassVar[int] = 2

    account: Executor
    masks: Masks
    brake: Brake
    places: asyncio.Semaphore
    figures: Figures = field(default_factory=Figures)

    async def do(self, chunk: Sequence[Item[MakeRoom]], begun: Callable[[], None]) -> list[Receipt | None]:
        """See to a chunk side by side; None for those that were never begun, or not seen to be so."""
        return await abreast.each([item.action for item in chunk], self._of, at_once=self.places, begun=begun)

    async def _of(self, action: MakeRoom) -> Receipt | None:
        if self.brake.pulled:
            return None
        try:
            receipt = await self._done(action)
        except Ended:
            return None
        self.brake.note(failed=receipt.outcome in BAD)
        return receipt

    async def _done(self, action: MakeRoom) -> Receipt:
        try:
            if await self._there(action):
                with self.figures.writing(action):
                    await self.account.upsert(Write(Ref(sid=action.sid), email=action.to))
                for wait in REREADS:
                    if not await self._there(action):
                        break
                    await self.account.sleep(wait)
                else:
                    return self._receipt(action, Outcome.DIVERGED, "Sailthru said ok, and it still has the address")
        except ApiRejected as error:
            return self._receipt(action, Outcome.REJECTED, error.message)
        except AccountUnavailable as error:
            return self._receipt(action, Outcome.FAILED, error.message)
        return self._receipt(action, Outcome.VERIFIED)

    async def _there(self, action: MakeRoom) -> bool:
        """Whether the profile has the address that others are to have."""
        seen = await self.account.look(Ref(sid=action.sid), ())
        return seen is not None and values.hash_of(fold_address(seen.email or "")) == action.hash

    def _receipt(self, action: MakeRoom, outcome: Outcome, why: str = "") -> Receipt:
        return Receipt(Stage.ROOM, self.masks.person(action.sid), "make room", outcome, why)

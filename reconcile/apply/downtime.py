"""A circuit breaker: when the account as a whole is down, a run waits for it instead of failing action by action.

What the API answers in its maintenance windows is not known (SAILTHRU.md §6), so it is not told by an answer but by a
question: a call that failed in all its tries is followed by a look at the account. When that works, the call failed by
itself, and the caller hears of it. When it fails too, the account is down: all calls wait, one of them looks every now
and then, and when the account is back they are made again, which is safe because every action is absolute.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import TypeVar

from reconcile.apply.brake import Brake
from reconcile.apply.bulk import BulkExecutor
from reconcile.apply.endings import StillDown
from reconcile.apply.model import Events, Write
from reconcile.errors import AccountUnavailable
from reconcile.state.model import Arrived, Export, Ref, RemoteList, Rows, Shape, Sighting

R = TypeVar("R")

LOOKS = (30.0, 60.0, 120.0, 300.0)
"""Seconds between two looks at an account that is down; the last goes on."""


class Breaker:
    """A `BulkExecutor` that sits a downtime out.

    Args:
        account: does the calls.
        brake: ends the waiting.
        events: are told of it.
        hours: how long to wait, each time.
        clock: Unix seconds.
    """

    def __init__(
        self,
        account: BulkExecutor,
        brake: Brake,
        events: Events,
        *,
        hours: float,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._account = account
        self._brake = brake
        self._events = events
        self._hours = hours
        self._clock = clock
        self._looking = asyncio.Lock()
        self._up_at = 0
        self.paused = 0.0

    async def lists(self) -> Sequence[RemoteList]:
        """All lists."""
        return await self._through(self._account.lists)

    async def create_list(self, name: str, *, doubtful: bool = False) -> None:
        """Make sure that a list exists."""
        await self._through(lambda: self._account.create_list(name, doubtful=doubtful))

    async def upsert(self, write: Write) -> None:
        """One write."""
        await self._through(lambda: self._account.upsert(write))

    async def delete(self, ref: Ref) -> None:
        """One call to delete."""
        await self._through(lambda: self._account.delete(ref))

    async def look(self, ref: Ref, vars: Sequence[str]) -> Sighting | None:
        """One profile."""
        return await self._through(lambda: self._account.look(ref, vars))

    async def export(self, list_name: str, vars: Sequence[str], arrived: Arrived | None = None) -> Export:
        """The members of one list."""
        return await self._through(lambda: self._account.export(list_name, vars, arrived))

    def update_lines(self, actions: Rows, shape: Shape) -> Rows:
        """The lines of the file that a job takes."""
        return self._account.update_lines(actions, shape)

    async def start_update(self, path: Path) -> str:
        """Hand in a file, once: whether it was taken may be unknown, so after a downtime it is not handed in again."""
        seen = self._up_at
        try:
            return await self._account.start_update(path)
        except AccountUnavailable as error:
            await self._sat_out(seen, error)
            raise

    async def finish_update(self, job_id: str) -> None:
        """Wait until a job has ended."""
        await self._through(lambda: self._account.finish_update(job_id))

    async def sleep(self, seconds: float) -> None:
        """Wait a moment, also when the run is to end: what was begun is looked at."""
        await self._brake.sleep(seconds)

    async def _through(self, call: Callable[[], Awaitable[R]]) -> R:
        """Make a call, again after every downtime.

        Raises:
            AccountUnavailable: the call failed, and the account is up.
            StillDown: the account did not come back.
            Ended: the run is to end.
        """
        while True:
            seen = self._up_at
            try:
                return await call()
            except AccountUnavailable as error:
                if not await self._sat_out(seen, error):
                    raise

    async def _sat_out(self, seen: int, error: AccountUnavailable) -> bool:
        """Whether there was a downtime since the call began, over by now: one look for all that fail together.

        Args:
            seen: the downtimes there had been when the call was begun.
        """
        async with self._looking:
            if self._up_at > seen:
                return True
            if await self._is_up():
                return False
            await self._wait(error)
            self._up_at += 1
            return True

    async def _is_up(self) -> bool:
        try:
            await self._account.lists()
        except AccountUnavailable:
            return False
        return True

    async def _wait(self, error: AccountUnavailable) -> None:
        began = self._clock()
        until = began + self._hours * 3600
        self._events.paused(error.message, datetime.fromtimestamp(until, UTC).isoformat(timespec="seconds"))
        for look in range(1_000_000):
            left = max(0.0, until - self._clock())
            await self._brake.rest(min(LOOKS[min(look, len(LOOKS) - 1)], left))
            if await self._is_up():
                break
            if self._clock() >= until:
                raise StillDown(f"Sailthru has been down for more than {self._hours:g} hours; {error.message}")
        self.paused += self._clock() - began
        self._events.resumed(self._clock() - began)

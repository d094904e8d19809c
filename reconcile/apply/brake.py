"""Whether a run may begin anything further: asked before every action, so that a run ends soon, and cleanly.

What waits longer than a moment (for a job, for a minute's quota, for another try, for another apply) does so by `rest`,
which is over when the run is.
"""

from __future__ import annotations

import asyncio
import math
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import Any

from reconcile.apply.endings import Ended, GaveUp, Interrupted
from reconcile.plan.model import Conduct


@dataclass(slots=True)
class Brake:
    """Ends a run after what is in flight.

    Args:
        stop: set from outside, by Ctrl-C or SIGTERM.
        conduct: when so much has failed that the run is to give up.
        deadline: Unix second at which the run is to end.
        clock, sleep: time; virtual in tests.
        ending: set when the brake is pulled, for those who wait.
    """

    stop: asyncio.Event = field(default_factory=asyncio.Event)
    conduct: Conduct = field(default_factory=Conduct)
    deadline: float = math.inf
    clock: Callable[[], float] = time.time
    sleep: Callable[[float], Awaitable[Any]] = asyncio.sleep
    tried: int = 0
    failed: int = 0
    ending: asyncio.Event = field(default_factory=asyncio.Event)
    _pulled: Ended | None = None

    @property
    def pulled(self) -> bool:
        """Whether nothing further is to be begun."""
        return self.reason is not None

    @property
    def reason(self) -> Ended | None:
        """Why nothing further is to be begun."""
        self.look()
        return self._pulled

    def look(self) -> None:
        """Look whether somebody has asked, and at the clock."""
        if self.stop.is_set():
            self.pull(Interrupted())
        elif self.clock() >= self.deadline:
            self.pull(Interrupted("the time for this run is up."))

    def pull(self, reason: Ended) -> None:
        """End the run, and wake who waits; the first reason counts."""
        self._pulled = self._pulled or reason
        self.ending.set()

    async def rest(self, seconds: float) -> None:
        """Wait, and no longer than the run may last.

        Raises:
            Ended: the run is to end; why is in the error.
        """
        self._check()
        nap = asyncio.ensure_future(self.sleep(min(seconds, max(0.0, self.deadline - self.clock()))))
        bells = [asyncio.ensure_future(event.wait()) for event in (self.stop, self.ending)]
        try:
            await asyncio.wait({nap, *bells}, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for waiting in (nap, *bells):
                waiting.cancel()
        self._check()

    def _check(self) -> None:
        if (reason := self.reason) is not None:
            raise reason

    def note(self, *, failed: int, tried: int = 1) -> None:
        """Count what was tried, and give up when too much of it failed.

        Args:
            failed: how many of them failed; True is one.
            tried: 0 for what was counted before and has turned out to have failed since.
        """
        self.tried += tried
        self.failed += failed
        if self.tried >= self.conduct.give_up_after and self.failed > self.conduct.give_up_share * self.tried:
            self.pull(self._given_up())

    def _given_up(self) -> GaveUp:
        share, limit = self.failed / self.tried, self.conduct.give_up_share
        told = f"gave up: {self.failed:,} of {self.tried:,} actions failed"
        return GaveUp(
            f"{told} ({share:.0%}; policy.give_up allows {limit:.0%}).",
            hint="Mend what the receipts name, then apply the same plan again.",
        )

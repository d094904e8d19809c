"""Makes calls at the account's pace, and repeats what is passing."""

from __future__ import annotations

import asyncio
import logging
import math
import random
import time
from collections import Counter
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from email.utils import parsedate_to_datetime
from pathlib import Path
from typing import Any, Self, assert_never

from reconcile.apply import sending
from reconcile.errors import ReconcileError
from reconcile.sailthru import limits, wire, words
from reconcile.sailthru.limits import Budget
from reconcile.sailthru.model import (
    URL,
    Answer,
    Call,
    Cause,
    Credentials,
    Group,
    NotFound,
    Trouble,
)
from reconcile.sailthru.network import Lane, Network
from reconcile.sailthru.waits import Waits
from reconcile.spec import urls
from reconcile.state.masks import Masks
from reconcile.state.model import Arrived

_LOG = logging.getLogger("reconcile.sailthru")
_QUIET_TRIES = 3
"""So many tries of the first call fail before a word is said."""
_PROXY_TRIES = 2
"""Of the first call through a proxy: one that is not there is named at once, one that goes away later is waited for."""


@dataclass(frozen=True, slots=True)
class Patience:
    """How long to go on asking.

    Args:
        tries: of one call, in all, against trouble that passes.
        throttled: seconds to go on after the first 429 of one call; 429s do not count as tries.
        share: of the account's rate limits, for us; from (0, 1].
        job: seconds for a job: "minutes or hours", says the vendor, and no promise was ever seen (SAILTHRU.md §9.6).
        again: after this share of them an export that has not ended is asked for once more.
    """

    tries: int = 8
    throttled: float = 600.0
    share: float = limits.SHARE
    job: float = 6 * 3600.0
    again: float = 0.25


class Client:
    """Makes calls. An async context manager; one for each account.

    Args:
        credentials: of the account.
        url: where the API answers, without the endpoint.
        masks: how people are shown in errors.
        transport: an httpx transport in place of the network, such as a simulator's.
        at_once: calls under way side by side.
        clock: Unix seconds.
        sleep: waits so many seconds.
        patience: how long to go on asking.
        seed: of the jitter.

    Attributes:
        counts: calls sent, by method and endpoint, repeats included.
        retries: repeats, by cause.
        waits: how long calls were held back, by cause.
    """

    def __init__(  # noqa: PLR0913 -- the seam: all that is outside comes in here
        self,
        credentials: Credentials,
        *,
        masks: Masks,
        url: str = URL,
        transport: Any = None,
        at_once: int = 20,
        clock: Callable[[], float] = time.time,
        sleep: Callable[[float], Awaitable[Any]] = asyncio.sleep,
        patience: Patience | None = None,
        seed: int | None = None,
    ) -> None:
        self.masks = masks
        self.patience = patience or Patience()
        self.sleep = sleep
        self.clock = clock
        self.counts: Counter[tuple[str, str]] = Counter()
        self.retries: Counter[str] = Counter()
        self.waits = Waits(clock)
        self._credentials = credentials
        self._url = url.rstrip("/")
        self._at = urls.show(self._url)
        self._jitter = random.Random(seed).random  # noqa: S311 -- spreads retries; no secret
        self._budgets: dict[tuple[str, str], Budget] = {}
        self._skew = limits.Skew()
        self._network = Network(at_once, transport)
        self._is_reached = self._is_known = False

    @property
    def clock_ahead(self) -> float | None:
        """Seconds that the account's clock is ahead of ours, by the dates of its answers; None where none has one."""
        least = self._skew.least
        return least if math.isfinite(least) else None

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._network.close()

    async def call(self, call: Call, *, most: int | None = None, garbled: int | None = None) -> Answer:
        """Make one call, until there is an answer.

        Args:
            most: tries at most, where the answer is not worth `Patience.tries`.
            garbled: tries at most whose answers are none of Sailthru's, where somebody will ask again later.

        Raises:
            NotFound: what it asks about does not exist.
            ApiRejected: Sailthru said no, for good.
            CredentialsRefused: key, secret or our address are refused.
            Unsure: a call that must not be repeated blindly got no clear answer.
            AccountUnavailable: passing trouble outlasted all tries.
        """
        request = wire.encode(call, self._credentials)
        sending.promise()
        tries, throttled_since = 0, math.inf
        while True:
            result = await self._try(call, request)
            if isinstance(result, Answer):
                return result
            if result.cause is Cause.THROTTLED:
                throttled_since = min(throttled_since, self.clock())
                if self.clock() - throttled_since >= self.patience.throttled:
                    raise words.unavailable(call.name, result, self.masks, self._at, call)
                self.retries[result.cause] += 1  # the closed budget does the waiting
            else:
                tries += 1
                limit = (garbled if result.cause is Cause.GARBLED else None) or most or self.patience.tries
                if (error := self._verdict(call, result, tries, limit)) is not None:
                    raise error
                self._warn_once(call, result, tries)
                await self.pause(tries, result.cause)

    def _warn_once(self, call: Call, trouble: Trouble, tries: int) -> None:
        """Say that we wait, where Sailthru has never answered: no step under way tells so yet."""
        if tries == _QUIET_TRIES and not self._is_known:
            self._is_known = True
            _LOG.warning("Sailthru gives no answer to %s so far (%s); trying on.", call.name, trouble.cause)

    async def pause(self, attempt: int, cause: Cause) -> None:
        """Wait before a repeat, longer each time, and count it."""
        self.retries[cause] += 1
        with self.waits.during(str(cause)):
            await self.sleep(limits.backoff(attempt, jitter=self._jitter()))

    async def download(self, url: str, path: Path, what: str, arrived: Arrived | None = None) -> None:
        """Fetch a file whole: as long as announced, and its last record ended.

        Args:
            url: no call of the API: it is neither signed nor paced.
            path: written only when the file is complete.
            what: how it is called in an error.

        Raises:
            NotFound: there is no such file (any more).
            AccountUnavailable: it could not be had whole in all tries; there is no file at `path` then.
            DiskFull, Unwritten: there is no room for it here.
        """
        for attempt in range(1, self.patience.tries + 1):
            async with self._network.lane() as lane:
                trouble = await lane.fetch(url, path, arrived)
            if trouble is None:
                return
            if trouble.group is Group.ABSENT:
                raise NotFound(f"Nothing came of {what}: the file is gone.", code=None, status=trouble.status)
            if attempt == self.patience.tries or trouble.cause is Cause.ADDRESS:
                raise words.unavailable(what, trouble, self.masks, urls.show_host(url))
            await self.pause(attempt, trouble.cause)

    # -- one try

    async def _try(self, call: Call, request: wire.Request) -> Answer | Trouble:
        """Wait for our turn and try once. Trouble is handed over, not raised: so no error has another behind it."""
        budget = self._budget(call)
        while True:
            async with self._network.lane() as lane:
                now = self._skew.there(self.clock())
                wait = budget.wait(now)
                if not wait:
                    budget.spend(now)
                    self.counts[call.method, call.endpoint] += 1
                    if call.method != "GET":
                        sending.announce()
                    return await self._exchange(call, request, lane, budget)
            with self.waits.during(budget.why(call.name, now)):
                await self.sleep(wait)

    async def _exchange(self, call: Call, request: wire.Request, lane: Lane, budget: Budget) -> Answer | Trouble:
        rate = None
        try:
            result = await self._answered(call, request, lane)
            rate = result.rate
        finally:
            budget.settle(rate)
        if isinstance(result, Trouble) and result.cause is Cause.THROTTLED:
            now, reset = self._skew.there(self.clock()), rate.reset if rate else None
            budget.close(now + limits.until_reset(now, reset, jitter=self._jitter()))
        return result

    async def _answered(self, call: Call, request: wire.Request, lane: Lane) -> Answer | Trouble:
        sent = self.clock()
        reply = await lane.send(self._url, request)
        if isinstance(reply, Trouble):
            return reply
        self._is_reached = True
        self._is_known |= reply.status == 200
        if (date := _date(reply.headers)) is not None:
            self._skew.note(date, sent=sent, received=self.clock())
        try:
            return wire.decode(call, reply.status, reply.headers, reply.content)
        except Trouble as trouble:
            return trouble

    def _budget(self, call: Call) -> Budget:
        key = (call.method, call.endpoint)
        if key not in self._budgets:
            self._budgets[key] = Budget(limits.published(*key), self.patience.share)
        return self._budgets[key]

    # -- what becomes of trouble

    def _verdict(self, call: Call, trouble: Trouble, tries: int, most: int) -> ReconcileError | None:
        """The error that it comes to; None when another try is worth it."""
        match trouble.group:
            case Group.ABSENT | Group.FINAL:
                return words.rejected(call, trouble, self.masks)
            case Group.CREDENTIALS:
                return words.refused(trouble, self.masks, self._at)
            case Group.PASSING:
                if trouble.unsure and not call.repeatable:
                    return words.unsure(call, trouble, self.masks)
                if trouble.cause is Cause.PROXY and not self._is_reached:
                    most = min(most, _PROXY_TRIES)
                if tries >= most or trouble.cause is Cause.ADDRESS:
                    return words.unavailable(call.name, trouble, self.masks, self._at, call)
                return None
            case _:
                assert_never(trouble.group)


def _date(headers: Mapping[str, str]) -> float | None:
    """When an answer was made (Unix seconds, cut to the second), as far as it says so in a way that can be read."""
    try:
        return parsedate_to_datetime(headers["date"]).timestamp()
    except (KeyError, ValueError, TypeError, OverflowError, OSError):
        return None

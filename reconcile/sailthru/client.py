"""The only door to httpx: sends calls at the account's pace and repeats what is passing.

Every exception of httpx is translated here, in one table, and none leaves: their requests hold addresses in the URL.
"""

from __future__ import annotations

import asyncio
import logging
import math
import random
import re
import time
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass
from email.utils import parsedate_to_datetime
from pathlib import Path
from typing import Any, BinaryIO, Final, Self, assert_never
from urllib.parse import quote, urlencode

import httpx

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
from reconcile.sailthru.waits import Waits
from reconcile.state import disk
from reconcile.state.masks import Masks
from reconcile.state.model import Arrived

LANE: Final = 1
"""Connections a pool: httpx's own pool costs more per call the more it holds (benchmarks/transport.py)."""

_TIMEOUT: Final = httpx.Timeout(60.0, connect=10.0, pool=None)
_HEADERS: Final = {"User-Agent": "sailthru-reconcile", "Accept": "application/json"}
_FORM: Final = {"Content-Type": "application/x-www-form-urlencoded"}

_FAILURES: Final[tuple[tuple[type[Exception], Cause, bool], ...]] = (
    (httpx.ConnectError, Cause.CONNECTION, False),
    (httpx.ConnectTimeout, Cause.CONNECTION, False),
    (httpx.PoolTimeout, Cause.CONNECTION, False),
    (httpx.ProxyError, Cause.CONNECTION, False),
    (httpx.TimeoutException, Cause.TIMEOUT, True),
    (httpx.NetworkError, Cause.BROKEN, True),
    (httpx.RemoteProtocolError, Cause.BROKEN, True),
    (httpx.DecodingError, Cause.GARBLED, True),
    (httpx.HTTPError, Cause.ADDRESS, False),
    (httpx.InvalidURL, Cause.ADDRESS, False),
)
"""What httpx raises, what it means, and whether Sailthru may have seen the call; the first that fits counts."""

_NO_NAME: Final = re.compile(
    r"name resolution|name or service|nodename|getaddrinfo|no address associated", re.IGNORECASE
)


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
        transport: in place of the network, such as a simulator's.
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
        transport: httpx.AsyncBaseTransport | None = None,
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
        self._jitter = random.Random(seed).random  # noqa: S311 -- spreads retries; no secret
        self._budgets: dict[tuple[str, str], Budget] = {}
        self._skew = limits.Skew()
        self._pools = _pools(transport, at_once)
        self._free: asyncio.LifoQueue[httpx.AsyncClient] = asyncio.LifoQueue()
        for slot in range(at_once):
            self._free.put_nowait(self._pools[slot % len(self._pools)])

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        for pool in self._pools:
            await pool.aclose()

    async def call(self, call: Call) -> Answer:
        """Make one call, until there is an answer.

        Raises:
            NotFound: what it asks about does not exist.
            ApiRejected: Sailthru said no, for good.
            CredentialsRefused: key, secret or our address are refused.
            Unsure: a call that must not be repeated blindly got no clear answer.
            AccountUnavailable: passing trouble outlasted all tries.
        """
        request = wire.encode(call, self._credentials)
        tries, throttled_since = 0, math.inf
        while True:
            result = await self._try(call, request)
            if isinstance(result, Answer):
                return result
            if result.cause is Cause.THROTTLED:
                throttled_since = min(throttled_since, self.clock())
                if self.clock() - throttled_since >= self.patience.throttled:
                    raise words.unavailable(call.name, result, self.masks, call)
                self.retries[result.cause] += 1  # the closed budget does the waiting
            else:
                tries += 1
                if (error := self._verdict(call, result, tries)) is not None:
                    raise error
                await self.pause(tries, result.cause)

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
            trouble = await self._fetch(url, path, arrived)
            if trouble is None:
                return
            if trouble.group is Group.ABSENT:
                raise NotFound(f"Nothing came of {what}: the file is gone.", code=None, status=trouble.status)
            if attempt == self.patience.tries or trouble.cause is Cause.ADDRESS:
                raise words.unavailable(what, trouble, self.masks)
            await self.pause(attempt, trouble.cause)

    # -- one try

    async def _try(self, call: Call, request: wire.Request) -> Answer | Trouble:
        """Wait for our turn and try once. Trouble is handed over, not raised: so no error has another behind it."""
        budget = self._budget(call)
        while True:
            async with self._lane() as pool:
                now = self._skew.there(self.clock())
                wait = budget.wait(now)
                if not wait:
                    budget.spend(now)
                    self.counts[call.method, call.endpoint] += 1
                    return await self._exchange(call, request, pool, budget)
            with self.waits.during(budget.why(call.name, now)):
                await self.sleep(wait)

    async def _exchange(
        self, call: Call, request: wire.Request, pool: httpx.AsyncClient, budget: Budget
    ) -> Answer | Trouble:
        rate = None
        try:
            result = await self._answered(call, request, pool)
            rate = result.rate
        finally:
            budget.settle(rate)
        if isinstance(result, Trouble) and result.cause is Cause.THROTTLED:
            now, reset = self._skew.there(self.clock()), rate.reset if rate else None
            budget.close(now + limits.until_reset(now, reset, jitter=self._jitter()))
        return result

    async def _answered(self, call: Call, request: wire.Request, pool: httpx.AsyncClient) -> Answer | Trouble:
        sent = self.clock()
        try:
            response = await self._send(request, pool)
            if (date := _date(response.headers)) is not None:
                self._skew.note(date, sent=sent, received=self.clock())
            return wire.decode(call, response.status_code, response.headers, response.content)
        except Trouble as trouble:
            return trouble
        except (httpx.HTTPError, httpx.InvalidURL) as error:
            return _translated(error)

    async def _send(self, request: wire.Request, pool: httpx.AsyncClient) -> httpx.Response:
        url = self._url + request.path
        if request.query:
            return await pool.request(request.method, f"{url}?{urlencode(request.query, quote_via=quote)}")
        if request.file is None:
            return await pool.post(url, content=urlencode(request.form), headers=_FORM)
        with _opened(request.file, "rb") as file:
            return await pool.post(url, data=dict(request.form), files={"file": file})

    async def _fetch(self, url: str, path: Path, arrived: Arrived | None) -> Trouble | None:
        part = path.with_name(f"{path.name}.part")
        try:
            async with self._lane() as pool, pool.stream("GET", url) as response:
                if response.status_code != 200:
                    return _no_file(response.status_code)
                whole = await _written(response, part, arrived)
        except (httpx.HTTPError, httpx.InvalidURL) as error:
            return _translated(error)
        if not whole:
            return Trouble(Group.PASSING, Cause.BROKEN, status=200)
        part.replace(path)
        return None

    def _budget(self, call: Call) -> Budget:
        key = (call.method, call.endpoint)
        if key not in self._budgets:
            self._budgets[key] = Budget(limits.published(*key), self.patience.share)
        return self._budgets[key]

    @asynccontextmanager
    async def _lane(self) -> AsyncIterator[httpx.AsyncClient]:
        """A free connection, the one used last first: its connection is the likeliest to be open."""
        pool = await self._free.get()
        try:
            yield pool
        finally:
            self._free.put_nowait(pool)

    # -- what becomes of trouble

    def _verdict(self, call: Call, trouble: Trouble, tries: int) -> ReconcileError | None:
        """The error that it comes to; None when another try is worth it."""
        match trouble.group:
            case Group.ABSENT | Group.FINAL:
                return words.rejected(call, trouble, self.masks)
            case Group.CREDENTIALS:
                return words.refused(trouble, self.masks)
            case Group.PASSING:
                if trouble.unsure and not call.repeatable:
                    return words.unsure(call, trouble, self.masks)
                if tries >= self.patience.tries or trouble.cause is Cause.ADDRESS:
                    return words.unavailable(call.name, trouble, self.masks, call)
                return None
            case _:
                assert_never(trouble.group)


def _pools(transport: httpx.AsyncBaseTransport | None, at_once: int) -> list[httpx.AsyncClient]:
    """The one place where the transport is chosen: the one given, or pools small enough to stay fast."""
    if transport is not None:
        return [httpx.AsyncClient(transport=transport, headers=_HEADERS, timeout=_TIMEOUT)]
    few = httpx.Limits(max_connections=LANE, max_keepalive_connections=LANE)
    context = httpx.create_ssl_context()
    return [
        httpx.AsyncClient(limits=few, headers=_HEADERS, timeout=_TIMEOUT, verify=context)
        for _ in range(math.ceil(at_once / LANE))
    ]


def _date(headers: httpx.Headers) -> float | None:
    """When an answer was made (Unix seconds, cut to the second), as far as it says so in a way that can be read."""
    try:
        return parsedate_to_datetime(headers["date"]).timestamp()
    except (KeyError, ValueError):
        return None


def _translated(error: Exception) -> Trouble:
    """What an exception of httpx comes to."""
    cause, sent = next((cause, sent) for kind, cause, sent in _FAILURES if isinstance(error, kind))
    if cause is Cause.CONNECTION and _NO_NAME.search(str(error)):
        cause = Cause.NAME
    return Trouble(Group.PASSING, cause, sent=sent)


def _no_file(status: int) -> Trouble:
    """A URL that is no more answers 403 or 404 (SAILTHRU.md §9.1: after about two hours)."""
    if status in {403, 404, 410}:
        return Trouble(Group.ABSENT, status=status)
    return Trouble(Group.PASSING, Cause.SERVER, status=status)


async def _written(response: httpx.Response, path: Path, arrived: Arrived | None) -> bool:
    """Stream the body into a file; whether it is as long as announced and ends with the end of a record."""
    last = b""
    with disk.writing("an export", path), _opened(path, "wb") as file:
        async for chunk in response.aiter_bytes():
            file.write(chunk)
            last = chunk or last
            if arrived is not None:
                arrived(len(chunk))
    announced = response.headers.get("content-length")
    if announced is not None and int(announced) != response.num_bytes_downloaded:
        return False
    return last.endswith(b"\n")


@contextmanager
def _opened(path: Path, mode: str) -> Iterator[BinaryIO]:
    with path.open(mode) as file:
        yield file  # type: ignore[misc]


def _without_query(record: logging.LogRecord) -> bool:
    """Take the query out of httpx's line about a request: it holds the key, the signature, and people."""
    if isinstance(record.args, tuple):
        record.args = tuple(arg.copy_with(query=None) if isinstance(arg, httpx.URL) else arg for arg in record.args)
    return True


logging.getLogger("httpx").addFilter(_without_query)

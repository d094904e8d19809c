"""The only door to httpx: connections, requests over them, and what the failures of a network mean.

Calls go straight to httpx's transports, one small pool a lane: the client above them (redirects, cookies, auth, a log
line with people in its URL) does nothing here but cost. Every exception of httpx is translated here, in one table, and
none leaves: their requests hold addresses in the URL.
"""

from __future__ import annotations

import asyncio
import math
import os
import re
import ssl
from collections.abc import AsyncIterator, Iterator, Mapping
from contextlib import asynccontextmanager, contextmanager
from functools import lru_cache
from pathlib import Path
from typing import BinaryIO, Final, NamedTuple
from urllib.parse import quote, urlencode

import httpx

from reconcile.errors import EnvironmentUnfit
from reconcile.sailthru import proxies
from reconcile.sailthru.model import Cause, Group, Trouble
from reconcile.sailthru.proxies import Proxy
from reconcile.sailthru.wire import Request
from reconcile.state import disk
from reconcile.state.model import Arrived

LANE: Final = 1
"""Connections a pool: httpx's own pool costs more per call the more it holds (benchmarks/transport.py)."""

_ASKED: Final = {"timeout": httpx.Timeout(60.0, connect=10.0, pool=None).as_dict()}
_HEADERS: Final = {
    "User-Agent": "sailthru-reconcile",
    "Accept": "application/json",
    "Accept-Encoding": "gzip, deflate",
    "Connection": "keep-alive",
}
_FORM: Final = _HEADERS | {"Content-Type": "application/x-www-form-urlencoded"}

_FAILURES: Final[tuple[tuple[type[Exception], Cause, bool], ...]] = (
    (httpx.ConnectError, Cause.CONNECTION, False),
    (httpx.ConnectTimeout, Cause.CONNECTION, False),
    (httpx.PoolTimeout, Cause.CONNECTION, False),
    (httpx.TimeoutException, Cause.TIMEOUT, True),
    (httpx.NetworkError, Cause.BROKEN, True),
    (httpx.RemoteProtocolError, Cause.BROKEN, True),
    (httpx.DecodingError, Cause.GARBLED, True),
    (httpx.HTTPError, Cause.ADDRESS, False),
    (httpx.InvalidURL, Cause.ADDRESS, False),
)
"""What httpx raises, what it means, and whether Sailthru may have seen the call; the first that fits counts."""

_PROXY_REFUSES: Final = 407
_NO_NAME: Final = re.compile(
    r"name resolution|name or service|nodename|getaddrinfo|no address associated", re.IGNORECASE
)


class Reply(NamedTuple):
    """An answer of HTTP, whatever it says; headers by lower-case name."""

    status: int
    headers: Mapping[str, str]
    content: bytes


class Lane:
    """One connection at a time: straight to the host, or through the proxy that the environment names for it."""

    def __init__(self, given: httpx.AsyncBaseTransport | None) -> None:
        self._given = given
        self._roads: dict[tuple[str, str, int | None], tuple[httpx.AsyncBaseTransport, Proxy | None]] = {}
        """By scheme, host and port."""
        self._proxy: Proxy | None = None
        """That of the last call."""

    async def send(self, base: str, request: Request) -> Reply | Trouble:
        """One request, one answer. Trouble is handed over, not raised: so no error has another behind it."""
        try:
            if request.file is None:
                return await self._answer(_asked(base, request))
            with _opened(request.file, "rb") as file:
                return await self._answer(_upload(base, request, file))
        except (httpx.HTTPError, httpx.InvalidURL) as error:
            return _translated(error, self._proxy)

    async def fetch(self, url: str, path: Path, arrived: Arrived | None) -> Trouble | None:
        """Stream a file to `path`, which is there when there was no trouble.

        Raises:
            DiskFull, Unwritten: there is no room for it here.
        """
        part = path.with_name(f"{path.name}.part")
        try:
            asked = httpx.Request("GET", url, headers=_HEADERS, extensions=_ASKED)
            async with self._answering(asked) as response:
                if response.status_code != 200:
                    return _no_file(response.status_code)
                cause = await _written(response, part, arrived)
        except (httpx.HTTPError, httpx.InvalidURL) as error:
            return _translated(error, self._proxy)
        if cause is not None:
            return Trouble(Group.PASSING, cause, status=200)
        part.replace(path)
        return None

    async def close(self) -> None:
        """Close what is open."""
        for road, _ in self._roads.values():
            await road.aclose()
        if self._given is not None:
            await self._given.aclose()

    async def _answer(self, asked: httpx.Request) -> Reply:
        async with self._answering(asked) as response:
            content = await response.aread()
        if response.status_code == _PROXY_REFUSES and self._proxy is not None:
            raise httpx.ProxyError(f"{_PROXY_REFUSES}")  # as a tunnel says it
        headers = {name.decode("ascii").lower(): value.decode("latin-1") for name, value in response.headers.raw}
        return Reply(response.status_code, headers, content)

    @asynccontextmanager
    async def _answering(self, asked: httpx.Request) -> AsyncIterator[httpx.Response]:
        response = await self._road(asked.url).handle_async_request(asked)
        try:
            yield response
        finally:
            await response.aclose()

    def _road(self, url: httpx.URL) -> httpx.AsyncBaseTransport:
        where = (url.scheme, url.host, url.port)
        if self._given is not None:
            return self._given
        if not url.host:
            raise httpx.UnsupportedProtocol("the URL names no host")
        if where not in self._roads:
            proxy = proxies.find_proxy(*where, os.environ)
            self._roads[where] = _transport(proxy), proxy
        road, self._proxy = self._roads[where]
        return road


class Network:
    """As many lanes as calls may be under way side by side.

    Args:
        at_once: calls under way side by side.
        transport: in place of the network, such as a simulator's.
    """

    def __init__(self, at_once: int, transport: httpx.AsyncBaseTransport | None = None) -> None:
        self._lanes = [Lane(transport) for _ in range(1 if transport else math.ceil(at_once / LANE))]
        self._free: asyncio.LifoQueue[Lane] = asyncio.LifoQueue()
        for slot in range(at_once):
            self._free.put_nowait(self._lanes[slot % len(self._lanes)])

    @asynccontextmanager
    async def lane(self) -> AsyncIterator[Lane]:
        """A free lane, the one used last first: its connection is the likeliest to be open."""
        lane = await self._free.get()
        try:
            yield lane
        finally:
            self._free.put_nowait(lane)

    async def close(self) -> None:
        """Close all connections."""
        for lane in self._lanes:
            await lane.close()


# Going out


def _transport(proxy: Proxy | None) -> httpx.AsyncHTTPTransport:
    few = httpx.Limits(max_connections=LANE, max_keepalive_connections=LANE)
    trusted = _trusted()
    try:
        return httpx.AsyncHTTPTransport(verify=trusted, limits=few, proxy=proxy.url if proxy else None)
    except (ValueError, TypeError, ImportError, httpx.InvalidURL):
        if proxy is None:
            raise
        # What our own check lets through and the library does not.
        raise EnvironmentUnfit(f"The variable {proxy.variable} names no proxy that can be used.") from None


@lru_cache(maxsize=1)
def _trusted() -> ssl.SSLContext:
    """Whom we believe: read once, as that takes longer than a call.

    Raises:
        EnvironmentUnfit: a variable names certificates that cannot be read.
    """
    try:
        return httpx.create_ssl_context()
    except OSError as error:
        raise proxies.explain_tls(error, os.environ) from None


def _asked(base: str, request: Request) -> httpx.Request:
    url = base + request.path
    if request.query:
        url = f"{url}?{urlencode(request.query, quote_via=quote)}"
        return httpx.Request(request.method, url, headers=_HEADERS, extensions=_ASKED)
    content = urlencode(request.form).encode()
    return httpx.Request(request.method, url, content=content, headers=_FORM, extensions=_ASKED)


def _upload(base: str, request: Request, file: BinaryIO) -> httpx.Request:
    url, form = base + request.path, dict(request.form)
    return httpx.Request(request.method, url, data=form, files={"file": file}, headers=_HEADERS, extensions=_ASKED)


# Coming back


def _translated(error: Exception, proxy: Proxy | None) -> Trouble:
    """What an exception of httpx comes to."""
    if proxy is not None and isinstance(error, httpx.ConnectError | httpx.ConnectTimeout | httpx.ProxyError):
        return Trouble(Group.PASSING, Cause.PROXY, sent=False, said=_proxied(error, proxy))
    cause, sent = next((cause, sent) for kind, cause, sent in _FAILURES if isinstance(error, kind))
    if cause is Cause.CONNECTION and _NO_NAME.search(str(error)):
        cause = Cause.NAME
    return Trouble(Group.PASSING, cause, sent=sent)


def _proxied(error: Exception, proxy: Proxy) -> str:
    """How a proxy fails: it cannot be reached, or answers with a status."""
    status = re.match(r"\d{3}\b", str(error)) if isinstance(error, httpx.ProxyError) else None
    return f"the proxy {proxy} {f'answers with status {status[0]}' if status else 'cannot be reached'}"


def _no_file(status: int) -> Trouble:
    """A URL that is no more answers 403 or 404 (SAILTHRU.md §9.1: after about two hours)."""
    if status in {403, 404, 410}:
        return Trouble(Group.ABSENT, status=status)
    return Trouble(Group.PASSING, Cause.SERVER, status=status)


_PAGE: Final = (b"<", b"{", b"[")
"""How a page or a JSON text begins: no record of an export does (SAILTHRU.md §9.3)."""


async def _written(response: httpx.Response, path: Path, arrived: Arrived | None) -> Cause | None:
    """Stream the body into a file; None when it is as long as announced, ends with a record's end and is no page."""
    first = last = b""
    with disk.writing("an export", path), _opened(path, "wb") as file:
        async for chunk in response.aiter_bytes():
            file.write(chunk)
            first, last = first or chunk.removeprefix(b"\xef\xbb\xbf").lstrip(), chunk or last
            if arrived is not None:
                arrived(len(chunk))
    announced = response.headers.get("content-length")
    if announced is not None and int(announced) != response.num_bytes_downloaded:
        return Cause.BROKEN
    if first.startswith(_PAGE):
        return Cause.GARBLED
    return None if last.endswith(b"\n") else Cause.BROKEN


@contextmanager
def _opened(path: Path, mode: str) -> Iterator[BinaryIO]:
    with path.open(mode) as file:
        yield file  # type: ignore[misc]

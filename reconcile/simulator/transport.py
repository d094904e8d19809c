"""The simulator in process: httpx talks to it as if to a server. The only door to httpx."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping
from contextlib import suppress
from typing import Final, Protocol

import httpx

from reconcile.simulator.decoding import MAX_BODY
from reconcile.simulator.downloads import Download
from reconcile.simulator.messages import Answer, Broken, Request

_EXPORT: Final = "/_sim/export/"
#: What httpx raises when the network fails in this way.
_RAISED: Final[dict[str, tuple[type[httpx.TransportError], str]]] = {
    "unresolved": (httpx.ConnectError, "[Errno -2] Name or service not known"),
    "connect-timeout": (httpx.ConnectTimeout, "timed out"),
    "read-timeout": (httpx.ReadTimeout, "timed out"),
    "reset": (httpx.ReadError, "[Errno 104] Connection reset by peer"),
}


class Answering(Protocol):
    """What stands behind a transport: calls to the API, and files."""

    async def answer(self, request: Request) -> Answer:
        """Answer one request, or raise Broken."""
        ...

    def download(self, token: str) -> Download | None:
        """The file at this URL, or None."""
        ...


class SimulatorTransport(httpx.AsyncBaseTransport):
    """Answers an `httpx.AsyncClient`; also the downloads of exports."""

    def __init__(self, sim: Answering) -> None:
        self._sim = sim

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        """One request, one answer, or the error that httpx raises when the network fails."""
        if request.url.path.startswith(_EXPORT):
            return _file(self._sim.download(request.url.path.removeprefix(_EXPORT)))
        try:
            answer = await self._sim.answer(_request(request, await request.aread()))
        except Broken as broken:
            kind, text = _RAISED[broken.fault]
            raise kind(text, request=request) from None
        headers = httpx.Headers(answer.headers)
        if "Content-Length" not in headers:
            headers["Transfer-Encoding"] = "chunked"
        return httpx.Response(answer.status, headers=headers, stream=httpx.ByteStream(answer.body))


def _request(request: httpx.Request, body: bytes) -> Request:
    url = request.url
    base_url = f"{url.scheme}://{url.netloc.decode('ascii')}"
    return Request(request.method, url.path, url.query, dict(request.headers), body, base_url)


class _Chunks(httpx.AsyncByteStream):
    def __init__(self, file: Download) -> None:
        self._file = file

    async def __aiter__(self) -> AsyncIterator[bytes]:
        for chunk in self._file.chunks():
            yield chunk
        if self._file.breaks_off:
            raise httpx.RemoteProtocolError(
                "peer closed connection without sending complete message body "
                f"(received {self._file.arriving} bytes, expected {self._file.file.size})"
            )


def _file(file: Download | None) -> httpx.Response:
    if file is None:
        return httpx.Response(404, text="Not Found")
    return httpx.Response(200, headers=file.headers, stream=_Chunks(file))


# -- going out, to loopback only (`errands` sees to that)


async def fetch(url: str) -> bytes | None:
    """The content of this URL, or None where there is none, or too much of it."""
    try:
        async with (
            httpx.AsyncClient(trust_env=False, timeout=60) as client,
            client.stream("GET", url) as response,
        ):
            if response.status_code != 200:
                return None
            content = bytearray()
            async for chunk in response.aiter_bytes():
                content += chunk
                if len(content) > MAX_BODY:
                    return None
            return bytes(content)
    except (httpx.HTTPError, httpx.InvalidURL):
        return None


async def post_form(url: str, form: Mapping[str, str]) -> None:
    """Send a form; nobody hears of it if nobody is there (no retry is documented, SAILTHRU.md §11)."""
    with suppress(httpx.HTTPError, httpx.InvalidURL):
        async with httpx.AsyncClient(trust_env=False, timeout=10) as client:
            await client.post(url, data=dict(form))

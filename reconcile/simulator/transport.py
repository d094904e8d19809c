"""The simulator in process: httpx talks to it as if to a server. The only door to httpx."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from typing import TYPE_CHECKING, Final

import httpx

from reconcile.simulator.downloads import Download, download
from reconcile.simulator.messages import Broken, Request

if TYPE_CHECKING:
    from reconcile.simulator.simulator import Simulator

_EXPORT: Final = "/_sim/export/"
_CHUNKED: Final = (b"transfer-encoding", b"chunked")
#: What httpx raises when the network fails in this way.
_RAISED: Final[dict[str, tuple[type[httpx.TransportError], str]]] = {
    "unresolved": (httpx.ConnectError, "[Errno -2] Name or service not known"),
    "connect-timeout": (httpx.ConnectTimeout, "timed out"),
    "read-timeout": (httpx.ReadTimeout, "timed out"),
    "reset": (httpx.ReadError, "[Errno 104] Connection reset by peer"),
}


class SimulatorTransport(httpx.AsyncBaseTransport):
    """Answers an `httpx.AsyncClient`; also the downloads of exports."""

    def __init__(self, sim: Simulator) -> None:
        self._sim = sim

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        """One request, one answer, or the error that httpx raises when the network fails."""
        if request.url.path.startswith(_EXPORT):
            return _file(await download(self._sim, request.url.path.removeprefix(_EXPORT)))
        try:
            answer = await self._sim.answer(_request(request, await request.aread()))
        except Broken as broken:
            kind, text = _RAISED[broken.fault]
            raise kind(text, request=request) from None
        headers = answer.headers if answer.status == 200 else [*answer.headers, _CHUNKED]
        return httpx.Response(answer.status, headers=headers, stream=httpx.ByteStream(answer.body))


def _request(request: httpx.Request, body: bytes) -> Request:
    url = request.url
    base_url = f"{url.scheme}://{url.netloc.decode('ascii')}"
    return Request(request.method, url.path, url.query, dict(request.headers), body, base_url)


class _Chunks(httpx.AsyncByteStream):
    def __init__(self, chunks: Iterator[bytes]) -> None:
        self._chunks = chunks

    async def __aiter__(self) -> AsyncIterator[bytes]:
        for chunk in self._chunks:
            yield chunk


def _file(file: Download | None) -> httpx.Response:
    if file is None:
        return httpx.Response(404, text="Not Found")
    return httpx.Response(200, headers=file.headers, stream=_Chunks(file.chunks()))

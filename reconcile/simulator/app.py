"""The ASGI face: the API itself on a short way of its own; what the real API has not, under `/_sim/`."""

from __future__ import annotations

import asyncio
from contextlib import suppress
from typing import TYPE_CHECKING, Final, cast

from starlette.applications import Starlette
from starlette.requests import Request as WebRequest
from starlette.responses import HTMLResponse, JSONResponse, PlainTextResponse, RedirectResponse, Response
from starlette.routing import Route
from starlette.types import Receive, Scope, Send

from reconcile.simulator import report
from reconcile.simulator.decoding import MAX_BODY
from reconcile.simulator.downloads import Download
from reconcile.simulator.inspector import page
from reconcile.simulator.messages import Answer, Broken, Request

if TYPE_CHECKING:
    from reconcile.simulator.connections import Connection
    from reconcile.simulator.engine import Engine

#: Where the bare root of the real API leads (SAILTHRU.md §2).
DOCUMENTATION: Final = "https://getstarted.sailthru.com/developers/api-basics/introduction/"
#: The page holds no script and lets none in.
_PAGE_HEADERS: Final = {
    "content-security-policy": "default-src 'none'; style-src 'unsafe-inline'; img-src data:; form-action 'self'",
    "cache-control": "no-store",
}


class Application(Starlette):
    """Starlette for pages and files; calls to the API go straight to the simulator."""

    def __init__(self, sim: Engine) -> None:
        super().__init__(routes=_routes(sim))
        self._sim = sim

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """One ASGI event stream."""
        if scope["type"] == "http" and scope["path"] != "/" and not scope["path"].startswith("/_sim/"):
            await _api(self._sim, scope, receive, send)
        else:
            await super().__call__(scope, receive, send)


def application(sim: Engine) -> Starlette:
    """The application of one simulator."""
    return Application(sim)


# -- the API


async def _api(sim: Engine, scope: Scope, receive: Receive, send: Send) -> None:
    request = _request(scope, await _body(receive))
    try:
        answer = await sim.answer(request)
    except Broken as broken:
        await _play(broken, sim, scope, receive)
    else:
        await _send(answer, send)


async def _body(receive: Receive) -> bytes:
    """The whole body; of one that is larger than anybody may send, just enough to see that it is."""
    message = await receive()
    body: bytes = message.get("body", b"")
    if not message.get("more_body"):
        return body
    parts = [body]
    size = len(body)
    while message.get("more_body"):
        message = await receive()
        part = message.get("body", b"")
        size += len(part)
        if size <= MAX_BODY + 1:
            parts.append(part)
    return b"".join(parts) if size <= MAX_BODY else bytes(MAX_BODY + 1)


def _request(scope: Scope, body: bytes) -> Request:
    headers = {name.decode("latin-1"): value.decode("latin-1") for name, value in scope["headers"]}
    client = scope.get("client")
    return Request(
        scope["method"],
        scope["path"],
        scope["query_string"],
        headers,
        body,
        f"{scope['scheme']}://{headers.get('host', 'localhost')}",
        client[0] if client else "127.0.0.1",
    )


async def _send(answer: Answer, send: Send) -> None:
    await send({"type": "http.response.start", "status": answer.status, "headers": answer.headers})
    await send({"type": "http.response.body", "body": answer.body})


async def _play(broken: Broken, sim: Engine, scope: Scope, receive: Receive) -> None:
    """A network that fails, as well as a server can play it.

    Silence for timeouts, else a closed connection.
    """
    connection = _connection(scope)
    try:
        if broken.fault in {"connect-timeout", "read-timeout"}:
            await _silence(sim.faults.hang_seconds, receive)
    finally:  # also when the server stops meanwhile: whoever waits must not be answered after all
        connection.close(reset=broken.fault == "reset")
    await _gone(receive)


def _connection(scope: Scope) -> Connection:
    connection = scope.get("state", {}).get("connection")
    if connection is None:
        raise RuntimeError("this fault can only be played by the simulator's own server")
    return cast("Connection", connection)


async def _gone(receive: Receive) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass


async def _silence(seconds: float, receive: Receive) -> None:
    """Say nothing, until the caller goes away or the time is up."""
    with suppress(TimeoutError):
        await asyncio.wait_for(_gone(receive), seconds)


# -- what the real API has not


def _routes(sim: Engine) -> list[Route]:
    async def root(request: WebRequest) -> Response:
        if "text/html" not in request.headers.get("accept", ""):
            return RedirectResponse(DOCUMENTATION, 302)
        sim.tick()
        return HTMLResponse(page(sim, request.query_params.get("email", "")), headers=_PAGE_HEADERS)

    async def state(_request: WebRequest) -> Response:
        sim.tick()
        return JSONResponse(report.state(sim))

    async def export(request: WebRequest) -> Response:
        file = sim.download(request.path_params["token"])
        return PlainTextResponse("Not Found", 404) if file is None else _File(file)

    return [Route("/", root), Route("/_sim/state", state), Route("/_sim/export/{token}", export)]


class _File(Response):
    """An export on its way; one that breaks off is announced in full, and then the connection closes."""

    def __init__(self, file: Download) -> None:
        super().__init__(headers=file.headers)
        self._file = file

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        await send({"type": "http.response.start", "status": 200, "headers": self.raw_headers})
        for chunk in self._file.chunks():
            await send({"type": "http.response.body", "body": chunk, "more_body": True})
        if self._file.breaks_off:
            _connection(scope).close(reset=False)
            await _gone(receive)
        else:
            await send({"type": "http.response.body", "body": b""})

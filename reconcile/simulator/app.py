"""The ASGI face: the API itself on a short way of its own; what the real API has not, under `/_sim/`."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from contextlib import suppress
from typing import TYPE_CHECKING, Any, Final, cast

import orjson
from starlette.applications import Starlette
from starlette.requests import Request as WebRequest
from starlette.responses import HTMLResponse, JSONResponse, PlainTextResponse, RedirectResponse, Response
from starlette.routing import Route
from starlette.types import Receive, Scope, Send

from reconcile.simulator import report
from reconcile.simulator.decoding import MAX_BODY
from reconcile.simulator.downloads import Download
from reconcile.simulator.flows import Flows
from reconcile.simulator.inspector import Opened, page
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


_MOST_SHOWN: Final = 100_000


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
        asked = request.query_params
        opened = Opened(*(asked.get(name, "") for name in Opened._fields))
        return HTMLResponse(page(sim, asked.get("email", ""), opened), headers=_PAGE_HEADERS)

    async def state(request: WebRequest) -> Response:
        sim.tick()
        try:
            return JSONResponse(report.state(sim, **_paged(request.query_params)))
        except ValueError as error:
            return JSONResponse({"error": str(error)}, 400)

    async def add_flows(request: WebRequest) -> Response:
        try:
            _take_flows(sim, request.headers.get("content-type", ""), await request.body())
        except ValueError as error:
            return JSONResponse({"error": str(error)}, 400)
        return JSONResponse({"flows": report.told_flows(sim.account.flows)})

    async def export(request: WebRequest) -> Response:
        file = sim.download(request.path_params["token"])
        return PlainTextResponse("Not Found", 404) if file is None else _File(file)

    return [
        Route("/", root),
        Route("/_sim/state", state),
        Route("/_sim/state", add_flows, methods=["POST"]),
        Route("/_sim/export/{token}", export),
    ]


def _paged(asked: Mapping[str, str]) -> dict[str, Any]:
    """Which page of the state is asked for; ValueError for what is no number."""
    limit, entered_after = asked.get("limit", str(report.PAGE)), asked.get("entered_after", "0")
    if not (limit.isdecimal() and entered_after.isdecimal() and 1 <= int(limit) <= _MOST_SHOWN):
        raise ValueError(f"limit must be a number from 1 to {_MOST_SHOWN}, and entered_after a number")
    return {"after": asked.get("after", ""), "entered_after": int(entered_after), "limit": int(limit)}


def _take_flows(sim: Engine, kind: str, body: bytes) -> None:
    """The flows of `{"flows": [...]}`, all or none.

    Only JSON by its name, which no page of another site can send without being asked about it.
    """
    content = orjson.loads(body) if kind.partition(";")[0].strip() == "application/json" else None
    flows = content.get("flows") if isinstance(content, dict) else None
    if not isinstance(flows, list) or not all(isinstance(flow, dict) for flow in flows):
        raise ValueError('send JSON such as {"flows": [{"flow": "Welcome", "joined": "Main"}]}')
    for flow in flows:
        Flows().add(flow)
    for flow in flows:
        sim.account.flows.add(flow)


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

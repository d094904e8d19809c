"""What the tests of the Sailthru wing share: time that is virtual, and an account that answers by a script."""

from __future__ import annotations

import asyncio
import json
import traceback
from collections.abc import Callable
from urllib.parse import parse_qs

import httpx

from reconcile.sailthru.client import Client
from reconcile.sailthru.model import Credentials
from reconcile.state.masks import Masks

PLANTED = "ada.planted@example.com"
SID = "6158ef71c2f4d7a3b1e60f21"
MASKS = Masks(b"a key of this test")
HTML = httpx.Response(503, html="<h1>Down for maintenance</h1>")


class Clock:
    """Seconds that pass only when somebody sleeps."""

    def __init__(self, now: float = 600_000_000.0) -> None:
        self.now = now
        self.slept: list[float] = []

    def __call__(self) -> float:
        return self.now

    async def sleep(self, seconds: float) -> None:
        self.slept.append(seconds)
        wake = self.now + seconds
        await asyncio.sleep(0)  # those who sleep side by side wake at one time, not one after the other
        self.now = max(self.now, wake)


class Script(httpx.AsyncBaseTransport):
    """Answers in the order written; an exception is raised. `seen` holds what was asked, `raw` the requests."""

    def __init__(self, *answers: object, otherwise: Callable[[str, str, dict], object] | None = None) -> None:
        self.answers = list(answers)
        self.otherwise = otherwise
        self.seen: list[tuple[str, str, dict]] = []
        self.raw: list[httpx.Request] = []
        self.bodies: list[bytes] = []

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        body = await request.aread()
        self.raw.append(request)
        self.bodies.append(body)
        query = request.url.query.decode() if request.method != "POST" else body.decode()
        params = json.loads(parse_qs(query).get("json", ["{}"])[0]) if "json" in query else {}
        self.seen.append((request.method, request.url.path.strip("/"), params))
        answer = self.answers.pop(0) if self.answers else self._otherwise(*self.seen[-1])
        if isinstance(answer, Exception):
            raise answer
        assert isinstance(answer, httpx.Response)
        # A fresh one each time, and streamed, as from a wire: a response can be read but once.
        return httpx.Response(answer.status_code, headers=answer.headers, stream=httpx.ByteStream(answer.content))

    def _otherwise(self, method: str, endpoint: str, params: dict) -> object:
        assert self.otherwise is not None, f"nobody expected {method} /{endpoint}"
        return self.otherwise(method, endpoint, params)


def yes(body: object, *, left: int = 17_999, limit: int = 18_000, reset: int = 600_000_060) -> httpx.Response:
    return httpx.Response(200, json=body, headers=rate(left, limit, reset))


def no(status: int, code: int, text: str, **rates: int) -> httpx.Response:
    headers = rate(**rates) if rates else {}
    return httpx.Response(status, json={"error": code, "errormsg": text}, headers=headers)


def rate(left: int, limit: int = 18_000, reset: int = 600_000_060) -> dict[str, str]:
    return {
        "X-Rate-Limit-Limit": str(limit),
        "X-Rate-Limit-Remaining": str(left),
        "X-Rate-Limit-Reset": str(reset),
    }


def a_client(script: httpx.AsyncBaseTransport, clock: Clock | None = None, **settings: object) -> Client:
    clock = clock or Clock()
    return Client(
        Credentials("demo-key", "demo-secret"),
        masks=MASKS,
        transport=script,
        clock=clock,
        sleep=clock.sleep,
        seed=1,
        **settings,
    )


def everything_told(error: BaseException) -> str:
    """All that a traceback, a repr or a chained exception would show of it."""
    parts = traceback.format_exception(error)
    link: BaseException | None = error
    while link is not None:
        parts += [repr(link), str(link), repr(link.args), repr(getattr(link, "hint", ""))]
        link = link.__cause__ or link.__context__
    return "\n".join(parts)

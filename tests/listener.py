"""Whoever hears of commands: a webhook, as Slack and others have it, on loopback."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import loopback
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Route

SECRET = "T00/B00/s3cretpath"


@dataclass
class Listener:
    """What it was told, in order; `answer` is the status that it answers with."""

    url: str = ""
    answer: int = 200
    heard: list[dict[str, Any]] = field(default_factory=list)
    bodies: list[bytes] = field(default_factory=list)

    @property
    def hook(self) -> str:
        return f"{self.url}/{SECRET}"

    def app(self) -> Starlette:
        return Starlette(routes=[Route(f"/{SECRET}", self._hook, methods=["POST"])])

    async def _hook(self, request: Request) -> Response:
        self.bodies.append(await request.body())
        if self.answer == 200:
            self.heard.append(await request.json())
        return PlainTextResponse("ok", self.answer)  # a word, as Slack does


@contextmanager
def listening() -> Iterator[Listener]:
    listener = Listener()
    with loopback.served(listener.app()) as listener.url:
        yield listener

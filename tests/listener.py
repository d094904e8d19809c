"""Whoever hears of commands, on loopback: a webhook, as Slack and others have it, and a collector of spans."""

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
    spans: list[str] = field(default_factory=list)

    @property
    def hook(self) -> str:
        return f"{self.url}/{SECRET}"

    def app(self) -> Starlette:
        return Starlette(
            routes=[
                Route(f"/{SECRET}", self._hook, methods=["POST"]),
                Route("/v1/traces", self._traces, methods=["POST"]),
            ]
        )

    async def _traces(self, request: Request) -> Response:
        from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

        self.bodies.append(await request.body())
        sent = ExportTraceServiceRequest.FromString(self.bodies[-1])
        self.spans += [s.name for r in sent.resource_spans for scope in r.scope_spans for s in scope.spans]
        return Response(status_code=200)

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

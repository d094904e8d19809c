"""A server that speaks S3 on loopback, conditional writes included, and keeps what it has over a restart."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import httpx
import ports
import pytest

_NUMBERS = itertools.count(1)


@dataclass
class S3:
    """A server that can be stopped and started again; `url` is a bucket and prefix of it that nobody else has."""

    port: int
    url: str = ""
    server: Any = field(default=None, repr=False)

    def start(self) -> None:
        from moto.server import ThreadedMotoServer

        self.server = ThreadedMotoServer(ip_address="127.0.0.1", port=self.port, verbose=False)
        self.server.start()

    def stop(self) -> None:
        if self.server is not None:
            self.server.stop()
            self.server = None


@pytest.fixture(scope="session")
def s3_server() -> Iterator[S3]:
    made = S3(ports.find_free_port())
    made.start()
    httpx.put(f"http://127.0.0.1:{made.port}/state").raise_for_status()
    yield made
    made.stop()


@pytest.fixture
def s3(s3_server: S3, monkeypatch: pytest.MonkeyPatch) -> S3:
    """The server, up, with credentials where the library looks for them."""
    if s3_server.server is None:
        s3_server.start()
    for name, value in {
        "AWS_ACCESS_KEY_ID": "key",
        "AWS_SECRET_ACCESS_KEY": "secret",
        "AWS_REGION": "us-east-1",
        "AWS_ENDPOINT": f"http://127.0.0.1:{s3_server.port}",
        "AWS_ALLOW_HTTP": "true",
    }.items():
        monkeypatch.setenv(name, value)
    s3_server.url = f"s3://state/{next(_NUMBERS)}/of"
    return s3_server

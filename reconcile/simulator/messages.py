"""HTTP without a wire: what came in, what goes out, and what can go wrong in between."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final, Literal

Fault = Literal["unresolved", "connect-timeout", "read-timeout", "reset"]

#: What callers meet instead of an answer, by the name of the fault; nothing of the call is done.
LOST: Final[dict[str, Fault]] = {
    "unresolved": "unresolved",
    "connect-timeout": "connect-timeout",
    "read-timeout": "read-timeout",
    "reset": "reset",
}

#: On every answer (SAILTHRU.md §4.1), with names as they are written on the wire.
BASE: Final = (
    (b"Content-Type", b"application/json"),
    (b"Server", b"Sailthru"),
    (b"X-Content-Type-Options", b"nosniff"),
    (b"X-XSS-Protection", b"1; mode=block"),
    (b"X-Frame-Options", b"SAMEORIGIN"),
)


@dataclass(frozen=True, slots=True)
class Request:
    """One request. `path` starts with `/`; header names are lower-case; `client` is the caller's address."""

    method: str
    path: str
    query: bytes
    headers: Mapping[str, str]
    body: bytes
    base_url: str
    client: str = "127.0.0.1"


@dataclass(slots=True)
class Answer:
    """One answer.

    Without a Content-Length among the headers it goes out chunked, as recorded errors do (§4.1).
    """

    status: int
    headers: list[tuple[bytes, bytes]]
    body: bytes


class Broken(Exception):
    """No answer comes: how the network fails. The transports play it as well as they can."""

    def __init__(self, fault: Fault) -> None:
        super().__init__(fault)
        self.fault = fault

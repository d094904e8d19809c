"""A client's connection, for faults that close it before it is answered, or in the middle of an answer."""

from __future__ import annotations

import socket
import struct
from contextlib import suppress
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    import asyncio

_NO_LINGER: Final = struct.pack("ii", 1, 0)


class Connection:
    """One client's connection, for faults that close it."""

    def __init__(self, transport: asyncio.Transport) -> None:
        self._transport = transport

    def close(self, *, reset: bool) -> None:
        """Close it: with a reset, at once, or once all that was sent is through."""
        if not reset:
            self._transport.close()
            return
        with suppress(OSError, AttributeError):
            sock = self._transport.get_extra_info("socket")
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _NO_LINGER)
        self._transport.abort()

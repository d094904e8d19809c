"""Free ports for servers that have to be told theirs, of those that the system never gives away by itself."""

from __future__ import annotations

import random
import socket

_CHOSEN = random.SystemRandom()  # tests seed the other one: two workers would be given the same ports


def find_free_port() -> int:
    """A port of loopback that nobody listens on, and that no outgoing connection takes before the server does."""
    while True:
        port = _CHOSEN.randrange(20_000, 32_000)  # below the range of what `bind` to 0 and `connect` are given
        with socket.socket() as probe:
            try:
                probe.bind(("127.0.0.1", port))
            except OSError:
                continue
            return port

"""Ids as the API makes them: 24 hex characters that carry their second, and the cookie around a sid.

`sid` and `list_id` are ObjectIds whose first four bytes are the Unix second of creation. The cookie is 32
hex, the sid, 32 hex; its end changes with the e-mail and its start does not (SAILTHRU.md §7.1).
"""

from __future__ import annotations

import hashlib
import re
from typing import Final

SID: Final = re.compile(r"[0-9a-f]{24}", re.IGNORECASE)
COOKIE: Final = re.compile(r"[0-9a-f]{88}", re.IGNORECASE)


class Ids:
    """A maker of ids: unique, and the same for the same seed, calls and seconds."""

    def __init__(self, seed: int) -> None:
        self._salt = f"reconcile-simulator:{seed}:".encode()
        digest = hashlib.md5(self._salt, usedforsecurity=False).hexdigest()
        self._machine = digest[:10]
        self.counter = int(digest[10:15], 16)

    def new(self, second: int) -> str:
        """A fresh 24-hex id of this second."""
        self.counter = (self.counter + 1) & 0xFFFFFF
        return f"{second & 0xFFFFFFFF:08x}{self._machine}{self.counter:06x}"

    def cookie(self, sid: str, email: str | None) -> str:
        """The Horizon cookie of a profile, 88 hex."""
        return f"{self._hash(sid)}{sid}{self._hash(email or sid + ':')}"

    def token(self, *parts: object) -> str:
        """32 hex that follow from the seed and the parts, such as the name of an exported file."""
        return self._hash(":".join(map(str, parts)))

    def _hash(self, text: str) -> str:
        return hashlib.md5(self._salt + text.encode(), usedforsecurity=False).hexdigest()

"""Chance that does not depend on timing.

Who is hit follows from the seed and from what is asked, not from when.
"""

from __future__ import annotations

from collections import OrderedDict
from hashlib import blake2b
from typing import Final

_REMEMBERED: Final = 100_000


class Dice:
    """Seeded chance. `chance` is a pure function.

    `nth` counts, within bounds, how often something was asked.
    """

    def __init__(self, seed: int) -> None:
        self._key = str(seed).encode()[:64]
        self._seen: OrderedDict[bytes, int] = OrderedDict()

    def chance(self, *what: object) -> float:
        """A number in [0, 1) that is always the same for the same seed and the same `what`."""
        return int.from_bytes(self._digest(what)) / 2**64

    def between(self, least: float, most: float, *what: object) -> float:
        """A number between these two, evenly, that is always the same for the same seed and `what`."""
        return least + (most - least) * self.chance(*what)

    def nth(self, *what: object) -> int:
        """0 the first time, 1 the second, ...; what was not asked for long may be forgotten."""
        key = self._digest(what)
        count = self._seen.pop(key, 0)
        self._seen[key] = count + 1
        if len(self._seen) > _REMEMBERED:
            self._seen.popitem(last=False)
        return count

    def _digest(self, what: tuple[object, ...]) -> bytes:
        text = "\x1f".join(map(str, what))
        return blake2b(text.encode("utf-8", "replace"), digest_size=8, key=self._key).digest()

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
        self._seen: OrderedDict[tuple[object, ...], int] = OrderedDict()

    def chance(self, *what: object) -> float:
        """A number in [0, 1) that is always the same for the same seed and the same `what`."""
        digest = blake2b("\x1f".join(map(str, what)).encode(), digest_size=8, key=self._key).digest()
        return int.from_bytes(digest) / 2**64

    def between(self, least: float, most: float, *what: object) -> float:
        """A number between these two, evenly, that is always the same for the same seed and `what`."""
        return least + (most - least) * self.chance(*what)

    def nth(self, *what: object) -> int:
        """0 the first time, 1 the second, ...; what was not asked for long may be forgotten."""
        count = self._seen.pop(what, 0)
        self._seen[what] = count + 1
        if len(self._seen) > _REMEMBERED:
            self._seen.popitem(last=False)
        return count

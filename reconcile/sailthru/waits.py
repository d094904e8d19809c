"""How long calls were held back, by cause: time on the clock, not summed over the calls that waited side by side."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager


class Waits:
    """Keeps the time in which at least one call waited for a cause.

    Args:
        clock: Unix seconds.
    """

    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock = clock
        self._waiting: dict[str, int] = {}
        self._since: dict[str, float] = {}
        self._past: dict[str, float] = {}

    @contextmanager
    def during(self, cause: str) -> Iterator[None]:
        """A call waits meanwhile."""
        if not self._waiting.get(cause):
            self._since[cause] = self._clock()
        self._waiting[cause] = self._waiting.get(cause, 0) + 1
        try:
            yield
        finally:
            self._waiting[cause] -= 1
            if not self._waiting[cause]:
                self._past[cause] = self._past.get(cause, 0.0) + self._clock() - self._since.pop(cause)

    @property
    def seconds(self) -> Mapping[str, float]:
        """Seconds so far, by cause."""
        now = self._clock()
        going = {cause: now - since for cause, since in self._since.items()}
        causes = sorted(self._past.keys() | going.keys())
        return {cause: round(self._past.get(cause, 0.0) + going.get(cause, 0.0), 1) for cause in causes}

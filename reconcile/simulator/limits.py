"""Rate windows: fixed, on the clock's minute, per method and endpoint of the account (SAILTHRU.md §5)."""

from __future__ import annotations

from typing import Final, Literal, NamedTuple

from reconcile.simulator.calls import ENDPOINTS, METHODS

Limits = Literal["published", "recorded"]

#: Calls a minute: (any GET, and POST /user), (POST /send), (everything else).
_FIGURES: Final = {"published": (18_000, 12_000, 2_400), "recorded": (36_000, 24_000, 4_800)}


class Quota(NamedTuple):
    """What the three headers say, whether this call went over, and in which Unix second that was."""

    limit: int
    remaining: int
    reset: int
    exceeded: bool
    second: int


class Windows:
    """The counters of the current minute. All keys of the account count together."""

    def __init__(self, limits: Limits = "published", reset_skew: float = 0) -> None:
        self._skew = int(reset_skew)
        self._many, self._send, self._few = _FIGURES[limits]
        self._minute = 0
        self._used: dict[tuple[str, str], int] = {}

    def take(self, method: str, endpoint: str, now: float) -> Quota:
        """Count one call, whatever will come of it: failed calls consume quota as well."""
        minute = int(now // 60)
        if minute != self._minute:
            self._minute = minute
            self._used.clear()
        # Unknown words share one counter, so that a stranger cannot make the table grow.
        key = (method if method in METHODS else "?", endpoint if endpoint in ENDPOINTS else "?")
        used = self._used[key] = self._used.get(key, 0) + 1
        limit = self._limit(method, endpoint)
        return Quota(limit, max(0, limit - used), (minute + 1) * 60 + self._skew, used > limit, int(now))

    def exhaust(self, method: str, endpoint: str, now: float) -> None:
        """Let nothing of this minute be left: what was refused once stays refused until the reset (SAILTHRU.md §5)."""
        if int(now // 60) == self._minute:
            self._used[method, endpoint] = max(self._used.get((method, endpoint), 0), self._limit(method, endpoint))

    def _limit(self, method: str, endpoint: str) -> int:
        if method == "GET" or (method == "POST" and endpoint == "user"):
            return self._many
        return self._send if (method, endpoint) == ("POST", "send") else self._few

    def used(self) -> dict[str, int]:
        """The counters of the current minute, as `POST /user` to calls."""
        return {f"{method} /{endpoint}": n for (method, endpoint), n in self._used.items()}

"""How fast, and how long to wait: pure arithmetic; the time is passed in (SAILTHRU.md §5).

Limits are per account, method and endpoint, in fixed windows on the clock's minute; a burst inside the minute is fine.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final, get_args

from reconcile.sailthru.model import Endpoint, Method, Rate

MINUTE: Final = 60
SHARE: Final = 0.75
"""Of the account's limit, for us; the rest is the company's own sign-up forms and connectors."""

_FIRST: Final = 0.5
_CAP: Final = 30.0


def published(method: str, endpoint: str) -> int:
    """Calls a minute that the vendor documents; believed until a header is seen (SAILTHRU.md §5)."""
    return 18_000 if method == "GET" or (method, endpoint) == ("POST", "user") else 2_400


def quota(share: float = SHARE) -> Mapping[str, float]:
    """Calls a minute that we may make, by name (`POST /user`), as far as is known without asking."""
    pairs = [(method, endpoint) for method in get_args(Method) for endpoint in get_args(Endpoint)]
    return {f"{method} /{endpoint}": share * published(method, endpoint) for method, endpoint in pairs}


def backoff(attempt: int, *, jitter: float) -> float:
    """Seconds to wait after the `attempt`-th failure (from 1): doubling from 0.5 s to at most 30 s.

    Ours and not a library's, because the wait itself is the caller's: virtual in tests.

    Args:
        jitter: from [0, 1); the wait is between half of the step and the whole.
    """
    step = min(_CAP, _FIRST * 2.0 ** min(attempt - 1, 10))
    return step * (1 + jitter) / 2


def until_reset(now: float, reset: float | None, *, jitter: float) -> float:
    """Seconds to wait after a 429: to the end of the window, and 1 to 2 s on top for clocks that differ.

    Args:
        now, reset: Unix seconds; without a reset the next full minute is taken.
        jitter: from [0, 1).
    """
    end = _next_minute(now) if reset is None else reset
    # A window is a minute, whatever a clock that is wrong may say.
    return min(max(end - now, 0.0), MINUTE) + 1.0 + jitter


@dataclass(slots=True)
class Skew:
    """How far the account's clock is ahead of ours, from the dates of its answers: its minutes count, not ours.

    A date is cut to the second, so an answer sent at `a` and received at `b` puts the difference between `date - b` and
    `date + 1 - a`; many answers narrow that down. The least of it is taken: a minute that begins too late for us costs
    some idle tenths of a second, one that begins too early a burst over the limit.
    """

    least: float = -math.inf
    most: float = math.inf

    def note(self, date: float, *, sent: float, received: float) -> None:
        """An answer has come, with this date (Unix seconds)."""
        least, most = date - received, date + 1 - sent
        if least > self.most or most < self.least:  # one of the clocks was put right
            self.least, self.most = least, most
        self.least, self.most = max(self.least, least), min(self.most, most)

    def there(self, now: float) -> float:
        """The time at the account, at this time of ours."""
        return now + (self.least if math.isfinite(self.least) else 0.0)


@dataclass(slots=True)
class Budget:
    """How many calls of one method and endpoint may still go in this clock minute.

    Never more than `share` of the limit are ours, and none once the account has no more left than the others' share.

    Args:
        limit: calls a minute of the whole account; corrected by the headers.
        share: of the limit, for us; from (0, 1].
    """

    limit: int
    share: float = SHARE
    _minute: int = -1
    _used: int = 0
    _flying: int = 0
    _left: int | None = None
    _closed_until: float = 0.0

    @property
    def ceiling(self) -> int:
        """Calls a minute for us; at least one, since none would be waiting for ever."""
        return max(1, int(self.limit * self.share))

    def wait(self, now: float) -> float:
        """Seconds until the next call may go; 0 when it may go now."""
        self._turn(now)
        if now < self._closed_until:
            return self._closed_until - now
        left = self.limit if self._left is None else self._left
        if self._used < self.ceiling and left > self.limit - self.ceiling:
            return 0.0
        return _next_minute(now) - now

    def why(self, name: str, now: float) -> str:
        """Why a call has to wait now, for people.

        Args:
            name: the call's (`POST /user`).
        """
        if now < self._closed_until:
            return f"rate limit of {name} reached"
        return f"our share of {name}" if self._used >= self.ceiling else f"others' share of {name}"

    def spend(self, now: float) -> None:
        """A call goes."""
        self._turn(now)
        self._used += 1
        self._flying += 1
        if self._left is not None:
            self._left -= 1

    def settle(self, rate: Rate | None) -> None:
        """A call has come back, with these headers, or without."""
        self._flying -= 1
        if rate is None or rate.limit <= 0:
            return
        self.limit = rate.limit
        # An answer from the minute before says nothing of this one. Calls under way may not be counted in it yet.
        if rate.reset > self._minute * MINUTE:
            self._left = rate.remaining - self._flying

    def close(self, until: float) -> None:
        """No call before this Unix second: Sailthru has said 429."""
        self._closed_until = max(self._closed_until, until)

    def _turn(self, now: float) -> None:
        minute = int(now // MINUTE)
        if minute != self._minute:
            self._minute, self._used, self._left = minute, 0, None


def _next_minute(now: float) -> float:
    return (now // MINUTE + 1) * MINUTE

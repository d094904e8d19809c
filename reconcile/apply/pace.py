"""How fast a stage goes and when it will be over: pure arithmetic, the time is passed in."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from reconcile.plan.model import Stage

MEANT_AFTER = 10.0
MEANT_FROM = 0.05
"""An end is foretold after so many seconds and this share of a stage: before that it is a guess."""


@dataclass(frozen=True, slots=True)
class Pace:
    """How far a stage is.

    Args:
        done, total: actions of this attempt; done is what has its receipt.
        seconds: since the stage began, pauses included.
        waited: seconds in which calls were held back, by cause; causes may overlap.
        finished: whether this is the stage's last word.
        attempted, written, looked_at: see `figures.Figures`.
    """

    stage: Stage
    done: int
    total: int
    seconds: float
    waited: Mapping[str, float]
    finished: bool = False
    attempted: int = 0
    written: int = 0
    looked_at: int = 0

    @property
    def rate(self) -> float:
        """Actions a second."""
        return self.done / self.seconds if self.seconds > 0 else 0.0

    @property
    def left(self) -> float | None:
        """Seconds until the stage is over, at this rate; None while it means nothing."""
        if self.seconds < MEANT_AFTER or self.done < max(1, MEANT_FROM * self.total):
            return None
        return (self.total - self.done) / self.rate


def since(before: Mapping[str, float], now: Mapping[str, float]) -> Mapping[str, float]:
    """Seconds by cause that have come on top."""
    return {cause: round(seconds - before.get(cause, 0.0), 1) for cause, seconds in now.items()}

"""How far a step is, in numbers and in words."""

from __future__ import annotations

import time
from dataclasses import dataclass, field
from typing import Any


@dataclass(slots=True)
class Tally:
    """One step.

    Args:
        unit: what is counted: rows, lists, profiles, actions.
        total: of them, None when nobody knows.
        size: bytes so far.
        told: what else there is to say of it.
    """

    step: str
    unit: str
    total: int | None
    done: int = 0
    size: int = 0
    told: str = ""
    began: float = field(default_factory=time.monotonic)

    @property
    def seconds(self) -> float:
        """Since it began."""
        return time.monotonic() - self.began

    def __str__(self) -> str:
        """`3 of 6 lists, 1.2 GB`; nothing where nothing was counted yet."""
        counted = f"{self.done:,} of {self.total:,} {self.unit}" if self.total is not None else ""
        if self.total is None and self.done:
            counted = f"{self.done:,} {self.unit}"
        return ", ".join(part for part in (counted, size(self.size) if self.size else "", self.told) if part)

    def as_json(self) -> dict[str, Any]:
        """The fields of a `step` event."""
        return {
            "step": self.step,
            "done": self.done,
            "total": self.total,
            "unit": self.unit,
            "bytes": self.size,
            "seconds": round(self.seconds, 1),
        }


def size(count: float) -> str:
    """Bytes as people say them: `310 MB`."""
    for unit in ("bytes", "kB", "MB"):
        if abs(count) < 1000:
            return f"{count:,.0f} {unit}"
        count /= 1000
    return f"{count:,.1f} GB"


def span(seconds: float) -> str:
    """A time as people say it."""
    if seconds < 90:
        return f"{seconds:,.1f} s" if seconds < 10 else f"{seconds:,.0f} s"
    return f"{seconds / 60:,.0f} min" if seconds < 5400 else f"{seconds / 3600:,.1f} h"

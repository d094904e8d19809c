"""Where time and memory went, step by step: what listens to progress, measures, and passes it on."""

from __future__ import annotations

import resource
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from reconcile.screen.tally import Tally, size, span
from reconcile.state.model import Progress

_STATM = Path("/proc/self/statm")
_PEAK_UNIT = 1 if sys.platform == "darwin" else 1024


@dataclass(frozen=True, slots=True)
class Usage:
    """What this process has taken so far: seconds of wall and of CPU (all threads), bytes of memory now and at most."""

    wall: float
    cpu: float
    memory: int
    peak: int


def usage() -> Usage:
    """So far. Where the system does not tell what is taken now (it does on Linux), the most so far stands in."""
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * _PEAK_UNIT
    try:
        memory = int(_STATM.read_text(encoding="ascii").split()[1]) * resource.getpagesize()
    except OSError:
        memory = peak
    return Usage(time.perf_counter(), time.process_time(), memory, peak)


@dataclass(frozen=True, slots=True)
class Spent:
    """What one step took. Of steps that run side by side each has all that the process took meanwhile.

    Args:
        grown: bytes of memory that the process has more than before; negative where it has less.
        peak: bytes that the process took at most, from its start to the end of this step.
    """

    step: str
    wall: float
    cpu: float
    grown: int
    peak: int
    counted: str = ""
    done: int = 0
    unit: str = "rows"
    size: int = 0

    @classmethod
    def between(cls, before: Usage, after: Usage, tally: Tally) -> Spent:
        """From what was taken before and after."""
        return cls(
            tally.step,
            after.wall - before.wall,
            after.cpu - before.cpu,
            after.memory - before.memory,
            after.peak,
            str(tally),
            tally.done,
            tally.unit,
            tally.size,
        )

    def as_json(self) -> dict[str, Any]:
        """As a part of the event `profile`."""
        return {
            "step": self.step,
            "seconds": round(self.wall, 3),
            "cpu": round(self.cpu, 3),
            "grown": self.grown,
            "peak": self.peak,
            "done": self.done,
            "unit": self.unit,
            "bytes": self.size,
        }


class Profile:
    """A `Progress` that measures every step on its way to another one."""

    def __init__(self, then: Progress) -> None:
        self._then = then
        self._began = usage()
        self._open: dict[str, tuple[Usage, Tally]] = {}
        self._spent: list[Spent] = []

    def start(self, step: str, total: int | None = None, unit: str = "rows") -> None:
        """Look at the clocks."""
        self._open[step] = (usage(), Tally(step, unit, total))
        self._then.start(step, total, unit)

    def advance(self, step: str, by: int = 1, *, size: int = 0) -> None:
        """Only counted."""
        _, tally = self._open[step]
        tally.done += by
        tally.size += size
        self._then.advance(step, by, size=size)

    def finish(self, step: str) -> None:
        """Look at the clocks again."""
        self._then.finish(step)
        before, tally = self._open.pop(step)
        self._spent.append(Spent.between(before, usage(), tally))

    def spent(self) -> list[Spent]:
        """Every step in the order of their ends, those that never ended, what was between them, and all."""
        now = usage()
        broken = [Spent.between(before, now, tally) for before, tally in self._open.values()]
        whole = Spent.between(self._began, now, Tally("all", "", None))
        steps = [*self._spent, *broken]
        rest = Spent(
            "between steps",
            max(0.0, whole.wall - sum(one.wall for one in steps)),
            max(0.0, whole.cpu - sum(one.cpu for one in steps)),
            whole.grown - sum(one.grown for one in steps),
            whole.peak,
        )
        return [*steps, rest, whole]

    def lines(self) -> Iterator[str]:
        """As a table for people."""
        rows = [
            (one.step, span(one.wall), span(one.cpu), f"{'-' if one.grown < 0 else '+'}{size(abs(one.grown))}",
             size(one.peak), one.counted)
            for one in self.spent()
        ]  # fmt: skip
        table = [("step", "wall", "CPU", "memory", "peak", ""), *rows]
        widths = [max(map(len, column)) for column in zip(*table, strict=True)]
        for first, *numbers, counted in table:
            cells = [
                first.ljust(widths[0]),
                *(cell.rjust(width) for cell, width in zip(numbers, widths[1:], strict=False)),
            ]
            yield "  ".join([*cells, counted]).rstrip()

    def as_json(self) -> dict[str, Any]:
        """As the event `profile`: the steps, and all."""
        *steps, whole = (one.as_json() for one in self.spent())
        return {"steps": steps, "seconds": whole["seconds"], "cpu": whole["cpu"], "peak": whole["peak"]}

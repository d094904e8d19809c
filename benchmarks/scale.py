"""Time and memory against size: the plan, the diff alone, and the reference of each, over shops of `shops.py`."""

from __future__ import annotations

import json
import math
import statistics
import sys
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import ground
import observations
import shops
import sides

START = 1_000
"""Profiles that cost nothing but the fixed start of a process."""
SMALL = (START, 100_000, 1_000_000)
LARGE = 10_000_000
RUNS = 3
KEPT = Path(__file__).with_name("figures.json")
"""Medians by size and step, for the plots and for growth: those of 10 M stay when the smaller ones are run again."""


@dataclass(frozen=True)
class Step:
    """What is measured: our own command for `plan`, else a step of `steps.py`; and what the engine may use in it."""

    name: str
    memory_limit: str | None = None

    def take(self, shop: shops.Made, folder: Path) -> ground.Cost:
        """Take it once; `folder` is for what it leaves behind."""
        limit = ["--memory-limit", self.memory_limit] if self.memory_limit else []
        if self.name != "plan":
            return ground.measured([sys.executable, ground.HERE / "steps.py", self.name, shop.folder, *limit], {})
        plan = ["plan", shop.spec, "--observed", observations.kept(shop), "--out", folder / "a.rplan", "--json", *limit]
        command = [sys.executable, "-m", "reconcile.cli", *plan, "--state", folder / "state"]
        taken = ground.measured(command, observations.ENVIRON)
        return replace(taken, said=json.dumps(ground.counts(taken)))


STEPS = {name: Step(name) for name in ("plan", "floor", "diff", "join")}
LIMITS = {f"plan at {limit}": Step("plan", limit) for limit in ("1GiB", "512MiB")}


def medians(size: int, steps: Mapping[str, Step], runs: int = RUNS) -> dict[str, ground.Cost]:
    """Each step so often, taken in turns, so that other work on the machine falls on all alike."""
    shop, found = sides.prepared(size), {name: [] for name in steps}
    with tempfile.TemporaryDirectory(prefix="bench-") as folder:
        for _ in range(runs):
            for name, step in steps.items():
                found[name].append(step.take(shop, Path(folder)))
    return {name: median(costs) for name, costs in found.items()}


def median(costs: Sequence[ground.Cost]) -> ground.Cost:
    """The median of each figure; what was said must be the same every time."""
    said = {cost.said for cost in costs}
    if len(said) > 1:
        raise RuntimeError(f"the same step gave different results: {sorted(said)}")
    figures = (statistics.median(getattr(cost, name) for cost in costs) for name in ("wall", "cpu", "peak"))
    return ground.Cost(*figures, said.pop())


def run(sizes: Sequence[int]) -> dict[int, dict[str, ground.Cost]]:
    """Measure these sizes and keep the figures; gives all that are kept."""
    for size in sizes:
        keep(size, medians(size, STEPS))
        print(f"  {size:,} done", flush=True)
    return kept()


def keep(size: int, found: Mapping[str, ground.Cost], *, when: str | None = None) -> None:
    """Put figures to those that are there."""
    figures = _read()
    one = figures.setdefault(str(size), {"when": "", "costs": {}})
    one["when"] = when or ground.machine()
    one["costs"] |= {name: asdict(cost) for name, cost in found.items()}
    KEPT.write_text(json.dumps({at: figures[at] for at in sorted(figures, key=int)}, indent=1) + "\n")


def kept() -> dict[int, dict[str, ground.Cost]]:
    """All figures that are kept, by size and step."""
    return {int(at): {name: ground.Cost(**cost) for name, cost in one["costs"].items()} for at, one in _read().items()}


def dates() -> dict[int, str]:
    """When and where each size was measured."""
    return {int(at): one["when"] for at, one in _read().items()}


def _read() -> dict[str, Any]:
    return json.loads(KEPT.read_text()) if KEPT.exists() else {}


def exponent(start: float, small: tuple[int, float], large: tuple[int, float]) -> float:
    """How time grows with size beyond a fixed start: 1 is in proportion, below it in less; NaN where it does not show.

    Args:
        start: seconds that even a tiny one takes.
        small, large: sizes and their seconds, start included.
    """
    if not start < small[1] < large[1]:
        return math.nan
    grown = (large[1] - start) / (small[1] - start)
    return math.log(grown) / math.log(large[0] / small[0])

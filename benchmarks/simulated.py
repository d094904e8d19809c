"""The simulator in a process of its own, with knobs that its command does not have.

    python benchmarks/simulated.py [--latency 0.2] [--per-minute 600] [--people FILE | --exports FOLDER]

Prints its URL, then for every line it is sent a line of JSON: calls so far, upserts by minute, exports fetched and
their bytes.
"""

from __future__ import annotations

import argparse
import json
import sys
import threading
from collections import Counter
from collections.abc import Callable
from pathlib import Path

import written

from reconcile.simulator import Faults, Simulator, seeds
from reconcile.simulator.downloads import Download
from reconcile.simulator.limits import Quota
from reconcile.simulator.server import serve


def main() -> None:
    """Serve until the input ends."""
    asked = argparse.ArgumentParser()
    asked.add_argument("--latency", type=float, default=0.0, help="seconds that every answer takes")
    asked.add_argument("--per-minute", type=int, default=0, help="calls a minute; 0: the published limits")
    asked.add_argument("--people", type=Path, help="profiles to begin with, as `reconcile seed` takes them")
    asked.add_argument("--exports", type=Path, help="a shop of `shops.py`: its exports are served, nobody is held")
    knobs = asked.parse_args()
    sim = Simulator(faults=Faults.model_validate({"latency": {"least": knobs.latency, "most": knobs.latency}}))
    if knobs.per_minute:
        sim.windows._limit = lambda *_: knobs.per_minute  # type: ignore[method-assign]
    if knobs.people:
        seeds.load(sim, knobs.people)
    if knobs.exports:
        written.serve(sim, knobs.exports)
    minutes: Counter[str] = Counter()
    fetched: Counter[str] = Counter()
    sim.download = _weighing(sim.download, fetched)  # type: ignore[method-assign]
    sim.windows.take = _noting(sim.windows.take, minutes)  # type: ignore[method-assign]
    threading.Thread(target=_answer, args=(sim, minutes, fetched), daemon=True).start()
    serve(sim, port=0, ready=lambda url: print(url, flush=True))


def _noting(take: Callable[..., Quota], minutes: Counter[str]) -> Callable[..., Quota]:
    """Count upserts by the minute in which they were answered."""

    def noted(method: str, endpoint: str, now: float) -> Quota:
        quota = take(method, endpoint, now)
        if (method, endpoint) == ("POST", "user") and not quota.exceeded:
            minutes[str(int(now // 60))] += 1
        return quota

    return noted


def _weighing(download: Callable[[str], Download | None], fetched: Counter[str]) -> Callable[[str], Download | None]:
    """Count the files that are fetched, and their bytes."""

    def weighed(token: str) -> Download | None:
        found = download(token)
        if found is not None:
            fetched.update(files=1, bytes=found.arriving)
        return found

    return weighed


def _answer(sim: Simulator, minutes: Counter[str], fetched: Counter[str]) -> None:
    for _ in sys.stdin:
        calls = {f"{method} /{endpoint}": count for (method, endpoint), count in sim.calls_total.items()}
        print(json.dumps({"calls": calls, "minutes": minutes, "fetched": fetched}), flush=True)


if __name__ == "__main__":
    main()

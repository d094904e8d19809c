"""The simulator in a process of its own, with knobs that its command does not have.

    python benchmarks/simulated.py [--latency 0.2] [--per-minute 600]

Prints its URL, then for every line it is sent a line of JSON: calls so far, and upserts by minute.
"""

from __future__ import annotations

import argparse
import json
import sys
import threading
from collections import Counter
from collections.abc import Callable

from reconcile.simulator import Faults, Simulator
from reconcile.simulator.limits import Quota
from reconcile.simulator.server import serve


def main() -> None:
    """Serve until the input ends."""
    asked = argparse.ArgumentParser()
    asked.add_argument("--latency", type=float, default=0.0, help="seconds that every answer takes")
    asked.add_argument("--per-minute", type=int, default=0, help="calls a minute; 0: the published limits")
    knobs = asked.parse_args()
    sim = Simulator(faults=Faults.model_validate({"latency": {"least": knobs.latency, "most": knobs.latency}}))
    if knobs.per_minute:
        sim.windows._limit = lambda *_: knobs.per_minute  # type: ignore[method-assign]
    minutes: Counter[str] = Counter()
    sim.windows.take = _noting(sim.windows.take, minutes)  # type: ignore[method-assign]
    threading.Thread(target=_answer, args=(sim, minutes), daemon=True).start()
    serve(sim, port=0, ready=lambda url: print(url, flush=True))


def _noting(take: Callable[..., Quota], minutes: Counter[str]) -> Callable[..., Quota]:
    """Count upserts by the minute in which they were answered."""

    def noted(method: str, endpoint: str, now: float) -> Quota:
        quota = take(method, endpoint, now)
        if (method, endpoint) == ("POST", "user") and not quota.exceeded:
            minutes[str(int(now // 60))] += 1
        return quota

    return noted


def _answer(sim: Simulator, minutes: Counter[str]) -> None:
    for _ in sys.stdin:
        calls = {f"{method} /{endpoint}": count for (method, endpoint), count in sim.calls_total.items()}
        print(json.dumps({"calls": calls, "minutes": minutes}), flush=True)


if __name__ == "__main__":
    main()

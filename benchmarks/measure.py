"""Measure some steps of one size, from the command line; the whole table is made by `results.py`.

python benchmarks/measure.py 1000000 plan floor [--runs=1] [--memory-limit=1GiB]
"""

from __future__ import annotations

import sys

import scale


def main(words: list[str]) -> None:
    """Print the medians."""
    options = dict(word[2:].split("=", 1) for word in words if word.startswith("--"))
    size, *names = (word for word in words if not word.startswith("--"))
    runs, limit = int(options.get("runs", scale.RUNS)), options.get("memory-limit")
    for name, cost in scale.medians(int(size), {name: scale.Step(name, limit) for name in names}, runs).items():
        print(
            f"{name:7} {cost.wall:7.2f} s {cost.cpu:7.2f} s CPU {cost.peak:6.0f} MiB  {cost.said.strip()}", flush=True
        )


if __name__ == "__main__":
    main(sys.argv[1:])

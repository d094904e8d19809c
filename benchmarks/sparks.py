"""The diff of two prepared states on Spark, by us and by a direct PySpark join of the same Parquet, on one machine.

    python benchmarks/sparks.py 1000000 [--runs=1]

takes both, in turns. `python benchmarks/sparks.py STEP FOLDER` is one of them, in a process of its own.
"""

from __future__ import annotations

import functools
import json
import operator
import sys
import tempfile
from pathlib import Path
from typing import Any

import ground
import scale
import sides
import steps

MEMORY = "4GiB"
"""What each may use: the default of 1 GB is not enough for either at ten million."""


def ours(folder: Path) -> int:
    """Our diff through a workspace, as a plan takes it: by numbers, then in full for those who may differ; kept."""
    from reconcile.state import capacity, sieve
    from reconcile.state.engines.spark import Spark

    with Spark("local[*]", capacity.of(MEMORY)) as workspace:
        both = [workspace._parquet([str(folder / "states" / f"{name}.parquet")]) for name in steps.SIDES]
        changes = sieve.changes(*both, steps.shape_of(both[0].columns), workspace)
        return workspace.count(workspace.keep("changes", changes))


def direct(folder: Path) -> int:
    """What one would write in PySpark: a full outer join, and the rows that differ into Parquet."""
    from pyspark.sql import SparkSession

    from reconcile.state import capacity

    session = (
        SparkSession.builder.master("local[*]")
        .config("spark.driver.memory", f"{capacity.of(MEMORY).engine}")
        .getOrCreate()
    )
    d, o = (session.read.parquet(str(folder / "states" / f"{name}.parquet")).alias(name[0]) for name in steps.SIDES)
    fields = [name for name in d.columns if name.startswith(("var:", "list:"))]
    differs = functools.reduce(operator.or_, (~d[f"`{name}`"].eqNullSafe(o[f"`{name}`"]) for name in fields))
    found = d.join(o, d.hash == o.hash, "full_outer").where(differs)
    columns = [side[f"`{name}`"].alias(f"{at}:{name}") for at, side in (("d", d), ("o", o)) for name in side.columns]
    with tempfile.TemporaryDirectory() as out:
        found.select(columns).write.parquet(f"{out}/changes")
        return int(session.read.parquet(f"{out}/changes").count())


WAYS = {"ours": ours, "direct": direct}


def run(size: int, runs: int = scale.RUNS) -> dict[str, ground.Cost]:
    """Medians of both, in turns."""
    folder = sides.prepared(size).folder
    found: dict[str, list[ground.Cost]] = {name: [] for name in WAYS}
    for _ in range(runs):
        for name, costs in found.items():
            costs.append(ground.measured([sys.executable, __file__, name, folder], {}))
    return {name: scale.median(costs) for name, costs in found.items()}


def main(words: list[str]) -> None:
    """Take one step, or both in turns."""
    if words[0] in WAYS:
        print(json.dumps({"changes": WAYS[words[0]](Path(words[1]))}))
        return
    options: dict[str, Any] = dict(word[2:].split("=", 1) for word in words if word.startswith("--"))
    taken = run(int(words[0]), int(options.get("runs", scale.RUNS)))
    for name, cost in taken.items():
        print(f"{name:7} {cost.wall:7.2f} s  {cost.said.strip()}")
    print(f"ratio {taken['ours'].wall / taken['direct'].wall:.2f}")


if __name__ == "__main__":
    main(sys.argv[1:])

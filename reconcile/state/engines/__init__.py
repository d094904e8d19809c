"""The engines that can hold a workspace: one file each, and each the only door to its engine.

Everything else in the house speaks Ibis, or asks the face that they share (`state.workspace`).
"""

from __future__ import annotations

import importlib.util
from pathlib import Path

from reconcile.errors import EngineUnavailable
from reconcile.state.capacity import Capacity
from reconcile.state.workspace import Workspace

EXTRA = "Install it with: pip install 'sailthru-reconcile[spark]'"


def of(spark: str | None, means: Capacity | None = None, *, within: Path | None = None) -> Workspace:
    """A workspace of the engine that a spec asks for, not opened yet.

    Args:
        spark: `sc://host` or `local[*]`; None for DuckDB.
        means: memory and threads of what works on this machine; a sane share of it when None.
        within: below which folder the run's own is made.

    Raises:
        EngineUnavailable: Spark is asked for and not installed.
    """
    if spark is None:
        from reconcile.state.engines.duckdb import DuckDB

        return DuckDB(means, within=within)
    if importlib.util.find_spec("pyspark") is None:
        raise EngineUnavailable("The spec asks for Spark (engine.spark), which is not installed.", hint=EXTRA)
    from reconcile.state.engines.spark import Spark

    return Spark(spark, means, within=within)

"""CSV, Parquet and newline JSON files, read by an embedded DuckDB."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager

from reconcile.sources import databases, delimited, json_lines, parquet_files, storage, streams
from reconcile.sources.origin import Origin
from reconcile.sources.storage import Files
from reconcile.state.model import Batches, Demand, Rows


def read(origin: Origin, demand: Demand) -> AbstractContextManager[Batches]:
    """The rows of one file, or of all files that a pattern matches (in the order of their names)."""
    with streams.told(origin):
        database = databases.embedded(demand.loan)
        try:
            files = storage.located(origin, database)
            match origin.engine:
                case "csv":
                    return delimited.read(origin, demand, database, files)
                case "json":
                    return json_lines.read(origin, demand, database, files)
                case _:
                    return parquet_files.read(origin, demand, database, files)
        except BaseException:
            database.disconnect()
            raise


def scan(origin: Origin, demand: Demand, parquet: Callable[[Sequence[str]], Rows | None]) -> Rows | None:
    """Parquet files as an engine of its own reach reads them, in our types; None where it would type them otherwise."""
    with streams.told(origin):
        files = Files(() if storage.scheme(origin) else tuple(storage.local(origin)))
        return parquet_files.scan(origin, demand, files, parquet)

"""DuckDB and PostgreSQL through Ibis."""

from __future__ import annotations

from contextlib import AbstractContextManager
from typing import Any

from reconcile.sources import columns, streams
from reconcile.sources.origin import Origin
from reconcile.state.model import Batches, Demand


def embedded() -> Any:
    """A DuckDB of our own, in memory, to read files with; all times in UTC."""
    import ibis

    database = ibis.duckdb.connect()
    database.raw_sql("SET TimeZone = 'UTC'")
    return database


def streamed(origin: Origin, demand: Demand, database: Any, rows: Any) -> AbstractContextManager[Batches]:
    """The demanded columns of a DuckDB table expression, typed, in batches."""
    kinds = {name: columns.kind_of(rows.schema()[name]) for name in columns.wanted(origin, demand, rows.columns)}
    typed = rows.select(**{name: rows[name].cast(columns.IBIS[kind]) for name, kind in kinds.items()})
    # Not Ibis's own `to_pyarrow_batches`: it calls DuckDB by a name that DuckDB 1.5 warns of.
    batches = database.raw_sql(database.compile(typed)).to_arrow_reader(streams.ROWS)
    return streams.reader(origin, columns.arrow_schema(kinds), batches, database.disconnect)

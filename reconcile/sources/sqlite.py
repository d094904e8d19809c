"""SQLite: opened read-only, streamed from its own cursor, its loose types tightened.

Ibis builds the query. It does not fetch the rows: its SQLite backend reads the whole result into pandas first, and
raises for one value that does not fit (a text in a DATETIME column); here they come in batches, typed by `loose`.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator, Mapping
from contextlib import AbstractContextManager
from typing import Any

from reconcile.sources import columns, loose, queries, streams
from reconcile.sources.columns import Kind
from reconcile.sources.origin import Origin
from reconcile.state.model import Batches, Demand


def read(origin: Origin, demand: Demand) -> AbstractContextManager[Batches]:
    """The rows of a table or query of a SQLite file."""
    with streams.told(origin):
        connection = _connect(origin)
        try:
            return _opened(origin, demand, connection)
        except BaseException:
            connection.close()
            raise


def _connect(origin: Origin) -> sqlite3.Connection:
    path = origin.database_file
    if not path.is_file():
        raise origin.failed(f"there is no database file {path}", hint="Check the path in `connect`.")
    # mode=ro: nothing is written, and a file that is missing after all is not made. A plan may be streamed in
    # another thread than the one that opened it; one at a time, which is all SQLite asks.
    return sqlite3.connect(f"{path.as_uri()}?mode=ro", uri=True, check_same_thread=False)


def _opened(origin: Origin, demand: Demand, connection: sqlite3.Connection) -> AbstractContextManager[Batches]:
    import ibis

    select = _select(origin, connection)
    kinds = loose.kinds(connection, select, lambda found: columns.wanted(origin, demand, found))
    database = ibis.sqlite.from_connection(connection)
    rows = database.sql(select, schema={name: columns.IBIS[kind] for name, kind in kinds.items()})
    connection.text_factory = bytes  # decoded by Arrow, a column at a time; a broken text is a misfit, not an error
    cursor = database.raw_sql(database.compile(rows.select(*kinds)))
    batches = _batches(cursor, kinds, origin)
    return streams.reader(origin, columns.arrow_schema(kinds), batches, connection.close)


def _select(origin: Origin, connection: sqlite3.Connection) -> str:
    if origin.spec.query is not None:
        if refused := queries.refused(origin.spec.query, "sqlite"):
            raise origin.failed(refused, hint=queries.HINT)
        return origin.spec.query
    return f"SELECT * FROM {_table(origin, connection)}"  # noqa: S608 -- quoted, and known to exist


def _table(origin: Origin, connection: sqlite3.Connection) -> str:
    table = origin.spec.table or ""
    tables = [name for (name,) in connection.execute("SELECT name FROM pragma_table_list WHERE schema = 'main'")]
    bare = table.removeprefix("main.")
    found = next((name for name in tables if name.casefold() == bare.casefold()), None)
    if found is None:
        guess = columns.meant(bare, tables)
        raise origin.failed(f"there is no table `{table}`" + (f"; {guess}" if guess else ""))
    return '"' + found.replace('"', '""') + '"'


def _batches(cursor: Any, kinds: Mapping[str, Kind], origin: Origin) -> Iterator[Any]:
    import pyarrow as pa

    schema = columns.arrow_schema(kinds)
    while rows := cursor.fetchmany(streams.ROWS):
        arrays = [
            loose.array(values, kind, origin.misfits, name)
            for (name, kind), values in zip(kinds.items(), zip(*rows, strict=True), strict=True)
        ]
        yield pa.RecordBatch.from_arrays(arrays, schema=schema)

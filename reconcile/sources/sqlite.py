"""SQLite: opened read-only, streamed from its own cursor, its loose types tightened.

Ibis builds the query. It does not fetch the rows: its SQLite backend reads the whole result into pandas first, and
raises for one value that does not fit (a text in a DATETIME column); here they come in batches, typed by `loose`.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator, Mapping
from contextlib import AbstractContextManager
from typing import Any

from reconcile.sources import columns, databases, loose, streams
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

    tables = connection.execute("SELECT schema, name FROM pragma_table_list WHERE schema = 'main'").fetchall()
    select = databases.select(origin, "sqlite", databases.spellings(tables, "main"))
    available, kinds = _kinds(origin, demand, connection, select)
    streams.note_mixed(origin, kinds)
    database = ibis.sqlite.from_connection(connection)
    # Ibis is told all columns, also those not asked for: a selection of all that it knows is none.
    rows = database.sql(select, schema={name: columns.ibis_type(kinds.get(name, "text")) for name in available})
    connection.text_factory = bytes  # decoded by Arrow, a column at a time; a broken text is a misfit, not an error
    cursor = database.raw_sql(database.compile(rows.select(*kinds)))
    batches = _batches(cursor, kinds, origin, demand)
    return streams.reader(origin, streams.schema_of(kinds, demand), batches, connection.close)


def _kinds(
    origin: Origin, demand: Demand, connection: sqlite3.Connection, select: str
) -> tuple[tuple[str, ...], dict[str, Kind]]:
    """All columns there are, and the kinds of those wanted."""
    kinds: dict[str, Kind] = {}
    with loose.described(connection, select) as declared:
        wanted = columns.wanted(origin, demand, tuple(declared))
        untyped = any(loose.declared_kind(declared[name]) is None for name in wanted)
        inferred = loose.inferred_kinds(connection, select) if untyped else {}
        for name in wanted:
            kind = loose.declared_kind(declared[name])
            kinds[name] = kind or loose.stored_kind(connection, name, inferred.get(name.casefold()))
        return tuple(declared), kinds


def _batches(cursor: Any, kinds: Mapping[str, Kind], origin: Origin, demand: Demand) -> Iterator[Any]:
    while rows := cursor.fetchmany(streams.ROWS):
        by_column = zip(kinds.items(), zip(*rows, strict=True), strict=True)
        arrays = {name: loose.array(values, kind) for (name, kind), values in by_column}
        yield streams.batch_of(arrays, kinds, origin, demand)

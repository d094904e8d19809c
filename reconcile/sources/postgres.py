"""PostgreSQL by ADBC: one read-only snapshot, rows as Arrow by binary COPY, never the whole result.

The types that the driver reads are only the six of `columns.KINDS`: the server itself casts to them, and is told by
SQL of ours, as it knows best how it writes its other types. libpq reads the URL, so its rules for TLS, services and
escaped names hold.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Generator, Iterator, Mapping
from contextlib import AbstractContextManager
from typing import Any

from reconcile.sources import columns, databases, streams
from reconcile.sources.columns import Kind
from reconcile.sources.origin import Origin
from reconcile.state.model import Batches, Demand

EXTRA = "Install it with: pip install 'sailthru-reconcile[postgres]'"
PATIENCE = "15"
"""Seconds to wait for a connection, unless the URL says otherwise (`?connect_timeout=`)."""

BATCH = 4 * 2**20
"""Bytes of a batch, about: what is held of a source at a time."""

_TABLES = """
SELECT n.nspname, c.relname FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
WHERE c.relkind IN ('r', 'v', 'm', 'f', 'p') AND n.nspname NOT LIKE 'pg\\_%'
"""

# The first statements of the session: nothing is written, all that is read is of one moment, times are in UTC.
_SNAPSHOT = ("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ, READ ONLY", "SET LOCAL TimeZone = 'UTC'",
             "SET LOCAL DateStyle = 'ISO, YMD'")  # fmt: skip

_KINDS: Mapping[str, Kind] = {
    **dict.fromkeys(("int2", "int4", "int8"), "integer"),
    **dict.fromkeys(("float4", "float8", "numeric"), "number"),
    **dict.fromkeys(("timestamp", "timestamptz"), "timestamp"),
    "date": "date",
    "bool": "boolean",
}
"""The kind of each of the server's types (domains are told as what they are made of); others come as text."""

_CASTS: Mapping[Kind, str] = {
    "integer": "int8",
    "number": "float8",
    "text": "text",
    "timestamp": "timestamp",
    "date": "date",
    "boolean": "bool",
}

_TIMES: Mapping[Kind, tuple[str, str]] = {
    "timestamp": ("timestamp '0001-01-01' AND timestamp '9999-12-31 23:59:59.999999'", "timestamp '10000-01-01'"),
    "date": ("date '0001-01-01' AND date '9999-12-31'", "date '10000-01-01'"),
}
"""The times that we can count, and what the server sends for others, `infinity` among them."""

_UNCOUNTED: Mapping[Kind, int] = {"timestamp": 253_402_300_800 * 10**6, "date": 2_932_897}
"""The same value as Arrow holds it: microseconds and days since 1970."""


def read(origin: Origin, demand: Demand) -> AbstractContextManager[Batches]:
    """The rows of a table or query of a PostgreSQL database."""
    with streams.told(origin):
        connection = _connect(origin)
        try:
            return _opened(origin, demand, connection)
        except BaseException:
            connection.close()
            raise


def _connect(origin: Origin) -> Any:
    try:
        from adbc_driver_postgresql import dbapi
    except ImportError:
        told = "the driver for PostgreSQL (adbc-driver-postgresql) is not installed"
        raise origin.failed(told, hint=EXTRA) from None
    return dbapi.connect(_url(origin.connect or ""))


def _url(given: str) -> str:
    """The URL with what we add to it. Of a parameter that is there twice, libpq takes the last."""
    head = re.match("[^:]*://([^@/]*@)?[^?]*", given)  # a password may hold a question mark
    at = head.end() if head else len(given)
    return f"{given[:at]}?connect_timeout={PATIENCE}&fallback_application_name=reconcile&{given[at + 1 :]}".rstrip("&")


def _opened(origin: Origin, demand: Demand, connection: Any) -> AbstractContextManager[Batches]:
    cursor = connection.cursor(adbc_stmt_kwargs={"adbc.postgresql.batch_size_hint_bytes": str(BATCH)})
    for statement in _SNAPSHOT:
        cursor.execute(statement)
    asked = databases.select(origin, "postgres", _tables(cursor))
    found = {field.name: _kind(field) for field in cursor.adbc_execute_schema(asked)}
    kinds = {name: found[name] for name in columns.wanted(origin, demand, tuple(found))}
    casts = ", ".join(_cast(name, kind) for name, kind in kinds.items())
    select = f"SELECT {casts} FROM ({asked}) AS asked"  # noqa: S608 -- parsed, and known to be one SELECT
    batches = _counted(_executed(cursor, select), kinds, origin.misfits)
    # Cancelled, the server stops at once, and not when it next has something to send.
    ahead = streams.Ahead(batches, cursor.adbc_cancel)
    return streams.reader(origin, columns.arrow_schema(kinds), ahead, _closing(ahead, cursor, connection))


def _tables(cursor: Any) -> Mapping[str, str]:
    cursor.execute("SELECT current_schema()")
    (default,) = cursor.fetchone()
    cursor.execute(_TABLES)
    return databases.spellings(cursor.fetchall(), default)


def _kind(field: Any) -> Kind:
    return _KINDS.get((field.metadata or {}).get(b"POSTGRESQL:type", b"").decode(), "text")


def _cast(name: str, kind: Kind) -> str:
    column = databases.quoted(name)
    cast = f"{column}::{_CASTS[kind]}"
    if kind in _TIMES:
        counted, other = _TIMES[kind]
        cast = f"CASE WHEN {cast} BETWEEN {counted} THEN {cast} WHEN {column} IS NOT NULL THEN {other} END"
    return f"{cast} AS {column}"


def _executed(cursor: Any, select: str) -> Iterator[Any]:
    """The query is run by whoever takes the first batch: the thread that reads ahead, so that all waiting is there."""
    cursor.execute(select)
    yield from cursor.fetch_record_batch()


def _counted(batches: Any, kinds: Mapping[str, Kind], misfits: Counter[str]) -> Generator[Any, None, None]:
    """The batches with times that cannot be counted made null."""
    times = [(at, name, kind) for at, (name, kind) in enumerate(kinds.items()) if kind in _TIMES]
    for batch in batches:
        for at, name, kind in times:
            batch = _known(batch, at, name, kind, misfits)  # noqa: PLW2901 -- mended a column after the other
        yield batch


def _known(batch: Any, at: int, name: str, kind: Kind, misfits: Counter[str]) -> Any:
    import pyarrow as pa
    import pyarrow.compute as pc

    column = batch.column(at)
    lost = pc.equal(column, pa.scalar(_UNCOUNTED[kind], column.type))
    count = pc.sum(lost).as_py()
    if not count:
        return batch
    misfits[name] += count
    return batch.set_column(at, name, pc.if_else(lost, pa.scalar(None, column.type), column))


def _closing(ahead: streams.Ahead, cursor: Any, connection: Any) -> Callable[[], None]:
    def close() -> None:
        if ahead.close():
            cursor.close()
            connection.close()

    return close

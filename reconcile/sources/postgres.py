"""PostgreSQL by ADBC: one read-only snapshot, rows as Arrow by binary COPY, never the whole result.

The types that the driver reads are only those of `columns.Kind`: the server itself casts to them, and is told by SQL of
ours, as it knows best how it writes its other types. libpq reads the URL, so its rules for TLS, services and
escaped names hold.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Generator, Iterable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager
from typing import Any

from reconcile.sources import columns, databases, streams
from reconcile.sources.columns import Decimal, Kind
from reconcile.sources.origin import Origin
from reconcile.state.model import MISFIT, Batches, Demand

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
             "SET LOCAL DateStyle = 'ISO, YMD'", "SET LOCAL IntervalStyle = 'postgres'",
             "SET LOCAL bytea_output = 'hex'")  # fmt: skip

_KINDS: Mapping[str, Kind] = {
    **dict.fromkeys(("int2", "int4", "int8"), "integer"),
    "float4": "single",
    "float8": "number",
    **dict.fromkeys(("numeric", "money"), columns.EXACT),  # the driver does not say how many places were declared
    **dict.fromkeys(("timestamp", "timestamptz"), "timestamp"),
    "date": "date",
    "bool": "boolean",
    **dict.fromkeys(("json", "jsonb"), "json"),
}
"""The kind of each of the server's types (domains are told as what they are made of); arrays and rows are told by their
Arrow type, and others come as text."""

_CASTS: Mapping[Kind, str] = {
    "integer": "{}::int8",
    "number": "{}::float8",
    "single": "{}::float4",
    "text": "{}::text",
    "timestamp": "CASE WHEN {}::timestamp BETWEEN '0001-01-01' AND '9999-12-31 23:59:59.999999' THEN {}::timestamp END",
    "date": "CASE WHEN {}::date BETWEEN '0001-01-01' AND '9999-12-31' THEN {}::date END",
    "boolean": "{}::bool",
    "list": "CASE WHEN array_ndims({}) = 1 OR cardinality({}) = 0 THEN {}::text[] END",
    "json": "to_json({})::text",
}
"""How the server is to cast a column; null where its value is none that we can count, such as `infinity`."""

_DECLARED = """
SELECT * FROM (
    SELECT attname, CASE WHEN typtype = 'd' THEN typtypmod ELSE atttypmod END AS packed
    FROM pg_catalog.pg_attribute JOIN pg_catalog.pg_type t ON t.oid = atttypid
    WHERE attrelid = pg_catalog.to_regclass('{}') AND 'numeric'::regtype IN (atttypid, typbasetype)
) AS declared WHERE packed > 0
"""
"""The columns of a table whose type, or whose domain's, is NUMERIC with a precision, which is packed into a number."""


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
    tables = _tables(cursor)
    asked = databases.select(origin, "postgres", tables)
    declared = _declared(cursor, tables[origin.table]) if origin.table is not None else {}
    found = {field.name: declared.get(field.name) or _kind(field) for field in cursor.adbc_execute_schema(asked)}
    kinds = {name: found[name] for name in columns.wanted(origin, demand, tuple(found))}
    digits = frozenset(name for name, kind in kinds.items() if kind == columns.EXACT and name in demand.texts)
    kinds |= dict.fromkeys(digits, "text")
    streams.note_mixed(origin, kinds)
    select = f"SELECT {_selected(kinds, digits)} FROM ({asked}) AS asked"  # noqa: S608 -- parsed, and known to be one SELECT
    batches = _typed(_executed(cursor, select), kinds, _partial(kinds, digits), origin, demand)
    # Cancelled, the server stops at once, and not when it next has something to send.
    ahead = streams.Ahead(batches, cursor.adbc_cancel)
    return streams.reader(origin, streams.schema_of(kinds, demand), ahead, _closing(ahead, cursor, connection))


def _tables(cursor: Any) -> Mapping[str, str]:
    cursor.execute("SELECT current_schema()")
    (default,) = cursor.fetchone()
    cursor.execute(_TABLES)
    return databases.spellings(cursor.fetchall(), default)


def _kind(field: Any) -> Kind:
    import pyarrow as pa

    if pa.types.is_list(field.type):
        return "list" if _is_text(field.type.value_type) else "json"
    if pa.types.is_struct(field.type):
        return "json"
    return _KINDS.get((field.metadata or {}).get(b"POSTGRESQL:type", b"").decode(), "text")


def _is_text(dtype: Any) -> bool:
    import pyarrow as pa

    return bool(pa.types.is_string(dtype) or getattr(dtype, "extension_name", "") == "arrow.uuid")


def _declared(cursor: Any, table: str) -> dict[str, Kind]:
    """The decimals of a table whose digits and places are declared, and can be kept."""
    cursor.execute(_DECLARED.format(table.replace("'", "''")))
    found = {name: Decimal((packed - 4) >> 16 & 0xFFFF, (packed - 4) & 0x7FF) for name, packed in cursor.fetchall()}
    return {name: kind for name, kind in found.items() if kind.places <= kind.digits <= columns.WHOLE.digits}


def _cast(name: str, kind: Kind) -> str:
    column = databases.quoted(name)
    if not isinstance(kind, Decimal):
        return _CASTS[kind].replace("{}", column)
    number = f"{column}::numeric"  # which money is not
    room = f"1{'0' * (kind.digits - kind.places)}"  # and NaN is above all numbers
    cut = f"trunc({number}, {kind.places})"
    if kind != columns.EXACT:
        return f"CASE WHEN abs({number}) < {room} THEN {cut}::text END"
    # Further places may be cut where the double that is sent stays the same. (Less than 1e-300 is no double.)
    same = f"CASE WHEN abs({number}) > 1e-300 THEN {cut}::float8 = {number}::float8 END"
    return f"CASE WHEN abs({number}) < {room} THEN CASE WHEN {cut} = {number} OR {same} THEN {cut}::text END END"


def _all_digits(name: str) -> str:
    """A number as its own shortest text; null where it is NaN or infinite."""
    text = f"{databases.quoted(name)}::numeric::text"
    short = f"CASE WHEN {text} LIKE '%.%' THEN rtrim(rtrim({text}, '0'), '.') ELSE {text} END"
    return f"CASE WHEN {text} ~ '[0-9]' THEN {short} END"


_PARTIAL = frozenset({"timestamp", "date", "list"})


def _partial(kinds: Mapping[str, Kind], digits: Collection[str]) -> tuple[str, ...]:
    """Columns of which the server may have values that we cannot count. NaN of a float is sent, and fits nowhere."""
    return tuple(
        name for name, kind in kinds.items() if isinstance(kind, Decimal) or kind in _PARTIAL or name in digits
    )


def _selected(kinds: Mapping[str, Kind], digits: Collection[str]) -> str:
    """The columns as the server is to send them, and behind them where it has a value and sends null instead.

    Args:
        digits: numbers that come as texts.
    """
    casts = {name: _all_digits(name) if name in digits else _cast(name, kind) for name, kind in kinds.items()}
    found = [f"{cast} AS {databases.quoted(name)}" for name, cast in casts.items()]
    for name in _partial(kinds, digits):
        column = databases.quoted(name)
        found.append(f"({column} IS NOT NULL AND ({casts[name]}) IS NULL) AS {databases.quoted(MISFIT + name)}")
    return ", ".join(found)


def _executed(cursor: Any, select: str) -> Iterator[Any]:
    """The query is run by whoever takes the first batch: the thread that reads ahead, so that all waiting is there."""
    cursor.execute(select)
    yield from cursor.fetch_record_batch()


def _typed(
    batches: Iterable[Any], kinds: Mapping[str, Kind], partial: Sequence[str], origin: Origin, demand: Demand
) -> Generator[Any, None, None]:
    """The batches in our types, with a flag where the server has a value and sent null instead."""
    for batch in batches:
        flags = dict(zip(partial, batch.columns[len(kinds) :], strict=True))
        arrays = {
            name: columns.mark_json(values)
            if kind == "json"
            else (values.cast(columns.arrow_type(kind)), flags.get(name))
            for (name, kind), values in zip(kinds.items(), batch.columns, strict=False)
        }
        yield streams.batch_of(arrays, kinds, origin, demand)


def _closing(ahead: streams.Ahead, cursor: Any, connection: Any) -> Callable[[], None]:
    def close() -> None:
        if ahead.close():
            cursor.close()
            connection.close()

    return close

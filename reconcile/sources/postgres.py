"""PostgreSQL through Ibis: one read-only session, rows by a server-side cursor, never the whole result."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from contextlib import AbstractContextManager
from typing import Any

from reconcile.sources import columns, databases, streams
from reconcile.sources.origin import Origin
from reconcile.state.model import Batches, Demand

EXTRA = "Install it with: pip install 'sailthru-reconcile[postgres]'"
PATIENCE = "15"
"""Seconds to wait for a connection, unless the URL says otherwise (`?connect_timeout=`)."""

_TABLES = """
SELECT n.nspname, c.relname FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
WHERE c.relkind IN ('r', 'v', 'm', 'f', 'p') AND n.nspname NOT LIKE 'pg\\_%'
"""
_TIMES = ("date", "timestamp", "timestamptz")


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
        import psycopg
        from psycopg.conninfo import conninfo_to_dict
    except ImportError:
        raise origin.failed("the driver for PostgreSQL (psycopg) is not installed", hint=EXTRA) from None
    # psycopg reads the URL, not Ibis: libpq's own rules for TLS, services and escaped names hold.
    given = conninfo_to_dict(origin.connect or "")
    options = f"{given.get('options') or ''} -c default_transaction_read_only=on".strip()
    settings: dict[str, Any] = (
        {"connect_timeout": PATIENCE, "application_name": "reconcile"} | given | {"options": options}
    )
    return psycopg.connect(**settings, autocommit=True)


def _opened(origin: Origin, demand: Demand, connection: Any) -> AbstractContextManager[Batches]:
    import ibis

    database = ibis.postgres.from_connection(connection)
    (default,) = connection.execute("SELECT current_schema()").fetchone()
    tables = databases.spellings(connection.execute(_TABLES).fetchall(), default)
    asked = databases.select(origin, "postgres", tables)
    rows = database.sql(asked, schema=_schema(connection, database, asked))
    kinds, typed = databases.projected(origin, demand, rows)
    _forgive(connection, origin.misfits)
    # A batch is what Python holds: Ibis fetches so many rows from the server's cursor at a time.
    batches = database.to_pyarrow_batches(typed, chunk_size=streams.ROWS)
    return streams.reader(origin, columns.arrow_schema(kinds), batches, connection.close)


def _schema(connection: Any, database: Any, asked: str) -> Mapping[str, Any]:
    """The columns' types as the server describes the result.

    Ibis would ask by a temporary view, which a read-only session may not make.
    """
    described = connection.execute(f"SELECT * FROM ({asked}) AS described LIMIT 0").description  # noqa: S608
    return {column.name: _dtype(database, column.type_display) for column in described}


def _dtype(database: Any, display: str) -> Any:
    import ibis.expr.datatypes as dt

    if display == "money":  # Ibis takes it for a number; the server writes it by locale, with a sign of currency
        return dt.json
    try:
        found = database.compiler.type_mapper.from_string(display)
    except Exception:  # noqa: BLE001 -- sqlglot and Ibis raise many kinds; a type they do not know is read as text
        return dt.json
    # Strings are cast too, as all that is text in the end: what Ibis takes for a string may be an enum or a domain.
    return dt.json if columns.kind_of(found) == "text" else found


def _forgive(connection: Any, misfits: Counter[str]) -> None:
    """Read `infinity` and years that Python cannot count as null, not as an error.

    Loaders are told no column, so these misfits are counted under the name of the type.
    """
    import psycopg

    for name in _TIMES:
        info = connection.adapters.types[name]
        strict = connection.adapters.get_loader(info.oid, psycopg.pq.Format.TEXT)
        connection.adapters.register_loader(info.oid, _forgiving(psycopg, strict, name, misfits))


def _forgiving(psycopg: Any, strict: Any, name: str, misfits: Counter[str]) -> Any:
    class Forgiving(psycopg.adapt.Loader):  # type: ignore[misc]
        def __init__(self, oid: int, context: Any = None) -> None:
            super().__init__(oid, context)
            self._strict = strict(oid, context)

        def load(self, data: Any) -> Any:
            try:
                return self._strict.load(data)
            except psycopg.DataError:
                misfits[name] += 1
                return None

    return Forgiving

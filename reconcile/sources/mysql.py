"""MySQL and MariaDB by PyMySQL: one read-only snapshot, streamed unbuffered, typed a column at a time by Arrow.

Ibis's own backend would need mysqlclient, which has no wheels for Linux. Here the server casts to our types and every
value comes as the text it sent, so no value becomes a Python object of its own kind.
"""

from __future__ import annotations

from collections.abc import Callable, Generator, Mapping, Sequence
from contextlib import AbstractContextManager, suppress
from typing import Any
from urllib.parse import parse_qsl, unquote, urlsplit

from reconcile.sources import columns, databases, loose, streams
from reconcile.sources.columns import Kind
from reconcile.sources.origin import Origin
from reconcile.spec import urls
from reconcile.state.model import Batches, Demand

EXTRA = "Install it with: pip install 'sailthru-reconcile[mysql]'"
PATIENCE = 15
"""Seconds to wait for a connection, unless the URL says otherwise (`?connect_timeout=`)."""

# What is read is of one moment, and nothing is written. TIMESTAMP is told in UTC; DATETIME has no zone and is taken so.
_SNAPSHOT = (
    "SET time_zone = '+00:00'",
    "SET TRANSACTION ISOLATION LEVEL REPEATABLE READ",
    "START TRANSACTION WITH CONSISTENT SNAPSHOT, READ ONLY",
)
_TABLES = "SELECT table_schema, table_name FROM information_schema.tables"
_BINARY = 63
"""The character set of what is no text."""

_PARAMETERS: Mapping[str, Callable[[str], Any]] = {
    **dict.fromkeys(("charset", "ssl_ca", "ssl_cert", "ssl_key", "unix_socket"), str),
    **dict.fromkeys(("connect_timeout", "read_timeout"), int),
    **dict.fromkeys(("ssl_verify_cert", "ssl_verify_identity", "ssl_disabled"), lambda text: text == "true"),
}
"""Parameters of the URL, as PyMySQL calls them."""


def read(origin: Origin, demand: Demand) -> AbstractContextManager[Batches]:
    """The rows of a table or query of a MySQL or MariaDB database."""
    with streams.told(origin):
        connection = _connect(origin)
        try:
            return _opened(origin, demand, connection)
        except BaseException:
            connection.close()
            raise


def _connect(origin: Origin) -> Any:
    try:
        import pymysql
    except ImportError:
        raise origin.failed("the driver for MySQL (pymysql) is not installed", hint=EXTRA) from None
    return pymysql.connect(**_settings(origin), conv={}, use_unicode=False, autocommit=True)


def _settings(origin: Origin) -> dict[str, Any]:
    try:
        url = urlsplit(origin.connect or "")
        port = url.port or 3306
    except ValueError:
        raise origin.failed("the URL that `connect` refers to cannot be read", hint=urls.PASSWORD_HINT) from None
    given = dict(parse_qsl(url.query))
    unknown = sorted(given.keys() - _PARAMETERS.keys())
    if unknown:
        raise origin.failed(f'the URL has a parameter "{unknown[0]}"', hint=f"There are: {', '.join(_PARAMETERS)}.")
    return {
        "host": url.hostname or "localhost",
        "port": port,
        "user": unquote(url.username or ""),
        "password": unquote(url.password or ""),
        "database": unquote(url.path.strip("/")) or None,
        "charset": "utf8mb4",
        "connect_timeout": PATIENCE,
        **{name: _PARAMETERS[name](text) for name, text in given.items()},
    }


def _opened(origin: Origin, demand: Demand, connection: Any) -> AbstractContextManager[Batches]:
    from pymysql.cursors import SSCursor

    cursor = connection.cursor(SSCursor)
    for statement in _SNAPSHOT:
        cursor.execute(statement)
    asked = databases.select(origin, "mysql", _tables(cursor, connection))
    casts = _described(cursor, asked, demand)
    kinds = {name: casts[name][0] for name in columns.wanted(origin, demand, tuple(casts))}
    select = f"SELECT {', '.join(casts[name][1] for name in kinds)} FROM ({asked}) AS asked"  # noqa: S608 -- parsed, and known to be one SELECT
    ahead = streams.Ahead(_batches(cursor, select, kinds, origin, demand), lambda: _kill(origin, connection))
    return streams.reader(origin, streams.schema_of(kinds, demand), ahead, _closing(ahead, connection))


def _tables(cursor: Any, connection: Any) -> Mapping[str, str]:
    cursor.execute(_TABLES)
    found = [(schema.decode(), name.decode()) for schema, name in cursor.fetchall()]
    return databases.spellings(found, (connection.db or b"").decode(), "mysql")


def _described(cursor: Any, asked: str, demand: Demand) -> dict[str, tuple[Kind, str]]:
    """Column -> its kind, and the SQL that has the server cast to it."""
    cursor.execute(f"SELECT * FROM ({asked}) AS asked LIMIT 0")  # noqa: S608 -- as above
    cursor.fetchall()
    # Not `description`: it has no character set, so a text looks like bytes there.
    return {field.name: _cast(field, demand) for field in cursor._result.fields}


def _cast(field: Any, demand: Demand) -> tuple[Kind, str]:
    from pymysql.constants import FIELD_TYPE, FLAG

    column = databases.quoted(field.name, "mysql")
    integers = (
        FIELD_TYPE.TINY,
        FIELD_TYPE.SHORT,
        FIELD_TYPE.INT24,
        FIELD_TYPE.LONG,
        FIELD_TYPE.LONGLONG,
        FIELD_TYPE.YEAR,
    )
    truth = field.length == 1 and field.type_code == FIELD_TYPE.TINY
    large = field.type_code == FIELD_TYPE.LONGLONG and field.flags & FLAG.UNSIGNED
    decimal = field.type_code in {FIELD_TYPE.DECIMAL, FIELD_TYPE.NEWDECIMAL}
    tests: tuple[tuple[bool, Kind, str], ...] = (
        (field.length == 1 and field.type_code == FIELD_TYPE.BIT, "boolean", "{} <> 0"),
        # BOOLEAN is TINYINT(1), which may also hold 5: to MySQL that is true, and 5 to who asks for a number.
        (truth and field.name not in demand.numbers, "boolean", "{} <> 0"),
        (field.type_code == FIELD_TYPE.BIT or large, columns.WHOLE, "CAST({} AS UNSIGNED)"),
        (field.type_code in integers, "integer", "{}"),
        (decimal, _decimal(field), "{}"),
        # The server's own text of a FLOAT has six digits; that of the double has all, and the shortest of the same
        # number is found from it.
        (field.type_code == FIELD_TYPE.FLOAT, "single", "{} * 1e0"),
        (field.type_code == FIELD_TYPE.DOUBLE, "number", "{}"),
        (field.type_code in {FIELD_TYPE.TIMESTAMP, FIELD_TYPE.DATETIME}, "timestamp", "{}"),
        (field.type_code in {FIELD_TYPE.DATE, FIELD_TYPE.NEWDATE}, "date", "{}"),
        (field.type_code in {FIELD_TYPE.JSON, FIELD_TYPE.TIME, FIELD_TYPE.NULL}, "text", "CAST({} AS CHAR)"),
        (field.charsetnr == _BINARY, "text", r"CONCAT('\\x', LOWER(HEX({})))"),  # as PostgreSQL writes bytes
    )
    kind, cast = next(((kind, cast) for holds, kind, cast in tests if holds), ("text", "{}"))
    return kind, f"{cast.format(column)} AS {column}"


def _decimal(field: Any) -> columns.Decimal:
    """The kind of a DECIMAL. MySQL has up to 65 digits: a number that takes more than 38 does not fit."""
    from pymysql.constants import FLAG

    # The length is that of the text: a point and a sign are in it.
    digits = field.length - (field.scale > 0) - (not field.flags & FLAG.UNSIGNED)
    most = columns.WHOLE.digits
    return columns.Decimal(max(1, min(digits, most)), min(field.scale, digits, most))


def _batches(
    cursor: Any, select: str, kinds: Mapping[str, Kind], origin: Origin, demand: Demand
) -> Generator[Any, None, None]:
    try:
        cursor.execute(select)
        while rows := cursor.fetchmany(streams.ROWS):
            by_column = zip(kinds.items(), zip(*rows, strict=True), strict=True)
            arrays = {name: _array(values, kind) for (name, kind), values in by_column}
            yield streams.batch_of(arrays, kinds, origin, demand)
    finally:
        _leave(cursor)


def _leave(cursor: Any) -> None:
    """Take what the server still sends: little, as it is told to stop (`_kill`), and then says so as an error."""
    import pymysql

    with suppress(pymysql.err.Error):
        cursor.close()


def _array(values: Sequence[bytes | None], kind: Kind) -> tuple[Any, Any]:
    import pyarrow as pa

    try:
        return pa.array(values, pa.binary()).cast(pa.string()).cast(columns.arrow_type(kind)), None
    except pa.ArrowInvalid:  # such as 0000-00-00
        return loose.array(values, kind)


def _kill(origin: Origin, connection: Any) -> None:
    import pymysql

    # The query and not the session: of a broken session PyMySQL would go on to expect rows.
    with pymysql.connect(**_settings(origin)) as other, other.cursor() as cursor:
        cursor.execute(f"KILL QUERY {connection.thread_id()}")


def _closing(ahead: streams.Ahead, connection: Any) -> Callable[[], None]:
    def close() -> None:
        if ahead.close() and connection.open:
            connection.close()

    return close

"""SQLite's loose types: the kind of a column from its declaration, a typed array from whatever is stored in it."""

from __future__ import annotations

import decimal
import math
import re
import sqlite3
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import UTC, date, datetime, timedelta
from typing import Any

from reconcile.sources.columns import EXACT, Decimal, Kind, arrow_type
from reconcile.state.values import FOREIGN

_DECLARED: tuple[tuple[tuple[str, ...], Kind], ...] = (
    (("INTERVAL", "POINT", "ENUM"), "text"),  # in which SQLite would see INT and NUM
    (("BOOL",), "boolean"),
    (("DATETIME", "TIMESTAMP"), "timestamp"),
    (("DATE",), "date"),
    (("INT", "SERIAL"), "integer"),
    (("CHAR", "CLOB", "TEXT", "STRING", "JSON", "UUID", "TIME", "BLOB"), "text"),
    (("REAL", "FLOA", "DOUB"), "number"),
    (("NUM", "DEC", "MONEY"), EXACT),
)
"""What a declared type means, first match wins: SQLite's own rules of affinity, and dates and booleans before them."""

_STORED_AS: Mapping[Kind, frozenset[str]] = {
    "integer": frozenset({"integer"}),
    "number": frozenset({"integer", "real"}),
    EXACT: frozenset({"integer", "real"}),
    "text": frozenset({"text"}),
}
"""How SQLite stores what an expression of this kind gives."""

_MEANINGS = frozenset({"timestamp", "date", "boolean"})
"""Kinds that SQLite does not store as such: what does not fit them is a misfit."""

_VIEW = "reconcile_source"
_COLUMNS = "SELECT name, type FROM pragma_table_info(?)"

_EPOCH = datetime(1970, 1, 1)  # noqa: DTZ001 -- timestamps travel without zone, in UTC
_SECONDS = 100_000_000_000  # of the year 5138, or milliseconds of 1973: what is as large counts milliseconds
_NUMBER = re.compile(rb"\s*[+-]?([0-9]+\.?[0-9]*|\.[0-9]+)([eE][+-]?[0-9]+)?\s*")
_TIME = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}([ T]|$)")
_JULIAN_EPOCH = 2_440_587.5

_BOOLEANS: Mapping[Any, bool] = {
    word: value
    for value, words in ((True, (b"true", b"t", b"yes", b"y", b"1")), (False, (b"false", b"f", b"no", b"n", b"0")))
    for word in (*words, int(value))
}


@contextmanager
def described(connection: sqlite3.Connection, select: str) -> Iterator[Mapping[str, str]]:
    """The columns of a SELECT with their declared types, while a view of it stands for `stored_kind` to ask."""
    connection.execute(f"CREATE TEMPORARY VIEW {_VIEW} AS {select}")  # temporary: the file is not touched
    try:
        yield dict(connection.execute(f"SELECT name, type FROM temp.pragma_table_info('{_VIEW}')"))  # noqa: S608
    finally:
        connection.execute(f"DROP VIEW temp.{_VIEW}")


def declared_kind(declared: str) -> Kind | None:
    """The kind that a declared type stands for; None where nothing (of use) is declared."""
    upper = declared.upper()
    return next((kind for words, kind in _DECLARED if any(word in upper for word in words)), None)


def stored_kind(connection: sqlite3.Connection, name: str, inferred: Kind | None) -> Kind:
    """The kind of a column for which nothing is declared.

    What a computed one means (a text is a time, an integer a truth) is as inferred from the declared columns that it is
    made of. Otherwise each row says what its value is: where all say the same, that is the column's kind.
    """
    if inferred in _MEANINGS:
        return inferred
    quoted = '"' + name.replace('"', '""') + '"'
    large = f"max(typeof({quoted}) = 'integer' AND abs({quoted} / 2) >= {2**52})"
    query = f"SELECT typeof({quoted}), {large} FROM temp.{_VIEW} WHERE {quoted} IS NOT NULL GROUP BY 1"  # noqa: S608
    stored = dict(connection.execute(query))
    if inferred and stored.keys() <= _STORED_AS[inferred]:
        return inferred
    if not stored or stored.keys() <= {"text", "blob"}:
        return "text"
    if stored.keys() == {"integer"}:
        return "integer"
    return "number" if stored.keys() <= {"integer", "real"} and not any(stored.values()) else "json"


def inferred_kinds(connection: sqlite3.Connection, select: str) -> dict[str, Kind]:
    """What the expressions of a SELECT come to, by their meaning: `max(at)` is a time where `at` is one.

    The columns' names are casefolded, as SQLite does not tell them apart by case.
    """
    import sqlglot
    from sqlglot.optimizer.annotate_types import annotate_types
    from sqlglot.optimizer.qualify import qualify

    try:
        tree: Any = sqlglot.parse_one(select, read="sqlite")
        names = {table.name for table in tree.find_all(sqlglot.exp.Table)}
        found = {name: dict(connection.execute(_COLUMNS, (name,))) for name in names}
        tables: dict[str, object] = {name: types for name, types in found.items() if types}  # others: WITH names them
        tree = qualify(tree, dialect="sqlite", schema=tables, validate_qualify_columns=False, quote_identifiers=False)
        typed = annotate_types(tree, schema=tables, dialect="sqlite")
        kinds = {one.alias_or_name.casefold(): declared_kind(one.type.sql()) for one in typed.selects if one.type}
    except Exception:  # noqa: BLE001 -- an inference only: without it, a column is what it is stored as
        return {}
    return {name: kind for name, kind in kinds.items() if kind}


def array(values: Sequence[Any], kind: Kind) -> tuple[Any, Any]:
    """The values of a column as an Arrow array, and a boolean one of where they do not fit (None: nowhere)."""
    import pyarrow as pa

    target = arrow_type(kind)
    try:
        return _fast(values, kind, target), None
    except (pa.ArrowException, OverflowError, KeyError):
        fitted = [_fitted(value, kind) for value in values]
        lost = [old not in (None, b"") and new is None for old, new in zip(values, fitted, strict=True)]
        return pa.array(fitted, type=target), pa.array(lost, type=pa.bool_())


def _fast(values: Sequence[Any], kind: Kind, target: Any) -> Any:
    """The way for columns that hold what they declare: no Python per value."""
    import pyarrow as pa
    import pyarrow.compute as pc

    match kind:
        case "text":
            return pa.array(values, type=pa.binary()).cast(target)
        case "timestamp" | "date":
            return pa.array(values, type=pa.string()).cast(target)
        case "number" | "single":
            return pa.array(values, type=target)
        case "integer":
            found = pa.array(values)  # the type is inferred: asked for integers, Arrow would cut off fractions
            if pa.types.is_floating(found.type):
                raise pa.ArrowInvalid("fractions")
            return found.cast(target)
        case "json":
            raise pa.ArrowInvalid("a value by itself")
        case "boolean":
            return pa.array([None if value is None else _BOOLEANS[value] for value in values], type=target)
        case Decimal():
            texts = pa.array(values).cast(pa.string())  # by its text: the decimal that a double stands for
            if pc.any(pc.match_substring(texts, "e")).as_py():  # Arrow 22 lets 1e+30 overflow and says nothing
                raise pa.ArrowInvalid("an exponent")
            return texts.cast(target)


def _fitted(value: Any, kind: Kind) -> Any:
    if value is None:
        return None
    try:
        return _decimal(value, kind) if isinstance(kind, Decimal) else _FIT[kind](value)
    except (ValueError, OverflowError, KeyError, TypeError, decimal.InvalidOperation):
        return None


def _read_number(value: Any) -> decimal.Decimal:
    """A stored number, or a text that is one: digits, at most one point, an exponent."""
    if isinstance(value, bytes):
        if not _NUMBER.fullmatch(value):
            raise ValueError
        return decimal.Decimal(value.decode())
    return decimal.Decimal(value) if isinstance(value, int) else decimal.Decimal(repr(value))


def _integer(value: Any) -> int:
    number = _read_number(value)
    if number != number.to_integral_value() or not -(2**63) <= number < 2**63:
        raise ValueError
    return int(number)


def _number(value: Any) -> float:
    number = float(_read_number(value))
    if not math.isfinite(number):
        raise ValueError
    return number


def _decimal(value: Any, kind: Decimal) -> decimal.Decimal:
    number = _read_number(value)
    if not number.is_finite() or abs(number) >= 10 ** (kind.digits - kind.places):
        raise ValueError
    with decimal.localcontext(decimal.Context(prec=kind.digits + 2, rounding=decimal.ROUND_DOWN)):
        cut = number.quantize(decimal.Decimal(1).scaleb(-kind.places))
    if float(cut) != float(number):  # what is cut off may not change the double that is sent
        raise ValueError
    return cut


def _text(value: Any) -> str:
    if isinstance(value, bytes):
        return value.decode("utf-8")
    if isinstance(value, float):
        if not math.isfinite(value):
            raise ValueError
        return repr(value).removesuffix(".0")
    return str(value)


def _json(value: Any) -> str:
    """A text as it is, and a number led by the mark of JSON."""
    return _text(value) if isinstance(value, bytes) else FOREIGN + _text(value)


def _timestamp(value: Any) -> datetime:
    """As SQLite reads times: text in ISO form, an integer of seconds or milliseconds since 1970, a real of Julian days.

    An integer whose digits are a day (20260102) or a time (20260102100000) of our days is that, as nobody has left a
    time of August 1970 in a database of customers.
    """
    if isinstance(value, bytes):
        text = value.decode().strip()
        if not _TIME.match(text):
            raise ValueError
        moment = datetime.fromisoformat(text)
        return moment.astimezone(UTC).replace(tzinfo=None) if moment.tzinfo else moment
    if isinstance(value, int):
        for lowest, form in ((19000101, "%Y%m%d"), (19000101000000, "%Y%m%d%H%M%S")):
            if lowest <= value < lowest // 1900 * 2101:
                return datetime.strptime(str(value), form)  # noqa: DTZ007 -- as all times here
        return _EPOCH + (timedelta(seconds=value) if abs(value) < _SECONDS else timedelta(milliseconds=value))
    return _EPOCH + timedelta(days=value - _JULIAN_EPOCH)


def _date(value: Any) -> date:
    return _timestamp(value).date()


def _boolean(value: Any) -> bool:
    return _BOOLEANS[value.strip().lower() if isinstance(value, bytes) else value]


_FIT: Mapping[Kind, Callable[[Any], Any]] = {
    "integer": _integer,
    "number": _number,
    "single": _number,
    "text": _text,
    "timestamp": _timestamp,
    "date": _date,
    "boolean": _boolean,
    "json": _json,
}

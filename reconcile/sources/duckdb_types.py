"""DuckDB's types, those of its own files and of Parquet, brought down to ours; what does not fit is flagged."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from typing import Any

import ibis

from reconcile.sources import columns
from reconcile.sources.columns import Kind
from reconcile.state.engines.literals import quoted, text
from reconcile.state.model import MISFIT
from reconcile.state.values import FOREIGN

_FIRST, _LAST = "0001-01-01", "9999-12-31"
"""The days that a date of ours can be."""

_LARGE = frozenset({"HUGEINT", "UHUGEINT", "BIGNUM", "VARINT"})
"""Whole numbers of which some have more than 38 digits."""
_WHOLE = f"DECIMAL({columns.WHOLE.digits}, 0)"
_TEXTS = re.compile(r"(VARCHAR|UUID|ENUM\(.*\))\[\d*\]")
"""Lists and arrays of texts."""

_UTF8 = "CREATE TEMP MACRO utf8_of(stored) AS TRY(decode(stored))"
_JSON = f"""CREATE TEMP MACRO marked_json_of(stored) AS CASE json_type(stored)
WHEN 'VARCHAR' THEN stored ->> '$' WHEN 'NULL' THEN NULL ELSE {text(FOREIGN)} || json(stored) END"""


def prepare(database: Any) -> None:
    """Tell a database what `typed` asks of it."""
    for macro in (_UTF8, _JSON):
        database.raw_sql(macro)


def known(database: Any, select: str) -> Any:
    """The rows of a SELECT, with those types that Ibis does not know, or takes for others, made into ones that it does.

    What that loses is flagged, as `typed` does it.
    """
    described = database.raw_sql(f"DESCRIBE SELECT * FROM ({select})").fetchall()  # noqa: S608 -- known to be one SELECT
    unknown = {name for name, dtype in database.sql(select).schema().items() if dtype.is_unknown()}
    made: dict[str, str] = {}
    flags: list[str] = []
    for name, declared, *_ in described:
        column = quoted(name)
        if declared in _LARGE:
            made[name] = f"TRY_CAST(CAST({column} AS VARCHAR) AS {_WHOLE})"
            flags.append(f"{column} IS NOT NULL AND {made[name]} IS NULL AS {quoted(MISFIT + name)}")
        elif _TEXTS.fullmatch(declared):
            made[name] = f"CAST({column} AS VARCHAR[])"
        elif declared.startswith("ENUM(") or name in unknown:
            made[name] = f"CAST({column} AS VARCHAR)"
    if not made:
        return database.sql(select)
    replaced = ", ".join(f"{sql} AS {quoted(name)}" for name, sql in made.items())
    return database.sql(f"SELECT {', '.join([f'* REPLACE ({replaced})', *flags])} FROM ({select})")  # noqa: S608 -- quoted


def typed(rows: Any, names: Sequence[str]) -> tuple[dict[str, Kind], Any, list[str]]:
    """The kinds of columns, the rows with these in our types, and the columns that say where a value does not fit."""
    kinds: dict[str, Kind] = {}
    made: dict[str, Any] = {}
    flags: dict[str, Any] = {}
    for name in names:
        column, flag = rows[name], f"{MISFIT}{name}"
        read = special(column.type())
        kinds[name], made[name] = read(column) if read else _simple(column)
        if flag in rows.columns:
            flags[flag] = rows[flag]
        elif column.type().is_binary() or column.type().is_date() or column.type().is_timestamp():
            flags[flag] = column.notnull() & made[name].isnull()
    return kinds, rows.select(**made, **flags), [name.removeprefix(MISFIT) for name in flags]


def special(dtype: Any) -> Callable[[Any], tuple[Kind, Any]] | None:
    """How to read what Ibis has a type for and we have none, or not the same."""
    if dtype.is_binary():
        return lambda column: ("text", _text_of(column))  # null where it is no UTF-8
    if dtype.is_array() and dtype.value_type.is_string():
        return lambda column: ("list", column)
    if dtype.is_json():
        return lambda column: ("json", _marked(column))
    if dtype.is_nested():
        return lambda column: ("json", ibis.literal(FOREIGN).concat(_json(dtype)(column)))
    return None


def _simple(column: Any) -> tuple[Kind, Any]:
    kind = columns.kind_of(column.type())
    typed = column.cast(columns.ibis_type(kind))
    if kind not in {"date", "timestamp"}:
        return kind, typed
    day = typed.cast("date")
    return kind, ibis.ifelse((day >= ibis.date(_FIRST)) & (day <= ibis.date(_LAST)), typed, ibis.null(typed.type()))


@ibis.udf.scalar.builtin(name="utf8_of", signature=(("binary",), "string"))  # type: ignore[untyped-decorator]
def _text_of(stored: bytes) -> str:  # type: ignore[empty-body]  # a macro, see `_UTF8`
    """The text of bytes."""


@ibis.udf.scalar.builtin(name="marked_json_of", signature=(("json",), "string"))  # type: ignore[untyped-decorator]
def _marked(stored: str) -> str:  # type: ignore[empty-body]  # a macro, see `_MACROS`
    """A value of JSON, see `_JSON`."""


def _json(dtype: Any) -> Callable[[Any], Any]:
    def to_json(value: Any) -> str:  # type: ignore[empty-body]  # the engine has the body
        """The engine's JSON."""

    made: Callable[[Any], Any] = ibis.udf.scalar.builtin(to_json, signature=((dtype,), "string"))
    return made

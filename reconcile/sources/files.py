"""CSV, Parquet and newline JSON files, read by an embedded DuckDB through Ibis.

A CSV file has no types. DuckDB guesses them from the first rows, and stops at a later row that disagrees; here its
guess is only the candidate, checked against every value of the column (`_checked`), so that what is read always fits.
"""

from __future__ import annotations

import glob
from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any

from reconcile.sources import columns, databases, storage, streams
from reconcile.sources.columns import Kind
from reconcile.sources.origin import Origin
from reconcile.state.engines.literals import text
from reconcile.state.model import Batches, Demand, Rows

_NUMBER = r"^-?(0|[1-9][0-9]*)(\.[0-9]+)?([eE][+-][0-9]+)?$"

_FALLBACKS: Mapping[Kind, tuple[Kind, ...]] = {
    "integer": ("integer", "number"),
    "number": ("number",),
    "date": ("date", "timestamp"),
    "timestamp": ("timestamp",),
    "boolean": ("boolean",),
    "text": (),
}
"""What a column may still be when DuckDB's guess turns out too narrow; text is what always fits."""


def read(origin: Origin, demand: Demand) -> AbstractContextManager[Batches]:
    """The rows of one file, or of all files that a pattern matches (in the order of their names)."""
    with streams.told(origin):
        database = databases.embedded(demand.loan)
        try:
            return databases.streamed(origin, demand, database, _rows(origin, demand, database))
        except BaseException:
            database.disconnect()
            raise


def scan(origin: Origin, demand: Demand, parquet: Callable[[Sequence[str]], Rows | None]) -> Rows | None:
    """Parquet files as an engine of its own reach reads them, in our types; None where it would type them otherwise."""
    with streams.told(origin):
        found = parquet([origin.file or ""] if storage.scheme(origin) else _paths(origin))
        if found is None:
            return None
        kinds, rows = databases.projected(origin, demand, found)
        # What has no such type comes as text, and each engine has its own text for a list, a struct or bytes.
        plain = all(kind != "text" or found[name].type().is_string() for name, kind in kinds.items())
        return rows if plain else None


def _rows(origin: Origin, demand: Demand, database: Any) -> Any:
    paths = storage.opened(origin, database) if storage.scheme(origin) else _paths(origin)
    match origin.engine:
        case "csv":
            return _csv(origin, demand, database, paths)
        case "json":
            return database.sql(_read("read_json", paths, "format = 'newline_delimited', union_by_name = true"))
        case _:
            return database.sql(_read("read_parquet", paths, "union_by_name = true"))


def _read(function: str, paths: list[str], options: str) -> str:
    # Not Ibis's own `read_parquet`: it would fetch an extension for a path with a scheme.
    files = ", ".join(map(text, paths))
    return f"SELECT * FROM {function}([{files}], {options})"  # noqa: S608 -- quoted


def _paths(origin: Origin) -> list[str]:
    pattern = str(origin.path(origin.file or ""))
    # Not Path.glob: the pattern may be absolute, and its folder too may hold wildcards.
    found = sorted(path for path in glob.glob(pattern, recursive=True) if Path(path).is_file())  # noqa: PTH207
    if not found:
        raise origin.failed(f"there is no file {pattern}", hint="A `file` is looked for from the folder of the spec.")
    return found


def _csv(origin: Origin, demand: Demand, database: Any, paths: list[str]) -> Any:
    options = "header = true, union_by_name = true"
    guessed = database.sql(_read("read_csv", paths, options)).schema()
    texts = database.sql(_read("read_csv", paths, f"{options}, all_varchar = true"))
    names = columns.wanted(origin, demand, tuple(texts.columns))
    guesses = {name: columns.kind_of(guessed[name]) for name in names if name in guessed}
    kinds = _checked(database, texts, guesses)
    return texts.select(**{name: _typed(texts[name], kinds.get(name, "text")) for name in names})


def _checked(database: Any, texts: Any, guesses: Mapping[str, Kind]) -> dict[str, Kind]:
    """The kinds that hold for every value, found in one pass over the candidates' columns."""
    asked = [(name, kind) for name, guess in guesses.items() for kind in _FALLBACKS[guess]]
    if not asked:
        return {}
    tests = {f"fits_{at}": _fits(texts[name], kind).all() for at, (name, kind) in enumerate(asked)}
    answers = database.raw_sql(database.compile(texts.aggregate(**tests))).fetchone()
    found: dict[str, Kind] = {}
    for (name, kind), fits in zip(asked, answers, strict=True):
        if fits is not False:  # None: a column of nulls
            found.setdefault(name, kind)
    return found


def _fits(column: Any, kind: Kind) -> Any:
    """Whether a text says a value of this kind and nothing is lost by reading it so: `0171` is no integer."""
    match kind:
        case "integer":
            return column.isnull() | column.try_cast("int64").cast("string").identical_to(column)
        case "number":
            return column.isnull() | column.re_search(_NUMBER)
        case "boolean":
            return column.isnull() | column.lower().isin(["true", "false"])
        case "date":
            return column.isnull() | (column.try_cast("date").notnull() & (column.length() == 10))
        case "timestamp":
            return column.isnull() | (column.try_cast("timestamp('UTC', 6)").notnull() & column.re_search("^[0-9]"))
        case "text":
            return column.isnull() | column.notnull()


def _typed(column: Any, kind: Kind) -> Any:
    typed = column.cast("timestamp('UTC', 6)") if kind == "timestamp" else column
    return typed.cast(columns.ibis_type(kind))

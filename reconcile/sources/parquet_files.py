"""Parquet files: each value as it is stored, with every digit, in one of our types."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any

from reconcile.sources import columns, duckdb_types, streams
from reconcile.sources.origin import Origin
from reconcile.sources.storage import Files
from reconcile.state.engines.literals import text
from reconcile.state.model import MISFIT, Batches, Demand, Rows

_DAMAGED = "It is cut off, or no Parquet file. Write it anew."


def read(origin: Origin, demand: Demand, database: Any, files: Files) -> AbstractContextManager[Batches]:
    """The demanded columns of all rows of these files, in batches; the database is closed at the end."""
    names = _checked(origin, demand, files)
    duckdb_types.prepare(database)
    # Not Ibis's own `read_parquet`: it would fetch an extension for a path with a scheme.
    listed = ", ".join(map(text, files.paths))
    select = f"SELECT * FROM read_parquet([{listed}], union_by_name = true)"  # noqa: S608 -- quoted
    kinds, typed, flags = duckdb_types.typed(duckdb_types.known(database, select), names)
    streams.note_mixed(origin, kinds)
    wanted = typed.select(*names, *(f"{MISFIT}{name}" for name in flags))
    stream = database.raw_sql(database.compile(wanted)).to_arrow_reader(streams.ROWS)
    batches = streams.counted(origin, demand, names, stream)
    return streams.reader(origin, streams.schema_of(kinds, demand), batches, database.disconnect)


def scan(origin: Origin, demand: Demand, files: Files, parquet: Callable[[Sequence[str]], Rows | None]) -> Rows | None:
    """The rows as an engine of its own reach reads them, in our types; None where it would type them otherwise."""
    names = _checked(origin, demand, files) if files.paths else None
    found = parquet(files.paths or [origin.file or ""])
    if found is None:
        return None
    names = names or columns.wanted(origin, demand, found.columns)
    # What has no such type comes as text, and each engine has its own text for a list, a struct or bytes.
    if not all(_plain(found[name].type()) for name in names):
        return None
    days = [name for name in names if found[name].type().is_date() or found[name].type().is_timestamp()]
    if days and files.paths and not _within(files, days):
        return None
    _, typed, _ = duckdb_types.typed(found, names)
    return typed.select(*names)


def _plain(dtype: Any) -> bool:
    return bool(dtype.is_string()) or (duckdb_types.special(dtype) is None and columns.kind_of(dtype) != "text")


# The files


def _checked(origin: Origin, demand: Demand, files: Files) -> tuple[str, ...]:
    """The columns to read, which every file has."""
    first, *others = files.paths
    names = columns.wanted(origin, demand, _names(origin, files, first))
    for path in others:
        there = _names(origin, files, path)
        for name in (*names, *(there if not demand.columns else ())):
            if name not in there or name not in names:
                lacks, has = (path, first) if name not in there else (first, path)
                told = f"{lacks} has no column `{name}`, which {Path(has).name} has"
                raise origin.failed(
                    told, hint=f"All files need the columns that are read. Its columns: {columns.list_names(there)}."
                )
    return names


def _names(origin: Origin, files: Files, path: str) -> tuple[str, ...]:
    """The columns of a file."""
    import pyarrow as pa

    try:
        names: list[str] = _metadata(files, path).schema.to_arrow_schema().names
    except (pa.ArrowException, ValueError, EOFError) as error:
        reason = str(error).partition(".")[0].partition(":")[0]
        raise origin.failed(f"{path} cannot be read as a Parquet file: {reason}", hint=_DAMAGED) from None
    return tuple(names)


def _metadata(files: Files, path: str) -> Any:
    from pyarrow import parquet

    with files.open(path) as stream:
        return parquet.read_metadata(stream)


def _within(files: Files, names: Sequence[str]) -> bool:
    """Whether all files say of these columns that they hold only days that a date of ours can be."""
    for path in files.paths:
        found = _metadata(files, path)
        for at in range(found.num_row_groups):
            group = found.row_group(at)
            for column in (group.column(one) for one in range(group.num_columns)):
                if column.path_in_schema in names and not _sane(column):
                    return False
    return True


def _sane(column: Any) -> bool:
    said = column.statistics
    if said is None or not said.has_min_max:
        return bool(said is not None and said.null_count == column.num_values)
    try:
        return all(1 <= one.year <= 9999 for one in (said.min, said.max))
    except (AttributeError, ValueError, OverflowError):
        return False

"""The workspace: where the rows of one run are. The only file that knows which engine works for us.

One embedded DuckDB. Rows are in memory, and what is larger spills to a folder of this run that its owner alone can
read and that is gone when the run ends. Everything else in this floor speaks Ibis and would run on another engine.
"""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import duckdb
import ibis
import pyarrow as pa
import pyarrow.compute as pc

from reconcile.state.model import Batches, Export, Rows

BATCH = 10_000
"""Rows on their way at once, unless a caller says otherwise."""


LEAN_THREADS = 2
"""Threads of an engine whose memory is limited: every one of them wants some of its own."""


LONGEST_LINE = 4 * 2**20
"""Bytes of a line of JSON: the engine keeps room for some of them for every thread, and its own default is 16 MiB."""


class Workspace:
    """Tables for one run, as a context manager.

    Args:
        memory_limit: what the engine may use before it spills, such as `2GB`; half of the machine when None.
    """

    def __init__(self, *, memory_limit: str | None = None) -> None:
        self._memory_limit = memory_limit

    def __enter__(self) -> Self:
        self.folder = Path(tempfile.mkdtemp(prefix="reconcile-"))  # mkdtemp makes it 0700: these are people
        # In memory, although tables may spill: a database file would pay for durability that nobody needs here, and
        # be four times as slow. Rows come in no order that matters, so none has to be kept.
        self._engine = ibis.duckdb.connect(
            temp_directory=str(self.folder / "spill"),
            memory_limit=self._memory_limit or f"{_memory() // 2 // 2**20}MiB",
            preserve_insertion_order=False,
            **({"threads": LEAN_THREADS} if self._memory_limit else {}),
        )
        # One clock for all: a naive text is UTC wherever the machine stands. The bar of the engine is not ours.
        self._engine.raw_sql("SET TimeZone = 'UTC'; SET enable_progress_bar = false")
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._engine.disconnect()
        shutil.rmtree(self.folder, ignore_errors=True)

    def store(self, name: str, batches: Batches) -> Rows:
        """Take in a stream of Arrow batches (a reader or a table) as table `name`, replacing one that was there.

        Raises:
            whatever the stream raises: nothing of a stream that broke off is kept.
        """
        self._take(f"CREATE OR REPLACE TABLE {_quoted(name)} AS FROM incoming", batches)
        return self._engine.table(name)

    def append(self, name: str, batches: Batches) -> None:
        """Add the rows of a stream or an Arrow table to table `name`."""
        self._take(f"INSERT INTO {_quoted(name)} FROM incoming", batches)

    def _take(self, statement: str, batches: Batches) -> None:
        raw, carried = self._engine.con, _Carried(batches)
        raw.register("incoming", carried.reader)
        try:
            raw.execute(statement)
        except duckdb.Error:
            if carried.error is not None:
                raise carried.error from None
            raise
        finally:
            raw.unregister("incoming")

    def keep(self, name: str, rows: Rows) -> Rows:
        """Work an expression out once and keep its rows as table `name`.

        Raises:
            FormulaRefused: an expression of the spec fails on a value; the value is not told.
        """
        try:
            self._engine.con.execute(f"CREATE OR REPLACE TABLE {_quoted(name)} AS {self._engine.compile(rows)}")
        except duckdb.DataError as error:
            # The engine's words name the value, which is a person's: only the kind of failure is told.
            raise FormulaRefused(name, type(error).__name__.removesuffix("Exception").lower() + " error") from None
        return self._engine.table(name)

    def records(self, export: Export) -> Rows:
        """The CSV of a list export as a view: records (a value may hold newlines, SAILTHRU.md §9.3), all of it text."""
        columns = ", ".join(f"{_quoted(column)}: 'VARCHAR'" for column in export.columns)
        options = """auto_detect = false, header = true, delim = ',', quote = '"', escape = '"', strict_mode = true"""
        path = str(export.path).replace("'", "''")
        return self._engine.sql(f"FROM read_csv('{path}', columns = {{{columns}}}, {options})", dialect="duckdb")

    def json_lines(self, path: Path, types: Mapping[str, str]) -> Rows:
        """A file of JSON lines, zstd, as a view: nothing is read before it is asked for."""
        columns = ", ".join(f"{_quoted(name)}: '{kind}'" for name, kind in types.items())
        options = f"columns = {{{columns}}}, format = 'newline_delimited', compression = 'zstd'"
        options += f", maximum_object_size = {LONGEST_LINE}"
        return self._engine.sql(f"FROM read_json('{path}', {options})", dialect="duckdb")

    def derive(self, rows: Rows, formulas: Mapping[str, str]) -> Rows:
        """The rows with a further column for each formula: name -> scalar SQL (DuckDB's dialect) over the columns.

        Raises:
            FormulaRefused: the engine cannot make sense of one of them; holds the name and the engine's words.
        """
        for name, sql in formulas.items():
            subject = self._engine.compile(rows)
            wanted = f"SELECT *, ({sql}) AS {_quoted(name)} FROM ({subject})"  # noqa: S608 -- parsed by `spec.rules`
            try:
                rows = self._engine.sql(wanted, dialect="duckdb")
            except (duckdb.Error, ibis.common.exceptions.IbisError) as error:
                raise FormulaRefused(name, _first_line(error)) from None
        return rows

    def stream(self, rows: Rows, *, size: int = BATCH) -> Iterator[pa.RecordBatch]:
        """The rows as Arrow batches of at most `size`; other tables may be written meanwhile."""
        # A cursor of its own: a further statement on the same connection would end the stream.
        cursor = self._engine.con.cursor()
        try:
            yield from cursor.execute(self._engine.compile(rows)).to_arrow_reader(size)
        finally:
            cursor.close()

    def text(self, lines: Rows, *, size: int = BATCH) -> Iterator[memoryview]:
        """The bytes of a table's only column of text, `size` rows at a time: no line becomes a Python object."""
        for batch in self.stream(lines, size=size):
            whole = pa.ListArray.from_arrays(pa.array([0, len(batch)], pa.int32()), batch.column(0))
            yield memoryview(pc.binary_join(whole, "")[0].as_buffer())

    def dicts(self, rows: Rows, *, limit: int) -> list[dict[str, Any]]:
        """At most `limit` rows as dicts: for heads and samples, never for data on its way."""
        found: list[dict[str, Any]] = rows.limit(limit).to_pyarrow().to_pylist()
        return found

    def one(self, rows: Rows) -> dict[str, Any]:
        """The only row of an aggregate."""
        return self.dicts(rows, limit=1)[0]

    def count(self, rows: Rows) -> int:
        """How many rows."""
        return int(rows.count().to_pyarrow().as_py())


class _Carried:
    """A stream that remembers what it raised: the engine would tell it as an error of its own."""

    def __init__(self, batches: Batches) -> None:
        self.error: Exception | None = None
        self.reader = pa.RecordBatchReader.from_batches(batches.schema, self._carried(batches))

    def _carried(self, batches: Batches) -> Iterator[pa.RecordBatch]:
        try:
            yield from batches.to_batches() if isinstance(batches, pa.Table) else batches
        except Exception as error:
            self.error = error
            raise


class FormulaRefused(Exception):
    """The engine cannot work a formula out."""

    def __init__(self, name: str, reason: str) -> None:
        super().__init__(f"{name}: {reason}")
        self.name = name
        self.reason = reason


def arrow(columns: Mapping[str, Sequence[Any]], types: Mapping[str, str]) -> pa.Table:
    """A small Arrow table from columns of Python values; `types` are `string` or `bool` by column."""
    return pa.table({name: pa.array(columns[name], pa.type_for_alias(kind)) for name, kind in types.items()})


def _memory() -> int:
    """The machine's memory in bytes."""
    return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")


def _quoted(name: str) -> str:
    return '"' + name.replace('"', '""') + '"'


def _first_line(error: Exception) -> str:
    return str(error).strip().splitlines()[0] if str(error).strip() else type(error).__name__

"""DuckDB, embedded: the engine unless a spec says otherwise, good for tens of millions of profiles on one machine."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import closing, contextmanager
from functools import cache, partial
from pathlib import Path
from typing import Any

import duckdb
import ibis
import pyarrow as pa
from ibis.backends.duckdb import Backend  # as `ibis.duckdb` it would only be imported once a plan is under way
from ibis.backends.sql.datatypes import DuckDBType

from reconcile.errors import MemoryShort, ReconcileError
from reconcile.state import capacity, disk
from reconcile.state.capacity import MIB, Capacity
from reconcile.state.engines import records
from reconcile.state.engines.literals import quoted, text
from reconcile.state.engines.scans import Scans
from reconcile.state.model import Batches, Demand, Export, Loan, Rows, Scannable, Source
from reconcile.state.workspace import BATCH, Asker, FormulaRefused, Workspace, multiply_as_doubles

LONGEST_LINE = 4 * 2**20
"""Bytes of a line of JSON: the engine keeps room for some of them for every thread, and its own default is 16 MiB."""

SHORTEST = """CREATE MACRO shortest(x) AS CASE
    WHEN try_cast(cast(x AS varchar) AS double) IS NOT DISTINCT FROM x THEN cast(x AS varchar)
    WHEN try_cast(printf('%.16g', x) AS double) = x THEN printf('%.16g', x)
    ELSE printf('%.17g', x) END"""
"""A few very large doubles come out of DuckDB 1.5's own cast as others: 2^81 doubled, 8.5e242 as `A.07e+242`."""

# To compare texts costs a quarter of what it costs to ask how they begin.
LITERAL = """CREATE MACRO literal_of(x) AS CASE WHEN x >= '\ufdd0' AND x < '\ufdd1'
    THEN CASE WHEN regexp_matches(x, '^\ufdd0[-0-9tfn{\\[]') THEN substring(x, 2) ELSE x END ELSE x END"""
"""A text without the mark of a JSON value."""

_TABLES = "the tables of this run"
_FULL = ("max_temp_directory_size", "No space left on device", "Disk quota exceeded")
"""It takes nine tenths of what is free, and calls it a lack of memory once they are used up; or the system speaks."""


class DuckDB(Workspace):
    """Tables in memory; what is larger than the limit spills to the folder of the run.

    Args:
        means: memory and threads; a sane share of the machine when None.
        within: below which folder the run's own is made.
    """

    def __init__(self, means: Capacity | None = None, *, within: Path | None = None) -> None:
        self.within = within
        self._means = means or capacity.of()
        self._exports: dict[str, Export] = {}
        self._scans = Scans()
        self._disabled: list[str] = []
        self._numbers = itertools.count()

    def _open(self) -> None:
        # In memory, although tables may spill: a database file would pay for durability that nobody needs here, and
        # be four times as slow. Rows come in no order that matters, so none has to be kept.
        self._engine = Backend().connect(
            temp_directory=str(self.folder / "spill"),
            memory_limit=f"{self._means.engine // MIB}MiB",
            threads=self._means.threads,
            preserve_insertion_order=False,
        )
        # One clock for all: a naive text is UTC wherever the machine stands. The bar of the engine is not ours.
        # Global: a cursor would else go by the machine's clock again.
        self._engine.raw_sql("SET GLOBAL TimeZone = 'UTC'; SET enable_progress_bar = false")
        self._engine.raw_sql(SHORTEST)
        self._engine.raw_sql(LITERAL)
        # Joins are written with the side to be held in memory on the right. The engine cannot know how many records an
        # export has, took it for the smaller side, and held ten million rows to find a hundred thousand.
        self._disable("build_side_probe_side")

    def _disable(self, optimizer: str) -> None:
        if optimizer not in self._disabled:
            self._disabled.append(optimizer)
            self._engine.raw_sql(f"SET GLOBAL disabled_optimizers = '{','.join(self._disabled)}'")

    def _close(self) -> None:
        self._engine.disconnect()

    @contextmanager
    def _told(self) -> Iterator[None]:
        try:
            yield
        except (duckdb.Error, pa.ArrowException, OSError) as error:
            # Arrow tells in words of its own what the engine raises in the middle of a stream.
            if (ours := self._lacking(str(error)) or self._scans.failure(error, self._read_again)) is None:
                raise
            raise ours from None

    def _lacking(self, words: str) -> ReconcileError | None:
        """Which of memory and disk it is that the engine has not enough of; None when it is neither."""
        if any(word in words for word in _FULL):
            return disk.full(_TABLES, self.folder, gone=True)  # the engine lets go of what it spilled
        if "File too large" in words:
            return disk.full(_TABLES, self.folder, limited=True)
        if "Out of Memory" in words:
            means = self._means
            return MemoryShort(
                f"Memory is not enough: {means.memory // MIB:,} MiB for the process, {means.engine // MIB:,} MiB of it"
                f" for tables, on {means.threads} threads.",
                hint="Give it more (--memory-limit SIZE): not all that the engine does can spill to disk.",
            )
        return None

    def store(self, name: str, batches: Batches) -> Rows:
        """As a table, filled from Arrow without a copy by Python."""
        self._take(f"CREATE OR REPLACE TABLE {quoted(name)} AS FROM incoming", batches)
        return self._table(name)

    def take(self, source: Source, demand: Demand, counted: Callable[[Batches], Batches]) -> Rows:
        """Parquet on a disk of this machine is read where it lies, as often as it takes; all else is streamed."""
        found = source.scan(demand, partial(self._parquet, source)) if isinstance(source, Scannable) else None
        if found is None:
            return super().take(source, demand, counted)
        return self._view(f"source:{source.name}", self._engine.compile(found))

    @contextmanager
    def _lending(self) -> Iterator[Loan]:
        """What is lent is not ours meanwhile: both engines together stay within the limit."""
        with super()._lending() as loan:
            self._limit(self._means.engine - loan.memory)
            try:
                yield loan
            finally:
                self._limit(self._means.engine)

    def _limit(self, memory: int) -> None:
        with self._told():
            self._engine.con.execute(f"SET GLOBAL memory_limit = '{memory}B'")

    def _parquet(self, source: Scannable, paths: Sequence[str]) -> Rows | None:
        if any("://" in path for path in paths):
            return None
        self._scans.add(source, paths)
        files = ", ".join(map(text, paths))
        return self._view(f"files of {source.name}", f"FROM read_parquet([{files}], union_by_name = true)")

    def _read_again(self, name: str) -> Exception | None:
        try:
            self._engine.con.execute(f"SELECT max(hash(rows)) FROM {quoted(f'source:{name}')} AS rows")  # noqa: S608
        except duckdb.Error as error:
            return error
        return None

    def append(self, name: str, batches: Batches) -> None:
        """By an insert from Arrow."""
        self._take(f"INSERT INTO {quoted(name)} FROM incoming", batches)

    def _take(self, statement: str, batches: Batches) -> None:
        raw, carried = self._engine.con, _Carried(batches)
        raw.register("incoming", carried.reader.__arrow_c_stream__())  # for an object of Arrow it imports pandas
        try:
            with self._told():
                raw.execute(statement)
        except (duckdb.Error, ReconcileError):
            if carried.error is not None:
                raise carried.error from None
            raise
        finally:
            raw.unregister("incoming")

    def keep(self, name: str, rows: Rows) -> Rows:
        """As a table."""
        statement = f"CREATE OR REPLACE TABLE {quoted(name)} AS {self._engine.compile(rows)}"
        try:
            with self._told():
                self._engine.con.execute(statement)
        except duckdb.DataError as error:
            raise _refused(name, error) from None
        except duckdb.Error as error:
            read = records.read_by(statement, self._exports.values())
            if not read and isinstance(error, duckdb.InvalidInputException):  # as some functions fail on a value
                raise _refused(name, error) from None
            if not read:
                raise
            self._read_in_order(name, statement, read, str(error))
        self._scans.check()
        return self._table(name)

    def _read_in_order(self, name: str, statement: str, read: Sequence[Export], said: str) -> None:
        """What came to grief over an export once more, from its first record to its last.

        Parts of a file are read side by side, and one that begins inside a value full of lines may be misread. Read in
        order, a file may end inside quotes without a word of the engine: that is looked for here.
        """
        if not all(records.balanced(export.path) for export in read):
            raise records.broken(read, said) from None
        for export in read:
            self._engine.con.execute(records.view(export, in_order=True))
        try:
            with self._told():
                self._engine.con.execute(statement)
        except duckdb.Error as error:
            if isinstance(error, duckdb.InvalidInputException) and all(map(self._is_whole, read)):
                raise _refused(name, error) from None
            raise records.broken(read, str(error)) from None

    def _is_whole(self, export: Export) -> bool:
        """Whether an export can be read by itself, so that what failed is something that was made of it."""
        try:
            view = quoted(records.name(export))
            self._engine.con.execute(f"SELECT max(hash(rows)) FROM {view} AS rows").fetchall()  # noqa: S608 -- quoted
        except duckdb.Error:
            return False
        return True

    def records(self, export: Export) -> Rows:
        """As a view: nothing is read before it is asked for."""
        self._exports[export.path] = export
        self._engine.con.execute(records.view(export))
        return ibis.table(dict.fromkeys(export.columns, "string"), records.name(export))

    def json_lines(self, path: Path, types: Mapping[str, str]) -> Rows:
        """A file of JSON lines, zstd, as a view: nothing is read before it is asked for."""
        columns = ", ".join(f"{quoted(name)}: '{kind}'" for name, kind in types.items())
        options = f"columns = {{{columns}}}, format = 'newline_delimited', compression = 'zstd'"
        options += f", maximum_object_size = {LONGEST_LINE}"
        return self._view(f"lines {next(self._numbers)}", f"FROM read_json({text(str(path))}, {options})")

    def derive(self, rows: Rows, formulas: Mapping[str, str]) -> Rows:
        """As it is written: formulas speak this engine's own dialect."""
        formulas = multiply_as_doubles(rows, formulas)
        try:
            return self._derived(rows, formulas)
        except (duckdb.Error, ibis.common.exceptions.IbisError):
            for name, sql in formulas.items():
                try:
                    self._derived(rows, {name: sql})
                except (duckdb.Error, ibis.common.exceptions.IbisError) as error:
                    raise FormulaRefused(name, _first_line(error)) from None
            raise

    def guard(self, sql: str) -> tuple[str, str] | None:
        """By TRY, around a row of one field: it is null only where the formula fails, not where that is null."""
        # What stands in two places would be worked out once, outside of TRY, where it fails (DuckDB 1.5).
        self._disable("common_subexpressions")
        tried = f"TRY({{'v': {sql}}})"
        return f"{tried}.v", f"{tried} IS NULL"

    def _derived(self, rows: Rows, formulas: Mapping[str, str]) -> Rows:
        columns = ", ".join(f"({sql}) AS {quoted(name)}" for name, sql in formulas.items())
        wanted = f"SELECT *, {columns} FROM ({self._engine.compile(rows)})"  # noqa: S608 -- parsed by `spec.rules`
        return self._view(f"derived {next(self._numbers)}", wanted)

    def _table(self, name: str) -> Rows:
        """By its columns as the engine describes them; Ibis's own `table` would parse the type of each of them anew."""
        described = self._engine.con.execute(f"DESCRIBE {quoted(name)}").fetchall()
        return ibis.table({column: _type(kind) for column, kind, *_ in described}, name)

    def _view(self, name: str, statement: str) -> Rows:
        """A statement under a name: as a text, Ibis would parse it for everything that is made of it."""
        self._engine.con.execute(f"CREATE OR REPLACE VIEW {quoted(name)} AS {statement}")
        return self._table(name)

    def stream(self, rows: Rows, *, size: int = BATCH) -> Iterator[pa.RecordBatch]:
        """From a cursor of its own."""
        # A further statement on the same connection would end the stream.
        cursor = self._engine.con.cursor()
        try:
            with self._told():
                yield from cursor.execute(self._engine.compile(rows)).to_arrow_reader(size)
        finally:
            cursor.close()

    def _fetched(self, rows: Rows) -> pa.Table:
        """Not by Ibis's own `to_pyarrow`, for which it imports pandas."""
        with self._told():
            found = self._engine.con.execute(self._engine.compile(rows)).to_arrow_table()
        return found.cast(rows.schema().to_pyarrow())  # a sum comes as a decimal

    def asker(self, about: Callable[..., Rows]) -> Asker:
        """Compiled once, which takes longer than to answer it; the tables are not taken in."""
        statement = ""

        def ask(**tables: pa.Table) -> list[dict[str, Any]]:
            nonlocal statement
            statement = statement or self._compiled(about, tables)
            with self._told(), closing(self._engine.con.cursor()) as cursor:  # what it registers is nobody else's
                for name, table in tables.items():
                    cursor.register("incoming", table.__arrow_c_stream__())  # see `_take`; it can be read once
                    cursor.execute(f"CREATE TEMP TABLE {quoted(name)} AS FROM incoming")
                found: list[dict[str, Any]] = cursor.execute(statement).to_arrow_table().to_pylist()
                return found

        return ask

    def _compiled(self, about: Callable[..., Rows], tables: Mapping[str, pa.Table]) -> str:
        schemas = {name: ibis.Schema.from_pyarrow(table.schema) for name, table in tables.items()}
        statement: str = self._engine.compile(about(**{name: ibis.table(one, name) for name, one in schemas.items()}))
        return statement


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


_type = cache(DuckDBType.from_string)


def _refused(name: str, error: Exception) -> FormulaRefused:
    """The engine's words name the value, which is a person's: only the kind of failure is told."""
    kind = type(error).__name__.removesuffix("Exception")
    return FormulaRefused(name, {"InvalidInput": "invalid input"}.get(kind, kind.lower()) + " error")


def _first_line(error: Exception) -> str:
    return str(error).strip().splitlines()[0] if str(error).strip() else type(error).__name__

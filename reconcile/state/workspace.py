"""The workspace: where the rows of one run are, and the one face of every engine that can hold them.

Which engine works for us is known to its own file in `state.engines` and to the facade that opens it. Everything else
speaks Ibis, in words that all engines know, and asks the workspace for what Ibis cannot say.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, ExitStack, contextmanager, nullcontext
from dataclasses import replace
from pathlib import Path
from types import TracebackType
from typing import Any, Self, TypeAlias

import pyarrow as pa

from reconcile.state import arrows, scratch
from reconcile.state.capacity import Capacity
from reconcile.state.model import Batches, Demand, Export, Loan, Rows, Source

BATCH = 10_000
"""Rows on their way at once, unless a caller says otherwise."""

Asker: TypeAlias = Callable[..., list[dict[str, Any]]]
"""Takes Arrow tables by name, and answers with at most as many rows as they have together."""


class Workspace(ABC):
    """Tables for one run, as a context manager.

    `folder` is a folder of this run, see `scratch`.
    """

    folder: Path
    within: Path | None = None
    """Below which the folder is made; the system's folder for such things when None."""
    _means: Capacity
    _ends: ExitStack

    def __enter__(self) -> Self:
        with ExitStack() as ends:
            self.folder = ends.enter_context(scratch.folder("the tables of this run", self.within))
            self._open()
            ends.callback(self._close)
            self._ends = ends.pop_all()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._ends.close()

    @abstractmethod
    def _open(self) -> None:
        """Start the engine, or connect to it."""

    @abstractmethod
    def _close(self) -> None:
        """Let go of the engine and of all tables."""

    def _told(self) -> AbstractContextManager[None]:
        """A block in which the engine works: what it lacks, memory or disk, is told as an error of ours."""
        return nullcontext()

    @abstractmethod
    def store(self, name: str, batches: Batches) -> Rows:
        """Take in a stream of Arrow batches (a reader or a table) as table `name`, replacing one that was there.

        Raises:
            whatever the stream raises: nothing of a stream that broke off is kept.
        """

    def take(self, source: Source, demand: Demand, counted: Callable[[Batches], Batches]) -> Rows:
        """The rows of a source as table `source:<id>`.

        Args:
            counted: has what is streamed pass through, so that its rows can be told.

        Raises:
            SourceUnavailable, SpecInvalid: see `Source.read`.
        """
        with self._lending() as loan, source.read(replace(demand, loan=loan)) as batches:
            return self.store(f"source:{source.name}", counted(batches))

    @contextmanager
    def _lending(self) -> Iterator[Loan]:
        """A block in which a source is read by an engine of its own, with a part of the memory that is ours."""
        yield Loan(*self._means.lent, self.folder / "lent")

    @abstractmethod
    def append(self, name: str, batches: Batches) -> None:
        """Add the rows of a stream or an Arrow table to table `name`."""

    @abstractmethod
    def keep(self, name: str, rows: Rows) -> Rows:
        """Work an expression out once and keep its rows as table `name`.

        Raises:
            FormulaRefused: an expression of the spec fails on a value; the value is not told.
            ExportBroken: an export that it reads has a record that cannot be right.
        """

    @abstractmethod
    def records(self, export: Export) -> Rows:
        """The CSV of a list export: records (a value may hold newlines, SAILTHRU.md §9.3), all of it text.

        A record that cannot be right is an error of whoever keeps what it reads, see `keep`; never a smaller list.
        """

    @abstractmethod
    def derive(self, rows: Rows, formulas: Mapping[str, str]) -> Rows:
        """The rows with a further column for each formula: name -> scalar SQL (DuckDB's dialect) over their columns.

        Raises:
            FormulaRefused: the engine cannot make sense of one of them; holds the name and the engine's words.
        """

    def guard(self, sql: str) -> tuple[str, str] | None:
        """A formula that is null where it fails on a row, and one that says where; None where the engine cannot say."""
        del sql
        return None

    @abstractmethod
    def stream(self, rows: Rows, *, size: int = BATCH) -> Iterator[pa.RecordBatch]:
        """The rows as Arrow batches of at most `size`, in their order; other tables may be written meanwhile."""

    def text(self, lines: Rows, *, size: int = BATCH) -> Iterator[memoryview]:
        """The bytes of a table's only column of text, `size` rows at a time: no line becomes a Python object."""
        for batch in self.stream(lines, size=size):
            yield arrows.joined(batch.column(0))

    @abstractmethod
    def _fetched(self, rows: Rows) -> pa.Table:
        """All of a few rows."""

    def dicts(self, rows: Rows, *, limit: int) -> list[dict[str, Any]]:
        """At most `limit` rows as dicts: for heads and samples, never for data on its way."""
        found: list[dict[str, Any]] = self._fetched(rows.limit(limit)).to_pylist()
        return found

    def asker(self, about: Callable[..., Rows]) -> Asker:
        """A question about small tables that is asked again and again, of other rows each time.

        Args:
            about: makes the question of the tables, by their names.
        """

        def ask(**tables: pa.Table) -> list[dict[str, Any]]:
            stored = {name: self.store(name, table) for name, table in tables.items()}
            return self.dicts(about(**stored), limit=sum(map(len, tables.values())))

        return ask

    def one(self, rows: Rows) -> dict[str, Any]:
        """The only row of an aggregate."""
        found: dict[str, Any] = self._fetched(rows).to_pylist()[0]
        return found

    def count(self, rows: Rows) -> int:
        """How many rows."""
        return int(self.one(rows.aggregate(rows=rows.count()))["rows"])


def multiply_as_doubles(rows: Rows, formulas: Mapping[str, str]) -> Mapping[str, str]:
    """The formulas with products of decimals worked out as doubles.

    A product of decimals has the places of both, so that two columns of 18 places have no room for 100.
    """
    decimals = {name.casefold() for name, kind in rows.schema().items() if kind.is_decimal() and kind.scale != 0}
    return {name: _multiplied(sql, decimals) if decimals and "*" in sql else sql for name, sql in formulas.items()}


def _multiplied(sql: str, decimals: Collection[str]) -> str:
    import sqlglot
    from sqlglot import exp

    tree: Any = sqlglot.parse_one(sql, read="duckdb")
    for product in list(tree.find_all(exp.Mul)):
        for column in list(product.find_all(exp.Column)):
            if column.name.casefold() in decimals and not isinstance(column.parent, exp.Cast):
                column.replace(exp.cast(column.copy(), "double"))
    return str(tree.sql(dialect="duckdb"))


def stacked(parts: Sequence[Rows]) -> Rows:
    """The rows of all parts, whose columns are the same; by halves, so that many do not nest deeply."""
    if len(parts) == 1:
        return parts[0]
    middle = len(parts) // 2
    return stacked(parts[:middle]).union(stacked(parts[middle:]))


class FormulaRefused(Exception):
    """The engine cannot work a formula out."""

    def __init__(self, name: str, reason: str) -> None:
        super().__init__(f"{name}: {reason}")
        self.name = name
        self.reason = reason

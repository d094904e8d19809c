"""Spark: for those who have outgrown one machine, and have a cluster. Local Spark is for trying it.

Where the rows are:

|                                 | `local[...]`                        | `sc://host` (Spark Connect)                  |
|---------------------------------|-------------------------------------|----------------------------------------------|
| rows that we stream to it       | Parquet files in the run's folder   | uploaded over the session, kept by executors |
| what is worked out once (`keep`)| Parquet files in the run's folder   | kept by executors, in memory or on their disk|
| rows that come back             | Parquet files in the run's folder   | batches of the session's stream              |

The exports of the account are read here, by DuckDB, whichever engine plans: one parser, one idea of what is broken.
"""

from __future__ import annotations

import functools
import itertools
import shutil
import socket
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pyarrow as pa
from ibis.backends import pyspark as backend
from pyarrow import parquet

from reconcile.errors import EngineUnavailable
from reconcile.state import capacity
from reconcile.state.capacity import MIB, Capacity
from reconcile.state.engines import spark_formulas, spark_sql
from reconcile.state.engines.duckdb import DuckDB
from reconcile.state.model import Batches, Demand, Export, Rows, Scannable, Source
from reconcile.state.workspace import BATCH, FormulaRefused, Workspace, multiply_as_doubles

UPLOAD = 32 * 2**20
"""Bytes of Arrow that go to a remote Spark at once; it takes messages of up to 128 MiB."""

SETTINGS = {
    "spark.sql.session.timeZone": "UTC",
    # A time without a zone is one: DuckDB's TIMESTAMP.
    "spark.sql.timestampType": "TIMESTAMP_NTZ",
    # What does not fit is an error, as in DuckDB, and no silent null.
    "spark.sql.ansi.enabled": "true",
}

# For a Spark in this process: nothing is served, and nothing is written between our own lines.
QUIET = {"spark.ui.enabled": "false", "spark.ui.showConsoleProgress": "false", "spark.log.level": "OFF"}
HINT = "It takes Spark 4.0 or newer (docs/engines.md); local[*] also takes Java 17 or newer on this machine."
PORT, PATIENCE = 15_002, 15.0
"""Where a Spark Connect server listens unless told otherwise, and seconds to wait for it."""


class _Backend(backend.Backend):  # type: ignore[misc]  # Ibis ships no types
    compiler = spark_sql.Compiler()


class Spark(Workspace):
    """Tables as temporary views of one session of Spark.

    Args:
        master: `sc://host` of a Spark Connect server, or `local[*]` for one on this machine.
        means: memory of a local Spark, which a server has of its own.
        within: below which folder the run's own is made.
    """

    def __init__(self, master: str, means: Capacity | None = None, *, within: Path | None = None) -> None:
        self.within = within
        self._master = master
        self._means = means or capacity.of()
        self._remote = master.startswith("sc://")

    def _open(self) -> None:
        with _reached(self._master):
            self._session = self._connected() if self._remote else self._started()
            for name, value in SETTINGS.items():
                self._session.conf.set(name, value)
            self._session.sql(spark_sql.PROBE).collect()
        _Backend.register_options()  # what `ibis.pyspark` would do
        self._engine = _Backend().connect(self._session)
        self._numbers = itertools.count()
        self._frames: dict[str, Any] = {}
        self._views: dict[str, str] = {}
        self._records: dict[str, Rows] = {}

    def _connected(self) -> Any:
        from pyspark.sql.connect.session import SparkSession

        # Asked first: the client itself would try for ten minutes.
        place = urlsplit(self._master)
        socket.create_connection((place.hostname or "", place.port or PORT), timeout=PATIENCE).close()
        return SparkSession.builder.remote(self._master).create()

    def _started(self) -> Any:
        from pyspark.sql import SparkSession

        builder = SparkSession.builder.master(self._master).appName("reconcile")
        for name, value in QUIET.items():
            builder = builder.config(name, value)
        builder = builder.config("spark.driver.memory", f"{self._means.engine // MIB}m")
        if self.within is not None:  # what it shuffles and spills are people's rows too
            builder = builder.config("spark.local.dir", str(self.within.absolute()))
        # Views and settings of our own; the engine beneath may be another's, and stays when we go.
        return builder.getOrCreate().newSession()

    def _close(self) -> None:
        self._frames.clear()
        if self._remote:
            self._session.stop()

    def store(self, name: str, batches: Batches) -> Rows:
        """Spilled as Parquet for a local Spark, uploaded in pieces to a remote one."""
        return self._view(name, self._taken(batches))

    def take(self, source: Source, demand: Demand, counted: Callable[[Batches], Batches]) -> Rows:
        """Parquet that Spark can reach is read by Spark, where it lies; all else is streamed."""
        found = source.scan(demand, self._parquet) if isinstance(source, Scannable) else None
        if found is None:
            return super().take(source, demand, counted)
        return self._view(f"source:{source.name}", self._frame(found))

    def _parquet(self, paths: Sequence[str]) -> Rows | None:
        """Files by URL for a remote Spark, which has no part in our disk; by path for a local one."""
        if any(("://" in path) is not self._remote for path in paths):
            return None
        frame = self._session.read.option("mergeSchema", "true").parquet(*paths)
        return self._view(f"files {next(self._numbers)}", frame)

    def append(self, name: str, batches: Batches) -> None:
        """By a union: what is there is not touched."""
        self._view(name, self._frames[name].union(self._taken(batches)))

    def keep(self, name: str, rows: Rows) -> Rows:
        """Written down as Parquet, or kept by the executors of a remote Spark."""
        from pyspark.errors import PySparkException

        try:
            return self._view(name, self._settled(self._frame(rows)))
        except PySparkException as error:
            if (kind := _data_error(error)) is None:
                raise
            # The engine's words name the value, which is a person's: only the kind of failure is told.
            raise FormulaRefused(name, kind) from None

    def records(self, export: Export) -> Rows:
        """As DuckDB reads them, once: the file is on this machine, and what is malformed is so for both."""
        if export.path not in self._records:
            with DuckDB(self._means, within=self.within) as reader:
                rows = reader.keep("records", reader.records(export))
                stream = pa.RecordBatchReader.from_batches(rows.schema().to_pyarrow(), reader.stream(rows))
                self._records[export.path] = self.store(f"export {export.path}", stream)
        return self._records[export.path]

    def derive(self, rows: Rows, formulas: Mapping[str, str]) -> Rows:
        """Translated, where Spark can say the same (`spark_formulas`)."""
        from pyspark.errors import PySparkException

        formulas = multiply_as_doubles(rows, formulas)
        translated = {name: spark_formulas.translated(name, sql, rows.schema()) for name, sql in formulas.items()}
        subject = self._engine.compile(rows)
        try:
            return self._derived(subject, translated.values())
        except PySparkException:
            for name, one in translated.items():
                try:
                    self._derived(subject, [one])
                except PySparkException as error:
                    raise FormulaRefused(name, str(error).strip().partition("\n")[0]) from None
            raise

    def _derived(self, subject: str, columns: Iterable[str]) -> Rows:
        frame = self._session.sql(f"SELECT *, {', '.join(columns)} FROM ({subject})")  # noqa: S608 -- parsed, translated
        return self._view(f"derived {next(self._numbers)}", frame)

    def stream(self, rows: Rows, *, size: int = BATCH) -> Iterator[pa.RecordBatch]:
        """From Parquet files that a local Spark has written in order, or as the session's stream."""
        frame = self._frame(rows)
        for batch in _streamed(frame) if self._remote else self._read_back(frame, size):
            yield from pa.Table.from_batches([batch]).to_batches(max_chunksize=size)

    def _fetched(self, rows: Rows) -> pa.Table:
        """By Arrow, without pandas' ideas of null."""
        return self._frame(rows).toArrow()

    def _frame(self, rows: Rows) -> Any:
        return self._session.sql(self._engine.compile(rows))

    def _view(self, name: str, frame: Any) -> Rows:
        """The rows of a frame under a name, which stands for whatever was stored under it last."""
        view = self._views.setdefault(name, f"reconcile_{len(self._views)}")
        self._frames[name] = frame
        frame.createOrReplaceTempView(view)
        return self._engine.table(view)

    def _taken(self, batches: Batches) -> Any:
        """A stream as a frame: whole, or the stream's own error."""
        found = batches.to_batches() if isinstance(batches, pa.Table) else batches
        if self._remote:
            return self._uploaded(found, batches.schema)
        path = self._path()
        with parquet.ParquetWriter(path, batches.schema, compression="zstd") as writer:
            for batch in found:
                writer.write_batch(batch)
        return self._session.read.parquet(path)

    def _uploaded(self, batches: Iterable[pa.RecordBatch], schema: pa.Schema) -> Any:
        from pyspark.sql.pandas.types import from_arrow_schema

        # Each is with the executors before the next is read: neither we nor Spark's driver hold more than one.
        pieces = [self._settled(self._session.createDataFrame(piece)) for piece in _pieces(batches, schema)]
        if not pieces:
            return self._session.createDataFrame([], from_arrow_schema(schema, prefer_timestamp_ntz=True))
        return functools.reduce(lambda a, b: a.union(b), pieces)

    def _settled(self, frame: Any) -> Any:
        """The rows of a frame, worked out."""
        if self._remote:
            # Not `persist`: every later plan would still hold all that came before it, twice for each join.
            return frame.localCheckpoint()
        path = self._path()
        frame.write.parquet(path)
        return self._session.read.parquet(path)

    def _read_back(self, frame: Any, size: int) -> Iterator[pa.RecordBatch]:
        """The rows by files, which Spark numbers in the order of the rows."""
        path = Path(self._path())
        frame.write.parquet(str(path))
        for file in sorted(path.glob("part-*.parquet")):
            yield from parquet.ParquetFile(file).iter_batches(size)
        shutil.rmtree(path)

    def _path(self) -> str:
        return str(self.folder / f"{next(self._numbers)}.parquet")


@contextmanager
def _reached(master: str) -> Iterator[None]:
    """What keeps Spark from starting or answering becomes our error."""
    try:
        yield
    except Exception as error:  # noqa: BLE001 -- Java, gRPC, sockets: whatever it is, there is no engine
        where, _, secret = master.partition(";")
        said = str(error).strip().partition("\n")[0] or type(error).__name__
        said = said.replace(secret, "***") if secret else said
        raise EngineUnavailable(f"Spark at {where} is not to be had: {said}", hint=HINT) from None


def _pieces(batches: Iterable[pa.RecordBatch], schema: pa.Schema) -> Iterator[pa.Table]:
    """The rows in tables of about `UPLOAD` bytes."""
    held, size = list[pa.RecordBatch](), 0
    for batch in filter(len, batches):
        held.append(batch)
        size += batch.nbytes
        if size >= UPLOAD:
            yield pa.Table.from_batches(held, schema)
            held, size = [], 0
    if held:
        yield pa.Table.from_batches(held, schema)


def _streamed(frame: Any) -> Iterator[pa.RecordBatch]:
    """The rows of a remote frame as they come: `toLocalIterator` would make a Python object of each."""
    client = frame.sparkSession.client
    for found in client.to_table_as_iterator(frame._plan.to_proto(client), frame._plan.observations):
        if isinstance(found, pa.Table):
            yield from found.to_batches()


def _data_error(error: Exception) -> str | None:
    """The kind of an error that a value of the data brought about; None for others."""
    told = str(error)
    return next((kind for mark, kind in _DATA_ERRORS.items() if mark in told), None)


_DATA_ERRORS = {
    "CAST_INVALID_INPUT": "conversion error",
    "USER_RAISED_EXCEPTION": "conversion error",
    "CAST_OVERFLOW": "out of range error",
    "ARITHMETIC_OVERFLOW": "out of range error",
    "NUMERIC_VALUE_OUT_OF_RANGE": "out of range error",
    "DATETIME_OVERFLOW": "out of range error",
    "CANNOT_PARSE": "invalid input error",
    "CANNOT_DECODE": "invalid input error",
    "MALFORMED": "invalid input error",
    "INVALID_PARAMETER_VALUE": "invalid input error",
    "DIVIDE_BY_ZERO": "out of range error",
    "INVALID_ARRAY_INDEX": "out of range error",
}
"""Spark's names of errors, and what DuckDB calls them."""

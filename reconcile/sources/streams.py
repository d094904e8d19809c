"""One stream of batches out of any engine: errors translated, also those that come up in the middle."""

from __future__ import annotations

import queue
import threading
from collections.abc import Callable, Generator, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from typing import Any

from reconcile.errors import ReconcileError
from reconcile.sources import failures
from reconcile.sources.columns import Kind, arrow_schema, shorten_json
from reconcile.sources.origin import Origin
from reconcile.state.model import MISFIT, Batches, Demand

ROWS = 20_000
"""Rows of a batch: what Python holds of a source at a time."""

AHEAD = 2
"""Batches that are read before they are asked for, where a stream is read ahead."""

PATIENCE = 10
"""Seconds that a database may take to end a read."""


@contextmanager
def told(origin: Origin) -> Iterator[None]:
    """What an engine raises in this block becomes our error, and its own words and context go no further."""
    trouble: ReconcileError | None = None
    try:
        yield
    except ReconcileError:
        raise
    except Exception as error:  # noqa: BLE001 -- the border to foreign code: whatever it is, it is told as ours
        trouble = failures.of(origin, error)
    if trouble is not None:
        raise trouble from None  # the foreign error may quote a row or a password: no traceback shows it


@contextmanager
def reader(origin: Origin, schema: Any, batches: Iterable[Any], close: Callable[[], object]) -> Iterator[Batches]:
    """The batches as a reader, closed at the end.

    An engine that consumes the reader through Arrow's C interface wraps our error in one of its own; leaving the
    block with any error raises ours again.
    """
    import pyarrow as pa

    trouble: list[ReconcileError] = []
    try:
        yield pa.RecordBatchReader.from_batches(schema, _watched(origin, schema, batches, trouble))
    except Exception:
        if not trouble:
            raise
    finally:
        close()
    if trouble:
        raise trouble[0] from None


def _watched(origin: Origin, schema: Any, batches: Iterable[Any], trouble: list[ReconcileError]) -> Iterator[Any]:
    try:
        with told(origin):
            for batch in batches:
                yield batch if batch.schema.equals(schema) else batch.cast(schema)
    except ReconcileError as error:
        trouble.append(error)
        raise


def batch_of(arrays: Mapping[str, tuple[Any, Any]], kinds: Mapping[str, Kind], origin: Origin, demand: Demand) -> Any:
    """A batch of columns, each with where its values did not fit (None: nowhere); those are counted.

    Args:
        arrays: column -> its values, and a boolean array or None.
    """
    import pyarrow as pa
    import pyarrow.compute as pc

    found = [values for values, _ in arrays.values()]
    for name, (values, lost) in arrays.items():
        if lost is not None and (count := pc.sum(lost).as_py()):
            origin.misfits[name] += count
        if demand.flagged:
            found.append(_nowhere(len(values)) if lost is None else lost)
    return pa.RecordBatch.from_arrays(found, schema=schema_of(kinds, demand))


def _nowhere(rows: int) -> Any:
    """A flag that is set in no row. Not by `pa.scalar`, which imports pandas."""
    import pyarrow as pa
    import pyarrow.compute as pc

    return pc.is_valid(pa.nulls(rows, pa.bool_()))


def note_mixed(origin: Origin, kinds: Mapping[str, Kind]) -> None:
    """Note the columns that hold JSON values among texts."""
    origin.mixed.update(name for name, kind in kinds.items() if kind == "json")


def schema_of(kinds: Mapping[str, Kind], demand: Demand) -> Any:
    """The schema of what `batch_of` makes."""
    return arrow_schema(kinds, tuple(kinds) if demand.flagged else ())


def counted(origin: Origin, demand: Demand, names: Sequence[str], batches: Iterable[Any]) -> Iterator[Any]:
    """Batches of these columns whose flags the engine has set: what does not fit is counted.

    Args:
        batches: columns, and flags of those that may hold what does not fit.
    """
    import pyarrow as pa
    import pyarrow.compute as pc

    for batch in batches:
        found = {name: batch.column(name) for name in names}
        flags = {name: batch.column(f"{MISFIT}{name}") for name in names if f"{MISFIT}{name}" in batch.schema.names}
        for name in origin.mixed & {*names}:
            found[name], lost = shorten_json(found[name])
            flags |= {} if lost is None else {name: lost}
        for name, flag in flags.items():
            if count := pc.sum(flag).as_py():
                origin.misfits[name] += count
        if demand.flagged:
            never = _nowhere(len(batch))
            found |= {f"{MISFIT}{name}": flags.get(name, never) for name in names}
        yield pa.RecordBatch.from_pydict(found)


class Ahead:
    """Batches read ahead in a thread: the database works while the workspace does, and a wait can be interrupted.

    Args:
        batches: what is read; closed in the thread, however it ends.
        cancel: ends the read from another thread, if it has not ended by itself.
    """

    def __init__(self, batches: Generator[Any, None, None], cancel: Callable[[], object]) -> None:
        self._batches = batches
        self._cancel = cancel
        self._read: queue.Queue[Any] = queue.Queue(AHEAD)
        self._closed = threading.Event()
        self._thread = threading.Thread(target=self._run, name="reading ahead", daemon=True)
        self._thread.start()

    def __iter__(self) -> Iterator[Any]:
        """The batches; raises what reading them raised."""
        while (found := self._read.get()) is not None:
            if isinstance(found, Exception):
                raise found
            yield found

    def close(self) -> bool:
        """End the read. False where it is still under way: the database cannot be told, and what it uses must stay."""
        self._closed.set()
        for _ in range(PATIENCE):
            if not self._thread.is_alive():
                break
            with suppress(Exception):
                self._cancel()
            self._thread.join(1)
        return not self._thread.is_alive()

    def _run(self) -> None:
        last: Exception | None = None
        try:
            for batch in self._batches:
                if not self._put(batch):
                    return
        except Exception as error:  # noqa: BLE001 -- raised where the batches are taken
            last = error
        finally:
            self._batches.close()
        if last is not None:
            self._put(last)
        self._put(None)

    def _put(self, found: Any) -> bool:
        while not self._closed.is_set():
            try:
                self._read.put(found, timeout=0.1)
            except queue.Full:
                continue
            return True
        return False

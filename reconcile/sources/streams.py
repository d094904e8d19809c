"""One stream of batches out of any engine: errors translated, also those that come up in the middle."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from typing import Any

from reconcile.errors import ReconcileError
from reconcile.sources import failures
from reconcile.sources.origin import Origin
from reconcile.state.model import Batches

ROWS = 20_000
"""Rows of a batch: what Python holds of a source at a time."""


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

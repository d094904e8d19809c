"""A long step, told while it lasts: one block a step, so that none is begun and never ended but by an error."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from reconcile.state.model import Batches, Progress


@dataclass(slots=True)
class Step:
    """A step under way."""

    progress: Progress
    name: str
    streamed: bool = False
    """Whether rows are told as they pass."""

    def advance(self, by: int = 1, *, size: int = 0) -> None:
        """So much more is done: `by` in the step's own unit, `size` in bytes."""
        self.progress.advance(self.name, by, size=size)

    def counted(self, batches: Batches) -> Batches:
        """The same stream of Arrow batches, its rows and bytes told as they pass."""
        import pyarrow as pa

        self.streamed = True
        return pa.RecordBatchReader.from_batches(batches.schema, self._passing(batches))

    def _passing(self, batches: Batches) -> Iterator[Any]:
        for batch in batches:
            self.advance(batch.num_rows, size=batch.nbytes)
            yield batch


@contextmanager
def step(progress: Progress, name: str, total: int | None = None, *, unit: str = "rows") -> Iterator[Step]:
    """A step for as long as the block lasts; one that is left by an error is never told as finished."""
    progress.start(name, total, unit)
    yield Step(progress, name)
    progress.finish(name)

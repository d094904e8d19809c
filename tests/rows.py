"""Sources for tests: rows that are there already. They satisfy `state.model.Source` by shape."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import pyarrow as pa

from reconcile.state.model import Demand


@dataclass
class Rows:
    """A source with these columns.

    Args:
        breaks_after: batches of one row that come before the stream breaks off.
    """

    name: str
    columns: Mapping[str, Sequence[Any] | pa.Array]
    misfits: Mapping[str, int] = field(default_factory=dict)
    mixed: Collection[str] = ()
    breaks_after: int | None = None
    demanded: Demand | None = None

    @contextmanager
    def read(self, demand: Demand) -> Iterator[pa.RecordBatchReader]:
        """The demanded columns."""
        self.demanded = demand
        table = pa.table(dict(self.columns)).select(list(demand.columns))
        yield pa.RecordBatchReader.from_batches(table.schema, self._batches(table))

    def _batches(self, table: pa.Table) -> Iterator[pa.RecordBatch]:
        for at, batch in enumerate(table.to_batches(max_chunksize=1)):
            if at == self.breaks_after:
                raise ConnectionError("the cable is out")
            yield batch

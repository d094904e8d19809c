"""Arrow from Python values and back, for the little that takes it.

Not by `pa.array` or `pa.scalar`: these import pandas, for a third of a second, to see whether what they were given is
some of its own.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

import pyarrow as pa


def texts(values: Iterable[str | None]) -> pa.StringArray:
    """A column of text."""
    builder = pa.lib.StringBuilder()
    builder.append_values(values)
    return builder.finish()


def table(columns: Mapping[str, Iterable[Any]], types: Mapping[str, str]) -> pa.Table:
    """A small table from columns of Python values; `types` by column: `string`, `bool`, a number."""
    made = [texts(columns[name]) if kind == "string" else _cast(columns[name], kind) for name, kind in types.items()]
    return pa.Table.from_arrays(made, names=list(types))


def _cast(values: Iterable[Any], kind: str) -> pa.Array:
    return texts(None if value is None else str(value).lower() for value in values).cast(kind)


def joined(column: pa.StringArray) -> memoryview:
    """The bytes of a column of text, one value after the other: that is how they lie."""
    _, ends, data = column.buffers()
    if data is None:
        return memoryview(b"")
    at = memoryview(ends).cast("i")
    return memoryview(data)[at[column.offset] : at[column.offset + len(column)]]

"""Columns of files in the types that their source says, as a CSV says none itself."""

from __future__ import annotations

from reconcile.spec.source import SourceSpec
from reconcile.state import conversions, values
from reconcile.state.model import Rows


def column(source: SourceSpec, name: str, rows: Rows) -> Rows:
    """A column as its source says; what does not fit is null."""
    declared = source.columns.get(name)
    if declared is None or not rows[name].type().is_string():
        return rows[name]
    return conversions.converted(values.received(rows[name]), declared.value_type)


def typed(source: SourceSpec, rows: Rows) -> Rows:
    """The rows with every column as its source says."""
    made = {name: column(source, name, rows) for name in source.columns if name in rows.columns}
    return rows.mutate(**made) if made else rows

"""What to write so that text of a file is taken for what it says: the line to add to a property or to a source."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial
from typing import Final, TypeAlias

from reconcile.spec.kinds import Kind

Line: TypeAlias = Callable[[str, Kind], str | None]
"""Says what to add so that what has this name is of this kind; None where nothing makes it so."""

_PROPERTY: Final[Mapping[Kind, str]] = {Kind.NUMBER: "float", Kind.TIME: "date", Kind.BOOLEAN: "boolean"}
_COLUMN: Final[Mapping[Kind, str]] = {Kind.NUMBER: "number", Kind.TIME: "date", Kind.BOOLEAN: "boolean"}


def for_property(name: str, wanted: Kind) -> str | None:
    """The line for a property."""
    return f'Add "type: {_PROPERTY[wanted]}" to property "{name}"' if wanted in _PROPERTY else None


def for_column(source: str) -> Line:
    """The line for a column of a source."""
    return partial(_column, source)


def _column(source: str, name: str, wanted: Kind) -> str | None:
    return f'Add "columns: {{{name}: {_COLUMN[wanted]}}}" to source "{source}"' if wanted in _COLUMN else None

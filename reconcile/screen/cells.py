"""Values and tables of them, as a person reads them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from rich.cells import cell_len

from reconcile.spec.printable import escape_line

LONGEST = 60
"""Characters of a value in a table."""


def value(value: Any, *, shown: bool) -> str:
    """Whether it is null, and what it is where that may be seen; always on one line."""
    if value is None:
        return "null"
    if not shown:
        return "***"
    text = " ".join((str(value).lower() if isinstance(value, bool) else str(value)).split())
    return text if len(text) <= LONGEST else f"{text[: LONGEST - 1]}…"


def table(title: str, rows: Sequence[Sequence[str]]) -> Iterator[str]:
    """A titled table, its columns as wide as they need to be."""
    yield ""
    yield title
    rows = [[escape_line(cell) for cell in row] for row in rows]
    widths = [max(map(cell_len, column)) for column in zip(*rows, strict=True)]
    for row in rows:
        yield "  " + "  ".join(padded(cell, width) for cell, width in zip(row, widths, strict=True)).rstrip()


def padded(text: str, width: int) -> str:
    """A text with spaces after it, for a column as wide as that: a letter of Chinese takes the room of two."""
    return text + " " * (width - cell_len(text))


def share(part: int, whole: int) -> str:
    """A part of a whole in percent; `-` where there is no whole."""
    return f"{part / whole:.1%}" if whole else "-"

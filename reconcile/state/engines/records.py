"""A list export as records in DuckDB's dialect, and what the engine's complaint about one of them comes to.

A record that cannot be right fails the whole reading: a list is never taken for a smaller one. The engine quotes the
record it stumbles over, which is a person's, so of its words only the number and the kind are told.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from pathlib import Path

from reconcile.errors import ExportBroken
from reconcile.state.engines.literals import quoted, text
from reconcile.state.model import Export

_OPTIONS = """auto_detect = FALSE, header = TRUE, delim = ',', quote = '"', escape = '"', buffer_size = 4_000_000,
    strict_mode = TRUE"""
"""Buffers of the engine's own size, 32 MB and several a thread, are what a plan of ten million had no memory for; one
is also the longest record."""
_PIECE = 2**20
_NUMBER = re.compile(r"CSV Error on Line: (\d+)")
_NO_SID, _NO_HASH = "a record has no profile id", "a record has an e-mail hash of a wrong length"
_KINDS = (
    (r"unterminated quote|invalid state", "its quotes do not fit"),
    (r"Expected Number of Columns", "it has not as many fields as the header"),
    (r"Maximum line size", "it is longer than 4 MB"),
    (r"unicode|utf-?8", "it is not UTF-8"),
    (_NO_SID, _NO_SID),
    (_NO_HASH, _NO_HASH),
)
_HASHES = "{0} IS NULL OR length({0}) IN (0, 32)"
_OTHERWISE = "it cannot be read as CSV"


def name(export: Export) -> str:
    """Of the view of an export's records."""
    return f"export:{export.path}"


def view(export: Export, *, in_order: bool = False) -> str:
    """Makes the view of an export's records, all of it text.

    A hash is empty where somebody has no address; a sid never is.

    Args:
        in_order: one thread reads the file, from its first record to its last.
    """
    columns = ", ".join(f"{quoted(column)}: 'VARCHAR'" for column in export.columns)
    looked_at = (_or_error(export.sid_column, "{0} <> ''", _NO_SID), _or_error(export.hash_column, _HASHES, _NO_HASH))
    way = f"columns = {{{columns}}}, {_OPTIONS}, parallel = {not in_order}"
    query = f"SELECT * REPLACE ({', '.join(looked_at)}) FROM read_csv({text(export.path)}, {way})"  # noqa: S608 -- ours
    return f"CREATE OR REPLACE VIEW {quoted(name(export))} AS {query}"


def _or_error(column: str, condition: str, words: str) -> str:
    told = quoted(column)
    return f"CASE WHEN {condition.format(told)} THEN {told} ELSE error('{words}') END AS {told}"


def read_by(statement: str, exports: Iterable[Export]) -> list[Export]:
    """Those of the exports that a statement reads."""
    return [export for export in exports if quoted(name(export)) in statement]


def balanced(path: str) -> bool:
    """Whether every quote of a file is closed: quotes inside values come in twos."""
    quotes = 0
    with Path(path).open("rb") as file:
        while piece := file.read(_PIECE):
            quotes += piece.count(b'"')
    return quotes % 2 == 0


def broken(read: Sequence[Export], said: str) -> ExportBroken:
    """The error that a failed statement comes to.

    Args:
        read: the exports that it reads.
        said: the engine's words.
    """
    at_fault = [export.list for export in read if export.path in said] or sorted(export.list for export in read)
    number = _NUMBER.search(said)
    what = next((kind for pattern, kind in _KINDS if re.search(pattern, said, re.IGNORECASE)), _OTHERWISE)
    return ExportBroken(at_fault, what, record=int(number[1]) if number else None)

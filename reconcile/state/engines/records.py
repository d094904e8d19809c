"""A list export as records in DuckDB's dialect, and what the engine's complaint about one of them comes to.

A record that cannot be right fails the whole reading: a list is never taken for a smaller one. The engine quotes the
record it stumbles over, which is a person's, so of its words only the number and the kind are told.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path

from reconcile.errors import ExportBroken
from reconcile.state.model import Export

_OPTIONS = """auto_detect = FALSE, header = TRUE, delim = ',', quote = '"', escape = '"', buffer_size = 4_000_000"""
"""Buffers of the engine's own size, 32 MB and several a thread, are what a plan of ten million had no memory for; one
is also the longest record."""
_ABREAST, _IN_ORDER = "strict_mode = TRUE, parallel = TRUE)", "strict_mode = TRUE, parallel = FALSE)"
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


def query(export: Export) -> str:
    """All records of an export, all of it text. A hash is empty where somebody has no address; a sid never is."""
    columns = ", ".join(f"{_quoted(column)}: 'VARCHAR'" for column in export.columns)
    looked_at = (_or_error(export.sid_column, "{0} <> ''", _NO_SID), _or_error(export.hash_column, _HASHES, _NO_HASH))
    return (
        f"SELECT * REPLACE ({', '.join(looked_at)})"  # noqa: S608 -- made-up names and a path of ours
        f" FROM read_csv({_text(export.path)}, columns = {{{columns}}}, {_OPTIONS}, {_ABREAST}"
    )


def _or_error(column: str, condition: str, words: str) -> str:
    name = _quoted(column)
    return f"CASE WHEN {condition.format(name)} THEN {name} ELSE error('{words}') END AS {name}"


def reads(statement: str, lists: Mapping[str, str]) -> Mapping[str, str]:
    """The exports that a statement reads, among these: path -> the list's name."""
    return {path: name for path, name in lists.items() if _text(path) in statement}


def in_order(statement: str) -> str:
    """The same statement, but every export is read by one thread from its first record to its last."""
    return statement.replace(_ABREAST, _IN_ORDER)


def balanced(path: str) -> bool:
    """Whether every quote of a file is closed: quotes inside values come in twos."""
    quotes = 0
    with Path(path).open("rb") as file:
        while piece := file.read(_PIECE):
            quotes += piece.count(b'"')
    return quotes % 2 == 0


def broken(statement: str, said: str, lists: Mapping[str, str]) -> ExportBroken:
    """The error that a failed statement comes to.

    Args:
        said: the engine's words.
        lists: path of an export -> the list's name.
    """
    read = reads(statement, lists)
    at_fault = [name for path, name in read.items() if path in said] or sorted(read.values())
    number = _NUMBER.search(said)
    what = next((kind for pattern, kind in _KINDS if re.search(pattern, said, re.IGNORECASE)), _OTHERWISE)
    return ExportBroken(at_fault, what, record=int(number[1]) if number else None)


def _quoted(name: str) -> str:
    return '"' + name.replace('"', '""') + '"'


def _text(value: str) -> str:
    return "'" + value.replace("'", "''") + "'"

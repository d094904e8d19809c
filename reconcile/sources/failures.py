"""What foreign errors mean, in one table: the reason in the database's words, without secrets and without values."""

from __future__ import annotations

import re

from reconcile.errors import MemoryShort, SourceUnavailable
from reconcile.sources.origin import Origin

_HINTS = (
    (r"password authentication failed|access denied for user|no password supplied|role .* does not exist",
     "Check the user and the password in the URL that `connect` refers to."),
    (r"connection refused|can.t connect to|could not translate host|failed to resolve host|timeout expired|no route to",
     "Check the host and port in `connect`, and that the database can be reached from here."),
    (r"no such table|table .* doesn.t exist|relation .* does not exist|table with name .* does not exist",
     "Check the names in `table` or `query`."),
    (r"database .* does not exist|unknown database", "Check the name of the database at the end of the URL."),
    (r"permission denied", "Give the database user the right to read it."),
    (r"not a database|not a valid duckdb", "Check that `connect` names the database and not another file."),
    (r"truncated compressed|compressed (data|file)|crc check|not a gzip|zstd|zlib|decompress",
     "A file is cut off or damaged, or its name says another compression than it has: write it anew."),
    (r"max_temp_directory_size|no space left", "Make room, or name a folder that has some (--workspace DIR)."),
    (r"lock", "Another program has the file open for writing; close it and try again."),
)  # fmt: skip


_MORE = "Give it more (--memory-limit SIZE): a third of what is for tables is there to read a source with."
_PREFIX = re.compile(r"^(?:[A-Z_]+: )?\[libpq\] (?:Failed to connect: |Execution error \[\w+\]: (?:ERROR|FATAL): +)?")
"""What ADBC puts before PostgreSQL's own words."""

_RAISED = frozenset({"P0", "45"})
"""Classes of SQLSTATE whose words are those of somebody's function or trigger: they may quote any row."""
_MYSQL_RAISED = 1644
"""MySQL's number for SIGNAL; a function may give others, from 10,000 on by custom."""
_OWN_WORDS = "a function or trigger of the database raised an error; its words may hold people's data, so see its log"
_QUOTING = re.compile(
    r"incorrect .*value|invalid |out of range|truncated|could ?n.t (convert|parse)|could not (convert|parse|cast)"
    r"|malformed|cannot (be )?cast|can.t cast|conversion|not recognized|bad \w+ value|unparseable|overflow",
    re.IGNORECASE,
)
"""What sentences of any database say that quote a value."""
_MYSQL_VALUES = frozenset({1264, 1292, 1366, 1406, 1411, 1690, 3141, 3156})
"""MySQL's numbers of errors that quote a value: out of range, cannot be read as."""


def of(origin: Origin, error: Exception) -> SourceUnavailable | MemoryShort:
    """Our error for a foreign one."""
    from reconcile.state.masks import hide_addresses  # only where something fails

    reason = hide_addresses(_words(error, quotes=origin.engine == "remote"))
    if "Out of Memory Error" in reason and "max_temp_directory_size" not in reason:  # of our own DuckDB, no server's
        return MemoryShort(origin.failed(reason).message, hint=_MORE)
    if isinstance(error, FileNotFoundError):
        return origin.failed(f"there is no file {origin.told_file}", hint="Check the path and the credentials.")
    hint = next((hint for pattern, hint in _HINTS if re.search(pattern, reason, re.IGNORECASE)), None)
    return origin.failed(reason, hint=hint)


def _words(error: Exception, *, quotes: bool) -> str:
    """The first sentence of the error. Engines put values of rows behind it, or in quotes after a colon.

    Args:
        quotes: the database is one whose errors are not known, so that any sentence may quote a row.
    """
    if _is_raised(error):
        return _OWN_WORDS
    said = _sentence(error)
    known = any(re.search(pattern, said, re.IGNORECASE) for pattern, _ in _HINTS)
    if _about_values(error) or _QUOTING.search(said) or (quotes and not known):
        said = re.sub(r"(\"[^\"]*\"?|'[^']*'?|\bvalue\b.*|:.*)", "…", said)
    return " ".join(said.split()).rstrip(".") or type(error).__name__


def _is_raised(error: Exception) -> bool:
    """Whether the words are not the database's own: RAISE of PostgreSQL with any code, SIGNAL of MySQL."""
    if re.search(r"\bPL/\w+", str(error)):  # what PostgreSQL says of where it was: `PL/pgSQL function ... at RAISE`
        return True
    number = error.args[0] if len(error.args) == 2 and isinstance(error.args[0], int) else 0
    state = getattr(error, "sqlstate", None) or ""
    return state[:2] in _RAISED or number == _MYSQL_RAISED or not 0 <= number < 10_000


def _sentence(error: Exception) -> str:
    for key, told in getattr(error, "details", None) or ():  # PostgreSQL, of a statement
        if key == b"PG_DIAG_MESSAGE_PRIMARY":
            return str(told, "utf-8", "replace")
    if len(error.args) == 2 and isinstance(error.args[0], int):  # MySQL: a number and words
        return str(error.args[1])
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    return _PREFIX.sub("", lines[0]) if lines else ""


def _about_values(error: Exception) -> bool:
    """Whether the message may quote a row: conversions, constraints, encodings."""
    state = getattr(error, "sqlstate", None) or ""
    if not state and "[PGRES_" in str(error):  # what breaks a stream off comes without its code
        return True
    if error.args[:1] and error.args[0] in _MYSQL_VALUES:
        return True
    names = {kind.__name__ for kind in type(error).__mro__}
    return state[:2] in {"22", "23"} or bool(
        names & {"DataError", "ConversionException", "InvalidInputException", "ArrowInvalid", "ArrowTypeError",
                 "UnicodeError", "ValueError", "OutOfRangeException", "ConstraintException"}
    )  # fmt: skip

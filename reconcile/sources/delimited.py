"""CSV and TSV files: every record is read, or the file and the line are told that cannot be.

Only the delimiter is guessed, from the header. Quotes are `"`, doubled inside quotes, and nothing is a comment. A CSV
has no types: its columns are text, and what they hold is said by the spec.
"""

from __future__ import annotations

import csv
import itertools
import re
from collections.abc import Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, ExitStack
from dataclasses import dataclass
from io import TextIOWrapper
from pathlib import Path
from typing import Any

from reconcile.errors import SourceUnavailable
from reconcile.sources import columns, encoded, streams
from reconcile.sources.origin import Origin
from reconcile.sources.storage import Files
from reconcile.state.engines.literals import quoted, text
from reconcile.state.model import Batches, Demand

DELIMITERS = ",;\t|"
LONGEST = 2_000_000
"""Bytes of a record: the engine's own limit."""


@dataclass(frozen=True, slots=True)
class Layout:
    """What the header of a file says."""

    names: tuple[str, ...]
    delimiter: str


def read(origin: Origin, demand: Demand, database: Any, files: Files) -> AbstractContextManager[Batches]:
    """The demanded columns of all records of these files, in batches; the database is closed at the end."""
    with ExitStack() as ends:
        ends.callback(database.disconnect)
        local = ends.enter_context(encoded.in_utf8(origin, files, demand.loan, marked=True))
        layouts = {path: _layout(origin, files, path) for path in files.paths}
        names = _names(origin, demand, layouts)
        reader = _Reader(origin, files, layouts, local, database)
        schema = streams.schema_of(dict.fromkeys(names, "text"), demand)
        return streams.reader(origin, schema, reader.batches(names, demand), ends.pop_all().close)


# The header


def _layout(origin: Origin, files: Files, path: str) -> Layout:
    """The names of a file's columns, and what stands between them."""
    with encoded.lines(origin, files, path) as lines:
        try:
            record = _first_record(lines)
        except UnicodeError:
            raise encoded.wrong(origin, files, path) from None
    if not record.strip():
        said = "has no header" if not record else "is empty, where the names of the columns are expected"
        place = path if not record else f"{path}, line 1"
        raise origin.failed(f"{place} {said}", hint="The first line of a CSV holds the names of its columns.")
    if "\0" in record:
        raise origin.failed(f"{path}, line 1: it holds bytes 0, as UTF-16 does", hint=encoded.HINT)
    outside = re.sub(r'"[^"]*"', "", record)
    delimiter = max(DELIMITERS, key=outside.count)
    return Layout(tuple(next(csv.reader([record], delimiter=delimiter))), delimiter)


def _first_record(lines: TextIOWrapper) -> str:
    """The first line, or as many as its quotes go on for."""
    record = ""
    for line in itertools.islice(lines, 100):
        record += line
        if record.count('"') % 2 == 0:
            break
    return record.removeprefix("\ufeff").rstrip("\r\n") if record.strip("\r\n\ufeff") else record


def _names(origin: Origin, demand: Demand, layouts: Mapping[str, Layout]) -> tuple[str, ...]:
    """The columns to read, which every file has, once."""
    first, *others = layouts
    for path, layout in layouts.items():
        if not {*demand.columns} <= {*layout.names} and columns.looks_like_data(layout.names):
            raise headless(origin, path)
    names = _apart(origin, first, demand, columns.wanted(origin, demand, layouts[first].names))
    _check_once(origin, first, names, layouts[first])
    for path in others:
        there = layouts[path].names
        for name in names:
            if name not in there:
                guess = columns.meant(name, there)
                told = f"{path} has no column `{name}`, which {Path(first).name} has" + (f"; {guess}" if guess else "")
                raise origin.failed(
                    told, hint=f"All files need the columns that are read. Its columns: {columns.list_names(there)}."
                )
        if not demand.columns and (more := [name for name in there if name not in layouts[first].names]):
            told = f"{path} has a column `{more[0]}`, which {Path(first).name} has not"
            raise origin.failed(told, hint="All files of a source have the same columns.")
        _check_once(origin, path, names, layouts[path])
    for name in origin.spec.columns:
        if name not in layouts[first].names:
            told = f"`columns` names `{name}`, and {first} has no such column"
            raise origin.failed(told, hint=f"Its columns: {columns.list_names(layouts[first].names)}.")
    return names


def _apart(origin: Origin, path: str, demand: Demand, names: tuple[str, ...]) -> tuple[str, ...]:
    """The columns without those that an engine takes for another, as they differ only in case."""
    found: dict[str, str] = {}
    for name in names:
        other = found.setdefault(name.casefold(), name)
        if other != name and demand.columns:
            told = f"{path} has columns `{other}` and `{name}`, which differ only in case"
            raise origin.failed(told, hint="Rename one of them, or read only one.")
    return tuple(name for name in names if found[name.casefold()] == name)


def _check_once(origin: Origin, path: str, names: Sequence[str], layout: Layout) -> None:
    for name in names:
        if (times := layout.names.count(name)) > 1:
            told = f"{path} has {times} columns `{name}` in its header, so nobody can say which is meant"
            raise origin.failed(told, hint="Give each column of the file a name of its own.")


def headless(origin: Origin, path: str) -> SourceUnavailable:
    """The error of a file whose first line holds values, which are not shown."""
    return origin.failed(
        f"{path} seems to have no header: its first line looks like data",
        hint="The first line of a CSV holds the names of its columns.",
    )


# The records


@dataclass(frozen=True, slots=True)
class _Reader:
    """Reads the records of files.

    Args:
        local: path -> that of the same file in UTF-8.
    """

    origin: Origin
    files: Files
    layouts: Mapping[str, Layout]
    local: Mapping[str, str]
    database: Any

    def batches(self, names: Sequence[str], demand: Demand) -> Iterator[Any]:
        """All records, or the error that says which of them cannot be read."""
        parallel = self._parallel()
        try:
            stream = self.database.raw_sql(self._select(names, parallel=parallel)).to_arrow_reader(streams.ROWS)
            yield from streams.counted(self.origin, demand, names, stream)
        except Exception as error:  # noqa: BLE001 -- the engine's, told as ours
            raise self._trouble(error) from None

    def _parallel(self) -> bool:
        """Whether the files can be read in parts side by side.

        All records are counted beforehand: what cannot be read is told before a row of it is used, and a part that
        begins inside a value of several lines is misread, which shows only in the end.
        """
        try:
            self.database.raw_sql(f"SELECT count(*) FROM ({self._select((), parallel=True)})").fetchall()  # noqa: S608
        except Exception as error:  # noqa: BLE001 -- the engine's, told as ours
            if (trouble := self._found()) is not None:
                raise trouble from None
            try:
                self.database.raw_sql(f"SELECT count(*) FROM ({self._select((), parallel=False)})").fetchall()  # noqa: S608
            except Exception:  # noqa: BLE001 -- the engine's, told as ours
                raise self._trouble(error) from None
            return False
        return True

    def _select(self, names: Sequence[str], *, parallel: bool) -> str:
        groups = itertools.groupby(self.layouts, self.layouts.__getitem__)
        return " UNION ALL ".join(self._part(layout, list(paths), names, parallel=parallel) for layout, paths in groups)

    def _part(self, layout: Layout, paths: Sequence[str], names: Sequence[str], *, parallel: bool) -> str:
        """What reads files with the same header. Columns go by number: names may be there twice, or differ in case."""
        types = ", ".join(f"'c{at}': 'VARCHAR'" for at in range(len(layout.names)))
        wanted = ", ".join(f"c{layout.names.index(name)} AS {quoted(name)}" for name in names) or "1 AS one"
        options = (
            f"delim = {text(layout.delimiter)}, quote = '\"', escape = '\"', comment = '', header = true, nullstr = ''"
            f", auto_detect = false, strict_mode = true, null_padding = false, ignore_errors = false"
            f", max_line_size = {LONGEST}, parallel = {str(parallel).lower()}, columns = {{{types}}}"
        )
        listed = ", ".join(text(self.local[path]) for path in paths)
        return f"SELECT {wanted} FROM read_csv([{listed}], {options})"  # noqa: S608 -- quoted

    # What is wrong

    def _trouble(self, error: Exception) -> Exception:
        """The error that says which record cannot be read; the engine's own where nothing was found."""
        found = self._found()
        if found is not None:
            return found
        at = re.search(r"CSV Error on Line: (\d+)", str(error))
        if "Out of Memory" in str(error) or at is None:
            return error
        path = next((path for path in self.layouts if self.local[path] in str(error)), self.origin.told_file)
        return self.origin.failed(f"{path}, line {at[1]}: the record cannot be read", hint=_RECORD)

    def _found(self) -> SourceUnavailable | None:
        for path, layout in self.layouts.items():
            if (trouble := self._misread(path, layout)) is not None:
                return trouble
        return None

    def _misread(self, path: str, layout: Layout) -> SourceUnavailable | None:
        """What is wrong with the first record of a file that cannot be read."""
        lines = _Lines(encoded.lines(self.origin, self.files, path))
        reader = csv.reader(lines, delimiter=layout.delimiter, strict=True)
        limit, start = csv.field_size_limit(LONGEST), 1
        try:
            for values in reader:
                if said := _said(values, layout, lines):
                    return self.origin.failed(f"{path}, line {start}: {said}", hint=_RECORD)
                start = reader.line_num + 1
        except UnicodeError:
            return encoded.wrong(self.origin, self.files, path)
        except csv.Error as error:
            if lines.ended or "field larger" in str(error):
                said = "a value begins with a quote that is not closed"
            else:
                said = "there is text behind the closing quote of a value"
            return self.origin.failed(f"{path}, line {start}: {said}", hint=_QUOTE)
        finally:
            csv.field_size_limit(limit)
            lines.close()
        return None


_RECORD = 'A value that holds the delimiter, a quote or a line end stands in quotes: "Smith, Ann". Mend the line.'
_QUOTE = 'A quote inside a quoted value is written twice: "say ""hi""". Mend the line.'


def _said(values: Sequence[str], layout: Layout, lines: _Lines) -> str | None:
    """What is wrong with a record."""
    if lines.mixed:
        return f"it ends in {lines.mixed[1]}, and the lines before end in {lines.mixed[0]}: line ends are mixed"
    if not values and len(layout.names) > 1:  # an empty line is no record
        return None
    if len(values) not in {len(layout.names), 0}:
        count = "1 value" if len(values) == 1 else f"{len(values)} values"
        named = "1 column" if len(layout.names) == 1 else f"{len(layout.names)} columns"
        return f"the record has {count}, and the header {named}"
    if sum(map(len, values)) > LONGEST:
        return f"the record is longer than {LONGEST:,} bytes, the longest that is read"
    return None


_ENDS = {"\n": "LF", "\r\n": "CR LF", "\r": "CR"}


class _Lines:
    """The lines of a file, which remember how they ended."""

    def __init__(self, lines: TextIOWrapper) -> None:
        self._lines = lines
        self._first = ""
        self._last = ""
        self.ended = False

    def __iter__(self) -> Iterator[str]:
        for line in self._lines:
            end = line[len(line.rstrip("\r\n")) :]
            self._last = "\r\n" if end.endswith("\r\n") else end[-1:]
            self._first = self._first or self._last
            yield line
        self.ended = True

    @property
    def mixed(self) -> tuple[str, str] | None:
        """How the first line ends and the last that was read, where they end differently."""
        if not self._last or self._last == self._first:
            return None
        return _ENDS[self._first], _ENDS[self._last]

    def close(self) -> None:
        """Close the file."""
        self._lines.close()

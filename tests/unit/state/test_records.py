"""Exports are read whole or not at all: what is broken in one is an error that names list and record, and nobody."""

from __future__ import annotations

from pathlib import Path

import pytest
from account import Export

from reconcile.errors import ExportBroken
from reconcile.state.engines.duckdb import DuckDB
from reconcile.state.model import Rows
from reconcile.state.workspace import Workspace

HEADER = '"Profile Id","Email Hash",city\n'
HASH = "14b5aebbfaf84afa184df9b67983cb04"
GOOD = f's1,{HASH},Bern\ns2,{HASH},"two\nlines"\n'
PLANTED = "Plantedville"


def export(folder: Path, data: bytes, name: str = "News") -> Export:
    path = folder / f"it's {name}.csv"
    path.write_bytes(data)
    return Export(name, str(path), ("c0", "c1", "c2"), {"city": "c2"})


def read(workspace: Workspace, export: Export) -> Rows:
    return workspace.keep("export", workspace.records(export).select("c0", "c1", "c2"))


def text(records: str) -> bytes:
    return (HEADER + records).encode()


@pytest.mark.parametrize(
    ("data", "told"),
    [
        (text(GOOD + f"s3,{HASH}\n"), "at record 4: it has not as many fields as the header"),
        (text(GOOD + f"s3,{HASH},{PLANTED},more\n" + GOOD), "at record 4: it has not as many fields"),
        (text(f'{GOOD}s3,{HASH},"{PLANTED}'), "at record 4: its quotes do not fit"),
        (text(f'{GOOD}s3,{HASH},"{PLANTED}\n'), "at record 4: its quotes do not fit"),
        (text(f'{GOOD}s3,{HASH},"{PLANTED}" and more\n'), "its quotes do not fit"),
        (text(f'{GOOD}s3,{HASH},"say \\"{PLANTED}\\""\n'), "its quotes do not fit"),
        (text(f"{GOOD}s3,{HASH[:9]}"), "at record 4: it has not as many fields"),
        (text(f"{GOOD}s3"), "at record 4: it has not as many fields"),
        (text(f"{GOOD},{HASH},{PLANTED}\n"), "a record has no profile id"),
        (text(f"{GOOD}s3,{HASH[:9]},{PLANTED}\n"), "a record has an e-mail hash of a wrong length"),
        (text(f"{GOOD}s3,{PLANTED},{HASH}\n"), "a record has an e-mail hash of a wrong length"),
        (text(f"{GOOD}s3,{HASH},{PLANTED * 400_000}\n"), "it is longer than 4 MB"),
        (text(f"{GOOD}s3,{HASH},{PLANTED}").replace(b"ville", b"\xff\xfe") + b"\n" + GOOD.encode(), "it is not UTF-8"),
        (text(GOOD) + b"s3," + HASH.encode() + b",\xff\xfe\n", "cannot be read as CSV|not UTF-8"),
        (b"<html>\n<body>Down for maintenance</body>\n</html>\n", "it has not as many fields as the header"),
    ],
    ids=[
        "a field short",
        "a field too many",
        "cut inside quotes",
        "cut inside quotes, at a line end",
        "more after the closing quote",
        "PHP's quotes after a backslash",
        "cut in a field",
        "cut in the first field",
        "no sid",
        "a hash that is cut",
        "fields changed places",
        "a record without end",
        "not UTF-8",
        "not UTF-8 in the last record",
        "a page instead of a file",
    ],
)
def test_a_broken_export_is_an_error_and_never_a_smaller_list(tmp_path: Path, data: bytes, told: str) -> None:
    with DuckDB() as workspace:
        with pytest.raises(ExportBroken, match=told) as error:
            read(workspace, export(tmp_path, data))
        assert 'The export of the list "News" is broken' in error.value.message
        assert "Try again" in str(error.value.hint)
        shown = f"{error.value!r} {error.value.__cause__!r} {error.value.hint}"
        assert PLANTED not in shown
        assert HASH not in shown
        assert error.value.__suppress_context__


def test_of_many_exports_in_one_reading_the_broken_one_is_named(tmp_path: Path) -> None:
    with DuckDB() as workspace:
        rows = workspace.records(export(tmp_path, text(GOOD), "Good"))
        rows = rows.union(workspace.records(export(tmp_path, text(f"{GOOD}s3,{HASH}\n"), "Bad")))
        with pytest.raises(ExportBroken, match='the list "Bad" is broken at record 4'):
            workspace.keep("both", rows)
        rows = workspace.records(export(tmp_path, text(GOOD), "Good"))
        rows = rows.union(workspace.records(export(tmp_path, text(f",{HASH},\n"), "Bad")))
        with pytest.raises(ExportBroken, match='list "Bad", "Good" is broken: a record has no profile id'):
            workspace.keep("both", rows)


@pytest.mark.parametrize(
    ("data", "count"),
    [
        (text(""), 0),
        (text(GOOD), 2),
        (text(GOOD)[:-1], 2),
        (text(GOOD).replace(b"\n", b"\r\n"), 2),
        (b"\xef\xbb\xbf" + text(GOOD), 2),
        (text(f"s1,,Bern\ns2,{HASH},\n"), 2),  # somebody without an address; somebody without a value
    ],
)
def test_what_only_looks_odd_is_read(tmp_path: Path, data: bytes, count: int) -> None:
    with DuckDB() as workspace:
        assert workspace.count(read(workspace, export(tmp_path, data))) == count


def test_a_large_export_full_of_lines_in_values_is_read_whole(tmp_path: Path) -> None:
    """The engine reads a file of this size in parts, side by side: a part may begin inside a value."""
    value = '"' + "a,b,c\n" * 130 + '"'
    path = tmp_path / "large.csv"
    with path.open("w") as file:
        file.write(HEADER)
        file.writelines(f"s{number},{HASH},{value}\n" for number in range(90_000))
    assert path.stat().st_size > 64 * 2**20
    large = Export("News", str(path), ("c0", "c1", "c2"), {})
    with DuckDB() as workspace:
        rows = read(workspace, large)
        assert workspace.count(rows) == 90_000
        assert workspace.one(rows.aggregate(sids=rows.c0.nunique(), values=rows.c2.nunique())) == {
            "sids": 90_000,
            "values": 1,
        }
        with path.open("a") as file:
            file.write(f's,{HASH},"')
        with pytest.raises(ExportBroken, match='"News"'):
            read(workspace, large)

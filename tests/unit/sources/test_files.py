# ruff: noqa: DTZ001 -- sources' timestamps have no zone: they are in UTC
from __future__ import annotations

import functools
import gzip
import sys
import threading
import traceback
from collections.abc import Iterator
from datetime import datetime
from decimal import Decimal
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, ClassVar

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from fsspec.implementations.memory import MemoryFileSystem

from reconcile.errors import SourceUnavailable, SpecInvalid
from reconcile.state.model import Demand


def test_the_columns_of_a_csv_are_text(tmp_path: Path, open_source: Any, rows: Any) -> None:
    (tmp_path / "a.csv").write_text(
        'id,zip,total,born,ok,odd\n1,0171,1.50,2001-02-03,true,nan\n2,20095,"",,FALSE,1e5\n'
    )
    first, second = rows(open_source(file="a.csv")).to_pylist()
    assert first == {"id": "1", "zip": "0171", "total": "1.50", "born": "2001-02-03", "ok": "true", "odd": "nan"}
    assert second == {"id": "2", "zip": "20095", "total": None, "born": None, "ok": "FALSE", "odd": "1e5"}


def test_a_declared_column_that_is_not_there_is_told(tmp_path: Path, open_source: Any, rows: Any) -> None:
    (tmp_path / "a.csv").write_text("id,total\n1,5\n")
    with pytest.raises(SourceUnavailable, match="`columns` names `totl`"):
        rows(open_source(file="a.csv", columns={"totl": "integer"}))


def test_values_of_several_lines_are_read_whole_however_large_the_file(
    tmp_path: Path, open_source: Any, rows: Any
) -> None:
    lines = [f'{at},"line {at}\n{at},fake\nmore"' for at in range(400_000)]
    (tmp_path / "a.csv").write_text("\n".join(["id,text", *lines]) + "\n")
    read = rows(open_source(file="a.csv"))
    assert read["id"].to_pylist() == [str(at) for at in range(400_000)]
    assert read["text"][-1].as_py() == "line 399999\n399999,fake\nmore"


def test_all_files_of_a_pattern_are_read_in_the_order_of_their_names(
    tmp_path: Path, open_source: Any, rows: Any
) -> None:
    for name, at in (("b", 2), ("a", 1)):
        (tmp_path / f"part-{name}.csv").write_text(f"id\n{at}\n")
    assert rows(open_source(file="part-*.csv"))["id"].to_pylist() == ["1", "2"]


def test_a_packed_csv_is_read(tmp_path: Path, open_source: Any, rows: Any) -> None:
    (tmp_path / "a.csv.gz").write_bytes(gzip.compress(b"id,email\n1,x\n"))
    assert rows(open_source(file="a.csv.gz"), "email").to_pylist() == [{"email": "x"}]


def test_parquet_types_come_down_to_the_same_kinds(tmp_path: Path, open_source: Any, rows: Any) -> None:
    table = pa.table(
        {
            "i": pa.array([1], pa.int16()),
            "d": pa.array([Decimal("1.25")], pa.decimal128(10, 2)),
            "at": pa.array([datetime(2024, 1, 2, 10)], pa.timestamp("ns", "UTC")),
            "tags": pa.array([["a", "b"]]),
        }
    )
    pq.write_table(table, tmp_path / "a.parquet")
    read = rows(open_source(file="a.parquet"))
    assert read.to_pylist() == [{"i": 1, "d": Decimal("1.25"), "at": datetime(2024, 1, 2, 10), "tags": ["a", "b"]}]
    kinds = ["int64", "decimal128(10, 2)", "timestamp[us]", "list<item: string>"]
    assert [str(kind) for kind in read.schema.types] == kinds


def test_newline_json_keeps_what_its_values_are(tmp_path: Path, open_source: Any, rows: Any) -> None:
    (tmp_path / "a.jsonl").write_text('{"id": 1, "name": "Zoë \\"", "tags": ["a"], "at": "2024-01-02T10:00:00"}\n')
    (tmp_path / "b.jsonl").write_text('{"id": 2, "born": "2001-02-03", "ok": true, "spent": 1.5}\n')
    first, second = rows(open_source(file="*.jsonl")).to_pylist()
    assert (first["id"], first["name"], first["tags"]) == (1, 'Zoë "', ["a"])
    assert (first["at"], second["born"]) == ("2024-01-02T10:00:00", "2001-02-03")
    assert (second["ok"], second["spent"], second["name"]) == (True, 1.5, None)


@pytest.mark.parametrize(
    ("values", "kind"),
    [
        (["1", "9223372036854775807"], "decimal128(38, 0)"),
        (["1", "-5", "null"], "int64"),
        (["12345678901234567890123", "1"], "decimal128(38, 0)"),
        (["9007199254740993", "0.25"], "decimal128(38, 2)"),
        (["1", "1.5", "1e3"], "double"),
        (['"1"', '"x"'], "string"),
        (["true", "null"], "bool"),
        (['["a"]', "[]"], "list<item: string>"),
        (["[1]", '["a"]'], "string"),
        (["null", "null"], "string"),
    ],
)
def test_a_json_field_has_the_type_that_all_of_its_rows_have(
    values: list[str], kind: str, tmp_path: Path, open_source: Any, rows: Any
) -> None:
    (tmp_path / "a.jsonl").write_text("".join(f'{{"id": 1, "v": {value}}}\n' for value in values))
    read = rows(open_source(file="a.jsonl"), "v")
    assert str(read.schema.types[0]) == kind
    assert read["v"].null_count == values.count("null")


def test_a_file_named_by_a_reference_is_read(tmp_path: Path, open_source: Any, rows: Any) -> None:
    (tmp_path / "a.ndjson.gz").write_bytes(gzip.compress(b'{"id": 1}\n'))
    assert rows(open_source({"DAY": "a"}, file="{{ env('DAY') }}.ndjson.gz")).to_pylist() == [{"id": 1}]


class Web(SimpleHTTPRequestHandler):
    """Gives files in parts, as object stores and web servers do."""

    def do_GET(self) -> None:
        path = Path(self.translate_path(self.path))
        if not path.is_file():
            self.send_error(404)
            return
        data, asked = path.read_bytes(), self.headers.get("Range", "")
        first, _, last = asked.removeprefix("bytes=").partition("-")
        part = data[int(first) : int(last) + 1] if asked else data
        self.send_response(206 if asked else 200)
        self.send_header("Accept-Ranges", "bytes")
        self.send_header("Content-Length", str(len(part)))
        if asked:
            self.send_header("Content-Range", f"bytes {first}-{int(first) + len(part) - 1}/{len(data)}")
        self.end_headers()
        self.wfile.write(part)

    def log_message(self, *_: object) -> None:
        """Nothing."""


@pytest.fixture
def web(tmp_path: Path) -> Iterator[str]:
    server = ThreadingHTTPServer(("127.0.0.1", 0), functools.partial(Web, directory=str(tmp_path)))
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    server.server_close()


def test_a_file_on_the_web_is_read_without_fetching_an_extension(
    tmp_path: Path, web: str, open_source: Any, rows: Any
) -> None:
    (tmp_path / "a.csv").write_text("id,email\n1,x\n")
    pq.write_table(pa.table({"id": [2]}), tmp_path / "a.parquet")
    assert rows(open_source(file=f"{web}/a.csv?signature=s3cret"), "email").to_pylist() == [{"email": "x"}]
    assert rows(open_source(file=f"{web}/a.parquet")).to_pylist() == [{"id": 2}]
    with pytest.raises(SourceUnavailable, match="there is no file") as caught:
        rows(open_source(file=f"{web}/b.csv?signature=s3cret"))
    assert "s3cret" not in f"{caught.value}{caught.value.hint}"


class Bucket(MemoryFileSystem):
    """A store that can be listed, as s3fs, gcsfs and adlfs make of theirs: paths without the scheme."""

    protocol = ("s3",)
    store: ClassVar[dict[str, Any]] = {}
    pseudo_dirs: ClassVar[list[str]] = [""]

    @classmethod
    def _strip_protocol(cls, path: str) -> str:
        return "/" + path.removeprefix("s3://").strip("/")


def test_all_files_of_a_pattern_in_a_bucket_are_read(open_source: Any, rows: Any, monkeypatch: Any) -> None:
    monkeypatch.setattr("fsspec.filesystem", lambda kind, **_: {"s3": Bucket}[kind]())
    for name in ("b", "a"):
        Bucket().pipe(f"s3://shop/day/{name}.csv", f"id\n{name}\n".encode())
    assert rows(open_source(file="s3://shop/day/*.csv"))["id"].to_pylist() == ["a", "b"]
    with pytest.raises(SourceUnavailable, match="there is no file s3://shop/night"):
        rows(open_source(file="s3://shop/night/*.csv"))


@pytest.mark.parametrize(
    ("file", "words"), [("s3://a/b.csv", "[s3]"), ("ftp://a/b.csv", "s3://"), ("az://a/b.csv", "[azure]")]
)
def test_a_scheme_says_what_it_needs(file: str, words: str, open_source: Any, monkeypatch: Any) -> None:
    monkeypatch.setitem(sys.modules, "fsspec", None)
    with pytest.raises(SourceUnavailable) as caught:
        open_source(file=file).read(Demand(())).__enter__()
    assert words in str(caught.value.hint)


@pytest.mark.parametrize("name", ["a.csv", "a.parquet", "*.csv"])
def test_a_missing_file_is_said(name: str, open_source: Any) -> None:
    with pytest.raises(SourceUnavailable, match="there is no file") as caught:
        open_source(file=name).read(Demand(())).__enter__()
    assert caught.value.hint


def test_another_ending_is_refused(open_source: Any) -> None:
    with pytest.raises(SourceUnavailable, match=r"must end in \.csv"):
        open_source(file="customers.xls").read(Demand(()))


def test_a_missing_column_is_a_problem_of_the_spec(tmp_path: Path, open_source: Any) -> None:
    (tmp_path / "a.csv").write_text("id,email\n1,x\n")
    with pytest.raises(SpecInvalid, match="did you mean `email`"):
        open_source(file="a.csv").read(Demand(("emial",))).__enter__()


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("a.csv", b'id,email\n1,planted.person@example.com,\xff\xfe\n2,"planted.person@example.com\n'),
        ("a.csv", b"id,email\n1,planted.person@example.com\xff\n"),
        ("a.parquet", b"planted.person@example.com"),
    ],
)
def test_a_broken_file_is_said_without_its_rows(
    name: str, content: bytes, tmp_path: Path, open_source: Any, rows: Any
) -> None:
    (tmp_path / name).write_bytes(content)
    with pytest.raises(SourceUnavailable) as caught:
        rows(open_source(file=name))
    assert "planted" not in "".join(traceback.format_exception(caught.value))


@pytest.mark.parametrize("first", ["1,ada@example.com,Ada", "17,2026-01-31,0151 2345678"])
def test_a_header_that_looks_like_data_is_told_as_that(tmp_path: Path, open_source: Any, rows: Any, first: str) -> None:
    (tmp_path / "people.csv").write_text(f"{first}\n2,bob@example.com,Bob\n")
    with pytest.raises(SourceUnavailable, match="no header: its first line looks like data") as refused:
        rows(open_source(file="people.csv"), "id", "email")
    said = f"{refused.value} {refused.value.hint}"
    assert not [one for one in first.split(",") if one in said and len(one) > 2]

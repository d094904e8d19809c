# ruff: noqa: DTZ001 -- sources' timestamps have no zone: they are in UTC
from __future__ import annotations

import gzip
import traceback
from datetime import date, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from reconcile.errors import SourceUnavailable, SpecInvalid
from reconcile.state.model import Demand


def test_a_csv_column_has_the_type_that_fits_all_of_its_values(tmp_path: Path, open_source: Any, rows: Any) -> None:
    (tmp_path / "a.csv").write_text(
        "id,zip,name,total,born,at,ok,phone,sku,odd\n"
        "1,0171,Zoë,1.50,2001-02-03,2024-01-02T10:00:00+02:00,true,+4930,12e5,nan\n"
        '2,20095,"",2,,2024-01-02 10:00:00,FALSE,+4931,13e5,Infinity\n'
    )
    first, second = rows(open_source(file="a.csv")).to_pylist()
    assert first == {
        "id": 1, "zip": "0171", "name": "Zoë", "total": 1.5, "born": date(2001, 2, 3), "at": datetime(2024, 1, 2, 8),
        "ok": True, "phone": "+4930", "sku": "12e5", "odd": "nan",
    }  # fmt: skip
    assert (second["name"], second["born"], second["ok"]) == (None, None, False)


def test_a_late_row_widens_a_csv_column(tmp_path: Path, open_source: Any, rows: Any) -> None:
    lines = [f"{at},{at},2024-01-01" for at in range(60_000)] + ["60000,1.5,later"]
    (tmp_path / "a.csv").write_text("\n".join(["id,n,at", *lines]))
    table = rows(open_source(file="a.csv"))
    assert [str(kind) for kind in table.schema.types] == ["int64", "double", "string"]
    assert table["at"][-1].as_py() == "later"


def test_all_files_of_a_pattern_are_read_in_the_order_of_their_names(
    tmp_path: Path, open_source: Any, rows: Any
) -> None:
    for name, at in (("b", 2), ("a", 1)):
        (tmp_path / f"part-{name}.csv").write_text(f"id\n{at}\n")
    assert rows(open_source(file="part-*.csv"))["id"].to_pylist() == [1, 2]


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
    assert read.to_pylist() == [{"i": 1, "d": 1.25, "at": datetime(2024, 1, 2, 10), "tags": "[a, b]"}]
    assert [str(kind) for kind in read.schema.types] == ["int64", "double", "timestamp[us]", "string"]


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

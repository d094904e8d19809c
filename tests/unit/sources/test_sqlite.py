# ruff: noqa: DTZ001 -- sources' timestamps have no zone: they are in UTC
from __future__ import annotations

import gc
import sqlite3
import traceback
from contextlib import closing
from datetime import date, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import duckdb
import pyarrow as pa
import pytest

from reconcile.errors import SourceUnavailable, SpecInvalid
from reconcile.sources import streams
from reconcile.state.model import MISFIT, Demand

PLANTED = "planted.person@example.com"


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "shop.db"


def _run(path: Path, *statements: str) -> None:
    with closing(sqlite3.connect(path)) as connection, connection:
        for statement in statements:
            connection.execute(statement)


def test_declared_types_come_down_to_few_kinds(path: Path, open_source: Any, rows: Any) -> None:
    _run(
        path,
        """CREATE TABLE t (id INTEGER, name NVARCHAR(40), price NUMERIC(10,2), born DATE, at DATETIME, ok BOOLEAN,
           real REAL, blob BLOB, small TINYINT)""",
        "INSERT INTO t VALUES (1, 'Zoë 明', 1.98, '2001-02-03', '2021-01-01 10:00:00', 1, 2, NULL, 3)",
        "INSERT INTO t (id) VALUES (2)",
    )
    table = rows(open_source(connect="shop.db", table="t"))
    assert [str(kind) for kind in table.schema.types] == [
        "int64", "string", "decimal128(38, 18)", "date32[day]", "timestamp[us]", "bool", "double", "string", "int64",
    ]  # fmt: skip
    first, second = table.to_pylist()
    assert first["name"] == "Zoë 明"
    assert (first["price"], first["born"], first["ok"]) == (Decimal("1.98"), date(2001, 2, 3), True)
    assert first["at"] == datetime(2021, 1, 1, 10)
    assert {value for name, value in second.items() if name != "id"} == {None}


@pytest.mark.parametrize(
    ("declared", "stored", "expected"),
    [
        ("DATETIME", "'2021-01-01T10:00:00+02:00'", datetime(2021, 1, 1, 8)),
        ("DATETIME", "'2021-01-01T10:00:00Z'", datetime(2021, 1, 1, 10)),
        ("DATETIME", "'2021-01-01 10:00:00.250'", datetime(2021, 1, 1, 10, 0, 0, 250_000)),
        ("DATETIME", "'2021-01-01'", datetime(2021, 1, 1)),
        ("DATETIME", "1609495200", datetime(2021, 1, 1, 10)),
        ("DATETIME", "1609495200000", datetime(2021, 1, 1, 10)),
        ("DATETIME", "2440587.5", datetime(1970, 1, 1)),
        ("DATE", "'2021-01-01 10:00:00'", date(2021, 1, 1)),
        ("BOOLEAN", "'Yes'", True),
        ("BOOLEAN", "'f'", False),
        ("VARCHAR(9)", "171", "171"),
        ("INTEGER", "7.0", 7),
        ("NUMERIC(10,2)", "12", Decimal(12)),
        ("DECIMAL(20,0)", "9007199254740993", Decimal(9007199254740993)),
        ("NUMERIC", "19.9", Decimal("19.9")),
        ("DATE", "20260102", date(2026, 1, 2)),
        ("DATETIME", "20260102100000", datetime(2026, 1, 2, 10)),
        ("DATETIME", "100000000000", datetime(1973, 3, 3, 9, 46, 40)),
        ("DATE", "-86400", date(1969, 12, 31)),
    ],
)
def test_loose_values_are_tightened(
    declared: str, stored: str, expected: object, path: Path, open_source: Any, rows: Any
) -> None:
    _run(path, f"CREATE TABLE t (x {declared})", f"INSERT INTO t VALUES ({stored})")
    source = open_source(connect="shop.db", table="t")
    assert rows(source)["x"].to_pylist() == [expected]
    assert not source.misfits


@pytest.mark.parametrize(
    ("declared", "stored"),
    [
        ("INTEGER", f"'{PLANTED}'"),
        ("INTEGER", "1.5"),
        ("DATETIME", "'next week'"),
        ("DATETIME", "'0000-00-00 00:00:00'"),
        ("DATETIME", "999999999999999999"),
        ("DATE", f"'{PLANTED}'"),
        ("BOOLEAN", "7"),
        ("BOOLEAN", "'perhaps'"),
        ("REAL", "'abc'"),
        ("TEXT", "x'ff'"),
        ("NUMERIC", "'12,50'"),
        ("NUMERIC", "1e30"),
        ("DATE", "20260230000000000"),
        ("DATETIME", "'2026-W01-1'"),
        ("DATE", "'20260102x'"),
        ("INTEGER", "x'315f303030'"),
        ("REAL", "x'696e66'"),
    ],
)
def test_what_does_not_fit_is_null_and_counted(
    declared: str, stored: str, path: Path, open_source: Any, rows: Any
) -> None:
    _run(path, f"CREATE TABLE t (x {declared})", f"INSERT INTO t VALUES (NULL), ({stored})")
    source = open_source(connect="shop.db", table="t")
    assert rows(source)["x"].to_pylist() == [None, None]
    assert source.misfits == {"x": 1}
    with source.read(Demand((), flagged=True)) as batches:
        assert batches.read_all()[f"{MISFIT}x"].to_pylist() == [False, True]


def test_a_computed_column_has_the_type_of_what_is_stored_in_all_of_its_rows(
    path: Path, open_source: Any, rows: Any
) -> None:
    _run(path, "CREATE TABLE t (a INTEGER)", "INSERT INTO t VALUES (NULL), (1), (2)")
    query = "SELECT a * 1 AS i, CASE a WHEN 2 THEN 0.5 ELSE 1 END AS n, 'x' || a AS s, NULL AS nought FROM t"
    table = rows(open_source(connect="shop.db", query=query))
    assert [str(kind) for kind in table.schema.types] == ["int64", "double", "string", "string"]
    assert table["n"].to_pylist() == [1, 1, 0.5]


def test_a_computed_time_is_a_time_as_postgresql_has_it(path: Path, open_source: Any, rows: Any) -> None:
    _run(
        path,
        "CREATE TABLE t (a INTEGER, at DATETIME, d DATE)",
        "INSERT INTO t VALUES (1, '2021-01-01 10:00:00', '2021-01-01')",
    )
    query = "SELECT a, max(at) AS last, min(d) AS first, a > 0 AS ok FROM t GROUP BY a"
    table = rows(open_source(connect="shop.db", query=query))
    assert [str(kind) for kind in table.schema.types] == ["int64", "timestamp[us]", "date32[day]", "bool"]


def test_only_demanded_columns_are_selected(path: Path, open_source: Any, rows: Any) -> None:
    _run(path, "CREATE TABLE t (id INTEGER, email TEXT, secret TEXT)", "INSERT INTO t VALUES (1, 'a', 'b')")
    assert rows(open_source(connect="shop.db", table="t"), "email", "id").to_pylist() == [{"email": "a", "id": 1}]


def test_rows_come_in_batches(path: Path, open_source: Any) -> None:
    count = streams.ROWS * 2 + 1
    _run(path, "CREATE TABLE t (id INTEGER)")
    with closing(sqlite3.connect(path)) as connection, connection:
        connection.executemany("INSERT INTO t VALUES (?)", ((at,) for at in range(count)))
    with open_source(connect="shop.db", table="t").read(Demand(())) as batches:
        assert [len(batch) for batch in batches] == [streams.ROWS, streams.ROWS, 1]


def test_a_read_may_end_early(path: Path, open_source: Any) -> None:
    many = "WITH RECURSIVE n(id) AS (SELECT 1 UNION ALL SELECT id + 1 FROM n WHERE id < 200000) SELECT id FROM n"
    _run(path, f"CREATE TABLE t AS {many}")
    with open_source(connect="shop.db", table="t").read(Demand(())) as batches:
        batches.read_next_batch()
    del batches
    gc.collect()
    with closing(sqlite3.connect(path, timeout=0)) as connection:
        connection.execute("DROP TABLE t")  # locked as long as somebody reads it
        assert connection.execute("SELECT count(*) FROM sqlite_master").fetchone() == (0,)


def test_the_readers_own_error_is_left_alone(path: Path, open_source: Any) -> None:
    def consume() -> None:
        with open_source(connect="shop.db", table="t").read(Demand(())):
            raise RuntimeError("of the reader's own caller")

    _run(path, "CREATE TABLE t (id INTEGER)")
    with pytest.raises(RuntimeError, match="of the reader's own caller"):
        consume()


def test_an_engine_can_take_the_rows_straight(path: Path, open_source: Any) -> None:
    _run(path, "CREATE TABLE t (id INTEGER)", "INSERT INTO t VALUES (1), (2)")
    with open_source(connect="shop.db", table="t").read(Demand(())) as batches, duckdb.connect() as engine:
        engine.register("batches", batches)
        assert engine.execute("SELECT sum(id) FROM batches").fetchone() == (3,)


def test_an_empty_table_has_its_columns(path: Path, open_source: Any, rows: Any) -> None:
    _run(path, "CREATE TABLE t (id INTEGER, untyped)")
    assert rows(open_source(connect="shop.db", table="t")).schema == pa.schema(
        [("id", pa.int64()), ("untyped", pa.string())]
    )


def test_a_missing_database_is_said_and_not_made(path: Path, open_source: Any) -> None:
    with pytest.raises(
        SourceUnavailable, match=r"Source `shop` \(shop.yaml:3:3\): there is no database file"
    ) as caught:
        open_source(connect="sqlite:///shop.db", table="t").read(Demand(())).__enter__()
    assert caught.value.hint
    assert not path.exists()


def test_nothing_is_written(path: Path, open_source: Any, rows: Any) -> None:
    _run(path, "CREATE TABLE t (id INTEGER)", "INSERT INTO t VALUES (1)")
    before = path.read_bytes()
    path.chmod(0o444)
    rows(open_source(connect="shop.db", query="SELECT id FROM t"))
    assert path.read_bytes() == before
    assert [entry.name for entry in path.parent.iterdir()] == ["shop.db"]


def test_what_is_no_database_is_said(path: Path, open_source: Any) -> None:
    path.write_text(f"{PLANTED}\n" * 100)
    _refused(open_source(connect="shop.db", table="t"), "file is not a database")


def test_a_missing_table_is_said_with_what_was_meant(path: Path, open_source: Any) -> None:
    _run(path, "CREATE TABLE customers (id INTEGER)")
    _refused(open_source(connect="shop.db", table="custmers"), "no table `custmers`; did you mean `customers`?")


def test_a_missing_column_in_a_query_is_said_in_the_databases_words(path: Path, open_source: Any) -> None:
    _run(path, "CREATE TABLE t (id INTEGER)")
    _refused(open_source(connect="shop.db", query="SELECT nope FROM t"), "no such column: nope")


def test_a_demanded_column_that_is_not_there_is_a_problem_of_the_spec(path: Path, open_source: Any) -> None:
    _run(path, "CREATE TABLE t (id INTEGER, city TEXT)")
    demand = Demand(("id", "citty", "x"), {"citty": "properties.town", "x": "other.yaml:7:2"})
    with pytest.raises(SpecInvalid) as caught:
        open_source(connect="shop.db", table="t").read(demand).__enter__()
    first, second = caught.value.problems
    assert "no column `citty`" in first.message
    assert "did you mean `city`?" in first.message
    assert first.hint == "Its columns: id, city."
    assert (str(first.where), str(second.where)) == ("shop.yaml:9:3", "other.yaml:7:2")


def test_an_error_in_the_middle_of_the_rows_is_ours_even_through_an_engine(path: Path, open_source: Any) -> None:
    _run(path, "CREATE TABLE t (id INTEGER, doc TEXT)", f"INSERT INTO t VALUES (1, '{PLANTED}')")
    source = open_source(connect="shop.db", query="SELECT json_extract(doc, '$.a') AS a, id FROM t")
    for through_engine in (False, True):
        with (
            pytest.raises(SourceUnavailable, match="malformed JSON") as caught,
            source.read(Demand(("a", "id"))) as batches,
        ):
            duckdb.from_arrow(batches).fetchall() if through_engine else batches.read_all()
        assert PLANTED not in "".join(traceback.format_exception(caught.value))


def _refused(source: Any, words: str) -> None:
    with pytest.raises(SourceUnavailable) as caught:
        source.read(Demand(())).__enter__()
    assert words in str(caught.value)
    assert PLANTED not in "".join(traceback.format_exception(caught.value))

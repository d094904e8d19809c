# ruff: noqa: DTZ001 -- sources' timestamps have no zone: they are in UTC
from __future__ import annotations

from datetime import datetime
from pathlib import Path
from typing import Any

import duckdb
import pytest

from reconcile.errors import MemoryShort, SourceUnavailable
from reconcile.state.capacity import LEAST, MIB, Capacity
from reconcile.state.engines.duckdb import DuckDB
from reconcile.state.model import Demand
from reconcile.state.values import FOREIGN

SMALL = Capacity(LEAST, threads=1)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    made = tmp_path / "shop.duckdb"
    with duckdb.connect(str(made)) as connection:
        connection.execute("CREATE SCHEMA crm")
        connection.execute(
            "CREATE TABLE crm.people AS SELECT 1::INTEGER AS id, 1.5::DECIMAL(10,2) AS total, 'Łukasz' AS name, "
            "TIMESTAMPTZ '2024-01-01 10:00:00+02' AS at, uuid() AS u, [1, 2] AS l, TIME '10:00' AS t, 1::HUGEINT AS h"
        )
    return made


@pytest.mark.parametrize("connect", ["shop.duckdb", "duckdb:///shop.duckdb"])
def test_types_come_down_to_few_kinds(connect: str, path: Path, open_source: Any, rows: Any) -> None:
    table = rows(open_source(connect=connect, table="crm.people"))
    kinds = ["int64", "decimal128(10, 2)", *["string", "timestamp[us]"], *["string"] * 3, "decimal128(38, 0)"]
    assert [str(kind) for kind in table.schema.types] == kinds
    assert table.slice(0, 1).select(["name", "at", "l"]).to_pylist() == [
        {"name": "Łukasz", "at": datetime(2024, 1, 1, 8), "l": FOREIGN + "[1,2]"}
    ]


def test_a_query_is_read_by_an_absolute_path(path: Path, open_source: Any, rows: Any) -> None:
    source = open_source(connect=f"duckdb:///{path}", query="select name, count(*) n from crm.people group by all")
    assert rows(source, "n").to_pylist() == [{"n": 1}]


def test_a_missing_database_is_said_and_not_made(tmp_path: Path, open_source: Any) -> None:
    with pytest.raises(SourceUnavailable, match="there is no database file"):
        open_source(connect="other.duckdb", table="t").read(Demand(())).__enter__()
    assert not list(tmp_path.iterdir())


def test_a_missing_table_is_said_with_what_was_meant(path: Path, open_source: Any) -> None:
    with pytest.raises(SourceUnavailable, match=r"no table `people`; did you mean `crm\.people`"):
        open_source(connect="shop.duckdb", table="people").read(Demand(())).__enter__()


def test_a_query_takes_a_part_of_the_memory_that_a_run_may_take_and_spills_into_its_folder(
    path: Path, open_source: Any, tmp_path: Path
) -> None:
    sorts = "SELECT n, row_number() OVER (ORDER BY hash(n)) AS place FROM range(2_000_000) AS numbers(n)"
    settings = "current_setting('memory_limit') AS memory, current_setting('temp_directory') AS folder"
    source = open_source(connect="shop.duckdb", query=f"SELECT *, {settings} FROM ({sorts})")
    with DuckDB(SMALL, within=tmp_path) as workspace:
        rows = workspace.take(source, Demand(()), lambda batches: batches)
        found = workspace.one(rows.aggregate(**{name: rows[name].max() for name in rows.columns}))
        assert found["place"] == found["n"] + 1 == 2_000_000
        assert found["memory"] == "21.3 MiB", "a third of the engine's 64 MiB"
        assert Path(found["folder"]).is_relative_to(workspace.folder), "and nobody's rows beside the file"
        assert workspace.dicts(workspace._engine.sql("SELECT current_setting('memory_limit') AS m"), limit=1) == [
            {"m": f"{(LEAST - 320 * MIB) // MIB}.0 MiB"}
        ], "all of it is the run's again"


def test_a_query_that_needs_more_memory_than_there_is_names_its_source_and_the_way_out(
    path: Path, open_source: Any, tmp_path: Path
) -> None:
    whole = open_source(connect="shop.duckdb", query="SELECT list(hash(n)) AS id FROM range(9_000_000) AS numbers(n)")
    with (
        pytest.raises(MemoryShort, match=r"Source `shop` .*Out of Memory") as short,
        DuckDB(SMALL, within=tmp_path) as workspace,
    ):
        workspace.take(whole, Demand(()), lambda batches: batches)
    assert "--memory-limit" in str(short.value.hint)

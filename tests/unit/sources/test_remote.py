"""The way through Ibis, walked with the one database of Ibis that needs no server."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import duckdb
import pytest

from reconcile.errors import SourceUnavailable, SpecInvalid
from reconcile.sources import remote
from reconcile.state.model import Demand

# Ibis calls DuckDB by names that DuckDB wants to retire; the databases that this way is for are others.
pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning")


@pytest.fixture
def warehouse(tmp_path: Path) -> str:
    with duckdb.connect(str(tmp_path / "w.duckdb")) as made:
        made.execute("CREATE SCHEMA crm; CREATE TABLE crm.people AS SELECT 1::INT AS id, 1.5::DECIMAL(5, 2) AS spent")
    return f"duckdb://{tmp_path / 'w.duckdb'}"


def read(source: Any, *columns: str) -> Any:
    with remote.read(source.origin, Demand(columns)) as batches:
        return batches.read_all()


@pytest.mark.parametrize(
    "parts", [{"table": "crm.people"}, {"table": "w.crm.people"}, {"query": "SELECT * FROM crm.people"}]
)
def test_rows_come_typed_as_from_anywhere(parts: dict[str, str], warehouse: str, open_source: Any) -> None:
    found = read(open_source(connect=warehouse, **parts), "spent", "id")
    assert found.to_pylist() == [{"spent": 1.5, "id": 1}]
    assert [str(kind) for kind in found.schema.types] == ["decimal128(5, 2)", "int64"]


def test_what_is_not_there_is_said(warehouse: str, open_source: Any) -> None:
    with pytest.raises(SourceUnavailable, match=r"there is no table `crm\.persons`"):
        read(open_source(connect=warehouse, table="crm.persons"))
    with pytest.raises(SpecInvalid, match="did you mean `spent`"):
        read(open_source(connect=warehouse, table="crm.people"), "spend")


@pytest.mark.parametrize("scheme", ["athena", "bigquery", "clickhouse", "databricks", "oracle", "snowflake", "trino"])
def test_a_missing_driver_says_what_to_install(scheme: str, open_source: Any) -> None:
    source = open_source(connect=f"{scheme}://u:hunter2@h/d", table="t")
    with pytest.raises(SourceUnavailable, match=f"the driver for {scheme} is not installed") as caught:
        source.read(Demand(())).__enter__()
    assert f"sailthru-reconcile[{scheme}]" in str(caught.value.hint)
    assert "hunter2" not in f"{caught.value}{caught.value.hint}"

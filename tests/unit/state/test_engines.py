from __future__ import annotations

import importlib.util
import traceback
from datetime import UTC, date, datetime
from decimal import Decimal
from pathlib import Path

import ports
import pyarrow as pa
import pytest
from pyarrow import parquet
from spark_server import missing, on_spark

import reconcile as rc
from reconcile.sources import OpenSource, open_all
from reconcile.state import engines, values
from reconcile.state.engines.duckdb import DuckDB
from reconcile.state.model import Demand
from reconcile.state.workspace import Workspace


def test_duckdb_is_the_engine_unless_told_otherwise() -> None:
    assert isinstance(engines.of(None), DuckDB)


def test_a_spark_that_is_not_installed_is_told_with_the_way_to_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(importlib.util, "find_spec", lambda _: None)
    with pytest.raises(rc.EngineUnavailable, match="not installed") as unavailable:
        engines.of("local[*]")
    assert "sailthru-reconcile[spark]" in str(unavailable.value.hint)


@on_spark
@pytest.mark.skipif(missing() is not None, reason=str(missing()))
def test_a_spark_that_does_not_answer_is_told_at_once_and_without_its_token() -> None:
    port = ports.find_free_port()
    opened = engines.of(f"sc://127.0.0.1:{port}/;token=hush")
    with pytest.raises(rc.EngineUnavailable, match=f"sc://127.0.0.1:{port}") as unavailable:
        opened.__enter__()
    assert "hush" not in f"{unavailable.value} {unavailable.value.hint}"
    assert not opened.folder.exists()


LAKE = pa.table(
    {
        "id": pa.array([1, 2], pa.int32()),
        "email": ["ada@example.com", None],
        "spent": pa.array([Decimal("1.50"), None], pa.decimal128(9, 2)),
        "member": [True, None],
        "born": [date(2024, 2, 29), None],
        "last": pa.array([datetime(2024, 1, 5, 10, 11, 12, 345, tzinfo=UTC), None], pa.timestamp("us", "UTC")),
        "tags": [["a", "b"], None],
    }
)
SPEC = """\
version: 1
account: {name: shop, api_key: "{{ env('KEY') }}", api_secret: "{{ env('SECRET') }}"}
sources: {people: {file: "lake/*.parquet", key: id}}
profiles: {from: people, email: email}
"""


@on_spark
def test_parquet_is_read_by_the_engine_itself_in_the_same_types(
    tmp_path: Path, duck: Workspace, spark: Workspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    source = lake(tmp_path)
    demand = Demand(("id", "email", "spent", "member", "born", "last"))
    wanted = Workspace.take(duck, source, demand, as_it_is)
    monkeypatch.setattr(OpenSource, "read", lambda *_: pytest.fail("streamed"))
    found = spark.take(source, demand, as_it_is)
    assert [values.kind_of(found[name]) for name in demand.columns] == [
        values.kind_of(wanted[name]) for name in demand.columns
    ]
    assert spark.dicts(found.order_by("id"), limit=9) == duck.dicts(wanted.order_by("id"), limit=9)


def test_duckdb_reads_parquet_where_it_lies_as_the_same_rows(
    tmp_path: Path, duck: Workspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    source = lake(tmp_path)
    demand = Demand(("id", "email", "spent", "member", "born", "last"))
    streamed = Workspace.take(duck, source, demand, as_it_is)
    wanted, schema = duck.dicts(streamed.order_by("id"), limit=9), streamed.schema()
    monkeypatch.setattr(OpenSource, "read", lambda *_: pytest.fail("streamed"))
    with DuckDB() as other:
        found = other.take(source, demand, as_it_is)
        assert found.schema() == schema
        assert other.dicts(found.order_by("id"), limit=9) == wanted


def test_parquet_that_is_replaced_while_it_is_read_is_an_error(tmp_path: Path) -> None:
    source = lake(tmp_path)
    with DuckDB() as duck:
        rows = duck.take(source, Demand(("id", "email")), as_it_is)
        assert duck.count(duck.keep("first", rows)) == 2
        parquet.write_table(LAKE, tmp_path / "lake" / "1.parquet")
        with pytest.raises(rc.SourceUnavailable, match=r"1\.parquet was changed while it was read"):
            duck.keep("second", rows)


@pytest.mark.parametrize("part", [slice(None, 2_000), slice(2_000, None)], ids=["cut off", "no beginning"])
def test_parquet_that_is_broken_is_said_without_its_rows(tmp_path: Path, part: slice) -> None:
    source, path = lake(tmp_path), tmp_path / "lake" / "0.parquet"
    many = {"id": list(range(9_999)), "email": [f"planted{at}@example.com" for at in range(9_999)]}
    parquet.write_table(pa.table(many), path, compression="none", use_dictionary=False)
    path.write_bytes(path.read_bytes()[part])
    (tmp_path / "lake" / "1.parquet").unlink()
    with DuckDB() as duck, pytest.raises(rc.SourceUnavailable, match="Source `people`") as caught:
        duck.keep("kept", duck.take(source, Demand(("id", "email")), as_it_is))
    assert "planted" not in "".join(traceback.format_exception(caught.value))


@on_spark
def test_what_has_another_text_in_each_engine_is_streamed(tmp_path: Path, duck: Workspace, spark: Workspace) -> None:
    source, demand = lake(tmp_path), Demand(("id", "tags"))
    found = [engine.dicts(engine.take(source, demand, as_it_is).order_by("id"), limit=9) for engine in (duck, spark)]
    assert found[0] == found[1] == [{"id": 1, "tags": ["a", "b"]}, {"id": 2, "tags": None}]


def lake(folder: Path) -> OpenSource:
    (folder / "lake").mkdir()
    for at in range(2):
        parquet.write_table(LAKE.slice(at, 1), folder / "lake" / f"{at}.parquet")
    (folder / "spec.yaml").write_text(SPEC, encoding="utf-8")
    return open_all(rc.load(folder / "spec.yaml"), {})["people"]


def as_it_is(batches: pa.RecordBatchReader) -> pa.RecordBatchReader:
    return batches

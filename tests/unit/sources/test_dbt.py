from __future__ import annotations

import json
import sqlite3
from pathlib import Path
from typing import Any

import pytest

from reconcile.errors import SourceUnavailable
from reconcile.sources import dbt


def node(name: str, *, package: str = "shop", alias: str | None = None, kind: str = "model", **more: Any) -> Any:
    named = {"name": name, "package_name": package, "resource_type": kind, "alias": alias or name}
    return named | {"database": "warehouse", "schema": "main"} | more


NODES = [
    node("customers", alias="dim_customers"),
    node("twice"),
    node("twice", package="other", alias="other_twice"),
    node("passing", config={"materialized": "ephemeral"}),
    node("countries", kind="seed"),
    *(
        node("orders", alias=f"orders_v{version}", version=version, latest_version=2, unique=f"orders.v{version}")
        for version in (1, 2, 3)
    ),
    node("not_null_customers", kind="test"),
]


@pytest.fixture
def project(tmp_path: Path) -> Path:
    (tmp_path / "target").mkdir()
    nodes = {f"{at}": found for at, found in enumerate(NODES)}
    (tmp_path / "target" / "manifest.json").write_text(json.dumps({"metadata": {}, "nodes": nodes}))
    with sqlite3.connect(tmp_path / "w.db") as connection:
        connection.execute("CREATE TABLE dim_customers AS SELECT 7 AS id")
    connection.close()
    return tmp_path


@pytest.mark.usefixtures("project")
def test_a_model_is_read_from_the_table_that_it_is_built_as(open_source: Any, rows: Any) -> None:
    assert rows(open_source(connect="w.db", dbt="ref('customers')")).to_pylist() == [{"id": 7}]


@pytest.mark.usefixtures("project")
@pytest.mark.parametrize(
    ("connect", "ref", "table"),
    [
        ("postgresql://h/d", "ref('customers')", "main.dim_customers"),
        ("snowflake://h/d", "ref('customers')", "warehouse.main.dim_customers"),
        ("w.db", 'ref("other", "twice")', "main.other_twice"),
        ("w.db", " ref( 'countries' ) ", "main.countries"),
        ("w.db", "ref('orders')", "main.orders_v2"),
        ("w.db", "ref('orders', v=1)", "main.orders_v1"),
        ("w.db", "ref('shop', 'orders', version='3')", "main.orders_v3"),
    ],
)
def test_a_model_is_found_by_name_package_and_version(connect: str, ref: str, table: str, open_source: Any) -> None:
    assert dbt.located(open_source(connect=connect, dbt=ref).origin).table == table


@pytest.mark.usefixtures("project")
@pytest.mark.parametrize(
    ("ref", "words"),
    [
        ("ref('custmers')", "there is no model `custmers` in dbt's manifest; did you mean `customers`?"),
        ("ref('not_null_customers')", "there is no model"),
        ("ref('twice')", "2 packages have a model `twice`"),
        ("ref('orders', v=9)", "there is no version 9 of the model `orders`"),
        ("ref('customers', v=1)", "the model `customers` has no versions"),
        ("ref('passing')", "is ephemeral"),
    ],
)
def test_a_model_that_cannot_be_read_is_said(ref: str, words: str, open_source: Any) -> None:
    with pytest.raises(SourceUnavailable) as caught:
        dbt.located(open_source(connect="w.db", dbt=ref).origin)
    assert words in str(caught.value)


def test_a_manifest_that_is_not_there_or_none_is_said(tmp_path: Path, open_source: Any) -> None:
    source = open_source(connect="w.db", dbt="ref('a')", manifest="m.json")
    with pytest.raises(SourceUnavailable, match="no manifest of dbt at"):
        dbt.located(source.origin)
    (tmp_path / "m.json").write_text("[]")
    with pytest.raises(SourceUnavailable, match="is no manifest of dbt"):
        dbt.located(source.origin)

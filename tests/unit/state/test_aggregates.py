"""What the many rows of a person come to: every aggregate, its filter, its nulls, and what it asks a source for."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest
from plans import MASKS, NOW
from rows import Rows

import reconcile as rc
from reconcile.state import people, properties
from reconcile.state.engines.duckdb import DuckDB
from reconcile.state.model import Silent
from reconcile.state.workspace import Workspace

SPEC = """\
version: 1
account: {name: shop, api_key: "{{ env('KEY') }}", api_secret: "{{ env('SECRET') }}"}
sources:
  customers: {file: customers.parquet, key: id}
  orders: {file: orders.parquet, key: who, many: true}
profiles: {from: customers, email: email}
properties:
"""
AT = [datetime.fromisoformat(f"2026-01-0{day}") for day in (3, 1, 2, 2)]
ORDERS: Mapping[str, list[Any]] = {
    # 1 has three orders and one without a value, 2 has none that counts, 3 has none, 9 is nobody.
    "who": [1, 1, 1, 1, 2, 9],
    "total": [0.1, 0.2, 5.0, None, None, 1000.0],
    "items": [3, 1, 2, 1, None, 50],
    "product": ["tea", "cocoa", "tea", "", None, "gold"],
    "at": [AT[0], AT[1], AT[2], None, AT[3], AT[0]],
    "note": ["7", "x", "10", None, None, "1"],
}

NOON, TWO = (datetime(2026, 1, 2, hour) for hour in (15, 14))  # noqa: DTZ001 -- in UTC
BIG = pa.array([2**53 + 1, 0, 2**53], pa.decimal128(20, 0))
SMALL = pa.array([19.9, 0.1, 0.1], pa.float32())


@pytest.fixture(scope="module")
def workspace() -> Iterator[Workspace]:
    with DuckDB() as opened:
        yield opened


class Shop:
    """Three customers, and what they ordered."""

    def __init__(self, folder: Path, workspace: Workspace) -> None:
        self.path, self.workspace = folder / "spec.yaml", workspace
        self.orders = Rows("orders", ORDERS)

    def known(self, text: str) -> properties.Known:
        self.path.write_text(SPEC + text, encoding="utf-8")
        spec = rc.load(self.path)
        customers = Rows("customers", {"id": [1, 2, 3], "email": [f"{at}@example.com" for at in "abc"]})
        sources = {"customers": customers, "orders": self.orders}
        found = people.gather(spec, sources, self.workspace, MASKS, Silent(), NOW)
        return properties.evaluate(spec, found.rows, self.workspace, NOW)

    def column(self, prop: str) -> list[Any]:
        rows = self.known(f"  p: {{source: orders, {prop}}}\n").rows
        return [row["p"] for row in self.workspace.dicts(rows.order_by(people.KEY).select("p"), limit=9)]

    def refused(self, prop: str) -> list[str]:
        with pytest.raises(rc.SpecInvalid) as invalid:
            self.known(f"  p: {{source: orders, {prop}}}\n")
        return [f"{one.where}: {one.message}".removeprefix(str(self.path)) for one in invalid.value.problems]


@pytest.fixture
def shop(tmp_path: Path, workspace: Workspace) -> Shop:
    return Shop(tmp_path, workspace)


@pytest.mark.parametrize(
    ("prop", "found"),
    [
        ("aggregate: count", [4, 1, 0]),
        ("aggregate: count, column: total", [3, 0, 0]),
        ("aggregate: count, where: total > 0.15", [2, 0, 0]),
        ("aggregate: count, where: at >= now() - interval 59 days", [2, 1, 0]),
        ("aggregate: count_distinct, column: items", [3, 0, 0]),
        ("aggregate: exists", [True, True, False]),
        ("aggregate: exists, column: total", [True, False, False]),
        ("aggregate: exists, where: product = 'cocoa'", [True, False, False]),
        ("aggregate: sum, column: total", [5.3, None, None]),
        ("aggregate: sum, column: total, default: 0", [5.3, 0.0, 0.0]),
        ("aggregate: sum, column: items", [7, None, None]),
        ("aggregate: sum, column: total, where: product = 'tea'", [5.1, None, None]),
        ("aggregate: sum, column: note, type: integer", [17, None, None]),
        ("aggregate: avg, column: items", [1.75, None, None]),
        ("aggregate: avg, column: total", [5.3 / 3, None, None]),
        ("aggregate: min, column: items", [1, None, None]),
        ("aggregate: max, column: note", ["x", None, None]),
        ("aggregate: max, column: note, type: integer", [10, None, None]),
        ("aggregate: max, column: at", [AT[0], AT[3], None]),
        ("aggregate: first, column: product, by: at", ["cocoa", None, None]),
        ("aggregate: last, column: product, by: at", ["tea", None, None]),
        ("aggregate: last, column: product, by: total", ["tea", None, None]),
        ("aggregate: last, column: items, by: at, where: product <> 'tea'", [1, None, None]),
        ("aggregate: list, column: product", [["cocoa", "tea"], None, None]),
        ("aggregate: list, column: items", [["1", "2", "3"], None, None]),
        ("aggregate: list, column: product, where: items > 2", [["tea"], None, None]),
    ],
)
def test_what_rows_come_to(shop: Shop, prop: str, found: list[object]) -> None:
    assert shop.column(prop) == found


def test_only_what_is_needed_is_asked_for(shop: Shop) -> None:
    shop.column("aggregate: last, column: product, by: at, where: total > 1 and Items > 0".replace("Items", "items"))
    assert shop.orders.demanded is not None
    assert shop.orders.demanded.columns == ("who", "product", "at", "items", "total")


def test_ties_are_broken_by_the_value(shop: Shop) -> None:
    shop.orders = Rows("orders", {"who": [1, 1, 1], "product": ["b", "c", "a"], "at": [5, 5, 5]})
    assert shop.column("aggregate: first, column: product, by: at")[0] == "a"
    assert shop.column("aggregate: last, column: product, by: at")[0] == "c"


def test_values_that_are_no_numbers_are_counted_for_people_only(shop: Shop) -> None:
    known = shop.known("  p: {source: orders, aggregate: sum, column: note, type: integer}\n")
    assert [(one.source, one.count) for one in known.unconverted] == [("property p", 1)]
    shop.orders = Rows("orders", {"who": [1, 9], "total": [float("nan"), float("nan")]})
    known = shop.known("  p: {source: orders, aggregate: sum, column: total}\n")
    assert [(one.source, one.count) for one in known.unconverted] == [("property p", 1)]


NAN, NFD = float("nan"), "e\u0301"
SIX, DAY = "2026-01-02T10:00:00-05:00", "2026-01-02T14:00:00Z"


@pytest.mark.parametrize(
    ("columns", "prop", "found", "open_"),
    [
        ({"x": [12.5, NAN, 2000.0]}, "aggregate: max, column: x", [12.5, 2000.0, None], [True, False, False]),
        ({"x": [12.5, NAN, 1.0]}, "aggregate: count, column: x", [1, 1, 0], [True, False, False]),
        ({"x": [12.5, NAN, 1.0]}, "aggregate: count, where: x > 0", [1, 1, 0], [True, False, False]),
        ({"x": ["12", "nan", "5"]}, "aggregate: max, column: x, type: float", [12.0, 5.0, None], [True, False, False]),
        (
            {"x": ["0.4", "0x10", "5"]},
            "aggregate: sum, column: x, type: integer",
            [None, 5, None],
            [True, False, False],
        ),
        ({"x": ["x", "", ""], "at": [1, 2, 3]}, "aggregate: last, column: x, by: at", ["x", None, None], None),
        ({"x": ["x", "", "y"]}, "aggregate: count, column: x", [1, 1, 0], None),
        ({"x": ["é", NFD, "e"]}, "aggregate: count_distinct, column: x", [1, 1, 0], None),
        ({"x": ["é", NFD, "e"]}, "aggregate: exists, where: \"x = 'é' and x <> ''\"", [True, False, False], None),
        ({"x": [SIX, DAY, DAY]}, "aggregate: max, column: x, type: datetime", [NOON, TWO, None], None),
        ({"x": ["a", "b", "c"], "at": [SIX, DAY, SIX]}, "aggregate: last, column: x, by: at", ["a", "c", None], None),
        ({"x": ["a", "b", "c"], "at": ["10", "9", "1"]}, "aggregate: last, column: x, by: at", ["a", "c", None], None),
        ({"x": BIG}, "aggregate: sum, column: x", [Decimal(2**53 + 1), Decimal(2**53), None], None),
        ({"x": BIG}, "aggregate: max, column: x", [Decimal(2**53 + 1), Decimal(2**53), None], None),
        ({"x": BIG}, "aggregate: list, column: x", [["0", str(2**53 + 1)], [str(2**53)], None], None),
        ({"x": SMALL}, "aggregate: list, column: x", [["0.1", "19.9"], ["0.1"], None], None),
    ],
)
def test_values_are_aggregated_as_they_are(
    shop: Shop, columns: dict[str, Any], prop: str, found: list[object], open_: list[bool] | None
) -> None:
    """Of 1 the first two rows, of 2 the third."""
    shop.orders = Rows("orders", {"who": [1, 1, 2], **columns})
    rows = shop.known(f"  p: {{source: orders, {prop}}}\n").rows
    told = shop.workspace.dicts(rows.order_by(people.KEY), limit=9)
    assert [row["p"] for row in told] == found
    assert [row["u:p"] for row in told] == open_ if open_ else "u:p" not in rows.columns


@pytest.mark.parametrize(
    ("prop", "told"),
    [
        (
            "aggregate: sum, column: product",
            ':8:39: column of property "p": sum needs numbers, and "product" is string',
        ),
        ("aggregate: count, where: items + 1", ':8:41: where of property "p": it is not a yes or no, but int64'),
        (
            "aggregate: count, where: cast(note as integer) > 1",
            ':8:41: where of property "p": fails on the data: conversion error',
        ),
    ],
)
def test_what_cannot_be_aggregated_is_refused_with_its_place(
    shop: Shop, prop: str, told: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(DuckDB, "guard", lambda *_: None)  # an engine that cannot say on which rows
    assert shop.refused(prop) == [told]


def test_a_column_of_a_filter_that_is_not_there_is_named(shop: Shop, tmp_path: Path) -> None:
    (tmp_path / "customers.csv").write_text("id,email\n1,a@example.com\n")
    (tmp_path / "orders.csv").write_text("who,total\n1,5\n")
    (tmp_path / "spec.yaml").write_text(
        SPEC.replace(".parquet", ".csv") + "  p: {source: orders, aggregate: count, where: totl is null}\n"
    )
    from reconcile import sources

    spec = rc.load(tmp_path / "spec.yaml")
    with pytest.raises(rc.SpecInvalid) as invalid:
        people.gather(spec, sources.open_all(spec, {}), shop.workspace, MASKS, Silent(), NOW)
    [problem] = invalid.value.problems
    assert problem.message.startswith("Source `orders` has no column `totl`")
    assert str(problem.where).endswith("spec.yaml:8:41")

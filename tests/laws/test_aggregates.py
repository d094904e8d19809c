"""Laws of aggregates: no order of rows, and no engine, changes what they come to."""

from __future__ import annotations

import math
import random
from collections.abc import Iterator, Mapping, Sequence
from datetime import date
from decimal import ROUND_HALF_UP, Decimal
from typing import Any

import pyarrow as pa
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from plans import NOW
from spark_server import on_spark

import reconcile as rc
from reconcile.spec.property import Aggregate
from reconcile.state import aggregates
from reconcile.state.engines.duckdb import DuckDB
from reconcile.state.workspace import Workspace

BOUNDED = settings(max_examples=15, deadline=None, suppress_health_check=list(HealthCheck))
COLUMNS = ("number", "whole", "text", "day", "flag")
SUMMABLE = {"number", "whole"}
ORDERED = {"first", "last"}
HEAD = """\
version: 1
account: {name: shop, api_key: "{{ env('KEY') }}", api_secret: "{{ env('SECRET') }}"}
sources: {customers: {file: customers.parquet, key: id}, orders: {file: orders.parquet, key: who, many: true}}
profiles: {from: customers, email: email}
properties:
"""
ROW = st.tuples(
    st.integers(1, 3),
    st.one_of(st.none(), st.floats(-1e12, 1e12), st.sampled_from([0.1, 0.2, 0.3, -0.0, 1e30, math.nan, 1e-13])),
    st.one_of(st.none(), st.integers(-(2**62), 2**62), st.integers(0, 3)),
    st.one_of(st.none(), st.sampled_from(["", "a", "b", "B", "é", "e\u0301", "東", "\U0001f600"])),
    st.one_of(st.none(), st.dates(date(1900, 1, 1), date(2100, 1, 1))),
    st.one_of(st.none(), st.booleans()),
)
TYPES = [pa.int64(), pa.float64(), pa.int64(), pa.string(), pa.date32(), pa.bool_()]


def props() -> Iterator[str]:
    for aggregate in Aggregate:
        for column in COLUMNS:
            if aggregate in {Aggregate.SUM, Aggregate.AVG} and column not in SUMMABLE:
                continue
            by = ", by: day" if aggregate in ORDERED else ""
            yield f"{aggregate}_{column}: {{source: orders, aggregate: {aggregate}, column: {column}{by}}}"
    yield "some: {source: orders, aggregate: sum, column: number, where: whole >= 0 and text <> 'a'}"
    yield "early: {source: orders, aggregate: first, column: text, by: whole, where: flag}"


@pytest.fixture(scope="module")
def spec(tmp_path_factory: pytest.TempPathFactory) -> rc.Spec:
    path = tmp_path_factory.mktemp("spec") / "spec.yaml"
    path.write_text(HEAD + "".join(f"  {line}\n" for line in props()))
    return rc.load(path)


@pytest.fixture(scope="module")
def workspace() -> Iterator[Workspace]:
    with DuckDB() as opened:
        yield opened


def aggregated(spec: rc.Spec, workspace: Workspace, rows: Sequence[tuple[Any, ...]]) -> list[Mapping[str, Any]]:
    columns = zip(*rows, strict=True)
    table = pa.table({n: pa.array(c, k) for n, c, k in zip(["who", *COLUMNS], columns, TYPES, strict=True)})
    stored = workspace.store("orders", table)
    keyed = stored.mutate(**{"k:id": stored.who.cast("string")})
    found = aggregates.of(spec, "orders", keyed, "k:id", workspace, NOW)
    return workspace.dicts(found.order_by("k:id"), limit=9)


@BOUNDED
@given(st.lists(ROW, min_size=1, max_size=40), st.randoms(use_true_random=False))
def test_the_order_of_rows_does_not_matter(
    spec: rc.Spec, workspace: Workspace, rows: list[tuple[Any, ...]], dice: random.Random
) -> None:
    shuffled = dice.sample(rows, len(rows))
    assert repr(aggregated(spec, workspace, rows)) == repr(aggregated(spec, workspace, shuffled))


@BOUNDED
@given(st.lists(ROW, min_size=1, max_size=40))
def test_sums_are_those_of_decimals(spec: rc.Spec, workspace: Workspace, rows: list[tuple[Any, ...]]) -> None:
    for found in aggregated(spec, workspace, rows):
        own = [row for row in rows if str(row[0]) == found["k:id"]]
        numbers = [exact for row in own if (exact := decimal(row[1])) is not None]
        assert found["a:sum_number"] == (float(sum(numbers, Decimal())) if numbers else None)
        assert (found["x:a:sum_number"] or 0) == sum(row[1] is not None and decimal(row[1]) is None for row in own)
        wholes = [row[2] for row in own if row[2] is not None]
        assert found["a:avg_whole"] == (float(sum(wholes)) / len(wholes) if wholes else None)
        assert found["a:count_distinct_whole"] == len(set(wholes))


def decimal(number: float | None) -> Decimal | None:
    """The number with twelve places, None where it is none or has no room in 38 digits."""
    if number is None or not math.isfinite(number) or abs(number) >= 1e26:
        return None
    return Decimal(repr(number)).quantize(Decimal("1e-12"), ROUND_HALF_UP)


@on_spark
@settings(BOUNDED, max_examples=3)
@given(st.lists(ROW, min_size=5, max_size=60))
def test_engines_agree(spec: rc.Spec, duck: Workspace, spark: Workspace, rows: list[tuple[Any, ...]]) -> None:
    one, other = (aggregated(spec, engine, rows) for engine in (duck, spark))
    pairs = [(name, a[name], b[name]) for a, b in zip(one, other, strict=True) for name in a]
    assert [(name, x, y) for name, x, y in pairs if x != y and (repr(x), repr(y)) != ("nan", "nan")] == []

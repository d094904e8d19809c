"""Contracts: each term at its boundary, and what a violation does to the run."""

from __future__ import annotations

from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest

import reconcile as rc
from reconcile.errors import SourceBroken
from reconcile.state import contracts
from reconcile.state.engines.duckdb import DuckDB

NOW = datetime(2026, 3, 3, 12, tzinfo=UTC)
PLANTED = "planted.person@example.com"
SPEC = """\
version: 1
account: {name: shop, api_key: "{{ env('KEY') }}", api_secret: "{{ env('SECRET') }}"}
sources:
  customers:
    file: customers.csv
    key: id
    contract: CONTRACT
profiles: {from: customers, email: email}
"""


def found(folder: Path, contract: str, column: pa.Array) -> list[tuple[str, int, int, str]]:
    """What is said of a table with the one column `x`."""
    (folder / "spec.yaml").write_text(SPEC.replace("CONTRACT", contract))
    with DuckDB() as workspace:
        rows = workspace.store("source:customers", pa.table({"x": column}))
        checked = contracts.check(rc.load(folder / "spec.yaml"), {"customers": rows}, workspace, NOW)
    assert all("spec.yaml:7:" in one.where for one in checked)
    return [(one.term, one.figure, one.limit, one.told) for one in checked]


def at(hour: int) -> datetime:
    return datetime(2026, 3, 2, hour)  # noqa: DTZ001 -- sources' timestamps have no zone


@pytest.mark.parametrize(
    ("contract", "column", "told"),
    [
        ("{min_rows: 2}", pa.array([1, 2]), None),
        ("{min_rows: 3}", pa.array([1, 2]), (2, 3, "it has 2 rows; at least 3 must be there")),
        ("{unique: [x]}", pa.array(["a", "A", None, None]), None),
        (
            "{unique: [x]}",
            pa.array(["a", "a", "a"]),
            (2, 0, "2 rows have a value of x that is there already; none may"),
        ),
        ("{not_null: [x]}", pa.array(["", "b"]), (1, 0, "1 row has no x; none may")),
        ("{not_null: [x]}", pa.array(["a", None]), (1, 0, "1 row has no x; none may")),
        ("{accepted_values: {x: [DE, AT]}}", pa.array(["DE", None]), None),
        (
            "{accepted_values: {x: [DE]}}",
            pa.array(["DE", "de"]),
            (1, 0, "1 row has a x that is not accepted; none may"),
        ),
        ("{accepted_values: {x: [1, 2.5]}}", pa.array([1.0, 2.5]), None),
        ("{accepted_values: {x: [1]}}", pa.array([1, 2]), (1, 0, "1 row has a x that is not accepted; none may")),
        (
            "{accepted_values: {x: [true]}}",
            pa.array([True, False]),
            (1, 0, "1 row has a x that is not accepted; none may"),
        ),
        ("{accepted_values: {x: [2026-01-01]}}", pa.array([date(2026, 1, 1)]), None),
        ("{max_age: {x: 24 hours}}", pa.array([at(11), at(12), None]), None),
        (
            "{max_age: {x: 24 hours}}",
            pa.array([at(11)]),
            (1500, 1440, "the newest x is 25 hours old; at most 24 hours may"),
        ),
        (
            "{max_age: {x: 1 day}}",
            pa.array([date(2026, 3, 1)]),
            (3600, 1440, "the newest x is 2 days old; at most 24 hours may"),
        ),
        ("{max_age: {x: 1 hour}}", pa.array(["2026-03-03T13:30:00+02:00"]), None),
        ("{max_age: {x: 1 hour}}", pa.array([None], pa.timestamp("us")), (0, 60, "no row has a time in x")),
    ],
)
def test_a_term_holds_or_is_told_with_figure_and_limit(
    contract: str, column: Any, told: tuple[int, int, str] | None, tmp_path: Path
) -> None:
    assert [said for _, *said in found(tmp_path, contract, column)] == ([list(told)] if told else [])


def test_all_that_is_violated_is_told_and_no_value_of_a_row(tmp_path: Path) -> None:
    contract = "{min_rows: 9, unique: [x], accepted_values: {x: [a]}}"
    said = found(tmp_path, contract, pa.array([PLANTED, PLANTED]))
    assert [term for term, *_ in said] == ["min_rows", "unique x", "accepted_values x"]
    assert PLANTED not in str(said)


def test_a_contract_may_stop_the_run(tmp_path: Path) -> None:
    contract = "{min_rows: 9, not_null: [x], on_violation: stop}"
    with pytest.raises(SourceBroken) as caught:
        found(tmp_path, contract, pa.array([None, "a"]))
    assert caught.value.exit_status == 69
    assert len(caught.value.violations) == 2
    assert "at least 9 must be there" in str(caught.value)
    assert "spec.yaml:7:" in str(caught.value)

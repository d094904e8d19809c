"""SQL of a spec that fails on a row: a misfit of that person, told at its place, and nobody else's fault."""

from __future__ import annotations

from pathlib import Path

import plans
import pytest
from account import FakeAccount
from world import World, shop

from reconcile.errors import SpecInvalid, ValuesUnfit
from reconcile.state.engines.duckdb import DuckDB

HEAD = """\
version: 1
account: {name: shop, api_key: "{{ env('KEY') }}", api_secret: "{{ env('SECRET') }}", url: http://sailthru.test}
sources:
  customers: {file: customers.csv, key: id}
  orders: {file: customers.csv, key: id, many: true}
profiles: {from: customers, email: email}
"""
ROWS = "id,email,text\n1,a@example.com,GOOD\n2,b@example.com,BAD\n3,c@example.com,\n"

CASES = {  # what stands in the spec, a value on which it works, one on which it fails
    "strptime": ("strptime(raw, '%m/%Y')", "02/2001", "unknown"),
    "json": ("json_extract_string(raw, '$.a')", '"{""a"": 1}"', "{"),
    "cast": ("cast(raw as integer)", "7", "seven"),
    "date": ("make_date(2020, try_cast(raw as integer), 1)", "7", "77"),
    "logarithm": ("ln(try_cast(raw as double))", "7", "-7"),
    "function of a cast": ("last_day(cast(raw as date))", "2020-01-31", "moonday"),
    "twice": ("cast(raw as integer) + cast(raw as integer)", "7", "seven"),
    "in a case": ("case when raw = 'x' then 1 else cast(raw as integer) end", "7", "seven"),
}


def write(spec: str, good: str, bad: str) -> tuple[str, str]:
    return HEAD + spec, ROWS.replace("GOOD", good).replace("BAD", bad)


@pytest.mark.parametrize("case", CASES)
def test_sql_of_a_property_that_fails_on_a_row_is_a_misfit(case: str, tmp_path: Path) -> None:
    sql, good, bad = CASES[case]
    spec, rows = write(
        f'properties: {{raw: {{column: text}}, made: {{sql: "{sql}"}}}}\nvars: {{made: made}}\n'
        'groups: {has: {list: Has, where: "made is not null"}, none: {list: None, where: "made is null"}}\n',
        good,
        bad,
    )
    face = plans.of(tmp_path, rows, FakeAccount(), text=spec).face
    [left] = face.invalid
    assert (left.source, left.count) == ("property made", 1)
    assert "spec.yaml:7:" in left.reason
    assert bad not in left.reason
    assert {one.name: one.join for one in face.lists if one.name in {"Has", "None"}} == {"Has": 1, "None": 1}


def test_sql_of_a_group_that_fails_on_a_row_leaves_the_membership_open(tmp_path: Path) -> None:
    where = "cast(raw as integer) < 9"
    spec, rows = write(
        f'properties: {{raw: {{column: text}}}}\ngroups: {{low: {{list: Low, where: "{where}"}},'
        f' high: {{list: High, where: "not ({where})"}}}}\n',
        "7",
        "seven",
    )
    face = plans.of(tmp_path, rows, FakeAccount(), text=spec).face
    assert [(one.source, one.count) for one in face.invalid] == [("group high", 1), ("group low", 1)]
    assert all("spec.yaml:8:" in one.reason and "seven" not in one.reason for one in face.invalid)
    assert {one.name: one.join for one in face.lists}["Low"] == 1


def test_a_filter_that_fails_on_a_row_leaves_it_out_of_the_aggregate(tmp_path: Path) -> None:
    spec, rows = write(
        "properties: {orders: {source: orders, aggregate: count, where: \"strptime(text, '%m/%Y') is not null\"}}\n"
        "vars: {orders: orders}\n",
        "02/2001",
        "unknown",
    )
    [left] = plans.of(tmp_path, rows, FakeAccount(), text=spec).face.invalid
    assert (left.source, left.count) == ("property orders", 1)
    assert "spec.yaml:7:" in left.reason


def test_strict_stops_the_plan(tmp_path: Path) -> None:
    made = "{sql: \"strptime(raw, '%m/%Y')\", type: date, strict: true}"
    spec, rows = write(f"properties: {{raw: {{column: text}}, made: {made}}}\nvars: {{made: made}}\n", "02/2001", "x")
    with pytest.raises(ValuesUnfit, match=r'"made" \(.*spec.yaml:7:.*1 value does not fit'):
        plans.of(tmp_path, rows, FakeAccount(), text=spec)


@pytest.mark.parametrize("key", ["sql", "where"])
def test_what_an_engine_cannot_catch_ends_at_its_place_and_blames_no_export(
    key: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    world = World(tmp_path)
    world.fill(shop(6))
    world.plan()
    assert world.apply().converged
    monkeypatch.setattr(DuckDB, "guard", lambda *_: None)  # as Spark has it
    fails = "year(strptime(first_name, '%Y')) > 2000"
    old, new = {
        "sql": ("city: {column: city}", f'city: {{sql: "{fails}"}}'),
        "where": ('where: "spent >= 1000"', f'where: "{fails}"'),
    }[key]
    world.text = world.text.replace(old, new)
    with pytest.raises(SpecInvalid, match="fails on the data: invalid input error") as refused:
        world.plan()
    assert refused.value.problems[0].where is not None


@pytest.mark.parametrize("sql", ["nullif(raw, 'BAD')", "1 // (length(raw) - 3)", "upper(raw)"])
def test_a_null_that_is_no_failure_is_no_misfit(sql: str, tmp_path: Path) -> None:
    spec, rows = write(
        f'properties: {{raw: {{column: text}}, made: {{sql: "{sql}"}}}}\nvars: {{made: made}}\n', "GOOD", "BAD"
    )
    assert plans.of(tmp_path, rows, FakeAccount(), text=spec).face.invalid == ()

"""The table of types in docs/sources.md holds: each row is written into its store, planned, applied, and looked up.

All rows of a store are columns of one table, which is read once.
"""

from __future__ import annotations

import asyncio
import json
import re
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, time
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
import value_cases
from pyarrow import parquet
from world import WIDE, Time

import reconcile as rc
from reconcile.simulator import Simulator
from reconcile.sources import columns, handbook, opening
from reconcile.sources.handbook import MISFIT, Row, Store
from reconcile.state.model import Demand

STORES = tuple(dict.fromkeys(row.store for row in handbook.TABLE))
INT96 = "INT96"
"""The old form of timestamps in Parquet, which a writer gives all of a file or none."""
SERVERS: Mapping[str, str] = {"postgres": "postgres_url", "mysql": "mariadb_url"}


@dataclass(frozen=True)
class Column:
    """One declared type of a row of the table, as a column of the table that is read."""

    name: str
    declared: str
    row: Row


def columns_of(store: Store) -> list[Column]:
    rows = [(row, declared) for row in handbook.TABLE if row.store == store for declared in row.declared]
    return [Column(f"c{at}", declared, row) for at, (row, declared) in enumerate(rows)]


def person(number: int) -> str:
    return f"person{number}@example.com"


@dataclass
class Outcome:
    """What became of a store: the kind of each column, the vars of each person, and what the plan counts."""

    kinds: Mapping[str, str]
    people: Mapping[str, Mapping[str, Any]]
    told: Mapping[str, int]


Outcomes = Callable[[Store], Outcome]


@pytest.fixture(scope="module")
def outcome_of(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Outcomes:
    made: dict[Store, Outcome | BaseException] = {}

    def outcome(store: Store) -> Outcome:
        if store not in made:
            url = request.getfixturevalue(SERVERS[store]) if store in SERVERS else ""
            try:
                made[store] = run(store, tmp_path_factory.mktemp(store), url)
            except Exception as error:  # noqa: BLE001 -- of each row's test
                made[store] = error
        found = made[store]
        if isinstance(found, BaseException):
            raise found
        return found

    return outcome


@pytest.mark.parametrize(
    ("store", "column"),
    [
        # A store is read once, so its rows keep to one process.
        pytest.param(store, one, id=f"{store}-{one.declared}", marks=pytest.mark.xdist_group(f"types of {store}"))
        for store in STORES
        for one in columns_of(store)
    ],
)
def test_a_type_arrives_as_the_table_says(store: Store, column: Column, outcome_of: Outcomes) -> None:
    found = outcome_of(store)
    row = column.row
    held = [found.people[person(number)].get(column.name) for number, _ in enumerate(row.held, 1)]
    assert held == [None if right is MISFIT else right for right in row.held.values()]
    assert [type(one) for one in held] == [type(None if one is MISFIT else one) for one in row.held.values()]
    assert found.kinds[column.name] == {"JSON": "text"}.get(row.comes, row.comes)
    assert found.told.get(f"property {column.name}", 0) == list(row.held.values()).count(MISFIT)


def run(store: Store, folder: Path, url: str) -> Outcome:
    """Plan, apply, and plan again, which must find nothing."""
    made = columns_of(store)
    source = WRITERS[store](folder, made, url)
    names = [one.name for one in made]
    old = [one.name for one in made if one.declared == INT96]
    environ = {"KEY": "demo-key", "SECRET": "demo-secret", "SHOP": url}
    guards = dict(one.strip(" {}").split(": ") for one in WIDE.split(","))
    spec = {
        "version": 1,
        "account": {
            "name": "shop",
            "api_key": "{{ env('KEY') }}",
            "api_secret": "{{ env('SECRET') }}",
            "url": "http://sailthru.test",
        },
        "sources": {"t": {"key": "id", **source}, **({"old": {"key": "id", "file": "old.parquet"}} if old else {})},
        "profiles": {"from": "t", "email": "email"},
        "properties": {name: {"column": name, **({"source": "old"} if name in old else {})} for name in names},
        "vars": {name: name for name in names},
        "policy": {"guards": {name: int(limit) if limit.isdigit() else limit for name, limit in guards.items()}},
    }
    (folder / "spec.yaml").write_text(json.dumps(spec))
    clock = Time()
    simulator = Simulator(keys={"demo-key": "demo-secret"}, clock=clock.clock)
    ours = rc.Reconciler(
        environ=environ,
        state=folder / ".reconcile",
        transport=simulator.transport(),
        sleep=clock.sleep,
        clock=clock.clock,
        now=lambda: datetime.fromtimestamp(clock.now, UTC),
    )
    loaded = rc.load(folder / "spec.yaml")
    first = asyncio.run(ours.plan(loaded, out=folder / "plan.rplan"))
    report = asyncio.run(ours.apply(first))
    assert report.converged, report
    again = asyncio.run(ours.plan(loaded, out=folder / "plan.rplan"))
    assert again.face.empty, again.face.samples
    profiles = simulator.account.profiles.values()
    people = {str(one.keys["email"]): {k: v for k, v in (one.vars or {}).items() if v is not None} for one in profiles}
    told: Counter[str] = Counter()
    for one in first.face.invalid:
        told[one.source] += one.count
    kinds: dict[str, str] = {}
    for name, one in opening.open_all(loaded, environ).items():
        asked = [column for column in names if (column in old) is (name == "old")]
        with one.read(Demand(tuple(asked))) as batches:
            kinds |= {field.name: kind_of(field.type) for field in batches.schema}
            batches.read_all()
    return Outcome(kinds, people, told)


def kind_of(type_: pa.DataType) -> str:
    """The word that the docs have for an Arrow type."""
    kind = columns.kind_of_arrow(type_)
    return "decimal" if isinstance(kind, columns.Decimal) else {"single": "number"}.get(kind, kind)


def rows_of(made: Sequence[Column]) -> Iterator[tuple[int, list[str | None]]]:
    """The number of each row, and its values as they are written."""
    stored = [list(one.row.held) for one in made]
    for number in range(max(map(len, stored))):
        yield number + 1, [values[number] if number < len(values) else None for values in stored]


def statements(made: Sequence[Column]) -> Iterator[str]:
    declared = ", ".join(f"{one.name} {one.declared}" for one in made)
    yield f"create table typed (id integer, email varchar(50), {declared})"
    for number, values in rows_of(made):
        cells = ", ".join("null" if one is None else one for one in values)
        yield f"insert into typed values ({number}, '{person(number)}', {cells})"


def write_postgres(folder: Path, made: Sequence[Column], url: str) -> Mapping[str, Any]:
    value_cases._run_postgres(
        url,
        [
            "drop table if exists typed",
            "drop type if exists mood",
            "drop domain if exists address, amount",
            "create type mood as enum ('glad')",
            "create domain address as text",
            "create domain amount as numeric(10,2)",
            *statements(made),
        ],
    )
    return {"connect": "{{ env('SHOP') }}", "table": "typed"}


def write_mysql(folder: Path, made: Sequence[Column], url: str) -> Mapping[str, Any]:
    value_cases._run_mysql(url, ["set sql_mode = ''", "drop table if exists typed", *statements(made)])
    return {"connect": "{{ env('SHOP') }}", "table": "typed"}


def write_sqlite(folder: Path, made: Sequence[Column], url: str) -> Mapping[str, Any]:
    value_cases._write(folder / "shop.db", {"statements": list(statements(made))})
    return {"connect": "shop.db", "table": "typed"}


def write_duckdb(folder: Path, made: Sequence[Column], url: str) -> Mapping[str, Any]:
    value_cases._run_duckdb(folder / "shop.duckdb", statements(made))
    return {"connect": "shop.duckdb", "table": "typed"}


def write_ndjson(folder: Path, made: Sequence[Column], url: str) -> Mapping[str, Any]:
    with (folder / "shop.jsonl").open("w") as file:
        for number, values in rows_of(made):
            fields = [f'"{one.name}": {value}' for one, value in zip(made, values, strict=True) if value is not None]
            print("{" + ", ".join([f'"id": {number}, "email": "{person(number)}"', *fields]) + "}", file=file)
    return {"file": "shop.jsonl"}


def write_csv(folder: Path, made: Sequence[Column], url: str) -> Mapping[str, Any]:
    lines = [["id", "email", *(one.name for one in made)]]
    lines += [[str(number), person(number), *(value or "" for value in values)] for number, values in rows_of(made)]
    (folder / "shop.csv").write_text("".join(",".join(line) + "\n" for line in lines))
    return {"file": "shop.csv"}


def write_parquet(folder: Path, made: Sequence[Column], url: str) -> Mapping[str, Any]:
    size = max(len(one.row.held) for one in made)
    numbers = range(1, size + 1)
    arrays = {
        one.name: arrow_array([*one.row.held, *[None] * (size - len(one.row.held))], one.declared) for one in made
    }
    old = [one.name for one in made if one.declared == INT96]
    ids = {"id": list(numbers), "email": list(map(person, numbers))}
    new = pa.table(ids | {name: array for name, array in arrays.items() if name not in old})
    parquet.write_table(new, folder / "shop.parquet")
    others = pa.table(ids | {name: arrays[name] for name in old})
    parquet.write_table(others, folder / "old.parquet", use_deprecated_int96_timestamps=True)
    return {"file": "shop.parquet"}


def arrow_array(values: Sequence[str | None], declared: str) -> pa.Array:
    """Values of the table as Arrow has them."""
    if declared.startswith(("list", "struct", "map")):
        return nested_array(values, declared)
    if declared.startswith(("date", "timestamp", INT96)):
        return array_of_times(values, declared)
    if declared.endswith(("binary", "binary(2)")):
        kind = pa.binary(2) if declared.endswith("(2)") else pa.binary()
        return pa.array([None if one is None else bytes.fromhex(one) for one in values], kind)
    if declared == "time64[us]":
        return pa.array([None if one is None else time.fromisoformat(one) for one in values], pa.time64("us"))
    texts = pa.array(values, pa.string())
    if declared == "dictionary":
        return texts.dictionary_encode()
    decimal = re.fullmatch(r"decimal128\((\d+),(\d+)\)", declared)
    return texts.cast(pa.decimal128(*map(int, decimal.groups())) if decimal else pa.type_for_alias(declared))


def nested_array(values: Sequence[str | None], declared: str) -> pa.Array:
    texts = pa.list_(pa.string())
    kind = {
        "list<string>": texts,
        "list<dictionary>": pa.list_(pa.dictionary(pa.int32(), pa.string())),
        "list<int64>": pa.list_(pa.int64()),
        "list<list<string>>": pa.list_(texts),
        "struct<a: int64, b: list<string>>": pa.struct([("a", pa.int64()), ("b", texts)]),
        "map<string, int64>": pa.map_(pa.string(), pa.int64()),
    }[declared]
    found = [None if one is None else json.loads(one) for one in values]
    if pa.types.is_map(kind):
        found = [None if one is None else list(one.items()) for one in found]
    return pa.array(found, kind)


def array_of_times(values: Sequence[str | None], declared: str) -> pa.Array:
    unit = "D" if declared == "date32" else "us" if declared == INT96 else declared.partition("[")[2][:2]
    counts = [None if one is None else int(np.datetime64(one.rstrip("Z"), unit).astype(int)) for one in values]
    if unit == "D":
        return pa.array(counts, pa.int32()).cast(pa.date32())
    return pa.array(counts, pa.int64()).cast(pa.timestamp(unit, "UTC" if "UTC" in declared else None))


WRITERS: Mapping[Store, Callable[[Path, Sequence[Column], str], Mapping[str, Any]]] = {
    "postgres": write_postgres,
    "mysql": write_mysql,
    "sqlite": write_sqlite,
    "duckdb": write_duckdb,
    "ndjson": write_ndjson,
    "csv": write_csv,
    "parquet": write_parquet,
}

"""The law of storages: the same rows give the same plan id, whatever they are stored in.

`RECONCILE_STORAGES` is how many examples are tried; `make storages` tries more.
"""

from __future__ import annotations

import asyncio
import csv
import json
import os
import sqlite3
import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import closing
from dataclasses import astuple, dataclass, fields
from datetime import UTC, date, datetime, timedelta, timezone
from decimal import Decimal
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import duckdb
import pyarrow as pa
import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from pyarrow import parquet
from world import WIDE, Time

import reconcile as rc
from reconcile.plan import archive
from reconcile.simulator import Simulator

EXAMPLES = int(os.environ.get("RECONCILE_STORAGES", "2"))

SPEC = """\
version: 1
account: {name: shop, api_key: "{{ env('KEY') }}", api_secret: "{{ env('SECRET') }}", url: http://sailthru.test}
sources: {customers: {SOURCE, key: id}}
profiles: {from: customers, email: email, identity: {var: customer_id}}
properties:
  whole: {column: whole, type: integer}
  large: {column: large, type: string}
  amount: {column: amount, type: float}
  ratio: {column: ratio, type: float}
  flag: {column: flag, type: boolean}
  said: {column: said, type: string}
  born: {column: born, type: date}
  seen: {column: seen, type: datetime}
  tags: {column: tags, type: list}
  greeting: {template: "Hi {{ said | default('there') }}, {{ amount | default(0) }}"}
vars: {whole: whole, large: large, amount: amount, ratio: ratio, flag: flag, said: said, born: born, seen: seen,
  tags: tags, greeting: greeting}
groups:
  spenders: {list: spenders, rules: {property: amount, op: gte, value: 10}}
  recent: {list: recent, rules: {property: seen, op: after, value: "2000-01-01"}}
  even: {list: even, where: "whole % 2 = 0 and flag"}
policy: {guards: GUARDS}
""".replace("GUARDS", WIDE)


@dataclass(frozen=True)
class Person:
    """A row; each storage has a type of its own for each value."""

    id: str
    email: str
    whole: int | None
    large: int | None
    amount: Decimal | None
    ratio: float | None
    flag: bool | None
    said: str | None
    born: date | None
    seen: datetime | None
    tags: tuple[str, ...] | None


NAMES = [one.name for one in fields(Person)]
# No storage holds lone surrogates, PostgreSQL no NUL, and a private character is a mark of ours.
CHARACTERS = st.characters(exclude_categories=["Cs", "Co"], exclude_characters="\x00")
TEXTS = st.text(CHARACTERS, max_size=12) | st.sampled_from(
    [
        "007",
        "1.10",
        "TRUE",
        "null",
        "Jose\u0301",
        "\u212b",
        "👩‍👩‍👧",
        'a "b", c',
        "a\nb",
        "a\r\nb",
        "a;b\t|",
        "\ufeffx",
        " ",
        "'--",
    ]
)
ZONES = st.integers(-12 * 60, 14 * 60).map(lambda minutes: timezone(timedelta(minutes=minutes)))
PEOPLE = st.lists(
    st.builds(
        Person,
        id=st.from_regex(r"\A[A-Z0-9]{1,9}\Z"),
        email=st.just(""),
        whole=st.none() | st.integers(-(2**63), 2**63 - 1) | st.integers(-9, 9),
        large=st.none() | st.integers(-(10**38) + 1, 10**38 - 1),
        amount=st.none() | st.decimals(-(10**9), 10**9, places=2),
        ratio=st.none() | st.floats(-1e300, 1e300, allow_subnormal=False).map(lambda number: number + 0.0),
        flag=st.none() | st.booleans(),
        said=st.none() | TEXTS,
        born=st.none() | st.dates(),
        seen=st.none() | st.datetimes(datetime(1900, 1, 1), datetime(2200, 1, 1), timezones=ZONES),  # noqa: DTZ001 -- Hypothesis's own
        tags=st.none() | st.lists(TEXTS, max_size=3).map(tuple),
    ),
    min_size=15,
    max_size=40,
    unique_by=lambda one: one.id,
)


@pytest.fixture(scope="module")
def urls(request: pytest.FixtureRequest) -> Mapping[str, str]:
    """The servers that run on this machine."""
    found: dict[str, str] = {}
    for name in ("postgres_url", "mariadb_url"):
        try:
            found[name] = request.getfixturevalue(name)
        except pytest.skip.Exception:
            continue
    return found


# Not made smaller: that takes hundreds of plans, and what differs is one line.
@settings(
    max_examples=EXAMPLES,
    derandomize="RECONCILE_STORAGES" not in os.environ,
    phases=(Phase.explicit, Phase.generate),
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large, HealthCheck.large_base_example],
)
@given(people=PEOPLE)
def test_the_same_rows_give_the_same_plan_whatever_they_are_stored_in(
    people: list[Person], urls: Mapping[str, str]
) -> None:
    rows = [Person(one.id, f"p{at}@example.com", *astuple(one)[2:]) for at, one in enumerate(people)]
    plans = dict(planned(rows, urls))
    first = plans["Parquet"]
    assert {name: said for name, said in plans.items() if said != first} == {}, first


def planned(rows: Sequence[Person], urls: Mapping[str, str]) -> Iterator[tuple[str, tuple[str, str]]]:
    """Each storage with the plan's id, and what the plan does."""
    servers = {"PostgreSQL": ("postgres_url", write_postgres), "MariaDB": ("mariadb_url", write_mariadb)}
    with tempfile.TemporaryDirectory() as made:
        for name, write in WRITERS.items():
            yield name, plan(Path(made), name, write(Path(made), rows), "")
        for name, (url, fill) in servers.items():
            if url in urls:
                fill(urls[url], rows)
                yield name, plan(Path(made), name, "connect: \"{{ env('SHOP') }}\", table: people", urls[url])


def plan(folder: Path, name: str, source: str, url: str) -> tuple[str, str]:
    time = Time()
    simulator = Simulator(keys={"demo-key": "demo-secret"}, clock=time.clock)
    ours = rc.Reconciler(
        environ={"KEY": "demo-key", "SECRET": "demo-secret", "SHOP": url},
        state=folder / name,
        transport=simulator.transport(),
        sleep=time.sleep,
        clock=time.clock,
        now=lambda: datetime.fromtimestamp(time.now, UTC),
    )
    (folder / "spec.yaml").write_text(SPEC.replace("SOURCE", source))
    found = asyncio.run(ours.plan(rc.load(folder / "spec.yaml"), out=folder / "plan.rplan"))
    assert found.face.invalid == (), found.face.invalid
    return found.face.plan_id, "\n".join(str(one) for _, one in archive.walk(found))


# How each storage has them


def text_of(value: Any) -> str | None:
    """As a file has it."""
    match value:
        case None:
            return None
        case bool():
            return "true" if value else "false"
        case float():
            return repr(value)
        case datetime() | date():
            return value.isoformat()
        case tuple():
            return json.dumps(value)
        case _:
            return str(value)


def write_csv(folder: Path, rows: Sequence[Person]) -> str:
    with (folder / "people.csv").open("w", encoding="utf-8", newline="") as file:
        made = csv.writer(file, lineterminator="\n")
        made.writerow(NAMES)
        made.writerows([text_of(one) for one in astuple(row)] for row in rows)
    return "file: people.csv"


def write_ndjson(folder: Path, rows: Sequence[Person]) -> str:
    def said(value: Any) -> str:
        if isinstance(value, str | datetime | date):
            return json.dumps(str(text_of(value)))
        return str(text_of(value) or "null")

    lines = ["{" + ", ".join(f'"{name}": {said(getattr(row, name))}' for name in NAMES) + "}" for row in rows]
    (folder / "people.jsonl").write_text("".join(f"{line}\n" for line in lines), encoding="utf-8")
    return "file: people.jsonl"


def write_parquet(folder: Path, rows: Sequence[Person]) -> str:
    kinds = dict.fromkeys(NAMES, pa.string()) | {
        "whole": pa.int64(),
        "large": pa.decimal128(38, 0),
        "amount": pa.decimal128(12, 2),
        "ratio": pa.float64(),
        "flag": pa.bool_(),
        "born": pa.date32(),
        "seen": pa.timestamp("us", "UTC"),
        "tags": pa.list_(pa.string()),
    }
    columns = {name: pa.array([getattr(row, name) for row in rows], kind) for name, kind in kinds.items()}
    parquet.write_table(pa.table(columns), folder / "people.parquet")
    return "file: people.parquet"


def write_sqlite(folder: Path, rows: Sequence[Person]) -> str:
    path = folder / "people.db"
    path.unlink(missing_ok=True)
    with closing(sqlite3.connect(path)) as database:
        database.execute(
            "create table people (id text, email text, whole integer, large text, amount decimal(12,2), ratio real,"
            " flag boolean, said text, born date, seen datetime, tags text)"
        )
        as_text = (Decimal, date, datetime, tuple)
        for row in rows:
            values = [text_of(one) if isinstance(one, as_text) else one for one in astuple(row)]
            values[3] = text_of(row.large)
            database.execute(f"insert into people values ({', '.join('?' * len(NAMES))})", values)
        database.commit()
    return "connect: people.db, table: people"


def write_duckdb(folder: Path, rows: Sequence[Person]) -> str:
    path = folder / "people.duckdb"
    path.unlink(missing_ok=True)
    with duckdb.connect(str(path)) as database:
        database.execute(
            "create table people (id varchar, email varchar, whole bigint, large decimal(38,0), amount decimal(12,2),"
            " ratio double, flag boolean, said varchar, born date, seen timestamptz, tags varchar[])"
        )
        for row in rows:
            values = [list(one) if isinstance(one, tuple) else one for one in astuple(row)]
            values[3] = text_of(row.large)
            database.execute(f"insert into people values ({', '.join('?' * len(NAMES))})", values)
    return "connect: people.duckdb, table: people"


def write_postgres(url: str, rows: Sequence[Person]) -> None:
    import psycopg

    with psycopg.connect(url, autocommit=True) as connection, connection.cursor() as cursor:
        cursor.execute("drop table if exists people")
        cursor.execute(
            "create table people (id text, email text, whole bigint, large numeric(38,0), amount numeric(12,2),"
            " ratio double precision, flag boolean, said text, born date, seen timestamptz, tags text[])"
        )
        values = [[list(one) if isinstance(one, tuple) else one for one in astuple(row)] for row in rows]
        cursor.executemany(f"insert into people values ({', '.join(['%s'] * len(NAMES))})", values)


def write_mariadb(url: str, rows: Sequence[Person]) -> None:
    import pymysql

    to = urlsplit(url)
    login = {"user": to.username, "password": to.password, "database": to.path.strip("/"), "autocommit": True}
    with pymysql.connect(host=to.hostname, port=to.port, charset="utf8mb4", **login) as connection:
        cursor = connection.cursor()
        cursor.execute("drop table if exists people")
        cursor.execute(
            "create table people (id varchar(20), email varchar(50), whole bigint, large decimal(38,0),"
            " amount decimal(12,2), ratio double, flag boolean, said text, born date, seen datetime(6), tags json)"
        )
        for row in rows:
            values: list[Any] = [text_of(one) if isinstance(one, float | tuple) else one for one in astuple(row)]
            values[-2] = row.seen and row.seen.astimezone(UTC).replace(tzinfo=None)
            cursor.execute(f"insert into people values ({', '.join(['%s'] * len(NAMES))})", values)


WRITERS: Mapping[str, Callable[[Path, Sequence[Person]], str]] = {
    "Parquet": write_parquet,
    "CSV": write_csv,
    "newline JSON": write_ndjson,
    "SQLite": write_sqlite,
    "DuckDB": write_duckdb,
}

"""Shops of millions, made once and kept: customers as Parquet, and what an account a little behind would export.

    python benchmarks/shops.py 1000000

Of the profiles on both sides 1 % differ in one field; 0.5 % of the account's have left, and as many are new. Nothing is
random, so that every machine makes the same: values come of hashes of the customer's number. Made by the engine, as
otherwise the making would take longer than all the measuring.
"""

from __future__ import annotations

import json
import os
import shutil
import sys
import tempfile
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import duckdb
import pyarrow as pa
import pyarrow.compute as pc

DATA = Path(os.environ.get("BENCH_DATA") or Path(tempfile.gettempdir()) / "bench-data")
"""Where shops are kept from one run to the next: 10 M take about 7 GB."""

REGISTRY = "reconcile: managed"
GROUPS = {
    "News": "news",
    "Lapsed": "last_order < timestamp '2021-01-01'",
    "Big Spenders": "spent >= 1000",
    "Young": "birthday >= date '2000-01-01'",
    "VIP": "vip",
}
"""List -> its rule, in words that the spec and the maker of the exports share: on it are 30, 20, 10, 9 and 5 %."""

SPEC = """\
version: 1
account:
  name: bench
  api_key: "{{ env('KEY') }}"
  api_secret: "{{ env('SECRET') }}"
  url: "{{ env('URL') }}"
sources:
  customers: {SOURCE, key: id}
profiles: {from: customers, email: email, id: id, identity: {var: customerId}}
properties:
  first_name: {column: first_name}
  last_name: {column: last_name}
  city: {column: city}
  greeting: {template: "Hi {{ first_name | default('there') | title }}"}
  orders: {column: orders}
  spent: {column: spent, default: 0}
  vip: {column: vip}
  news: {column: news}
  birthday: {column: birthday}
  last_order: {column: last_order}
vars:
  firstName: first_name
  lastName: last_name
  city: city
  greeting: greeting
  orders: orders
  spent: spent
  vip: vip
  birthday: birthday
  lastOrder: last_order
groups:
GROUPS
policy:
  lookups: 0
  guards: {removals: 100%, joins: 100000000, deletions: 100000000, updates: 100%, source_rows: 100%, nulled: 100%,
    same_value: 100%}
"""
"""Ten vars of six types: `customerId` is the tenth. One is made by a template."""

MACROS = r"""
CREATE MACRO dice(i, what, sides) AS hash(i, what) % sides;
CREATE MACRO picked(names, i, what) AS names[1 + dice(i, what, len(names))::int];
CREATE MACRO edited(i, nth) AS i % 1000 BETWEEN 5 AND 14 AND i // 1000 % 5 = nth;
CREATE MACRO php(v) AS CASE WHEN v IS NULL THEN '' WHEN regexp_matches(v, '[\s",\\]')
    THEN '"' || replace(v, '"', '""') || '"' ELSE v END;
CREATE MACRO moment(t) AS strftime(t, '"%Y/%m/%d %H:%M:%S"');
CREATE MACRO number(d) AS CASE WHEN d = floor(d) THEN d::bigint::varchar ELSE d::varchar END;
CREATE MACRO sid_of(i) AS printf('%08x', 1431000000 + i // 16) || md5(i::varchar)[:8] || printf('%08x', i);
"""
"""Made-up values, and cells as Sailthru's PHP writes them (SAILTHRU.md §9.3): the quoting of `fputcsv`, no zone."""

PEOPLE = """
SELECT i AS id,
    'person' || i || '@' || ['example.com', 'example.org', 'mail.example', 'post.example'][1 + i % 4] AS email,
    CASE WHEN dice(i, 'f', 50) > 0
        THEN picked(['Ada', 'Zoë', 'Chloé', 'Ben', 'Noor', 'Søren', 'Mia', 'Łukasz'], i, 'f1') || ' '
            || chr(65 + dice(i, 'f2', 26)::int) || '.' END AS first_name,
    picked(['Brown', 'O''Brien', 'de la Cruz', 'Müller', 'Kowalski', 'Nguyễn', 'van Dijk', 'Smith'], i, 'l') || '-'
        || (dice(i, 'l2', 5000) + ({now} AND edited(i, 0))::int) AS last_name,
    CASE WHEN dice(i, 'c', 20) > 0 THEN picked(['Leeds', 'New York', 'São Paulo', 'Washington, D.C.', 'Köln',
        'The "Mill"', 'Saint-Denis'], i, 'c1') || CASE dice(i, 'c2', 500) WHEN 0 THEN chr(10) ELSE ' ' END
        || dice(i, 'c3', 90) END AS city,
    (dice(i, 'o', 40) + ({now} AND edited(i, 1))::int)::int AS orders,
    CASE WHEN dice(i, 's', 20) > 0 OR ({now} AND edited(i, 2))
        THEN (1 + dice(i, 's1', 111111) + ({now} AND edited(i, 2))::int) / 100 END AS spent,
    (dice(i, 'v', 20) = 0) <> ({now} AND edited(i, 3)) AS vip,
    dice(i, 'n', 10) < 3 AS news,
    CASE WHEN dice(i, 'b', 3) > 0 THEN date '1940-01-01' + dice(i, 'b1', 25300)::int END AS birthday,
    timestamp '2020-01-01'
        + to_seconds((dice(i, 't', 157680000) + ({now} AND edited(i, 4))::int * 60)::bigint) AS last_order
"""
"""A customer by number, as the shop has them `now`, or had them when the account was last made equal to it."""

NATIVE: dict[str, str] = {
    "Profile Id": "sid_of(id)",
    "Email Hash": "md5(email)",
    "Domain": "split_part(email, '@', 2)",
    "Engagement": "picked(['new', 'active', 'passive', 'dormant'], id, 'e')",
    "Lists": "php(lists)",
    "Profile Created Date": "moment(joined)",
    "Signup": "moment(joined)",
    "Opens": "dice(id, 'opens', 60)",
    "Clicks": "dice(id, 'clicks', 9)",
    "Pageviews": "0",
    "Last Open": "moment(last_order)",
    "Last Click": "''",
    "Last Pageview": "''",
    "Optout Time": "CASE WHEN dice(id, 'optout', 100) = 0 THEN moment(last_order) ELSE '' END",
    "List Signup": "moment(joined)",
    "Geolocation City": "''",
    "Geolocation State": "''",
    "Geolocation Country": "'US'",
    "Geolocation Zip": "''",
    "Lifetime Message": "dice(id, 'messages', 400)",
    "First Purchase Time": "''",
    "Purchase Count": "0",
    "Purchase Price": "''",
    "Purchase Incomplete": "0",
    "Last Purchase Time": "''",
    "Largest Purchase Item Price": "''",
    "Top Device": "''",
    "Email Status": "'Valid'",
}
"""The recorded header (SAILTHRU.md §9.3) and how a cell of each column is written."""

VARS: dict[str, str] = {
    "firstName": "php(first_name)",
    "lastName": "php(last_name)",
    "city": "php(city)",
    "greeting": "php('Hi ' || coalesce(first_name, 'There'))",
    "orders": "orders",
    "spent": "number(coalesce(spent, 0))",
    "vip": "vip",
    "birthday": "coalesce(birthday::varchar, '')",
    "lastOrder": "strftime(last_order, '%Y-%m-%dT%H:%M:%SZ')",
    "customerId": "id",
}
STRIDE = 7_368_787
"""A prime: counted off by it, rows come in no order, and nothing has to be sorted."""


@dataclass(frozen=True)
class Made:
    """A shop on disk: `customers.parquet`, `spec.yaml` and a CSV for each list in `exports`."""

    folder: Path
    size: int

    @property
    def customers(self) -> Path:
        """What the shop wants: the customers of today."""
        return self.folder / "customers.parquet"

    @property
    def spec(self) -> Path:
        """The spec over it."""
        return self.folder / "spec.yaml"

    def export(self, name: str) -> Path:
        """The CSV of a list."""
        return self.folder / "exports" / f"{list_names().index(name)}.csv"

    @property
    def inputs(self) -> list[Path]:
        """All that a plan reads."""
        return [self.customers, *(self.export(name) for name in list_names())]

    def state(self, side: str) -> Path:
        """A state as `reconcile.state.model.Shape` says, prepared: `desired` or `observed`."""
        return self.folder / "states" / f"{side}.parquet"

    @property
    def bytes(self) -> int:
        """Their size."""
        return sum(path.stat().st_size for path in self.inputs)


@contextmanager
def engine(**config: str) -> Iterator[duckdb.DuckDBPyConnection]:
    """A bare DuckDB: no bar, and rows in whatever order."""
    with duckdb.connect(config={"preserve_insertion_order": "false", **config}) as opened:
        opened.execute("SET enable_progress_bar = false")
        yield opened


def list_names() -> list[str]:
    """The lists of every shop, the registry first."""
    return [REGISTRY, *GROUPS]


def header() -> list[str]:
    """The columns of every export."""
    return [*NATIVE, *VARS]


def email_of(sid: str) -> str:
    """The address of a profile, which its sid tells here: a plan asks for one, to see that hashes are as expected."""
    number = int(sid[-8:], 16)
    return f"person{number}@{['example.com', 'example.org', 'mail.example', 'post.example'][number % 4]}"


def spec(source: str) -> str:
    """The spec over a source given as the start of its YAML map."""
    groups = "\n".join(f'  g{at}: {{list: {name}, where: "{rule}"}}' for at, (name, rule) in enumerate(GROUPS.items()))
    return SPEC.replace("SOURCE", source).replace("GROUPS", groups)


def made(size: int, *, changed: bool = True) -> Made:
    """The shop of this size, from disk where it is there already; without `changed`, the account is up to date."""
    shop = Made(DATA / (f"{size}" if changed else f"{size}-unchanged"), size)
    if not shop.folder.exists():
        draft = Made(shop.folder.with_name(f".{shop.folder.name}.{os.getpid()}"), size)
        (draft.folder / "exports").mkdir(parents=True)
        try:
            _make(draft, changed=changed)
            draft.folder.rename(shop.folder)
        finally:
            shutil.rmtree(draft.folder, ignore_errors=True)
    return shop


def _make(shop: Made, *, changed: bool) -> None:
    size, gone = shop.size, 5 if changed else 0
    with engine(temp_directory=str(shop.folder)) as bare:
        bare.execute(MACROS)
        bare.execute(f"CREATE TABLE numbers AS SELECT range AS i FROM range({size + size * gone // 1000})")
        today = PEOPLE.format(now=changed)
        bare.execute(
            f"COPY ({today} FROM numbers WHERE i % 1000 >= {gone} OR i >= {size})"
            f" TO '{shop.customers}' (FORMAT parquet, COMPRESSION zstd)"
        )
        bare.execute(f"CREATE TABLE shuffled AS {shuffled(size)}")
        bare.execute(f"CREATE TABLE records AS {_records()}")
        for name in list_names():
            wanted = f"SELECT record FROM records WHERE {_flag(name)}"
            _write(shop.export(name), bare.execute(wanted).to_arrow_reader(50_000))
    shop.spec.write_text(spec("file: customers.parquet"))


def shuffled(size: int) -> str:
    """The numbers of all who were there, counted off by the stride: no row stands where its like stands in the shop."""
    return f"SELECT range * {STRIDE} % {size} AS i FROM range({size})"


def _records() -> str:
    """Everybody as the account has them: the record that stands in every export they are in, and which those are."""
    people = f"{PEOPLE.format(now=False)} FROM shuffled"
    listed = ", ".join(f"CASE WHEN {rule} THEN '{name}' END" for name, rule in GROUPS.items())
    flags = ", ".join(f"coalesce({rule}, false) AS {_flag(name)}" for name, rule in GROUPS.items())
    people = (
        f"SELECT *, concat_ws(',', '{REGISTRY}', {listed}) AS lists, timestamp '2015-05-07' + to_seconds(id) AS joined"
        f" FROM ({people})"
    )
    cells = ", ',', ".join([*NATIVE.values(), *VARS.values()])
    return f"SELECT concat({cells}, chr(10)) AS record, true AS {_flag(REGISTRY)}, {flags} FROM ({people})"


def _flag(name: str) -> str:
    return f"on_{list_names().index(name)}"


def _write(path: Path, batches: Iterable[pa.RecordBatch]) -> None:
    with path.open("wb") as file:
        file.write((",".join(f'"{name}"' if " " in name else name for name in header()) + "\n").encode())
        for batch in batches:
            whole = pa.ListArray.from_arrays(pa.array([0, len(batch)], pa.int32()), batch.column(0))
            file.write(memoryview(pc.binary_join(whole, "")[0].as_buffer()))


if __name__ == "__main__":
    for asked in sys.argv[1:]:
        shop = made(int(asked))
        print(json.dumps({"folder": str(shop.folder), "size": shop.size, "bytes": shop.bytes}), flush=True)

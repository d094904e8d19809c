"""One spec over a product database, another one, a warehouse of Parquet and a CSV: planned, applied, planned empty."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime
from pathlib import Path
from urllib.parse import urlsplit

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from world import REGISTRY, WIDE, Time

import reconcile as rc
from reconcile.errors import SourceBroken
from reconcile.simulator import Simulator

SPEC = """\
version: 1
account: {name: shop, api_key: "{{ env('KEY') }}", api_secret: "{{ env('SECRET') }}", url: http://sailthru.test}
sources:
  customers: {connect: "{{ env('SHOP') }}", table: crm.customers, key: id}
  consents:
    connect: "{{ env('FORMS') }}"
    query: "select who, max(`at`) as `last` from consents where form in {{ forms }} group by who"
    parameters: {forms: [news, "it's"]}
    key: who
  spending:
    file: "warehouse/*.parquet"
    key: customer
    contract: {min_rows: 3, max_age: {loaded_at: 36 hours}, on_violation: VIOLATED}
  regions: {file: regions.csv, key: customer}
profiles: {from: customers, email: email, identity: {var: customer_id}}
properties:
  first_name: {column: first_name}
  asked_at: {source: consents, column: last}
  spent: {source: spending, column: spent, default: 0, private: true}
  region: {source: regions, column: region}
vars: {firstName: first_name, askedAt: asked_at, region: region}
groups:
  big: {list: Big Spenders, where: "spent >= 1000"}
  news: {list: News, where: "asked_at is not null"}
policy: {mode: sync, on_leave: unlist, guards: GUARDS}
""".replace("GUARDS", WIDE)


class Shop:
    """Four places with rows, an empty account, and who reconciles them."""

    def __init__(self, folder: Path, postgres: str, mariadb: str) -> None:
        self.folder, self.postgres, self.time = folder, postgres, Time()
        self.simulator = Simulator(keys={"demo-key": "demo-secret"}, clock=self.time.clock)
        self.ours = rc.Reconciler(
            environ={"KEY": "demo-key", "SECRET": "demo-secret", "SHOP": postgres, "FORMS": mariadb},
            state=folder / ".reconcile",
            transport=self.simulator.transport(),
            sleep=self.time.sleep,
            clock=self.time.clock,
            now=lambda: datetime.fromtimestamp(self.time.now, UTC),
        )
        (folder / "warehouse").mkdir()
        (folder / "regions.csv").write_text("customer,region\n1,North\n2,\n")

    def load(self, spent: dict[int, int]) -> None:
        """The warehouse, loaded this moment."""
        now = datetime.fromtimestamp(self.time.now, UTC)
        columns = {"customer": list(spent), "spent": list(spent.values()), "loaded_at": [now] * len(spent)}
        pq.write_table(pa.table(columns), self.folder / "warehouse" / "a.parquet")

    def plan(self, violated: str = "hold_deletes") -> rc.Plan:
        (self.folder / "spec.yaml").write_text(SPEC.replace("VIOLATED", violated))
        return asyncio.run(self.ours.plan(rc.load(self.folder / "spec.yaml"), out=self.folder / "plan.rplan"))

    def apply(self, plan: rc.Plan) -> None:
        assert asyncio.run(self.ours.apply(plan)).converged

    def members(self, name: str) -> set[str]:
        people = self.simulator.account.profiles.values()
        return {str(one.keys["email"]) for one in people if name in (one.lists or {})}


@pytest.fixture
def shop(tmp_path: Path, postgres_url: str, mariadb_url: str) -> Shop:
    psycopg, pymysql = pytest.importorskip("psycopg"), pytest.importorskip("pymysql")
    with psycopg.connect(postgres_url) as connection:
        connection.execute("DROP SCHEMA IF EXISTS crm CASCADE")
        connection.execute("CREATE SCHEMA crm")
        connection.execute(
            "CREATE TABLE crm.customers AS SELECT * FROM (VALUES (1, 'ada@example.com', 'Ada'),"
            " (2, 'Bob@Example.com', 'Bob'), (3, 'zoe@example.com', 'Zoë')) AS v(id, email, first_name)"
        )
    to = urlsplit(mariadb_url)
    login = {"user": to.username, "password": to.password, "database": "shop", "autocommit": True}
    with pymysql.connect(host=to.hostname, port=to.port, **login) as connection, connection.cursor() as cursor:
        cursor.execute("CREATE OR REPLACE TABLE consents (who INT, form VARCHAR(9), at DATETIME)")
        rows = [
            (1, "news", "2026-02-01"),
            (1, "news", "2026-02-03"),
            (2, "it's", "2026-01-01"),
            (3, "no", "2026-01-01"),
        ]
        cursor.executemany("INSERT INTO consents VALUES (%s, %s, %s)", rows)
    made = Shop(tmp_path, postgres_url, mariadb_url)
    made.load({1: 2000, 2: 10, 3: 1000})
    return made


def test_sources_of_all_kinds_make_one_account(shop: Shop) -> None:
    shop.apply(shop.plan())
    assert shop.members("Big Spenders") == {"ada@example.com", "zoe@example.com"}
    assert shop.members("News") == {"ada@example.com", "bob@example.com"}
    people = {one.keys["email"]: one.vars for one in shop.simulator.account.profiles.values()}
    ada = {"customer_id": 1, "firstName": "Ada", "region": "North", "askedAt": "2026-02-03T00:00:00Z"}
    assert people["ada@example.com"] == ada
    assert shop.plan().face.empty


def test_a_load_that_broke_takes_nobody_away(shop: Shop) -> None:
    shop.apply(shop.plan())
    shop.load({1: 2000, 2: 5000})
    held = shop.plan()
    assert [(one.source, one.term, one.figure, one.limit) for one in held.face.violations] == [
        ("spending", "min_rows", 2, 3)
    ]
    assert held.face.held_by_contract == {"removals": 1}
    shop.apply(held)
    assert shop.members("Big Spenders") == {"ada@example.com", "bob@example.com", "zoe@example.com"}
    with pytest.raises(SourceBroken, match="at least 3 must be there"):
        shop.plan("stop")
    shop.load({1: 2000, 2: 5000, 3: 0})
    shop.apply(shop.plan())
    assert shop.members("Big Spenders") == {"ada@example.com", "bob@example.com"}
    assert len(shop.members(REGISTRY)) == 3


def test_a_load_that_did_not_run_is_told_by_its_age(shop: Shop) -> None:
    shop.apply(shop.plan())
    shop.time.now += 3 * 24 * 3600
    (violated,) = shop.plan().face.violations
    assert violated.told == "the newest loaded_at is 3 days old; at most 36 hours may"

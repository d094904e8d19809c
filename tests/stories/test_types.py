"""Values of every type go to the account and come back as the same: through `/user`, through jobs, by export and look.

The shop is a Parquet file of odd values, written anew for each scene.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Mapping, Sequence
from datetime import UTC, date, datetime
from hashlib import sha256
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest
from pyarrow import parquet
from world import WIDE, Time, meddle

import reconcile as rc
from reconcile.plan import explain
from reconcile.simulator import Simulator

SPEC = """\
version: 1
account: {name: shop, api_key: "{{ env('KEY') }}", api_secret: "{{ env('SECRET') }}", url: http://sailthru.test}
sources:
  customers: {file: customers.parquet, key: id}
  orders: {file: orders.parquet, key: who, many: true}
profiles: {from: customers, email: email}
properties:
  name: {column: name}
  contact: {column: contact, type: email}
  phone: {column: phone, type: phone, region: GB, pii: true}
  site: {column: site, type: url}
  tags: {column: tags, type: list}
  extra: {column: extra, type: json}
  born: {column: born, type: date}
  seen: {column: seen, type: datetime}
  score: {column: score, type: float}
  bought: {source: orders, aggregate: list, column: item}
  spent: {source: orders, aggregate: sum, column: total, default: 0}
  key: {column: contact, type: email, hash: sha256, salt: "{{ env('SALT') }}"}
vars: {name: name, contact: contact, phone: phone, site: site, tags: tags, extra: extra, born: born, seen: seen,
  score: score, bought: bought, spent: spent, key: key}
policy: {route: ROUTE, guards: GUARDS}
""".replace("GUARDS", WIDE)
SALT = "s4lt-and-pepper"
NAMES = ["Ada", "Zoë", 'Say "hi"', "", None, "a\nb", "[]"]
CONTACTS = [" Ada@Example.com", "nobody", None, "zoe@example.com"]
PHONES = ["020 7946 0958", "+1 (780) 434-4554", "call me", None]
SITES = ["https://example.com/a?b=é", "example.com", None]
TAGS = ['["b","a"]', '["é \\"x\\" /","\\u0041"]', "[]", "a, b", None, '["one"]']
EXTRA = ['{"b": 1.0, "a": [true, null, "é/\\u0001"]}', "[1, 2.5]", "{}", "nope", None, '{"n": {"z": 1, "a": {}}}']
ITEMS = ["tea", "cocoa", 'a "b"', "é", None, ""]

Person = Mapping[str, Any]


class Shop:
    """Customers as a file, and an account that is made like them."""

    def __init__(self, folder: Path, route: str) -> None:
        self.folder, self.time = folder, Time()
        (folder / "spec.yaml").write_text(SPEC.replace("ROUTE", route))
        self.simulator = Simulator(keys={"demo-key": "demo-secret"}, clock=self.time.clock)
        self.account = self.simulator.account
        self.ours = rc.Reconciler(
            environ={"KEY": "demo-key", "SECRET": "demo-secret", "SALT": SALT},
            state=folder / ".reconcile",
            transport=self.simulator.transport(),
            sleep=self.time.sleep,
            clock=self.time.clock,
            now=lambda: datetime.fromtimestamp(self.time.now, UTC),
        )

    def fill(self, turn: int, size: int = 42) -> None:
        def some(values: Sequence[Any]) -> list[Any]:
            return [values[(at + turn) % len(values)] for at in range(size)]

        columns = {
            "id": list(range(size)),
            "email": [f"person{at}@example.com" for at in range(size)],
            "name": some(NAMES),
            "contact": some(CONTACTS),
            "phone": some(PHONES),
            "site": some(SITES),
            "tags": some(TAGS),
            "extra": some(EXTRA),
            "born": some([date(1987, 8, 1), None, date(2024, 2, 29)]),
            "seen": some([datetime(2026, 3, 1, 9, 30, 1, 5000, tzinfo=UTC).replace(tzinfo=None), None]),
            "score": some([1.0, 0.1, None, -2.5]),
        }
        parquet.write_table(pa.table(columns), self.folder / "customers.parquet")
        who = [at % size for at in range(size * 3) if at % 5]
        orders = {
            "who": who,
            "item": [ITEMS[(at + turn) % len(ITEMS)] for at in range(len(who))],
            "total": [0.1 * (at % 7) for at in range(len(who))],
        }
        parquet.write_table(pa.table(orders), self.folder / "orders.parquet")

    def plan(self) -> rc.Plan:
        return asyncio.run(self.ours.plan(rc.load(self.folder), out=self.folder / "plan.rplan"))

    def settle(self) -> rc.Plan:
        plan = self.plan()
        report = asyncio.run(self.ours.apply(plan))
        assert report.converged, report
        again = self.plan()
        assert again.face.empty, again.face
        return plan

    def person(self, number: int) -> Person:
        profiles = self.account.profiles.values()
        [found] = [one for one in profiles if one.keys["email"] == f"person{number}@example.com"]
        return {name: value for name, value in (found.vars or {}).items() if value is not None}


@pytest.fixture(params=["user", "jobs"])
def shop(request: pytest.FixtureRequest, tmp_path: Path) -> Shop:
    made = Shop(tmp_path, request.param)
    made.fill(0)
    return made


def test_every_type_arrives_as_it_is_documented_and_a_second_plan_is_empty(shop: Shop) -> None:
    plan = shop.settle()
    assert shop.person(0) == {
        "name": "Ada",
        "contact": "ada@example.com",
        "phone": "+442079460958",
        "site": "https://example.com/a?b=é",
        "tags": ["b", "a"],
        "extra": {"a": [True, None, "é/\u0001"], "b": 1},
        "born": "1987-08-01",
        "seen": "2026-03-01T09:30:01Z",
        "score": 1,
        "bought": shop.person(0)["bought"],
        "spent": shop.person(0)["spent"],
        "key": sha256(f"{SALT}ada@example.com".encode()).hexdigest(),
    }
    assert shop.person(1)["tags"] == ['é "x" /', "A"]
    assert shop.person(1)["extra"] == [1, 2.5]
    assert shop.person(1).keys().isdisjoint({"contact", "site", "born", "seen", "key"})
    told = {one.source: one.count for one in plan.face.invalid}
    assert told == {
        "property contact": 11,
        "property key": 11,
        "property phone": 10,
        "property site": 14,
        "property tags": 7,
        "property extra": 7,
    }


def test_what_changes_is_changed_and_what_somebody_else_did_is_undone(shop: Shop) -> None:
    shop.settle()
    shop.fill(1)
    shop.settle()
    wrongs = ({"tags": ["x"]}, {"tags": "b"}, {"bought": ["x"]}, {"phone": "020 7946 0958"}, {"extra": {"b": 2}})
    wanted = [shop.person(number) for number in range(len(wrongs))]
    for number, wrong in enumerate(wrongs):
        meddle(shop, {"id": f"person{number}@example.com", "vars": wrong})  # type: ignore[dict-item]
    shop.settle()
    assert [shop.person(number) for number in range(len(wrongs))] == wanted


def test_what_somebody_else_wrote_stays_where_the_source_has_a_misfit(shop: Shop) -> None:
    shop.settle()
    number = EXTRA.index("nope")
    meddle(shop, {"id": f"person{number}@example.com", "vars": {"extra": {"b": 2}}})  # type: ignore[dict-item]
    assert shop.plan().face.empty
    assert shop.person(number)["extra"] == {"b": 2}


def test_the_salt_is_nowhere_and_what_is_pii_is_masked(shop: Shop, caplog: pytest.LogCaptureFixture) -> None:
    plan = shop.plan()
    shown = "\n".join(explain.text(explain.view(plan, reveal=True)))
    shop.settle()
    assert SALT not in caplog.text
    for path in (one for one in shop.folder.rglob("*") if one.is_file() and one.suffix != ".parquet"):
        assert SALT.encode() not in path.read_bytes(), path
    assert "phone: nothing → ***" in shown
    assert "7946" not in shown
    assert "contact: nothing → 'ada@example.com'" in shown
    assert SALT not in json.dumps(explain.as_json(explain.view(plan)))

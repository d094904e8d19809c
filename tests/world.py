"""A small world for stories: a shop in SQLite, a spec, a simulated account, and time that only moves when slept."""

from __future__ import annotations

import asyncio
import shutil
import sqlite3
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import reconcile as rc
from reconcile.simulator import Faults, Simulator, store
from reconcile.state.keys import Keys

EPOCH = datetime(2026, 3, 1, 12, tzinfo=UTC).timestamp()
REGISTRY = "reconcile: managed"

WIDE = (
    "{removals: 100%, joins: 1000000, deletions: 1000000, updates: 100%, additions: 100000%, nulled: 100%,"
    " same_value: 100%, source_rows: 100%, invalid_rows: 100%, opted_out_joins: 100%}"
)
"""Guards that let everything through: most stories are about something else."""

SPEC = """\
version: 1
account:
  name: shop
  api_key: "{{ env('KEY') }}"
  api_secret: "{{ env('SECRET') }}"
  url: http://sailthru.test
sources:
  customers: {connect: "{{ env('SHOP') }}", table: customers, key: id}
profiles: {from: customers, email: email, id: id, identity: {var: customer_id}}
properties:
  first_name: {column: first_name}
  city: {column: city}
  spent: {column: spent, type: float, default: 0, private: true}
  news: {column: news, type: boolean, default: false}
  greeting: {template: "Hi {{ first_name | default('there') }}"}
  big: {sql: "spent >= 1000"}
vars:
  firstName: first_name
  city: {property: city, nulls: NULLS}
  greeting: greeting
groups:
  big: {list: Big Spenders, where: "spent >= 1000"}
  news: {list: News, rules: {all: [{property: news, op: eq, value: true}]}}
policy: {mode: MODE, on_leave: ON_LEAVE, guards: GUARDS}
""".replace("GUARDS", WIDE)


KEYS = Keys.of_secret("demo-secret")
"""Those that authenticate plans of these worlds."""


@dataclass(frozen=True)
class Customer:
    """A row of the shop."""

    id: int
    email: str | None
    first_name: str | None = "Ada"
    city: str | None = None
    spent: float | None = 0
    news: int | None = 0


def writes(simulator: Simulator) -> int:
    """Calls so far that wrote to the account; those that ask for jobs and after them are none."""
    calls = simulator.calls_total
    return sum(count for (method, endpoint), count in calls.items() if method != "GET" and "job" not in endpoint)


@dataclass
class Time:
    """Moves only when somebody sleeps."""

    now: float = EPOCH

    def clock(self) -> float:
        return self.now

    async def sleep(self, seconds: float) -> None:
        self.now += seconds
        await asyncio.sleep(0)


@dataclass
class World:
    """One shop, one account, and who reconciles them."""

    folder: Path
    customers: dict[int, Customer] = field(default_factory=dict)
    mode: str = "sync"
    on_leave: str = "unlist"
    nulls: str = "clear"
    text: str = SPEC
    seed: int = 0
    faults: Faults | None = None

    def __post_init__(self) -> None:
        self.time = Time()
        self.simulator = Simulator(
            seed=self.seed, faults=self.faults, keys={"demo-key": "demo-secret"}, clock=self.time.clock
        )
        self.account = self.simulator.account
        self.ours = rc.Reconciler(
            environ={"KEY": "demo-key", "SECRET": "demo-secret", "SHOP": f"sqlite:///{self.folder / 'shop.db'}"},
            state=self.folder / ".reconcile",
            transport=self.simulator.transport(),
            sleep=self.time.sleep,
            clock=self.time.clock,
            now=lambda: datetime.fromtimestamp(self.time.now, UTC),
        )

    # the shop

    def fill(self, customers: Iterable[Customer]) -> None:
        self.customers = {one.id: one for one in customers}

    def change(self, number: int, **fields: Any) -> None:
        self.customers[number] = replace(self.customers[number], **fields)

    def spec(self) -> rc.Spec:
        with sqlite3.connect(self.folder / "shop.db") as shop:
            shop.execute("drop table if exists customers")
            shop.execute(
                "create table customers (id integer primary key, email text, first_name text, city text,"
                " spent real, news integer)"
            )
            rows = [(c.id, c.email, c.first_name, c.city, c.spent, c.news) for c in self.customers.values()]
            shop.executemany("insert into customers values (?, ?, ?, ?, ?, ?)", rows)
        shop.close()
        text = self.text.replace("ON_LEAVE", self.on_leave).replace("MODE", self.mode).replace("NULLS", self.nulls)
        (self.folder / "spec.yaml").write_text(text)
        return rc.load(self.folder / "spec.yaml")

    # the engine

    def plan(self, name: str = "plan.rplan") -> rc.Plan:
        return asyncio.run(self.ours.plan(self.spec(), out=self.folder / name))

    def apply(self, plan: rc.Plan | None = None) -> rc.Report:
        return asyncio.run(self.ours.apply(plan or self.plan()))

    def settle(self) -> rc.Plan:
        """Plan, apply, and make sure that both sides say so; the plan that did it."""
        plan = self.plan()
        report = self.apply(plan)
        assert report.converged, report
        self.check()
        return plan

    def like(self, folder: Path) -> World:
        """One of its own that begins where this one is: shop, account, time, and what runs have left."""
        made = replace(self, folder=folder, customers=dict(self.customers))
        made.time.now = self.time.now
        store.save(self.account, folder / "account")
        store.restore(made.account, folder / "account")
        shutil.copytree(self.folder / ".reconcile", folder / ".reconcile")
        return made

    # the account

    def wanted(self) -> dict[str, tuple[Mapping[str, Any], set[str]]]:
        """What the spec says of each customer, worked out by other means than the engine's."""
        people = {}
        for one in self.customers.values():
            name = one.first_name
            vars_ = {"customer_id": one.id, "greeting": f"Hi {name or 'there'}"}
            vars_ |= {"firstName": name} if name else {}
            vars_ |= {"city": one.city} if one.city else {}
            lists = {REGISTRY}
            lists |= {"Big Spenders"} if (one.spent or 0) >= 1000 else set()
            lists |= {"News"} if one.news else set()
            people[str(one.email).strip().lower()] = (vars_, lists)
        return people

    def there(self) -> dict[str, tuple[Mapping[str, Any], set[str]]]:
        """Everybody at the account: vars that are not null, and lists."""
        people = {}
        for profile in self.account.profiles.values():
            vars_ = {name: value for name, value in (profile.vars or {}).items() if value is not None}
            people[profile.keys["email"]] = (vars_, set(profile.lists or {}))
        return people

    def check(self) -> None:
        """The account equals what is wanted, exactly, and a further plan says so."""
        assert self.there() == self.wanted()
        assert sorted(self.account.list_names()) == ["Big Spenders", "News", REGISTRY]
        self.check_calm()

    def check_calm(self) -> None:
        """A further plan is empty, and what was looked at was not written to."""
        writes = self.writes()
        plan = self.plan("again.rplan")
        assert plan.face.empty, plan.face.samples
        assert self.writes() == writes

    def writes(self) -> int:
        return writes(self.simulator)


def shop(size: int = 40) -> list[Customer]:
    """Customers with all that may be odd about them."""
    names = ["Ada", "Zoë", "Łukasz", "明", "O'Brien", 'Say "hi"', None, "Søren"]
    return [
        Customer(
            id=number,
            email=f"  Person{number}@Example.com" if number % 7 == 0 else f"person{number}@example.com",
            first_name=names[number % len(names)],
            city=None if number % 3 == 0 else f"City {number % 5}",
            spent=None if number % 11 == 0 else float(number * 60),
            news=number % 2,
        )
        for number in range(1, size + 1)
    ]


def meddle(world: World, payload: dict[str, object]) -> None:
    """What somebody else does at the account, past us."""
    from reconcile.apply.model import Write
    from reconcile.sailthru import target
    from reconcile.sailthru.model import Credentials
    from reconcile.state.masks import Masks
    from reconcile.state.model import Ref

    async def write() -> None:
        opened = target.connect(
            Credentials("demo-key", "demo-secret"),
            url="http://sailthru.test",
            masks=Masks.keyed_by("demo-secret"),
            folder=world.folder,
            transport=world.simulator.transport(),
            sleep=world.time.sleep,
            clock=world.time.clock,
        )
        async with opened as account:
            lists = {name: bool(one) for name, one in dict(payload.get("lists", {})).items()}  # type: ignore[call-overload]
            await account.upsert(
                Write(
                    Ref(email=str(payload["id"])), vars=payload.get("vars", {}), lists=lists, email=payload.get("email")
                )
            )  # type: ignore[arg-type]

    asyncio.run(write())

"""What the Chinook store's customers are worth, from their invoices: one spec, two databases, one plan."""

from __future__ import annotations

import shutil
import sqlite3
from collections import Counter
from collections.abc import Mapping
from datetime import date, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from chinook import Account, snake_case

SPEC = Path(__file__).with_name("chinook.yaml").read_text(encoding="utf-8")
NOW = date(2026, 3, 1)
VIEWS = """
CREATE VIEW shop_customers AS SELECT <CustomerId> AS id, <FirstName> AS first_name, <City> AS city, <Email> AS email
  FROM <Customer>;
CREATE VIEW shop_invoices AS SELECT <CustomerId> AS customer_id, <Total> AS total, <InvoiceDate> AS invoiced_at,
  <BillingCountry> AS country FROM <Invoice>;
CREATE VIEW shop_lines AS SELECT i.<CustomerId> AS customer_id, g.<Name> AS genre FROM <InvoiceLine> l
  JOIN <Invoice> i ON i.<InvoiceId> = l.<InvoiceId> JOIN <Track> t ON t.<TrackId> = l.<TrackId>
  JOIN <Genre> g ON g.<GenreId> = t.<GenreId>;
"""
"""What both copies of the store call the same, as a company's analysts would have it."""


@pytest.fixture(scope="module")
def sqlite_url(chinook_sqlite: Path, tmp_path_factory: pytest.TempPathFactory) -> str:
    copy = shutil.copy(chinook_sqlite, tmp_path_factory.mktemp("store"))
    with sqlite3.connect(copy) as store:
        store.executescript(VIEWS.replace("<", "[").replace(">", "]"))
    store.close()
    return f"sqlite:///{copy}"


@pytest.fixture(scope="module")
def postgres_url_(chinook_postgres: str) -> str:
    psycopg = pytest.importorskip("psycopg")
    with psycopg.connect(chinook_postgres) as store:
        store.execute(snake_case(VIEWS))
    return chinook_postgres


@pytest.fixture(scope="module")
def account(sqlite_url: str, tmp_path_factory: pytest.TempPathFactory) -> Account:
    """After a plan over SQLite was applied, and a further one was empty."""
    made = Account(tmp_path_factory.mktemp("sqlite"), SPEC, sqlite_url)
    made.settle(made.plan())
    return made


def test_the_spec_is_short() -> None:
    assert len(SPEC.splitlines()) < 60


def test_both_databases_make_one_plan(sqlite_url: str, postgres_url_: str, tmp_path: Path) -> None:
    plans = []
    for name, url in (("sqlite", sqlite_url), ("postgres", postgres_url_)):
        (tmp_path / name).mkdir()
        plans.append(Account(tmp_path / name, SPEC, url).plan())
    one, other = plans
    assert one.face.plan_id == other.face.plan_id
    assert one.face.counts.create == 58


def test_everybody_is_as_their_invoices_say(account: Account, sqlite_url: str) -> None:
    people = account.people()
    wanted = expected(path_of(sqlite_url))
    assert {email: vars_ for email, (vars_, _) in people.items()} == {
        email: vars_ for email, (vars_, _) in wanted.items()
    }
    assert {email: lists for email, (_, lists) in people.items()} == {
        email: lists for email, (_, lists) in wanted.items()
    }
    assert all(any(name in lists for _, lists in wanted.values()) for name in ("High Value", "Lapsed", "Bought Lately"))


def test_what_they_spent_stays_in_the_house(account: Account) -> None:
    assert all("spend" not in vars_ for vars_, _ in account.people().values())


def test_a_purchase_is_one_update(account: Account, sqlite_url: str) -> None:
    with sqlite3.connect(path_of(sqlite_url)) as store:
        store.execute(
            "INSERT INTO Invoice (InvoiceId, CustomerId, InvoiceDate, Total, BillingCountry)"
            " VALUES (9999, 2, '2026-02-27 00:00:00', 0.1, 'Norway')"
        )
    store.close()
    plan = account.plan()
    assert (plan.face.counts.create, plan.face.counts.update, plan.face.counts.delete) == (0, 1, 0)
    assert {one.name for one in plan.face.vars if one.set} == {
        "orders",
        "countries",
        "last_purchase",
        "last_country",
    }
    account.settle(plan)


def path_of(url: str) -> str:
    return url.removeprefix("sqlite:///")


def expected(path: str) -> dict[str, tuple[Mapping[str, Any], set[str]]]:
    """What the spec says of each customer, worked out by other means than the engine's."""
    with sqlite3.connect(f"file:{path}?mode=ro", uri=True) as store:
        people = store.execute("SELECT id, email, first_name, city FROM shop_customers").fetchall()
        invoices = store.execute("SELECT customer_id, total, invoiced_at, country FROM shop_invoices").fetchall()
        lines = store.execute("SELECT customer_id, genre FROM shop_lines").fetchall()
    store.close()
    return {
        email.lower(): _expected(
            {"customer_id": number, "name": name, "city": city.strip()},
            [invoice[1:] for invoice in invoices if invoice[0] == number],
            Counter(genre for customer, genre in lines if customer == number),
        )
        for number, email, name, city in people
        if email.isascii()
    }


def _expected(
    vars_: dict[str, Any], invoices: list[tuple[float, str, str]], genres: Counter[str]
) -> tuple[Mapping[str, Any], set[str]]:
    spend = sum((Decimal(str(total)) for total, _, _ in invoices), Decimal())
    _, at, country = max(invoices, key=lambda one: (one[1], one[2]))
    day = datetime.fromisoformat(at).date()
    vars_ |= {
        "orders": len(invoices),
        "countries": len({country for _, _, country in invoices}),
        "genres": sorted(genres),
    }
    vars_ |= {"last_purchase": day.isoformat(), "last_country": country}
    vars_["favourite_genre"] = max(genres, key=lambda genre: (genres[genre], genre))
    lists = {
        "High Value": spend >= 42 and len(invoices) >= 7,
        "Lapsed": day < NOW.replace(year=NOW.year - 1),
        "Bought Lately": (NOW - day).days <= 90,
        "Rock Fans": vars_["favourite_genre"] == "Rock",
        "reconcile: managed": True,
    }
    return vars_, {name for name, member in lists.items() if member}

"""The demo's shop: deterministic, consistent, and it lives on as it says."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Iterator
from contextlib import closing
from datetime import date
from pathlib import Path
from typing import Any

import pytest

from reconcile.demo import shop

TODAY = date(2026, 3, 1)
Ask = Callable[[str], list[tuple[Any, ...]]]

CLEAN = """email LIKE '%_@_%.%' AND lower(trim(email)) IN (
    SELECT lower(trim(email)) FROM customers GROUP BY 1 HAVING count(*) = 1)"""
SUMS = """SELECT count(*) FROM customers c WHERE
    abs(lifetime_value - (SELECT coalesce(sum(total), 0) FROM orders WHERE customer_id = c.id)) > 0.005
    OR orders_count != (SELECT count(*) FROM orders WHERE customer_id = c.id)
    OR last_order_at IS NOT (SELECT max(placed_at) FROM orders WHERE customer_id = c.id)"""


@pytest.fixture
def path(tmp_path: Path) -> Path:
    made = tmp_path / "shop.db"
    shop.make(made, today=TODAY)
    return made


@pytest.fixture
def ask(path: Path) -> Iterator[Ask]:
    with closing(sqlite3.connect(path)) as connection:
        yield lambda query: connection.execute(query).fetchall()


def _dump(path: Path) -> list[str]:
    with closing(sqlite3.connect(path)) as connection:
        return list(connection.iterdump())


def test_there_are_1500_clean_customers_and_the_dirty_rows_on_top(ask: Ask) -> None:
    assert ask(f"SELECT count(*) FROM customers WHERE {CLEAN}") == [(1500,)]
    assert ask("SELECT count(*) FROM customers") == [(1500 + shop.DIRTY,)]


def test_dirty_rows_are_as_counted(ask: Ask) -> None:
    assert ask("SELECT count(*) FROM customers WHERE email IS NULL") == [(shop.NULL_ADDRESSES,)]
    assert ask("SELECT count(*) FROM customers WHERE email NOT LIKE '%_@_%.%'") == [(shop.MALFORMED_ADDRESSES,)]
    twins = ask(
        "SELECT count(*) FROM customers WHERE email IS NOT NULL GROUP BY lower(trim(email)) HAVING count(*) > 1"
    )
    assert twins == [(2,)] * shop.DUPLICATE_ADDRESSES


def test_sums_agree_with_the_orders(ask: Ask) -> None:
    assert ask(SUMS) == [(0,)]
    assert ask("SELECT count(*) FROM orders WHERE total <= 0") == [(0,)]


def test_orders_follow_the_customers_arrival_and_lie_in_the_past(ask: Ask) -> None:
    early = "SELECT count(*) FROM orders o JOIN customers c ON c.id = o.customer_id WHERE placed_at < created_at"
    assert ask(early) == [(0,)]
    assert ask(f"SELECT count(*) FROM orders WHERE placed_at >= '{TODAY}'") == [(0,)]


def test_nobody_lapses_while_the_story_is_told(ask: Ask) -> None:
    around = f"placed_at BETWEEN date('{TODAY}', '-94 days') AND date('{TODAY}', '-87 days')"
    assert ask(f"SELECT count(*) FROM orders WHERE {around}") == [(0,)]


def test_eight_in_a_hundred_are_good_customers(ask: Ask) -> None:
    assert ask("SELECT count(*) FROM customers WHERE lifetime_value >= 1000") == [(120,)]


def test_addresses_are_nobodys(ask: Ask) -> None:
    stranger = "SELECT count(*) FROM customers c WHERE trim(lower(email)) NOT LIKE '%@example.___'"
    assert ask(stranger) == [(shop.MALFORMED_ADDRESSES,)]


def test_names_and_addresses_are_as_real_data_has_them(ask: Ask) -> None:
    names = {name for (name,) in ask("SELECT first_name FROM customers")}
    assert {"Zoë", "Łukasz", "Søren", "明"} <= names
    assert ask("SELECT count(*) > 5 FROM customers WHERE email != lower(email)") == [(1,)]
    assert ask("SELECT count(*) > 5 FROM customers WHERE email != trim(email)") == [(1,)]


def test_the_same_seed_and_day_make_the_same_shop(tmp_path: Path) -> None:
    for name in ("one.db", "two.db"):
        shop.make(tmp_path / name, customers=300, today=TODAY)
        shop.live_on(tmp_path / name, today=TODAY)
    shop.make(tmp_path / "three.db", customers=300, seed=8, today=TODAY)
    assert _dump(tmp_path / "one.db") == _dump(tmp_path / "two.db") != _dump(tmp_path / "three.db")


def test_an_old_shop_is_replaced(path: Path, ask: Ask) -> None:
    shop.make(path, customers=10, today=TODAY)
    with closing(sqlite3.connect(path)) as connection:
        assert connection.execute("SELECT count(*) FROM customers").fetchone() == (10 + shop.DIRTY,)


def test_the_shop_lives_on_as_it_says(path: Path) -> None:
    before, lived, after = _people(path), shop.live_on(path, today=TODAY), _people(path)
    assert after.keys() - before.keys() == set(lived.joined)
    assert before.keys() - after.keys() == set(lived.left)
    stayed = before.keys() & after.keys()
    assert _where(stayed, lambda at: before[at]["value"] < 1000 <= after[at]["value"]) == set(lived.crossed)
    assert _where(stayed, lambda at: after[at]["value"] < 1000 <= before[at]["value"]) == set(lived.fell)
    for field, ids in (("email", lived.readdressed), ("city", lived.moved), ("plan", lived.replanned)):
        assert _where(stayed, lambda at, field=field: before[at][field] != after[at][field]) == set(ids)


def test_each_thing_happens_to_other_people_and_in_the_numbers_told(path: Path) -> None:
    lived = shop.live_on(path, today=TODAY)
    told = (lived.crossed, lived.fell, lived.left, lived.joined, lived.readdressed, lived.moved, lived.replanned)
    assert [len(ids) for ids in told] == [12, 3, 5, 4, 1, 5, 4]
    assert len({at for ids in told for at in ids}) == 34
    assert "12 customers crossed" in str(lived)
    assert "@" not in str(lived)


def test_sums_agree_after_it_lived_on(path: Path, ask: Ask) -> None:
    lived = shop.live_on(path, today=TODAY)
    assert ask(SUMS) == [(0,)]
    gone = ", ".join(str(at) for at in lived.left)
    assert ask(f"SELECT count(*) FROM orders WHERE customer_id IN ({gone})") == [(0,)]


def test_some_addresses_are_of_people_who_are_left_alone(path: Path) -> None:
    before = shop.some_addresses(path, 2)
    shop.live_on(path, today=TODAY)
    assert before == shop.some_addresses(path, 2)
    assert len(set(before)) == 2


def _people(path: Path) -> dict[int, dict[str, Any]]:
    with closing(sqlite3.connect(path)) as connection:
        rows = connection.execute("SELECT id, email, city, plan, lifetime_value FROM customers")
        return {
            at: {"email": email, "city": city, "plan": plan, "value": value} for at, email, city, plan, value in rows
        }


def _where(ids: set[int], holds: Callable[[int], bool]) -> set[int]:
    return {at for at in ids if holds(at)}

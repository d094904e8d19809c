"""A made-up shop in a SQLite file: customers and their orders over time, the same for the same seed and day.

Among the customers stand a few rows as every real database has them: without an address, with a malformed one, and
two who share one, in other letters.
"""

from __future__ import annotations

import re
import sqlite3
import unicodedata
from collections.abc import Iterable, Iterator
from contextlib import closing
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from pathlib import Path
from random import Random
from typing import NamedTuple

from reconcile.demo.names import PLACES

NULL_ADDRESSES = 3
MALFORMED_ADDRESSES = 2
DUPLICATE_ADDRESSES = 1
DIRTY = NULL_ADDRESSES + MALFORMED_ADDRESSES + 2 * DUPLICATE_ADDRESSES
"""Rows on top of the clean customers that no plan can use; a duplicate address spoils both of its rows."""

LINE = 1000
"""The lifetime value from which a customer is a good one."""
GOOD_SHARE = 0.08

CROSSED, FELL, LEFT, JOINED, READDRESSED, CITIES, PLANS = 12, 3, 5, 4, 1, 5, 4
"""How many customers `live_on` moves, and how."""

_KEPT = 100
"""The first customers are left as they are while the shop lives on, for hands to meddle with."""

_SPELLED = str.maketrans({"ł": "l", "ø": "o", "æ": "ae", "ß": "ss", "ı": "i"})
"""Letters that are more than a plain one with an accent."""

_SCHEMA = """
CREATE TABLE customers (
    id INTEGER PRIMARY KEY,
    email TEXT,
    first_name TEXT,
    last_name TEXT,
    city TEXT,
    country TEXT,
    plan TEXT CHECK (plan IN ('free', 'plus', 'pro')),
    newsletter INTEGER,
    birthday DATE,
    created_at TIMESTAMP,
    lifetime_value REAL,
    orders_count INTEGER,
    last_order_at TIMESTAMP
);
CREATE TABLE orders (
    id INTEGER PRIMARY KEY,
    customer_id INTEGER NOT NULL REFERENCES customers (id),
    total REAL,
    placed_at TIMESTAMP
);
CREATE INDEX orders_by_customer ON orders (customer_id);
"""

_SUM_UP = """
UPDATE customers SET
    lifetime_value = (SELECT coalesce(round(sum(total), 2), 0) FROM orders WHERE customer_id = customers.id),
    orders_count = (SELECT count(*) FROM orders WHERE customer_id = customers.id),
    last_order_at = (SELECT max(placed_at) FROM orders WHERE customer_id = customers.id)
"""


class _Customer(NamedTuple):
    id: int
    email: str | None
    first_name: str
    last_name: str
    city: str
    country: str
    plan: str
    newsletter: int
    birthday: str | None
    created_at: str


@dataclass(frozen=True, slots=True)
class Lived:
    """What happened in the shop meanwhile: the ids of the customers, by what befell them."""

    crossed: tuple[int, ...]
    """Bought more, and are at or above the line now."""
    fell: tuple[int, ...]
    """Gave something back, and are below the line now."""
    left: tuple[int, ...]
    """Their rows are gone."""
    joined: tuple[int, ...]
    """New."""
    readdressed: tuple[int, ...]
    """Have a new e-mail address."""
    moved: tuple[int, ...]
    """Live in another city."""
    replanned: tuple[int, ...]
    """Chose another plan."""

    def __str__(self) -> str:
        """A sentence for the story; names nobody."""
        return (
            f"In the shop: {len(self.crossed)} customers crossed a lifetime value of {LINE:,}, {len(self.fell)} fell "
            f"below it, {len(self.left)} left, {len(self.joined)} joined, {len(self.readdressed)} changed the e-mail "
            f"address, {len(self.moved) + len(self.replanned)} changed city or plan."
        )


def make(path: Path | str, *, customers: int = 1500, seed: int = 7, today: date | None = None) -> None:
    """Write the shop: `customers` clean ones and `DIRTY` others, with their orders.

    Args:
        path: the file to write; an old one is replaced.
        customers: how many clean ones, 300 or more if the shop is to live on.
        seed: what everything is drawn from.
        today: the day all times are counted back from; the real one, in UTC, when None.
    """
    Path(path).unlink(missing_ok=True)
    draw = _Draw(Random(seed), today or _today())  # noqa: S311 -- a made-up shop, no secret
    with closing(sqlite3.connect(path)) as shop, shop:
        shop.executescript(_SCHEMA)
        clean = [draw.customer(at) for at in range(1, customers + 1)]
        _insert(shop, [*clean, *_dirty(draw, customers)])
        good = set(draw.random.sample(range(1, customers + 1), round(customers * GOOD_SHARE)))
        orders = (order for at in range(1, customers + DIRTY + 1) for order in draw.orders(at, good=at in good))
        shop.executemany("INSERT INTO orders (customer_id, total, placed_at) VALUES (?, ?, ?)", orders)
        shop.execute(_SUM_UP)


def live_on(path: Path | str, *, seed: int = 7, today: date | None = None) -> Lived:
    """Let time pass in the shop; says what happened to whom. Each thing happens to other people."""
    draw = _Draw(Random(seed + 1), today or _today())  # noqa: S311 -- a made-up shop, no secret
    with closing(sqlite3.connect(path)) as shop, shop:
        draw.taken.update(email.strip().lower() for (email,) in shop.execute("SELECT email FROM customers") if email)
        crossed, fell = _cross(shop, draw), _fall(shop)
        others = draw.random.sample(_clean_ids(shop, but={*crossed, *fell}), LEFT + READDRESSED + CITIES + PLANS)
        picks = iter(others)
        lived = Lived(
            crossed,
            fell,
            left=_leave(shop, _take(picks, LEFT)),
            joined=_join(shop, draw),
            readdressed=_readdress(shop, draw, _take(picks, READDRESSED)),
            moved=_move(shop, _take(picks, CITIES)),
            replanned=_replan(shop, _take(picks, PLANS)),
        )
        shop.execute(_SUM_UP)
    return lived


def some_addresses(path: Path | str, count: int) -> list[str]:
    """Addresses, as Sailthru keys them, of customers who get the newsletter and whom `live_on` leaves alone."""
    with closing(sqlite3.connect(path)) as shop:
        query = "SELECT lower(trim(email)) FROM customers WHERE newsletter = 1 AND id <= ? ORDER BY id LIMIT ?"
        return [email for (email,) in shop.execute(query, (_KEPT, count))]


class _Draw:
    """Draws people and orders."""

    def __init__(self, random: Random, today: date) -> None:
        self.random = random
        self.midnight = datetime.combine(today, time())
        self.taken: set[str] = set()

    def customer(self, at: int) -> _Customer:
        place = self.random.choice(PLACES)
        first, first_roman = _written(self.random.choice(place.first))
        last, last_roman = _written(self.random.choice(place.last))
        birthday = self.midnight - timedelta(days=self.random.randint(18 * 366, 80 * 365))
        created = self.midnight - timedelta(days=self.random.randint(201, 1500), seconds=self.random.randint(1, 86400))
        return _Customer(
            at,
            self._as_typed(self.address(first_roman, last_roman)),
            first,
            last,
            self.random.choice(place.cities),
            place.country,
            self.random.choices(("free", "plus", "pro"), (70, 22, 8))[0],
            int(self.random.random() < 0.6),
            birthday.date().isoformat() if self.random.random() < 0.8 else None,
            _stamp(created),
        )

    def address(self, first: str, last: str) -> str:
        """An address that nobody has yet, under a domain that is nobody's (RFC 2606)."""
        while True:
            number = self.random.choice(("", str(self.random.randint(1, 999))))
            domain = self.random.choice(("com", "org", "net"))
            email = f"{_ascii(first)}.{_ascii(last)}{number}@example.{domain}"
            if email not in self.taken:
                self.taken.add(email)
                return email

    def orders(self, customer: int, *, good: bool) -> Iterator[tuple[int, float, str]]:
        """Orders that add up to the line or more for a good customer, and to less for others."""
        cents = self.random.randint(100_000, 400_000) if good else self.random.randint(500, 99_000)
        count = self.random.randint(3, 12) if good else self.random.choice((0, 1, 1, 2, 3, 4))
        cuts = sorted(self.random.sample(range(1, cents), max(count - 1, 0)))
        for low, high in zip([0, *cuts], [*cuts, cents], strict=True) if count else ():
            yield customer, (high - low) / 100, _stamp(self._past())

    def _past(self) -> datetime:
        # Nobody's order is about 90 days old: with the clock running, they would lapse in the middle of a story.
        days = self.random.choice((*range(2, 86), *range(96, 200)))
        return self.midnight - timedelta(days=days, seconds=self.random.randint(1, 86400))

    def _as_typed(self, email: str) -> str:
        """Real data has capitals and outer spaces."""
        luck = self.random.random()
        return email.title() if luck < 0.03 else f" {email} " if luck < 0.05 else email


def _dirty(draw: _Draw, after: int) -> Iterator[_Customer]:
    people = [draw.customer(after + at) for at in range(1, DIRTY + 1)]
    malformed = [f"{_ascii(people[0].country)}example.com", f"{_ascii(people[1].country)}@"]
    shared = draw.address("Info", "Family")
    emails = [None] * NULL_ADDRESSES + malformed[:MALFORMED_ADDRESSES] + [shared, shared.upper()]
    return (person._replace(email=email) for person, email in zip(people, emails, strict=True))


def _cross(shop: sqlite3.Connection, draw: _Draw) -> tuple[int, ...]:
    """Those next below the line buy something."""
    query = (
        "SELECT id, lifetime_value FROM customers WHERE lifetime_value < ? AND id IN ({}) ORDER BY 2 DESC, 1 LIMIT ?"
    )
    near = _among(shop, query, LINE, CROSSED)
    yesterday = _stamp(draw.midnight - timedelta(hours=12))
    for customer, value in near:
        total = round(LINE - value + draw.random.randint(1, 20_000) / 100, 2)
        _order(shop, customer, total, yesterday)
    return tuple(customer for customer, _ in near)


def _fall(shop: sqlite3.Connection) -> tuple[int, ...]:
    """Those next above the line are refunded, order by order, until they are below it."""
    query = "SELECT id, lifetime_value FROM customers WHERE lifetime_value >= ? AND id IN ({}) ORDER BY 2, 1 LIMIT ?"
    near = _among(shop, query, LINE, FELL)
    for customer, value in near:
        left = value
        while left >= LINE:
            query = "SELECT id, total FROM orders WHERE customer_id = ? ORDER BY total DESC, id LIMIT 1"
            order, total = shop.execute(query, (customer,)).fetchone()
            shop.execute("DELETE FROM orders WHERE id = ?", (order,))
            left -= total
    return tuple(customer for customer, _ in near)


def _leave(shop: sqlite3.Connection, ids: tuple[int, ...]) -> tuple[int, ...]:
    for customer in ids:
        shop.execute("DELETE FROM orders WHERE customer_id = ?", (customer,))
        shop.execute("DELETE FROM customers WHERE id = ?", (customer,))
    return ids


def _join(shop: sqlite3.Connection, draw: _Draw) -> tuple[int, ...]:
    (last,) = shop.execute("SELECT max(id) FROM customers").fetchone()
    new = [draw.customer(last + at) for at in range(1, JOINED + 1)]
    yesterday = _stamp(draw.midnight - timedelta(hours=12))
    _insert(shop, [person._replace(created_at=yesterday) for person in new])
    for person in new:
        _order(shop, person.id, draw.random.randint(1_000, 20_000) / 100, yesterday)
    return tuple(person.id for person in new)


def _readdress(shop: sqlite3.Connection, draw: _Draw, ids: tuple[int, ...]) -> tuple[int, ...]:
    for customer in ids:
        shop.execute("UPDATE customers SET email = ? WHERE id = ?", (draw.address("new", f"life{customer}"), customer))
    return ids


def _move(shop: sqlite3.Connection, ids: tuple[int, ...]) -> tuple[int, ...]:
    for customer in ids:
        city, country = shop.execute("SELECT city, country FROM customers WHERE id = ?", (customer,)).fetchone()
        cities = next(place.cities for place in PLACES if place.country == country)
        other = cities[(cities.index(city) + 1) % len(cities)]
        shop.execute("UPDATE customers SET city = ? WHERE id = ?", (other, customer))
    return ids


def _replan(shop: sqlite3.Connection, ids: tuple[int, ...]) -> tuple[int, ...]:
    for customer in ids:
        shop.execute(
            "UPDATE customers SET plan = CASE plan WHEN 'pro' THEN 'free' ELSE 'pro' END WHERE id = ?", (customer,)
        )
    return ids


def _insert(shop: sqlite3.Connection, people: Iterable[_Customer]) -> None:
    columns = ", ".join(_Customer._fields)
    marks = ", ".join("?" for _ in _Customer._fields)
    shop.executemany(f"INSERT INTO customers ({columns}) VALUES ({marks})", people)  # noqa: S608 -- our own names


def _order(shop: sqlite3.Connection, customer: int, total: float, placed_at: str) -> None:
    shop.execute("INSERT INTO orders (customer_id, total, placed_at) VALUES (?, ?, ?)", (customer, total, placed_at))


def _among(shop: sqlite3.Connection, query: str, *values: int) -> list[tuple[int, float]]:
    ids = ", ".join(str(customer) for customer in _clean_ids(shop))
    return shop.execute(query.format(ids), values).fetchall()


def _clean_ids(shop: sqlite3.Connection, but: Iterable[int] = ()) -> list[int]:
    """Customers with an address of their own that is one, but the first hundred."""
    query = """
        SELECT id FROM customers WHERE id > ? AND email LIKE '%_@_%.%'
        AND lower(trim(email)) IN (SELECT lower(trim(email)) FROM customers GROUP BY 1 HAVING count(*) = 1) ORDER BY id
    """
    excluded = set(but)
    return [customer for (customer,) in shop.execute(query, (_KEPT,)) if customer not in excluded]


def _take(picks: Iterator[int], count: int) -> tuple[int, ...]:
    return tuple(sorted(next(picks) for _ in range(count)))


def _written(name: str) -> tuple[str, str]:
    """A name as it is written, and as an address can be made of it."""
    written, bar, roman = name.partition("|")
    return written, roman if bar else written


def _ascii(name: str) -> str:
    """A name in the letters an address has: `Łukasz Groß` is `lukasz-gross`."""
    spelled = name.lower().translate(_SPELLED)
    plain = unicodedata.normalize("NFKD", spelled).encode("ascii", "ignore").decode()
    return re.sub(r"[^a-z0-9]+", "-", plain).strip("-") or "someone"


def _stamp(moment: datetime) -> str:
    return moment.isoformat(sep=" ", timespec="seconds")


def _today() -> date:
    return datetime.now(UTC).date()

"""The Chinook store, a public sample database: the same spec over SQLite and over a real PostgreSQL."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from chinook import Account, People, snake_case
from world import REGISTRY

# SQLite calls them CustomerId, PostgreSQL customer_id: <CustomerId> stands for either.
SPEC = """\
version: 1
account: {name: chinook, api_key: "{{ env('KEY') }}", api_secret: "{{ env('SECRET') }}", url: http://sailthru.test}
sources:
  customers: {connect: "{{ env('STORE') }}", table: <Customer>, key: <CustomerId>}
  spending:
    connect: "{{ env('STORE') }}"
    query: "select <CustomerId>, sum(<Total>) as spent from <Invoice> group by <CustomerId>"
    key: <CustomerId>
profiles: {from: customers, email: <Email>, identity: {var: customer_id}}
properties:
  first: {column: <FirstName>}
  last: {column: <LastName>}
  city: {column: <City>}
  lifetime_value: {source: spending, column: spent, type: float, default: 0, private: true}
vars: {first: first, last: last, city: city}
groups:
  good: {list: Good Customers, where: "lifetime_value >= 40"}
  sao_paulo: {list: São Paulo, rules: {property: city, op: eq, value: São Paulo}}
"""
GOOD = 14
PAULISTANOS = {"eduardo@woodstock.com.br", "alero@uol.com.br"}
NAMES = {
    "luisg@embraer.com.br": "Luís Gonçalves",
    "bjorn.hansen@yahoo.no": "Bjørn Hansen",
    "frantisekw@jetbrains.com": "František Wichterlová",
    "leonekohler@surfeu.de": "Leonie Köhler",
    "enrique_munoz@yahoo.es": "Enrique Muñoz",
    "terhi.hamalainen@apple.fi": "Terhi Hämäläinen",
    "ladislav_kovacs@apple.hu": "Ladislav Kovács",
    "hughoreilly@apple.ie": "Hugh O'Reilly",
}


def filled(account: Account) -> People:
    """Plan, apply, plan again: everybody who is there then."""
    plan = account.plan()
    assert (plan.face.counts.create, plan.face.counts.update, plan.face.counts.delete) == (58, 0, 0)
    assert plan.face.new_lists == ("Good Customers", "São Paulo", REGISTRY)
    # stanisław.wójcik@wp.pl: Sailthru takes no such address.
    assert [(one.reason, one.count) for one in plan.face.invalid] == [("malformed e-mail address", 1)]
    account.settle(plan)
    return account.people()


@pytest.fixture(scope="module")
def from_sqlite(chinook_sqlite: Path, tmp_path_factory: pytest.TempPathFactory) -> People:
    spec = re.sub(r"<(\w+)>", r"\1", SPEC)
    return filled(Account(tmp_path_factory.mktemp("sqlite"), spec, f"sqlite:///{chinook_sqlite}"))


@pytest.fixture(scope="module")
def from_postgres(chinook_postgres: str, tmp_path_factory: pytest.TempPathFactory) -> People:
    return filled(Account(tmp_path_factory.mktemp("postgres"), snake_case(SPEC), chinook_postgres))


@pytest.fixture(params=["from_sqlite", "from_postgres"])
def people(request: pytest.FixtureRequest) -> People:
    found: People = request.getfixturevalue(request.param)
    return found


@pytest.mark.parametrize("email", NAMES)
def test_names_arrive_unharmed(people: People, email: str) -> None:
    vars_, _ = people[email]
    assert f"{vars_['first']} {vars_['last']}" == NAMES[email]


def test_groups_are_lists(people: People) -> None:
    assert sum("Good Customers" in lists for _, lists in people.values()) == GOOD
    assert {email for email, (_, lists) in people.items() if "São Paulo" in lists} == PAULISTANOS
    assert all(REGISTRY in lists for _, lists in people.values())


def test_what_is_private_stays_in_the_house(people: People) -> None:
    assert {name for vars_, _ in people.values() for name in vars_} == {"first", "last", "city", "customer_id"}


def test_both_databases_say_the_same_of_everybody(from_sqlite: People, from_postgres: People) -> None:
    steve = "steve.murray@yahoo.uk"
    others = {email: person for email, person in from_sqlite.items() if email != steve}
    assert others == {email: person for email, person in from_postgres.items() if email != steve}
    # One outer space differs between the two copies: PostgreSQL's script writes N'Edinburgh ', and PostgreSQL takes
    # N'' for CHARACTER and drops its spaces. Each arrives as its database has it.
    vars_ = {"customer_id": 54, "first": "Steve", "last": "Murray"}
    assert from_sqlite[steve][0] == {**vars_, "city": "Edinburgh "}
    assert from_postgres[steve][0] == {**vars_, "city": "Edinburgh"}

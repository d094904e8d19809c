"""Crowds for laws: people of a source and profiles of an account who need not fit, and the plan between them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import plans
from account import FakeAccount
from hypothesis import strategies as st
from rows import Rows

import reconcile as rc
from reconcile.plan import archive
from reconcile.plan.model import CreateList, Delete, MakeRoom, Upsert

SPEC = """\
version: 1
account: {name: shop, api_key: "{{ env('KEY') }}", api_secret: "{{ env('SECRET') }}", url: http://sailthru.test}
sources: {customers: {file: customers.csv, key: id}}
profiles: {from: customers, email: email, identity: {var: customer_id}}
properties:
  city: {column: city}
  spent: {column: spent, type: float}
vars: {city: city}
groups:
  big: {list: Big, where: "spent >= 10"}
policy: {mode: MODE, on_leave: ON_LEAVE}
"""
LISTS = ("Big", plans.REGISTRY)
CITY = st.sampled_from(["Rome", "Oslo", None])
ON_LEAVE = st.sampled_from(["unlist", "clear", "delete"])


@dataclass(frozen=True)
class Row:
    """A row of the source: who has which address (a number)."""

    address: int
    city: str | None = None
    spent: float = 0.0


@dataclass(frozen=True)
class There:
    """A profile of the account at some address: whose key it keeps, if any."""

    key: int | None = None
    city: str | None = None
    lists: frozenset[str] = frozenset()


@dataclass(frozen=True)
class Crowd:
    """Rows by key, and profiles by address."""

    rows: Mapping[int, Row]
    there: Mapping[int, There]


def email(address: int) -> str:
    """The address of a number."""
    return f"p{address}@example.com"


def crowds(people: int = 5) -> st.SearchStrategy[Crowd]:
    """Crowds in which people move, exchange addresses, leave, and get addresses that others had."""
    numbers = st.integers(0, people - 1)
    row = st.builds(Row, numbers, CITY, st.sampled_from([0.0, 12.5]))
    there = st.builds(There, st.none() | numbers, CITY, st.frozensets(st.sampled_from(LISTS)))
    return st.builds(
        Crowd,
        st.dictionaries(numbers, row, min_size=1),
        st.dictionaries(numbers, there),
    )


def planned(folder: Path, crowd: Crowd, *, mode: str = "sync", on_leave: str = "unlist", text: str = SPEC) -> rc.Plan:
    """The plan between a crowd's rows and its profiles; kept in the folder as `plan`."""
    (folder / "spec.yaml").write_text(text.replace("ON_LEAVE", on_leave).replace("MODE", mode), encoding="utf-8")
    account = FakeAccount(folder)
    account.natural(*LISTS)
    for at, one in crowd.there.items():
        vars_ = {name: value for name, value in (("customer_id", one.key), ("city", one.city)) if value is not None}
        account.person(email(at), sid=f"sid-{at}", lists=sorted(one.lists), **vars_)
    columns = {
        "id": [*crowd.rows],
        "email": [email(one.address) for one in crowd.rows.values()],
        "city": [one.city for one in crowd.rows.values()],
        "spent": [one.spent for one in crowd.rows.values()],
    }
    given = {"customers": Rows("customers", columns)}
    return plans.planned(rc.load(folder / "spec.yaml"), account, folder / "plan", given)


def effects(plan: rc.Plan) -> set[tuple[object, ...]]:
    """What a plan would do: (person, field or list, value)."""
    found: set[tuple[object, ...]] = set()
    for _, action in archive.walk(plan):
        match action:
            case CreateList(list=name):
                found.add(("", "create list", name))
            case MakeRoom(sid=sid, to=to):
                found.add((sid, "address", to))
            case Delete(sid=sid):
                found.add((sid, "profile", "deleted"))
            case Upsert():
                who = action.sid or action.email
                found |= {(who, "profile", "created")} if action.new else set()
                found |= {(who, "address", action.moves_to)} if action.moves_to else set()
                found |= {(who, f"var {name}", text) for name, text in action.vars.items()}
                found |= {(who, f"list {name}", member) for name, member in action.lists.items()}
    return found

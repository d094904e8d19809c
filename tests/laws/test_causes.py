"""The cause of every field of every profile, from three states, equals what a few lines of Python say of them."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any

import ibis
import pyarrow as pa
import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st
from states import SHAPE, Person, table

from reconcile.plan import causes, planner
from reconcile.plan.causes import Lines
from reconcile.spec.definitions import Changed
from reconcile.spec.model import Policy
from reconcile.spec.property import ValueType
from reconcile.state import diff, ledger, values
from reconcile.state.engines.duckdb import DuckDB
from reconcile.state.keys import Keys
from reconcile.state.ledger import Ledger
from reconcile.state.model import Shape, Var
from reconcile.state.workspace import Workspace

SECRETS = Keys.of_secret("key")
REGISTRY = SHAPE.registry.list
PEOPLE = [f"p{number}@example.com" for number in range(6)]
VARS = {var.name: st.none() | st.sampled_from(["a", "b"]) for var in SHAPE.vars}
LISTS = st.frozensets(st.sampled_from(["Big", "News"]))
LINE = Changed(("groups", "big", "where"), None)


@pytest.fixture(scope="module")
def workspace() -> Iterator[Workspace]:
    with DuckDB() as opened:
        yield opened


@dataclass(frozen=True)
class Three:
    """What is wanted of a person, what is there, and what was last applied; None for nothing at all."""

    desired: Person | None
    observed: Person | None
    before: Person | None


def person(email: str, *, ours: bool) -> st.SearchStrategy[Person]:
    return st.builds(
        lambda vars_, lists: Person(
            email, {k: v for k, v in vars_.items() if v}, lists | ({REGISTRY} if ours else frozenset())
        ),
        st.fixed_dictionaries(VARS),
        LISTS,
    )


def three(email: str) -> st.SearchStrategy[Three]:
    mine = person(email, ours=True)
    return st.builds(Three, st.none() | mine, st.none() | mine | person(email, ours=False), st.none() | mine)


def states(workspace: Workspace, people: list[Three]) -> tuple[object, Ledger]:
    wanted = table(workspace, "d", [one.desired for one in people if one.desired])
    there = table(workspace, "o", [one.observed for one in people if one.observed])
    last = table(workspace, "l", [one.before for one in people if one.before])
    desired = wanted.drop("sid", "optout")
    changes = diff.between(desired, there, SHAPE)
    return planner.decide(changes, SHAPE, Policy()), ledger_of(workspace, last, SHAPE)


def expected(one: Three, name: str, line: Changed | None, people: Changed | None) -> str | None:
    """The cause of a field that differs, said plainly."""
    if one.desired is None:
        ours = one.observed is not None and REGISTRY in one.observed.lists
        return ("spec" if people else "data") if ours else "drift"
    if one.observed is None:
        return "drift" if one.before else "new"
    if one.before is None:
        return "spec" if line else None if REGISTRY in one.observed.lists else "new"
    if said(one.before, name) == said(one.desired, name):
        return "drift"
    return "spec" if line else "data"


def said(person: Person, name: str) -> object:
    kind, _, word = name.partition(":")
    return person.vars.get(word) if kind == "var" else word in person.lists


@given(people=st.tuples(*map(three, PEOPLE)), spec=st.sets(st.sampled_from(["var:city", "list:Big", "people"])))
@settings(max_examples=12, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_causes_are_what_three_states_say(workspace: Workspace, people: tuple[Three, ...], spec: set[str]) -> None:
    decided, before = states(workspace, list(people))
    line = {name: LINE if name in spec else None for name in ("var:city", "list:Big", "people")}
    lines = Lines({"city": line["var:city"]}, {"Big": line["list:Big"]}, line["people"])
    traced = causes.traced(decided, before, lines, SHAPE, workspace)
    found = {row["email"]: row for row in workspace.dicts(traced, limit=100)}
    for one in people:
        known = next((person for person in (one.desired, one.observed) if person), None)
        row = found.get(known.email) if known else None
        if row is None:
            continue
        told = set()
        for name, flag in fields(row):
            cause = expected(one, name, line.get(name), line["people"]) if flag else None
            assert row[f"why:{name}"] == cause, (one, name)
            told |= {cause} if flag else set()
        if told - {None}:
            strongest = next(cause for cause in ("spec", "data", "drift", "new") if cause in told)
            assert row["cause"] == strongest, one


MOVING = replace(SHAPE, vars=(*SHAPE.vars, Var("id", ValueType.INTEGER)), identity="id")
KEYS, ADDRESSES = range(1, 4), [f"p{number}@example.com" for number in range(4)]


@dataclass(frozen=True)
class Placed:
    """What a person has in one state, and at which address."""

    address: str
    person: Person


def placed(*, ours: bool = True) -> st.SearchStrategy[dict[int, Placed]]:
    """Some people by key, each at an address of their own."""

    def place(addresses: list[str], people: dict[int, Person]) -> dict[int, Placed]:
        return {
            key: Placed(address, replace(one, email=address, vars={**one.vars, "id": str(key)}))
            for (key, one), address in zip(people.items(), addresses, strict=False)
        }

    people = st.dictionaries(st.sampled_from(KEYS), person("", ours=ours), max_size=len(KEYS))
    return st.builds(place, st.permutations(ADDRESSES), people)


def swapped(city: str | None = None) -> tuple[dict[int, Placed], dict[int, Placed], dict[int, Placed]]:
    """One and two exchanged addresses since the last apply, and one has another city by now."""

    def at(key: int, number: int, **vars_: str) -> Placed:
        lists = frozenset({REGISTRY})
        return Placed(ADDRESSES[number], Person(ADDRESSES[number], {"id": str(key), **vars_}, lists))

    before = {1: at(1, 1, city="a"), 2: at(2, 2, city="b")}
    wanted = {1: at(1, 2, city=city or "a"), 2: at(2, 1, city="b")}
    return wanted, before, before


def drifted() -> Placed:
    """Somebody has changed the city of one, whose address is another since."""
    one = swapped()[1][1]
    return replace(one, person=replace(one.person, vars={**one.person.vars, "city": "z"}))


@given(wanted=placed(), there=placed(), last=placed(), line=st.sampled_from([None, LINE]))
@example(*swapped(), None)
@example(swapped()[0], swapped()[1] | {1: drifted()}, swapped()[1], None)
@example(*swapped("b"), None)
@example({2: swapped()[0][1]}, {}, {1: swapped()[1][1]}, None)
@example(swapped()[1], swapped()[0], swapped()[1], None)
@settings(max_examples=12, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_causes_go_with_who_moves(
    workspace: Workspace,
    wanted: dict[int, Placed],
    there: dict[int, Placed],
    last: dict[int, Placed],
    line: Changed | None,
) -> None:
    """Each change is told by the past of the person it is about, wherever they were, and by nobody else's."""
    tables = [
        table(workspace, name, [one.person for one in state.values()], MOVING)
        for name, state in (("d", wanted), ("o", there), ("l", last))
    ]
    changes = diff.between(tables[0].drop("sid", "optout"), tables[1], MOVING)
    decided = planner.decide(changes, MOVING, Policy())
    lines = Lines({"city": line}, {}, None)
    traced = causes.traced(decided, ledger_of(workspace, tables[2], MOVING), lines, MOVING, workspace)
    keys = {values.hash_of(one.address): key for key, one in wanted.items()}
    found = [row for row in workspace.dicts(traced, limit=100) if row["kind"] != "leave"]
    for row in found:
        key = keys[str(row["hash"])]
        before, now = last.get(key), there.get(key)
        if row["kind"] == "create":
            known = before is not None and before.address == wanted[key].address
            told = {"drift" if known else "new"}
            assert {row[f"why:{name}"] for name, flag in fields(row, MOVING) if flag} == told, (key, row)
            assert row["cause"] in told
            continue
        assert now is not None
        if before is not None and before.address not in (now.address, wanted[key].address):
            before = None
        told = set[str | None]()
        for name, flag in fields(row, MOVING):
            if flag:
                of_field = line if name == "var:city" else None
                told.add(cause := moved_cause(wanted[key], before, name, of_field))
                assert row[f"why:{name}"] == cause, (key, name)
        if row["moved"]:
            told.add("drift" if before and before.address == wanted[key].address else "data")
        strongest = next((cause for cause in ("spec", "data", "drift", "new") if cause in told), None)
        assert row["cause"] == strongest, key


def moved_cause(wanted: Placed, before: Placed | None, name: str, line: Changed | None) -> str | None:
    if before is None:
        return "spec" if line else None
    return "drift" if said(before.person, name) == said(wanted.person, name) else "spec" if line else "data"


def ledger_of(workspace: Workspace, last: Any, shape: Shape) -> Ledger:
    """A ledger in which all of a state was applied."""
    salted = ledger.salted(last, workspace, ledger.salt(SECRETS))
    columns = {"key": ledger.key(salted, salted["hash"])}
    columns |= {f"v:{var.name}": ledger.digest(salted, var.name, salted[var.column]) for var in shape.vars}
    columns |= {f"l:{one.list}": salted[one.column] for one in shape.memberships}
    return Ledger(workspace.keep("ledger", salted.select(**columns)), {}, "", "run", "now", 0, ledger.salt(SECRETS))


def fields(row: dict[str, object], shape: Shape = SHAPE) -> Iterator[tuple[str, object]]:
    for var in shape.vars:
        yield f"var:{var.name}", row[f"set:{var.name}"]
    for one in SHAPE.memberships:
        yield f"list:{one.list}", row[f"join:{one.list}"] or row[f"leave:{one.list}"]


def test_a_ledger_goes_with_who_moves_and_leaves_nobody_behind(workspace: Workspace) -> None:
    """Two exchange addresses, one is deleted, one is new at an address that somebody left."""
    before = [Person(f"{name}@x.com", {"city": name}, frozenset({REGISTRY})) for name in "abcd"]
    _, last = states(workspace, [Three(None, None, one) for one in before])
    hashes = {name: values.hash_of(f"{name}@x.com") for name in "abcde"}
    moves = {"b": "a", "a": "b", "e": "c"}  # to <- from
    rows = [{"hash": hashes[to], "from": hashes[was], "kind": "update"} for to, was in moves.items()]
    rows.append({"hash": hashes["c"], "from": None, "kind": "create"})
    actions = actions_of(workspace, rows)
    gone = workspace.store("gone", actions_table([{"hash": hashes["d"]}], ["hash"]))
    after = workspace.keep("after", ledger.written(last.rows, actions, gone, SHAPE, workspace, SECRETS))
    found = {row["key"]: row["v:city"] for row in workspace.dicts(after, limit=10)}
    keys, city = digests(workspace, hashes)
    assert found == {
        keys["b"]: city["a"],
        keys["a"]: city["b"],
        keys["e"]: city["c"],
        keys["c"]: city[None],
    }


def actions_of(workspace: Workspace, rows: list[dict[str, object]]) -> object:
    table = workspace.store("moves", actions_table(rows, ["hash", "from", "kind"]))
    no, null = ibis.literal(value=False), ibis.null("string")
    columns = {f"{what}:{var.name}": no if what == "set" else null for var in SHAPE.vars for what in ("set", "new")}
    columns |= {f"{way}:{one.list}": no for one in SHAPE.memberships for way in ("join", "leave")}
    return table.mutate(**columns)


def actions_table(rows: list[dict[str, object]], names: list[str]) -> object:
    return pa.table({name: pa.array([row[name] for row in rows], pa.string()) for name in names})


def digests(workspace: Workspace, hashes: dict[str, str]) -> tuple[dict[str, str], dict[str | None, str]]:
    rows = workspace.store("names", actions_table([{"n": n, "h": h} for n, h in hashes.items()], ["n", "h"]))
    salted = ledger.salted(rows, workspace, SECRETS)
    made = salted.select(
        "n",
        key=ledger.key(salted, salted.h),
        city=ledger.digest(salted, "city", salted.n),
        none=ledger.digest(salted, "city", ibis.null("string")),
    )
    found = workspace.dicts(made, limit=10)
    return {row["n"]: row["key"] for row in found}, {None: found[0]["none"]} | {row["n"]: row["city"] for row in found}

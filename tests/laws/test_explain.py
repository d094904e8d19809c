"""The law of explain: of everybody it says what the plan says, in the same words."""

from __future__ import annotations

import asyncio
import itertools
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from hypothesis import HealthCheck, Phase, example, given, settings
from hypothesis import strategies as st
from world import Customer, World, meddle

from reconcile.plan import archive, people
from reconcile.plan.addresses import TEMPORARY
from reconcile.plan.foretelling import Explanation
from reconcile.plan.model import Delete, Stage, Upsert
from reconcile.plan.people import Row
from reconcile.state import values
from reconcile.state.identity import TAKEN
from reconcile.state.masks import Masks

MASKS = Masks.keyed_by("demo-secret")
KEYS, ADDRESSES = range(1, 5), range(1, 8)
NUMBER = itertools.count()


@dataclass(frozen=True)
class Change:
    """What has happened since an account was made equal to its source.

    Args:
        rows: key -> address (None for one that cannot be used) and name, of the source by now.
        strays: address -> key and whether on a list, of profiles that somebody else has made.
        opted_out: keys of those who opted out.
    """

    rows: Mapping[int, tuple[int | None, str]]
    strays: Mapping[int, tuple[int | None, bool]] = field(default_factory=dict)
    opted_out: frozenset[int] = frozenset()


ROW = st.tuples(st.none() | st.sampled_from(ADDRESSES), st.sampled_from(["Ada", "Eve"]))
CHANGES = st.builds(
    Change,
    st.dictionaries(st.sampled_from([*KEYS, 8, 9]), ROW, min_size=1),
    st.dictionaries(st.sampled_from([5, 6, 7]), st.tuples(st.none() | st.sampled_from([1, 2, 9]), st.booleans())),
    st.frozensets(st.sampled_from(KEYS)),
)
MOVED = Change({1: (5, "Ada"), 2: (3, "Ada"), 3: (2, "Eve"), 8: (1, "Ada")})
SECOND = Change({1: (5, "Ada"), 2: (2, "Ada"), 3: (6, "Ada")}, {5: (1, True), 6: (None, False)})
WAITING = Change({1: (2, "Ada"), 3: (1, "Ada"), 8: (4, "Eve"), 9: (None, "Ada")}, opted_out=frozenset({2, 4}))


def email(address: int) -> str:
    return f"p{address}@example.com"


@pytest.fixture(scope="module")
def settled(tmp_path_factory: pytest.TempPathFactory) -> World:
    world = World(tmp_path_factory.mktemp("settled"))
    world.fill(Customer(key, email(key), spent=2000 * (key % 2), news=1) for key in KEYS)
    assert world.apply().converged
    return world


def changed(settled: World, folder: Path, change: Change, on_leave: str, mode: str) -> World:
    folder.mkdir()
    world = settled.like(folder)
    world.on_leave, world.mode = on_leave, mode
    for key in change.opted_out:
        profile = world.account.profile(email(key))
        world.account.put(profile._replace(optout_email="all", optout_time=int(world.time.now)))
    for address, (key, listed) in change.strays.items():
        vars_ = {} if key is None else {"customer_id": key}
        meddle(world, {"id": email(address), "vars": vars_, "lists": {"News": listed}})
    world.fill(
        Customer(key, email(address) if address else "nowhere", name, spent=2000 * (key % 2), news=key % 2)
        for key, (address, name) in change.rows.items()
    )
    return world


@settings(
    max_examples=2,
    deadline=None,
    phases=[Phase.explicit, Phase.reuse, Phase.generate],
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(CHANGES, st.sampled_from(["unlist", "clear", "delete"]), st.sampled_from(["sync", "additive", "enrich"]))
@example(MOVED, "delete", "sync")
@example(SECOND, "delete", "sync")
@example(WAITING, "delete", "sync")
def test_explain_and_plan_say_the_same(
    settled: World, tmp_path: Path, change: Change, on_leave: str, mode: str
) -> None:
    world = changed(settled, tmp_path / str(next(NUMBER)), change, on_leave, mode)
    plan = world.plan()
    planned = {people.masked(action, MASKS) for _, action in archive.walk(plan)}
    used = {address for address, _ in change.rows.values() if address}
    told = {key: explained(world, str(key)) for key in change.rows}
    others = {at: explained(world, email(at)) for at in ADDRESSES if at not in used}
    lines = {row for one in (*told.values(), *others.values()) for row in steps(one)}
    assert lines <= planned
    # Who has left is found by the address that they had, as long as nobody else is to have it.
    hashes = {values.hash_of(email(address)) for address in used}
    for stage, action in archive.walk(plan):
        if people.masked(action, MASKS) not in lines:
            assert stage in (Stage.REMOVALS, Stage.DELETIONS), action
            assert isinstance(action, Upsert | Delete)
            assert action.hash in hashes or str(action.email).endswith(TEMPORARY), action
    shared = {address for address in used if [at for at, _ in change.rows.values()].count(address) > 1}
    for key, (address, _) in change.rows.items():
        if address and address not in shared:
            name = MASKS.person(email(address))
            assert about(name, planned) == about(name, steps(told[key])), key
    taken = [key for key, one in told.items() if one.foretold and one.foretold.taken]
    assert len(taken) == sum(one.count for one in plan.face.invalid if one.reason == TAKEN)


def about(name: str, rows: set[Row]) -> set[Row]:
    """What is to be done with somebody of this name, and not with who has left with their address."""
    return {row for row in rows if row.name == name and not row.told.startswith(("leave", "delete"))}


def explained(world: World, name: str) -> Explanation:
    return asyncio.run(world.ours.explain(world.spec(), name))


def steps(told: Explanation) -> set[Row]:
    return {row for row, _ in told.foretold.steps} if told.foretold else set()

"""Two exchange addresses, a third moves, a new one gets what it left: killed at any point, and under any fault.

Whatever happens, no profile ever has another person's data, and in the end everybody has their own.
"""

from __future__ import annotations

import random
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from stories.fault_matrix import FAULTS, SETTLED, faults_of
from stories.test_kills import Death, attempt
from world import Customer, World, shop

import reconcile as rc
from reconcile.apply import applier
from reconcile.simulator import Faults, store

SEEDS = 12


@dataclass(frozen=True)
class Scene:
    """An account before, the plan, and whose profile is which."""

    folder: Path
    plan: rc.Plan
    customers: dict[int, Customer]
    now: float
    owners: dict[str, int]

    def world(self, folder: Path, seed: int = 0, faults: Faults | None = None, account: Path | None = None) -> World:
        made = World(folder, on_leave="delete", seed=seed, faults=faults)
        made.customers = dict(self.customers)
        made.time.now = made.simulator.mischief._started = self.now
        store.restore(made.account, account or self.folder / "account")
        return made


@pytest.fixture(scope="module")
def scene(tmp_path_factory: pytest.TempPathFactory) -> Scene:
    folder = tmp_path_factory.mktemp("exchange")
    world = World(folder, on_leave="delete")
    world.fill(shop(6))
    world.settle()
    owners = {profile.sid: profile.vars["customer_id"] for profile in world.account.profiles.values()}
    emails = {number: world.customers[number].email for number in (1, 2, 3, 5)}
    world.change(1, email=emails[2], first_name="Exchanged")
    world.change(2, email=emails[1])
    world.change(3, email="third@example.com")
    world.customers[8] = Customer(8, emails[3], "New", news=1)
    world.customers.pop(5)
    world.customers[9] = Customer(9, emails[5], "Next")
    world.time.now += SETTLED
    store.save(world.account, folder / "account")
    plan = world.plan()
    counts = plan.face.counts
    assert (counts.room, counts.temporary, counts.create, counts.moved, counts.delete) == (4, 3, 2, 3, 1)
    return Scene(folder, plan, dict(world.customers), world.time.now, owners)


@pytest.fixture(autouse=True)
def small_chunks(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(applier, "CHUNK", 2)


def check_owners(world: World, scene: Scene) -> None:
    """Every profile is still whose it was; those that are new are those of the new people."""
    for profile in world.account.profiles.values():
        assert profile.vars["customer_id"] == scene.owners.get(profile.sid, profile.vars["customer_id"])
        assert profile.sid in scene.owners or profile.vars["customer_id"] in (8, 9)


def check_end(world: World, scene: Scene) -> None:
    check_owners(world, scene)
    assert world.there() == world.wanted()
    kept = {profile.vars["customer_id"]: profile.sid for profile in world.account.profiles.values()}
    assert all(kept[number] == sid for sid, number in scene.owners.items() if number != 5)


def deaths() -> Iterator[tuple[str, int]]:
    yield from (("call", nth) for nth in range(2, 40, 3))
    yield from (("called", nth) for nth in range(2, 40, 2))
    yield from ((event, nth) for event in ("wrote", "tore", "written") for nth in range(1, 16, 3))


@pytest.mark.parametrize(("event", "nth"), [*deaths()])
def test_killed_anywhere_it_goes_on(
    event: str, nth: int, scene: Scene, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    world = scene.world(tmp_path)
    died = attempt(world, scene.plan, Death(event, nth), monkeypatch) is None
    check_owners(world, scene)
    if died:
        report = world.apply(scene.plan)
        assert report.converged, report
    check_end(world, scene)


@pytest.mark.parametrize("nth", range(4, 34, 5))
def test_killed_and_planned_anew_it_ends_the_same(
    nth: int, scene: Scene, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    world = scene.world(tmp_path)
    attempt(world, scene.plan, Death("called", nth), monkeypatch)
    world.time.now += SETTLED
    report = world.apply(world.plan("anew.rplan"))
    assert report.converged, report
    check_end(world, scene)


def test_gone_on_with_after_its_end_it_takes_nobody_anything(scene: Scene, tmp_path: Path) -> None:
    """A journal that forgot everything: who has a new address already is not sent away from it."""
    from reconcile.apply import runs

    world = scene.world(tmp_path)
    assert world.apply(scene.plan).converged
    path = runs.of(world.ours.state, scene.plan.face).journal
    path.write_bytes(path.read_bytes().splitlines(keepends=True)[0])
    before = dict(world.account.profiles)
    assert world.apply(scene.plan).converged
    assert dict(world.account.profiles) == before


@pytest.mark.parametrize("seed", range(SEEDS))
def test_under_faults_nobody_gets_another_persons_profile(seed: int, scene: Scene, tmp_path: Path) -> None:
    dice = random.Random(seed)
    names = sorted(dice.sample([*FAULTS], dice.randint(2, 5)))
    world = scene.world(tmp_path, seed, faults_of(names, dice.uniform(0.2, 1.0)))
    try:
        converged = world.apply(scene.plan).converged
    except rc.ReconcileError:
        converged = False
    check_owners(world, scene)
    if not converged:
        store.save(world.account, tmp_path / "account")
        calm = scene.world(tmp_path, account=tmp_path / "account")
        calm.time.now = world.time.now + SETTLED
        report = calm.apply(calm.plan("mend.rplan"))
        assert report.converged, report
        world = calm
    check_end(world, scene)

"""What was checked is what is applied, whatever becomes of the plan's file between the two."""

from __future__ import annotations

import asyncio
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pyrage
import pytest
from desk import Desk
from world import KEYS, SPEC, World, shop

import reconcile as rc
from reconcile.apply import journal, lease, runs
from reconcile.apply.model import Unheard
from reconcile.plan import archive, sealing
from reconcile.simulator import Simulator
from reconcile.simulator.server import running
from reconcile.store.folder import Folder

Become = Callable[[Path, Path], Any]
OURS = pyrage.x25519.Identity.generate()
RECIPIENT = str(OURS.to_public())

OTHER_NAME: dict[str, Become] = {
    "replaced": lambda path, other: other.replace(path),
    "a link to another": lambda path, other: (path.unlink(), path.symlink_to(other)),
    "gone": lambda path, other: path.unlink(),
}
"""The name leads elsewhere: what was checked is still there, and is applied."""

OTHER_CONTENT: dict[str, Become] = {
    "written over": lambda path, other: path.write_bytes(other.read_bytes()),
    "written over by a shorter one": lambda path, other: path.write_bytes(other.read_bytes()[:200]),
    "truncated": lambda path, other: os.truncate(path, 100),
    "grown": lambda path, other: path.write_bytes(path.read_bytes() + other.read_bytes()),
    "written over through another hard link": lambda path, other: (
        path.with_name("twin").hardlink_to(path),
        path.with_name("twin").write_bytes(other.read_bytes()),
    ),
}
"""The file itself is another: nothing of it is applied."""


@pytest.fixture(scope="module")
def settled(tmp_path_factory: pytest.TempPathFactory) -> World:
    """A plan that changes one person, and one that deletes twenty, for an account that has converged before."""
    world = World(tmp_path_factory.mktemp("world"), on_leave="delete")
    world.fill(shop(40))
    world.settle()
    world.change(1, city="New")
    reviewed = world.plan("reviewed.rplan")
    before = dict(world.customers)
    world.fill(one for one in before.values() if one.id > 20)
    other = world.plan("other.rplan")
    world.customers = before
    assert (reviewed.face.counts.delete, other.face.counts.delete) == (0, 20)
    return world


@pytest.fixture
def world(settled: World, tmp_path: Path) -> World:
    return settled.like(tmp_path)


@pytest.fixture
def plans(settled: World, world: World) -> tuple[Path, Path]:
    """The one that was reviewed, and the other."""
    for name in ("reviewed.rplan", "other.rplan"):
        shutil.copy(settled.folder / name, world.folder / name)
    return world.folder / "reviewed.rplan", world.folder / "other.rplan"


class AtStage(Unheard):
    """Does something as soon as a stage begins."""

    def __init__(self, meanwhile: Callable[[], object]) -> None:
        self.meanwhile = meanwhile

    def stage(self, stage: Any, total: int) -> None:
        self.meanwhile()


def wait_and_apply(world: World, plan: rc.Plan, meanwhile: Callable[[], object]) -> rc.Report:
    """Apply while another apply is at work, which leaves when `meanwhile` has happened."""

    async def both() -> rc.Report:
        async with lease.held(Folder(world.ours.state), "shop/lease.json", clock=world.time.clock):  # type: ignore[arg-type]
            waiting = asyncio.create_task(world.ours.apply(plan, lock_timeout=1800))
            began = world.time.now
            while world.time.now < began + 60:  # noqa: ASYNC110 -- time that only moves when somebody sleeps
                await asyncio.sleep(0)
            meanwhile()
        return await waiting

    return asyncio.run(both())


@pytest.mark.parametrize("change", OTHER_NAME)
def test_a_plan_whose_file_is_replaced_while_it_waits_is_applied_as_it_was_checked(
    world: World, plans: tuple[Path, Path], change: str
) -> None:
    path, other = plans
    report = wait_and_apply(world, archive.read(path, KEYS), lambda: OTHER_NAME[change](path, other))
    assert report.converged
    assert len(world.simulator.account.profiles) == 40, "nobody was deleted"
    world.check()


@pytest.mark.parametrize("change", OTHER_CONTENT)
def test_a_plan_whose_file_is_written_to_while_it_waits_is_refused(
    world: World, plans: tuple[Path, Path], change: str
) -> None:
    path, other = plans
    plan, writes = archive.read(path, KEYS), world.writes()
    with pytest.raises(rc.PlanUnusable, match="was changed after it was checked") as refused:
        wait_and_apply(world, plan, lambda: OTHER_CONTENT[change](path, other))
    assert refused.value.exit_status == 5
    assert world.writes() == writes
    assert not runs.of(world.ours.state, plan.face).journal.exists(), "it is no run"  # type: ignore[arg-type]
    assert lease.read(Folder(world.ours.state), "shop/lease.json") is None  # type: ignore[arg-type]


def test_a_plan_that_expires_while_it_waits_is_refused(world: World, plans: tuple[Path, Path]) -> None:
    plan, writes = archive.read(plans[0], KEYS), world.writes()
    with pytest.raises(rc.PlanUnusable, match="This plan expired"):
        wait_and_apply(world, plan, lambda: setattr(world.time, "now", world.time.now + 25 * 3600))
    assert world.writes() == writes


@pytest.mark.parametrize(
    ("change", "route"),
    [*((change, "user") for change in (*OTHER_NAME, *OTHER_CONTENT)), ("replaced", "jobs"), ("written over", "jobs")],
)
def test_a_file_that_becomes_another_amid_the_run_changes_nothing_of_what_is_done(
    tmp_path: Path, change: str, route: str
) -> None:
    world = World(tmp_path, text=SPEC.replace("{mode:", f"{{route: {route}, mode:"), on_leave="delete")
    world.fill(shop(40))
    plan = world.plan("reviewed.rplan")
    world.fill(shop(80)[40:])
    world.plan("other.rplan")
    path, other = world.folder / "reviewed.rplan", world.folder / "other.rplan"
    become = OTHER_NAME.get(change) or OTHER_CONTENT[change]

    def meanwhile() -> None:
        if other.exists():
            become(path, other)
            other.unlink(missing_ok=True)

    report = asyncio.run(world.ours.apply(plan, events=AtStage(meanwhile)))
    world.fill(shop(40))
    known = {str(one.email).strip().lower() for one in world.customers.values()}
    assert set(world.there()) <= known, "only whom the checked plan names was written to"
    assert report.converged or "was changed after it was checked" in report.stopped
    if change in OTHER_NAME:
        assert report.converged
        world.check()


@pytest.mark.parametrize("change", ["replaced", "written over"])
def test_a_run_is_not_gone_on_with_by_another_plan_in_its_file(
    world: World, plans: tuple[Path, Path], change: str
) -> None:
    path, other = plans
    plan = archive.read(path, KEYS)

    async def interrupted() -> rc.Report:
        stop = asyncio.Event()
        return await world.ours.apply(plan, stop=stop, events=AtStage(stop.set))

    assert asyncio.run(interrupted()).stopped
    writes = world.writes()
    (OTHER_NAME | OTHER_CONTENT)[change](path, other)
    again = archive.read(path, KEYS)
    assert again.id != plan.id
    assert runs.of(world.ours.state, again.face) != runs.of(world.ours.state, plan.face)  # type: ignore[arg-type]
    if change == "replaced":
        assert world.apply(plan).converged
        world.check()
    else:
        with pytest.raises(rc.PlanUnusable, match="was changed after it was checked"):
            world.apply(plan)
        assert world.writes() == writes
        past, _ = journal.read(runs.of(world.ours.state, plan.face).journal)  # type: ignore[arg-type]
        assert not past.finished


@pytest.mark.parametrize("change", [*OTHER_NAME, *OTHER_CONTENT])
def test_the_state_keeps_the_sealed_plan_that_was_applied(
    world: World, plans: tuple[Path, Path], tmp_path: Path, change: str
) -> None:
    """So `rollback` takes back what was done, and not what is in the file by now."""
    path, other = plans
    sealing.seal(archive.read(path, KEYS), path, [RECIPIENT])
    sealing.seal(archive.read(other, KEYS), other, [RECIPIENT])
    whole, identity = path.read_bytes(), tmp_path / "identity"
    identity.write_text(str(OURS))
    private = tmp_path / "private"
    private.mkdir()
    plan = sealing.read(path, private / "plan.rplan", identity, KEYS)
    (OTHER_NAME.get(change) or OTHER_CONTENT[change])(path, other)
    assert world.apply(plan).converged
    kept = world.ours.kept(world.spec(), "last", private)
    assert kept.read_bytes() == whole


def test_a_sealed_plan_of_another_is_not_kept_as_this_one(
    world: World, plans: tuple[Path, Path], tmp_path: Path
) -> None:
    """As somebody who uses the library may name it: it is looked at before anything is written."""
    path, other = plans
    sealed = tmp_path / "sealed.rplan"
    sealing.seal(archive.read(other, KEYS), sealed, [RECIPIENT])
    writes = world.writes()
    with pytest.raises(rc.PlanUnusable, match="was changed after it was checked"):
        world.apply(replace(archive.read(path, KEYS), sealed=sealed))
    assert world.writes() == writes


@pytest.mark.parametrize("change", ["replaced", "written over"])
def test_a_rollback_takes_back_the_plan_that_was_checked(world: World, plans: tuple[Path, Path], change: str) -> None:
    path, other = plans
    plan = archive.read(path, KEYS)
    assert world.apply(plan).converged
    (OTHER_NAME | OTHER_CONTENT)[change](path, other)
    back = world.ours.rollback(world.spec(), plan, out=world.folder / "back.rplan")
    if change == "replaced":
        counts = asyncio.run(back).face.counts
        assert (counts.update, counts.total) == (1, 1)
    else:
        with pytest.raises(rc.PlanUnusable, match="was changed after it was checked"):
            asyncio.run(back)


def test_a_command_that_waits_applies_what_it_read(tmp_path: Path) -> None:
    simulator = Simulator(seed=1)
    with running(simulator) as url:
        desk = Desk(tmp_path, url, simulator)
        assert desk.run("plan", "--out", "p.rplan").returncode == 0
        command = [sys.executable, "-m", "reconcile.cli", "apply", "p.rplan", "--lock-timeout", "10m"]
        environ, pipe = {**os.environ, **desk.environ}, subprocess.PIPE

        async def wait() -> subprocess.Popen[str]:
            async with lease.held(Folder(tmp_path / ".reconcile"), "shop/lease.json"):
                waiting = subprocess.Popen(command, cwd=tmp_path, env=environ, stdout=pipe, stderr=pipe, text=True)  # noqa: ASYNC220
                until = time.monotonic() + 60
                while not (tmp_path / ".reconcile/shop/runs").exists() and time.monotonic() < until:
                    time.sleep(0.05)  # noqa: ASYNC251 -- nobody else is here
                desk.sql("delete from customers where id > 3")
                assert desk.run("plan", "--out", "p.rplan").returncode == 0
                return waiting

        waiting = asyncio.run(wait())
        told, complained = waiting.communicate(timeout=120)
        assert waiting.returncode == 0, complained
        assert "Of 34 actions: 34 verified" in told
        assert len(simulator.account.profiles) == 31

"""What a run does when the world is against it: leases, refusals, conflicts, downtimes, and knowing when to stop."""

from __future__ import annotations

import asyncio
import json
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import forger
import pytest
from world import KEYS, REGISTRY, World, meddle, shop

import reconcile as rc
from reconcile.apply import lease, runs
from reconcile.apply.model import Outcome, Unheard
from reconcile.errors import AccountBusy
from reconcile.plan.model import Stage
from reconcile.simulator import Faults
from reconcile.store.folder import Folder


@pytest.fixture
def world(tmp_path: Path) -> World:
    made = World(tmp_path, on_leave="delete")
    made.fill(shop(20))
    return made


LEASE = "shop/lease.json"


def folder(world: World) -> Folder:
    return Folder(world.folder / ".reconcile")


def apply(world: World, plan: rc.Plan, **options: object) -> rc.Report:
    return asyncio.run(world.ours.apply(plan, **options))  # type: ignore[arg-type]


# plans that may not be applied


def test_an_expired_plan_is_refused(world: World) -> None:
    plan = world.plan()
    world.time.now += 24 * 3600 + 1
    with pytest.raises(rc.PlanUnusable, match="expired at 2026-03-02T12:00:00"):
        world.apply(plan)
    assert world.writes() == 0


def test_a_run_that_was_begun_in_time_may_be_gone_on_with_for_as_long_again(world: World) -> None:
    plan = world.plan()
    world.time.now += 20 * 3600
    report = apply(world, plan, events=Heard(world, 60), max_duration=50.0)
    assert (report.exit_status, report.unattempted) == (8, report.total)
    world.time.now += 24 * 3600 - 61
    kept = runs.of(world.ours.state, plan.face).journal.read_bytes()
    late = replace(world.ours, now=lambda: datetime.fromtimestamp(world.time.now + 2, UTC))
    with pytest.raises(
        rc.PlanUnusable, match=r"begun at 2026-03-02T08:00:00.*, could be gone on with until 2026-03-03T08"
    ):
        asyncio.run(late.apply(plan))
    assert runs.of(world.ours.state, plan.face).journal.read_bytes() == kept
    assert world.writes() == 0
    assert world.apply(plan).converged
    world.check()


def test_a_plan_for_another_key_is_refused(world: World) -> None:
    plan = world.plan()
    world.ours = replace(world.ours, environ={**world.ours.environ, "KEY": "other-key"})
    with pytest.raises(rc.PlanUnusable, match="another API key"):
        world.apply(plan)
    assert world.writes() == 0


@pytest.mark.parametrize(("key", "value"), [("expires_at", "2030-01-01T00:00:00+00:00"), ("unlooked", 5)])
def test_an_edited_face_is_refused(world: World, key: str, value: object) -> None:
    plan = world.plan()
    assert plan.path is not None
    forger.edit(plan.path, lambda parts: forger.edit_face(parts, **{key: value}))
    with pytest.raises(rc.PlanUnusable, match="changed after it was made"):
        rc.read(plan.path, KEYS)


def test_a_plan_that_another_run_has_overtaken_is_refused(world: World) -> None:
    unaware = world.plan("unaware.rplan")
    world.time.now += 60
    world.settle()
    world.change(1, city="Old")
    aware = world.plan("aware.rplan")
    world.change(1, city="New")
    newer = world.settle()
    writes = world.writes()
    for plan in (unaware, aware):
        with pytest.raises(rc.PlanUnusable, match=f"overtaken: the run .*{newer.id} was applied at") as refused:
            world.apply(plan)
        assert "--within" in refused.value.hint
        assert not runs.of(world.ours.state, plan.face).journal.exists(), "it is no run"
    assert world.writes() == writes
    world.check()


def test_a_run_with_nothing_to_do_overtakes_no_plan(world: World) -> None:
    world.settle()
    idle = world.plan("idle.rplan")
    world.change(1, city="New")
    changed = world.plan("changed.rplan")
    assert idle.face.empty
    assert world.apply(idle).converged
    assert world.apply(changed).converged


def test_equal_content_planned_again_is_another_run(world: World) -> None:
    first = world.plan("first.rplan")
    world.time.now += 60
    second = world.plan("second.rplan")
    assert first.id == second.id
    assert runs.of(world.ours.state, first.face).name != runs.of(world.ours.state, second.face).name
    assert world.apply(first).converged
    assert world.apply(second).converged


# one at a time


def test_a_second_apply_waits_or_is_refused(world: World) -> None:
    plan = world.plan()
    store = folder(world)

    async def both(patience: float) -> rc.Report:
        async with lease.held(store, LEASE, clock=world.time.clock):
            return await world.ours.apply(plan, lock_timeout=patience)

    with pytest.raises(AccountBusy, match=r"at work on this account: \S+@\S+ \(pid \d+\) since 0 s") as busy:
        asyncio.run(both(0))
    assert busy.value.exit_status == 6
    before = world.time.now
    with pytest.raises(AccountBusy):
        asyncio.run(both(20))
    assert world.time.now - before == pytest.approx(20)
    assert world.writes() == 0
    assert world.apply(plan).converged


@pytest.mark.parametrize("how", ["its process is gone", "no heartbeat", "unreadable"])
def test_a_dead_holder_is_no_holder(world: World, how: str) -> None:
    plan = world.plan()
    place = "elsewhere" if how == "no heartbeat" else lease.place()
    beat = world.time.now - (301 if how == "no heartbeat" else 1)
    holder = {"by": "ada@x", "pid": 2**22 + 1, "since": beat, "beat": beat, "token": "t", "place": place}
    folder(world).replace(LEASE, ("{" if how == "unreadable" else json.dumps(holder)).encode())
    # Of one that cannot be read it takes as long to see that nobody writes to it.
    waits = 2 * lease.DEAD if how == "unreadable" else 0.0
    assert asyncio.run(world.ours.apply(plan, lock_timeout=waits)).converged
    assert folder(world).get(LEASE) is None


def test_who_lost_the_lease_ends(world: World) -> None:
    store = folder(world)

    async def slept_too_long() -> list[bool]:
        async with lease.held(store, LEASE, clock=world.time.clock) as first:
            alive = [first.beat()]
            world.time.now += 301
            async with lease.held(store, LEASE, clock=world.time.clock):
                return [*alive, first.beat()]

    assert asyncio.run(slept_too_long()) == [True, False]


# the world moves


def test_a_deletion_is_a_conflict_when_the_world_has_moved(world: World) -> None:
    world.settle()
    for number in (1, 2, 3, 4):
        world.customers.pop(number)
    plan = world.plan()
    assert plan.face.counts.delete == 4
    meddle(world, {"id": "person1@example.com", "lists": {REGISTRY: 0}})
    meddle(world, {"id": "person2@example.com", "email": "renamed@example.com"})
    report = world.apply(plan)
    assert (report.outcomes[Outcome.CONFLICT], report.outcomes[Outcome.VERIFIED]) == (2, 2)
    assert (report.exit_status, report.converged) == (4, False)
    told = " ".join(one.why for one in report.examples)
    assert "no longer on the list" in told
    assert "its e-mail address has changed" in told
    assert {"person1@example.com", "renamed@example.com"} <= world.there().keys()
    assert not {"person3@example.com", "person4@example.com"} & world.there().keys()


# downtimes and giving up


class Heard(Unheard):
    """Moves the clock when the first stage begins, and remembers what it is told."""

    def __init__(self, world: World, seconds: float, stop: asyncio.Event | None = None) -> None:
        self.world, self.seconds, self.stop = world, seconds, stop
        self.told: list[str] = []

    def stage(self, stage: Stage, total: int) -> None:
        self.world.time.now += self.seconds
        self.seconds = 0.0

    def paused(self, why: str, until: str) -> None:
        self.told.append(f"paused until {until}")
        if self.stop is not None:
            self.stop.set()

    def resumed(self, seconds: float) -> None:
        self.told.append(f"resumed after {seconds / 3600:.1f} h")


def in_maintenance(folder: Path, hours: float) -> World:
    """A world whose account is down from 30 s after its start."""
    down = Faults.model_validate({"maintenance": {"between": [[30, hours * 3600]], "answer": "mixed"}})
    world = World(folder, faults=down)
    world.fill(shop(30))
    return world


def test_a_downtime_is_sat_out(tmp_path: Path) -> None:
    world = in_maintenance(tmp_path, 2)
    heard = Heard(world, 60)
    report = apply(world, world.plan(), events=heard)
    assert report.converged, report
    [paused, resumed] = heard.told
    assert paused.startswith("paused until 2026-03-01T15:0")
    assert resumed == "resumed after 2.0 h"
    assert report.paused == pytest.approx(7200, abs=400)
    world.check()


def test_a_downtime_without_end_ends_the_run_and_the_plan_goes_on_later(tmp_path: Path) -> None:
    world = in_maintenance(tmp_path, 5)
    plan = world.plan()
    report = apply(world, plan, events=Heard(world, 60))
    assert (report.exit_status, report.converged) == (69, False)
    assert "down for more than 3 hours" in report.stopped
    assert not report.outcomes.get(Outcome.FAILED)
    world.time.now += 3 * 3600
    assert world.apply(plan).converged
    world.check()


def test_a_paused_run_can_be_interrupted(tmp_path: Path) -> None:
    world = in_maintenance(tmp_path, 2)
    plan = world.plan()

    async def interrupted() -> rc.Report:
        stop = asyncio.Event()
        return await world.ours.apply(plan, events=Heard(world, 60, stop), stop=stop)

    report = asyncio.run(interrupted())
    assert (report.exit_status, report.converged) == (8, False)
    world.time.now += 3 * 3600
    assert world.apply(plan).converged
    world.check()


def test_a_run_gives_up_when_too_much_fails(tmp_path: Path) -> None:
    broken = {"fault": "error-9", "methods": ["POST"], "endpoints": ["user"]}
    world = World(tmp_path, faults=Faults.model_validate({"calls": [broken]}))
    world.fill(shop(120))
    plan = world.plan()
    report = world.apply(plan)
    assert (report.exit_status, report.converged) == (9, False)
    assert "policy.give_up allows 20%" in report.stopped
    assert 45 <= report.outcomes[Outcome.FAILED] <= 80
    world.simulator.mischief.faults = Faults()
    assert world.apply(plan).converged
    world.check()


def test_a_run_ends_when_its_time_is_up(world: World) -> None:
    plan = world.plan()
    report = apply(world, plan, events=Heard(world, 60), max_duration=50.0)
    assert (report.exit_status, report.unattempted) == (8, report.total)
    assert "the time for this run is up" in report.stopped
    assert apply(world, plan, max_duration=1e6).converged
    world.check()


def test_the_report_says_what_came_of_it(world: World) -> None:
    plan = world.plan()
    report = world.apply(plan)
    run = runs.of(world.ours.state, plan.face)
    kept = json.loads(run.report.read_text())
    assert (kept["converged"], kept["status"], kept["outcomes"]) == (True, 0, {"verified": report.total})
    assert kept["run"] == run.name
    assert [one["stage"] for one in kept["stages"]] == ["lists", "upserts"]
    assert kept["calls"]["POST /user"] == 20
    events = [json.loads(line)["event"] for line in run.events.read_text().splitlines()]
    assert events == ["stage", "pace", "pace", "stage", "pace", "pace"]

"""A state store that is elsewhere: two applies at once, a machine that dies, a store that does."""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pyrage
import pytest
from s3_server import S3
from world import SPEC, World, shop

import reconcile as rc
from reconcile import store as stores
from reconcile.apply import audit, carrying, lease, runs
from reconcile.apply.model import Receipt, Unheard
from reconcile.apply.records import load_record
from reconcile.errors import AccountBusy, StoreUnavailable
from reconcile.plan import sealing
from reconcile.plan.model import Stage


class Heard(Unheard):
    """Does something when a stage begins, or when an action has its receipt."""

    def __init__(self, *, stage: Callable[[], object] = bool, receipt: Callable[[], object] = bool) -> None:
        self._stage = stage
        self._receipt = receipt

    def stage(self, stage: Stage, total: int) -> None:
        if stage is Stage.UPSERTS:
            self._stage()

    def receipt(self, receipt: Receipt) -> None:
        if receipt.stage is Stage.UPSERTS:
            self._receipt()


@pytest.fixture
def world(tmp_path: Path, s3: S3) -> World:
    """A shop whose spec keeps its state in S3; `local` is what this machine keeps."""
    made = World(tmp_path, text=SPEC + f"state: {s3.url}\n")
    made.ours = replace(made.ours, state=None, local=tmp_path / "here")
    made.fill(shop(12))
    return made


def elsewhere(world: World) -> rc.Reconciler:
    """Who does the same on another machine."""
    return replace(world.ours, local=world.folder / "there")


def apply(ours: rc.Reconciler, plan: rc.Plan, **options: object) -> rc.Report:
    return asyncio.run(ours.apply(plan, **options))  # type: ignore[arg-type]


def test_what_one_machine_applied_another_knows(world: World, s3: S3) -> None:
    plan, sealed = world.plan(), world.folder / "sealed.rplan"
    sealing.seal(plan, sealed, [str(pyrage.x25519.Identity.generate().to_public())])
    assert apply(world.ours, replace(plan, sealed=sealed)).converged
    with pytest.raises(rc.PlanUnusable, match="already applied"):
        apply(elsewhere(world), plan)
    assert elsewhere(world).kept(world.spec(), "last", world.folder).read_bytes() == sealed.read_bytes()
    run, kept = runs.of(world.ours.local, plan.face), stores.of(s3.url)
    report = kept.get(run.key(run.report))
    assert report is not None
    assert json.loads(report.content)["converged"]
    journal = kept.get(run.key(run.journal))
    assert journal is not None
    assert journal.content == run.journal.read_bytes()
    sources = kept.get("shop/sources.json")
    assert sources is not None
    assert load_record(sources.content) == {"customers": 12}
    world.check()


def test_of_two_applies_at_once_one_wins_and_the_other_says_who(world: World) -> None:
    plan = world.plan()
    said: list[str] = []

    async def second() -> None:
        with pytest.raises(AccountBusy) as busy:
            await elsewhere(world).apply(plan)
        said.append(busy.value.message)

    async def both() -> rc.Report:
        tasks: list[asyncio.Task[None]] = []
        begun = Heard(stage=lambda: tasks.append(asyncio.create_task(second())))
        report = await world.ours.apply(plan, events=begun)
        await asyncio.gather(*tasks)
        return report

    assert asyncio.run(both()).converged
    assert len(said) == 1
    assert f"at work on this account: {lease.myself()} (pid " in said[0]
    assert "last heard of 0 s ago" in said[0]
    world.check()


def test_a_dead_machine_is_waited_for_and_gone_on_from(world: World, s3: S3) -> None:
    plan = world.plan()

    class Dead(BaseException):
        pass

    def die() -> None:
        raise Dead

    store = stores.of(s3.url)
    with pytest.raises(Dead):
        apply(world.ours, plan, events=Heard(receipt=die))
    # Death gave the lease back, as no real one does: so it is put there again.
    holder = {"by": "ci@runner-1", "pid": 1, "since": world.time.now, "beat": world.time.now, "token": "t"}
    store.replace("shop/lease.json", json.dumps(holder | {"place": "elsewhere"}).encode())
    with pytest.raises(AccountBusy, match=r"ci@runner-1 \(pid 1\) since 0 s"):
        apply(elsewhere(world), plan)
    before = world.writes()
    report = apply(elsewhere(world), plan, lock_timeout=600)
    assert report.converged
    assert world.time.now - holder["beat"] > lease.DEAD  # type: ignore[operator]
    assert world.writes() - before < report.total, "what the dead had done was looked at, not done again"
    assert store.get("shop/lease.json") is None
    world.check()


def test_a_store_that_dies_in_the_middle_loses_nothing(world: World, s3: S3) -> None:
    plan = world.plan()
    report = apply(world.ours, plan, events=Heard(stage=s3.stop))
    assert report.converged, report
    assert any(f"The state store {s3.url} cannot be used" in note for note in report.notes)
    world.time.now += lease.DEAD + 1  # its lease could not be given back
    s3.start()
    entries, _ = world.ours.audit(world.spec())
    assert [one.number for one in audit.unended(entries)] == [1], "its end could not be told either"
    with pytest.raises(rc.PlanUnusable, match="already applied"):
        apply(world.ours, plan)
    run = runs.of(world.ours.local, plan.face)
    kept = stores.of(s3.url).get(run.key(run.journal))
    assert kept is not None
    assert kept.content == run.journal.read_bytes(), "the next attempt carried what could not be carried"
    entries, findings = world.ours.audit(world.spec())
    assert [(str(one.step), one.status) for one in entries] == [("begun", None), ("ended", 0)]
    assert (audit.unended(entries), findings) == ([], [])
    stores.of(s3.url).discard("shop/audit/00000002.json")
    assert "chain was cut off" in str(world.ours.audit(world.spec())[1]), "the report knows the end that was caught up"
    world.check()


def test_a_store_that_does_not_answer_stops_an_apply_before_its_first_write(world: World, s3: S3) -> None:
    plan = world.plan()
    s3.stop()
    with pytest.raises(StoreUnavailable, match=f"The state store {s3.url} cannot be used"):
        apply(world.ours, plan)
    assert world.writes() == 0


def test_what_happens_meanwhile_is_carried_meanwhile(world: World, s3: S3, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(carrying, "EVERY", 0.01)
    plan, sizes, store = world.plan(), [], stores.of(s3.url)
    run = runs.of(world.ours.local, plan.face)

    def look() -> None:
        until = time.monotonic() + 60
        while time.monotonic() < until:
            if (kept := store.get(run.key(run.journal))) and kept.content.count(b'"intend"') > len(sizes):
                sizes.append(len(kept.content))
                return
            time.sleep(0.01)

    assert apply(world.ours, plan, events=Heard(stage=look)).converged
    assert sizes, "the lists that were created are known before the upserts begin"


def test_the_command_line_overrules_the_spec(world: World, s3: S3) -> None:
    ours = replace(world.ours, state=world.folder / "another")
    plan = asyncio.run(ours.plan(world.spec(), out=world.folder / "plan.rplan"))
    assert plan.face.state == s3.url
    assert apply(ours, plan).converged
    assert list(stores.of(s3.url).list("shop/")) == []
    assert (world.folder / "another/shop/sources.json").exists()

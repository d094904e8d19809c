"""What a stopped run says of itself: attempted, written and looked at are three figures; none says too much."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from pathlib import Path

import httpx
import pytest
from world import World, shop

import reconcile as rc
from reconcile.apply import bulk, reporting
from reconcile.apply.model import Unheard
from reconcile.screen import history, reports
from reconcile.screen.steps import Steps
from reconcile.simulator import Faults

SIZE, LATER = 60, 1000.0


def world_of(folder: Path, route: str, faults: dict[str, object] | None = None) -> World:
    made = World(folder, faults=Faults.model_validate(faults) if faults else None)
    made.text = made.text.replace("policy: {mode:", f"policy: {{route: {route}, mode:")
    made.fill(shop(SIZE))
    return made


def looks_held_back(seconds: float) -> dict[str, object]:
    """From `LATER` on every look at a profile is refused by the rate limit, for so long."""
    between = [LATER, LATER + seconds]
    return {"calls": [{"fault": "rate-limited", "methods": ["GET"], "endpoints": ["user"], "between": between}]}


class Stopping(httpx.AsyncBaseTransport):
    """Asks a run to end once so many writes to profiles were answered."""

    def __init__(self, world: World, after: int, stop: asyncio.Event) -> None:
        self.inner, self.after, self.stop = world.simulator.transport(), after, stop
        self.sent = 0

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        wrote = (request.method, request.url.path) == ("POST", "/user")
        self.sent += wrote
        answer = await self.inner.handle_async_request(request)
        await asyncio.sleep(0)
        if wrote and self.sent >= self.after:
            self.stop.set()
        return answer


def partition(report: rc.Report) -> tuple[int, int, int, int]:
    """Every action of the plan is in exactly one of these."""
    figures = report.earlier, sum(report.outcomes.values()), report.in_doubt, report.unattempted
    assert sum(figures) == report.total, report
    return figures


def check_status(world: World, report: rc.Report) -> None:
    """`status` tells the same of the run as its report."""
    found = world.ours.status(world.spec())
    assert (found.doubtful, found.total - found.settled - found.doubtful) == (
        report.in_doubt,
        report.total - report.earlier - report.looked_at - report.in_doubt,
    )
    told = "\n".join(history.status(found))
    assert (f"{report.in_doubt:,} may have been done" in told) == (report.in_doubt > 0)


def test_all_was_written_and_nobody_could_look(tmp_path: Path) -> None:
    """The quota of looks is used up for an hour, the writes go through; then somebody presses Ctrl-C."""
    world = world_of(tmp_path, "user", looks_held_back(3600))
    plan = world.plan()
    world.time.now += LATER
    stop, heard = asyncio.Event(), Heard()
    ours = replace(world.ours, transport=Stopping(world, SIZE, stop))
    report = asyncio.run(ours.apply(plan, stop=stop, events=heard))
    lists = len(plan.face.new_lists)
    assert report.exit_status == 8
    assert partition(report) == (0, lists, SIZE, 0)
    assert (report.attempted, report.written, report.looked_at) == (SIZE + lists, SIZE + lists, lists)
    told = "\n".join(reports.report(report))
    assert f"{SIZE} may have been done" in told
    assert "not attempted" not in told
    assert f"{SIZE + lists} attempted, {SIZE + lists} written, {lists} looked at" in told
    assert reporting.as_json(report)["in_doubt"] == SIZE
    assert heard.count == SIZE + lists
    check_status(world, report)
    world.time.now += 3600
    world.simulator.calls.clear()
    assert world.apply(plan).converged
    assert not [call for call in world.simulator.calls if (call.method, call.endpoint) == ("POST", "user")]
    world.check()


class Heard(Unheard):
    """Counts writes as they are told."""

    def __init__(self) -> None:
        self.count = 0

    def written(self, count: int) -> None:
        self.count += count


@pytest.mark.parametrize("after", [1, 8, 33])
def test_a_chunk_that_is_cut_off_tells_what_was_sent_from_what_was_not(tmp_path: Path, after: int) -> None:
    world = world_of(tmp_path, "user")
    plan = world.plan()
    stop = asyncio.Event()
    wire = Stopping(world, after, stop)
    report = asyncio.run(replace(world.ours, transport=wire).apply(plan, stop=stop))
    assert report.exit_status == 8
    lists = len(plan.face.new_lists)
    assert report.attempted == report.written == wire.sent + lists
    assert partition(report)[3] == SIZE - wire.sent
    assert report.in_doubt <= wire.sent
    check_status(world, report)
    assert world.apply(plan).converged
    world.check()


def test_who_waits_for_the_quota_was_not_attempted(tmp_path: Path) -> None:
    """Nothing was sent for them, so nothing may have been done."""
    world = world_of(tmp_path, "user")
    plan = world.plan()
    stop = asyncio.Event()

    async def rest(seconds: float) -> None:
        await world.time.sleep(seconds)
        if seconds > 20:  # for the next minute's quota
            stop.set()

    class Exhausted(Stopping):
        async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
            answer = await super().handle_async_request(request)
            if (request.method, request.url.path) == ("POST", "/user"):
                answer.headers["X-Rate-Limit-Remaining"] = "0"
            return answer

    wire = Exhausted(world, 10_000, stop)
    report = asyncio.run(replace(world.ours, transport=wire, sleep=rest).apply(plan, stop=stop))
    sent = wire.sent
    assert report.exit_status == 8
    assert 0 < sent < SIZE
    assert partition(report)[3] == SIZE - sent
    assert report.in_doubt <= sent
    check_status(world, report)
    assert world.apply(plan).converged
    world.check()


@pytest.mark.parametrize("limit", [30.0, 2000.0])
def test_jobs_that_were_handed_in_may_be_done_and_the_others_were_not_attempted(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, limit: float
) -> None:
    monkeypatch.setattr(bulk, "STEP", 5)
    monkeypatch.setattr(bulk, "LINES", 5)
    world = world_of(tmp_path, "jobs", {"jobs": {"rows_per_second": {"update": 0.01}}})
    plan = world.plan()
    report = asyncio.run(world.ours.apply(plan, max_duration=limit))
    assert report.exit_status == 8
    lists = len(plan.face.new_lists)
    jobs = [job for job in world.simulator.jobs.jobs.values() if job.kind == "update"]
    assert partition(report) == (0, lists, 5 * len(jobs), SIZE - 5 * len(jobs))
    assert report.attempted == lists + 5 * len(jobs)
    assert report.looked_at == lists
    check_status(world, report)
    world.time.now += 20 * 3600
    assert world.apply(plan).converged
    world.check()


def test_a_stage_counts_writes_while_looks_are_held_back(tmp_path: Path) -> None:
    """For seven minutes nobody can look: the line of the stage moves all the same."""
    world = world_of(tmp_path, "user", looks_held_back(420))
    plan = world.plan()
    world.time.now += LATER
    voice = Voice()
    steps = Steps(voice, voice, as_json=False)  # type: ignore[arg-type]
    assert asyncio.run(world.ours.apply(plan, events=steps)).converged
    assert voice.most["upserting profiles"] == SIZE
    assert voice.done["upserting profiles"] == SIZE
    assert f"{SIZE} written, 0 looked at" in voice.notes


def test_a_stage_says_what_was_handed_in_while_a_job_runs(tmp_path: Path) -> None:
    world = world_of(tmp_path, "jobs", {"jobs": {"rows_per_second": {"update": 0.1}}})
    plan = world.plan()
    voice = Voice()
    steps = Steps(voice, voice, as_json=False)  # type: ignore[arg-type]
    assert asyncio.run(world.ours.apply(plan, events=steps)).converged
    assert any(f"{SIZE} attempted, 0 written, 0 looked at" in note for note in voice.notes), voice.notes
    assert voice.done["upserting profiles"] == SIZE


class Voice:
    """Counts what is told of each step."""

    def __init__(self) -> None:
        self.done: dict[str, int] = {}
        self.most: dict[str, int] = {}
        self.notes: list[str] = []

    def start(self, step: str, total: int | None = None, unit: str = "rows") -> None:
        self.done[step] = 0
        self.most[step] = total or 0

    def advance(self, step: str, by: int = 1, *, size: int = 0) -> None:
        self.done[step] += by
        if step == "upserting profiles":
            assert self.done[step] <= self.most[step]

    def finish(self, step: str) -> None:
        pass

    def note(self, step: str, told: str) -> None:
        self.notes.append(told)

    def cut_off(self, step: str) -> None:
        pass

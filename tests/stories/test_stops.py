"""A run that is to end does so in bounded time, whatever it waits for, and the same plan goes on from there.

Ctrl-C and SIGTERM set `stop` (`reconcile.cli`); `--max-duration` is a deadline. Both are played while the run waits for
hours: for a job, an export, an account that is down, a quota, another apply.
"""

from __future__ import annotations

import asyncio
import itertools
import math
from collections.abc import Callable, Coroutine
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from world import World, shop

import reconcile as rc
from reconcile.apply import journal, lease, runs
from reconcile.apply.endings import Ended
from reconcile.simulator import Faults
from reconcile.store.folder import Folder

ASKED = 25.0
"""Seconds after the start of the apply at which it is asked to end."""

SOON = 15.0
"""Seconds in which it then has ended: what is in flight, and the looks at it."""

LATER = 6 * 3600.0
"""Seconds until it is gone on with: the faults are over by then."""

WAITS: dict[str, tuple[str, dict[str, Any]]] = {
    "a job": ("jobs", {"jobs": {"rows_per_second": {"update": 0.01}}}),
    "an export": ("jobs", {"jobs": {"rows_per_second": {"export_list_data": 0.01}}}),
    "both are pending": ("jobs", {"jobs": {"start": [3000, 4000]}}),
    "a quota": ("user", {"calls": [{"fault": "rate-limited", "endpoints": ["user"], "between": [0, 5000]}]}),
    "a quota for jobs": (
        "jobs",
        {"calls": [{"fault": "rate-limited", "methods": ["POST"], "endpoints": ["job"], "between": [0, 5000]}]},
    ),
    "further tries": ("user", {"calls": [{"fault": "error-9", "endpoints": ["user"], "between": [0, 5000]}]}),
    "a further look": (
        "user",
        {"calls": [{"fault": "html", "methods": ["GET"], "endpoints": ["user"], "between": [0, 5000]}]},
    ),
    "the account": (
        "user",
        {
            "calls": [{"fault": "error-9", "endpoints": ["user"], "between": [0, 3]}],
            "maintenance": {"between": [[3, 5000]], "answer": "mixed"},
        },
    ),
    "the account, with a job": (
        "jobs",
        {
            "jobs": {"rows_per_second": {"update": 1}},
            "maintenance": {"between": [[1, 5000]], "answer": "mixed"},
        },
    ),
}


Waiting = Callable[[str], tuple[World, rc.Plan]]


@pytest.fixture(scope="module")
def plans(tmp_path_factory: pytest.TempPathFactory) -> dict[str, tuple[World, rc.Plan]]:
    """Plans that were made while all was well, by their route."""
    made = {}
    for route in ("user", "jobs"):
        calm = World(tmp_path_factory.mktemp(route))
        calm.text = calm.text.replace("policy: {mode:", f"policy: {{route: {route}, mode:")
        calm.fill(shop(30))
        made[route] = calm, calm.plan()
    return made


@pytest.fixture
def waiting(plans: dict[str, tuple[World, rc.Plan]], tmp_path: Path) -> Waiting:
    """Makes a world in which an apply will wait for this, and the plan."""

    def make(what: str) -> tuple[World, rc.Plan]:
        route, faults = WAITS[what]
        calm, plan = plans[route]
        made = World(tmp_path, text=calm.text, faults=Faults.model_validate(faults))
        made.customers = dict(calm.customers)
        made.account.client_id, made.account.customer_id = calm.account.client_id, calm.account.customer_id
        return made, plan

    return make


class Clockwork:
    """Virtual time in which those who sleep side by side wake in the order of their times.

    At `rings` somebody presses Ctrl-C.
    """

    def __init__(self, world: World, rings: float = math.inf) -> None:
        self.time, self.rings, self.stop = world.time, rings, asyncio.Event()
        self.waking: list[tuple[float, int]] = []
        self.numbers = itertools.count()

    async def sleep(self, seconds: float) -> None:
        mine = (self.time.now + seconds, next(self.numbers))
        self.waking.append(mine)
        try:
            await self._turn(mine)
            if mine[0] >= self.rings and not self.stop.is_set():
                self.time.now = self.rings
                self.stop.set()
                await self._turn(mine)
            self.time.now = max(self.time.now, mine[0])
        finally:
            self.waking.remove(mine)

    async def _turn(self, mine: tuple[float, int]) -> None:
        """Until nobody is to wake before; all who are awake have had time to go to sleep again."""
        first = False
        while not first:
            for _ in range(20):
                await asyncio.sleep(0)
            first = mine == min(self.waking)


async def asked(world: World, plan: rc.Plan, **options: float) -> rc.Report:
    """Apply, and press Ctrl-C after so long, in the middle of whatever sleep that falls into."""
    clockwork = Clockwork(world, world.time.now + ASKED)
    return await replace(world.ours, sleep=clockwork.sleep).apply(plan, stop=clockwork.stop, **options)


async def timed(world: World, plan: rc.Plan, **options: float) -> rc.Report:
    """Apply for so long at most."""
    return await replace(world.ours, sleep=Clockwork(world).sleep).apply(plan, max_duration=ASKED, **options)


End = Callable[..., Coroutine[Any, Any, rc.Report]]


def jobs_of(world: World) -> list[str]:
    """The kinds of jobs that were taken."""
    return [job.kind for job in world.simulator.jobs.jobs.values()]


@pytest.mark.parametrize("end", [asked, timed])
@pytest.mark.parametrize("what", WAITS)
def test_a_run_that_waits_ends_soon_and_is_gone_on_with(waiting: Waiting, what: str, end: End) -> None:
    world, plan = waiting(what)
    began = world.time.now
    report = asyncio.run(end(world, plan))
    assert (report.exit_status, report.converged) == (8, False), report
    assert "Apply the same plan again" in report.stopped
    assert ASKED <= world.time.now - began <= ASKED + SOON
    world.time.now = began + LATER
    assert world.apply(plan).converged
    assert jobs_of(world).count("update") == (WAITS[what][0] == "jobs"), "a job was handed in twice"
    world.check()


def test_the_journal_holds_the_job_that_was_waited_for(waiting: Waiting) -> None:
    world, plan = waiting("a job")
    asyncio.run(timed(world, plan))
    past, _ = journal.read(runs.of(world.ours.state, plan.face).journal)
    assert [intent.facts["job"] for intent in past.open.values() if intent.kind == "job"] == list(
        world.simulator.jobs.jobs
    )
    world.time.now += LATER
    assert world.apply(plan).converged
    over, _ = journal.read(runs.of(world.ours.state, plan.face).journal)
    assert over.open == {}, "a later attempt would wait for a job whose end was seen"


@pytest.mark.parametrize("end", [asked, timed])
def test_who_waits_for_another_apply_can_be_ended(waiting: Waiting, end: End) -> None:
    world, plan = waiting("a job")
    store = Folder(world.folder / ".reconcile")
    began = world.time.now

    async def second() -> None:
        async with lease.held(store, "shop/lease.json", clock=world.time.clock):
            await end(world, plan, lock_timeout=3600.0)

    with pytest.raises(Ended) as ended:
        asyncio.run(second())
    assert ended.value.exit_status == 8
    assert world.time.now - began == pytest.approx(ASKED, abs=2)
    assert world.writes() == 0

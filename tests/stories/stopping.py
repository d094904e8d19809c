"""Runs that are stopped at any place and in every way, gone on with, and held against what was wanted.

A place is a step of a run: a stage that begins, a record of the journal, a call and its answer. `make soak` draws
thousands of places; tests take all places between stages and a sample of those within.
"""

from __future__ import annotations

import asyncio
import random
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import httpx
import pytest
from world import Customer, World

import reconcile as rc
from reconcile.apply import applier, journal, runs
from reconcile.apply.journal import Journal
from reconcile.apply.model import Outcome, Unheard
from reconcile.plan import archive
from reconcile.plan.model import CreateList, Delete, MakeRoom, Route, Stage, Upsert
from reconcile.simulator import Faults, store

CHUNK = 3
"""Actions of a chunk: every stage has more."""

WAYS = ("asked", "time is up", "down", "credentials revoked", "killed", "killed, and a line torn")
STATUS = {"asked": 8, "time is up": 8, "down": 69, "credentials revoked": 77}
SCENES = ("unlist", "delete")
ROUTES = (Route.USER, Route.JOBS)
DAY = 24 * 3600.0


class Killed(BaseException):
    """The process is no more: nobody catches this."""


@dataclass
class Place:
    """Where a run is stopped: the `nth` time that something of the `kind` happens."""

    kind: str
    nth: int

    def __str__(self) -> str:
        return f"{self.kind} {self.nth}"


@dataclass(frozen=True)
class Scene:
    """An account as it was when a plan was made, the plan, and what an undisturbed run makes of it."""

    folder: Path
    text: str
    on_leave: str
    customers: Mapping[int, Customer]
    plan: rc.Plan
    now: float
    wanted: Any = None

    def world(self, folder: Path) -> World:
        """The same again, in a place of its own."""
        made = World(folder, on_leave=self.on_leave, text=self.text)
        made.customers = dict(self.customers)
        made.time.now = self.now
        store.restore(made.account, self.folder / "account.ndjson")
        made.simulator.calls.clear()
        return made


def scene(folder: Path, on_leave: str, route: Route) -> Scene:
    """New lists, addresses that change hands, people who are new, change, and leave: more than a chunk of each."""
    world = World(folder, on_leave=on_leave)
    whole = world.text.replace("policy: {mode:", f"policy: {{route: {route}, mode:")
    world.text = "\n".join(line for line in whole.splitlines() if "list: News" not in line) + "\n"
    world.fill(
        Customer(number, f"person{number}@example.com", spent=5000.0 * (number % 2), city="Rome", news=number % 2)
        for number in range(1, 29)
    )
    assert world.apply().converged
    world.text = whole
    for number in range(1, 8):
        world.customers.pop(number)
    for number in range(8, 15):
        world.change(number, first_name="Bea", city="Paris")
    for number in range(15, 23, 2):  # each has the address that the other had
        world.change(number, email=f"person{number + 1}@example.com")
        world.change(number + 1, email=f"person{number}@example.com")
    world.customers |= {number: Customer(number, f"new{number}@example.com", news=1) for number in range(40, 46)}
    world.time.now += 60
    plan = world.plan()
    for stage in stages(on_leave):
        first, end = plan.face.span(stage)
        assert end - first > (0 if stage is Stage.LISTS else CHUNK), stage
    store.save(world.account, folder / "account.ndjson")
    made = Scene(folder, whole, on_leave, dict(world.customers), plan, world.time.now)
    (folder / "undisturbed").mkdir()
    calm = made.world(folder / "undisturbed")
    assert apply(calm, plan, None)[0] is not None
    return replace(made, wanted=calm.there())


def stages(on_leave: str) -> tuple[Stage, ...]:
    """The stages of a scene's plan, in their order."""
    return (Stage.LISTS, Stage.ROOM, Stage.UPSERTS, Stage.DELETIONS if on_leave == "delete" else Stage.REMOVALS)


@dataclass
class Stop:
    """Stops a run in one way when it comes to a place; from then on the dead have no effect."""

    world: World
    way: str
    place: Place
    stop: asyncio.Event = field(default_factory=asyncio.Event)
    seen: dict[str, int] = field(default_factory=dict)
    struck: bool = False
    dead: bool = False

    def at(self, kind: str) -> bool:
        """Whether a killed run is to leave a torn line now; the strike itself where it is time for it."""
        if self.dead:
            raise Killed
        self.seen[kind] = self.seen.get(kind, 0) + 1
        if self.struck or (kind, self.seen[kind]) != (self.place.kind, self.place.nth):
            return False
        self.struck = True
        match self.way:
            case "asked":
                self.stop.set()
            case "time is up":
                self.world.time.now += DAY / 2
            case "down":
                here = self.world.time.now - self.world.simulator.mischief._started
                rules = {"maintenance": {"between": [[here, here + DAY / 2]], "answer": "mixed"}}
                self.world.simulator.mischief.faults = Faults.model_validate(rules)
            case "credentials revoked":
                self.world.simulator._gate.keys.clear()
            case _:
                self.dead = True
                if self.way.endswith("torn") and kind == "record":
                    return True
                raise Killed
        return False


class Wire(httpx.AsyncBaseTransport):
    """The way to the simulator, on which a run may be stopped."""

    def __init__(self, inner: httpx.AsyncBaseTransport, stop: Stop) -> None:
        self.inner, self.stop = inner, stop

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        self.stop.at("call")
        answer = await self.inner.handle_async_request(request)
        self.stop.at("answer")
        return answer


class Stages(Unheard):
    """Stops a run when a stage begins."""

    def __init__(self, stop: Stop) -> None:
        self.stop = stop

    def stage(self, stage: Stage, total: int) -> None:
        self.stop.at(f"stage {stage.name}")


@contextmanager
def striking(stop: Stop) -> Iterator[None]:
    """Small chunks, and records of the journal as places to stop at."""

    def write(self: Journal, line: bytes) -> None:
        assert self._file is not None
        torn = stop.at("record")
        self._file.write(line[: len(line) // 2] if torn else line)
        self._file.flush()
        if torn:
            raise Killed
        stop.at("recorded")

    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(applier, "CHUNK", CHUNK)
        patched.setattr(Journal, "_write", write)
        yield


def apply(world: World, plan: rc.Plan, how: tuple[str, Place] | None) -> tuple[rc.Report | None, Stop]:
    """Apply a plan, and stop it; no report where it was killed."""
    way, place = how or ("", Place("", 0))
    stop = Stop(world, way, place)
    ours = replace(world.ours, transport=Wire(world.simulator.transport(), stop))
    limit = DAY / 3 if way == "time is up" else None
    with striking(stop):
        try:
            doing = ours.apply(plan, stop=stop.stop, events=Stages(stop), max_duration=limit)
            return asyncio.run(doing), stop
        except Killed:
            return None, stop


def play(from_: Scene, folder: Path, hows: list[tuple[str, Place]]) -> list[bool]:
    """Stop a run at these places, one attempt each, then let it go on to its end; at which of them it was stopped."""
    world, struck = from_.world(folder), []
    with suppress(rc.PlanUnusable):  # killed after its last word
        for how in hows:
            world.simulator.calls.clear()
            report, stop = apply(world, from_.plan, how)
            check_stopped(from_, world, report)
            struck.append(stop.struck)
            if stop.struck and report is not None and not report.converged:
                assert report.exit_status == STATUS[how[0]], report
            mend(world)
            if report is not None and report.converged:
                break
        else:
            last, _ = apply(world, from_.plan, None)
            assert last is not None
            assert last.converged, last
    assert world.there() == from_.wanted, "the account is not as an undisturbed run leaves it"
    with pytest.raises(rc.PlanUnusable, match="already applied"):
        world.apply(from_.plan)
    return struck


def mend(world: World) -> None:
    """Whatever stopped the run is over, and it is later."""
    world.simulator.mischief.faults = Faults()
    world.simulator._gate.keys["demo-key"] = "demo-secret"
    world.time.now += 60


def check_stopped(from_: Scene, world: World, report: rc.Report | None) -> None:
    """The journal and the report of a stopped run say no more than is so."""
    past, _ = journal.read(runs.of(world.ours.state, from_.plan.face).journal)
    there = world.there()
    for number, (_, action) in enumerate(archive.walk(from_.plan)):
        if past.is_settled(number):
            assert is_done(action, world, there), f"action {number} is said to be verified, and is not done"
    if report is None:
        return
    told = report.earlier + sum(report.outcomes.values()) + report.in_doubt + report.unattempted
    assert told == report.total, report
    assert min(report.in_doubt, report.unattempted) >= 0, report
    assert report.looked_at + sum(report.outcomes.get(one, 0) for one in (Outcome.REJECTED, Outcome.FAILED)) == sum(
        report.outcomes.values()
    ), report
    assert report.written <= report.attempted <= report.total, report
    sent = world.simulator.calls
    if not any(call.endpoint == "job" and call.method == "POST" for call in sent):
        writes = sum(call.method != "GET" for call in sent)
        assert report.attempted - sum(report.outcomes.values()) <= writes, f"{writes} writes were sent: {report}"


def is_done(action: Any, world: World, there: Mapping[str, Any]) -> bool:
    """Whether the account has what an action is for."""
    match action:
        case CreateList():
            return action.list in world.account.list_names()
        case MakeRoom():
            return True  # the address may be somebody else's by now
        case Delete():
            return not any(action.sid == one.sid for one in world.account.profiles.values())
        case Upsert():
            email = action.moves_to or action.email
            if email is None:
                email = next((one.email for one in world.account.profiles.values() if one.sid == action.sid), None)
            if email not in there:
                return not any(action.lists.values())
            _, lists = there[str(email)]
            return all((name in lists) is join for name, join in action.lists.items())


def draw(seed: int) -> tuple[str, Route, list[tuple[str, Place]]]:
    """The scene, the route, and where and how a run is stopped, up to three times, that a seed stands for."""
    dice = random.Random(seed)
    on_leave, route = dice.choice(SCENES), dice.choice(ROUTES)
    hows = [(dice.choice(WAYS), _draw_place(dice, on_leave)) for _ in range(dice.randint(1, 3))]
    return on_leave, route, hows


def _draw_place(dice: random.Random, on_leave: str) -> Place:
    kinds: list[Callable[[], Place]] = [
        lambda: Place(f"stage {dice.choice(stages(on_leave)).name}", 1),
        lambda: Place(dice.choice(["record", "recorded"]), dice.randint(2, 40)),
        lambda: Place(dice.choice(["call", "answer"]), dice.randint(2, 120)),
    ]
    return dice.choice(kinds)()

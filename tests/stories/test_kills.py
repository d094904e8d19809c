"""Killed at any point and applied again, a run ends where an undisturbed one would have, and repeats nothing.

Most deaths are played in process, with virtual time: an error that nobody catches, after which the dead can neither
call nor write. A few are real: SIGKILL to a real process over a real socket.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import random
import signal
import subprocess
import sys
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import httpx
import orjson
import pytest
from stories import damaging
from world import REGISTRY, SPEC, Customer, World, shop

import reconcile as rc
from reconcile.apply import applier, journal, runs
from reconcile.apply.journal import Journal
from reconcile.apply.model import Outcome
from reconcile.plan import archive
from reconcile.plan.model import Stage
from reconcile.simulator import Faults, Simulator, store
from reconcile.simulator.server import running

BEFORE = [
    Customer(number, f"person{number}@example.com", spent=5000.0 * (number % 2), city=f"City {number}")
    for number in range(1, 9)
]
LEAVING = (1, 2, 3)


class Killed(BaseException):
    """The process is no more: nobody catches this."""


class Finished(Exception):
    """There was nothing left to do."""


class Death:
    """Strikes at the nth event, and from then on nothing has any effect.

    Events are journal writes (`wrote` before, `written` after, `tore` halfway) and calls (`call` before, `called`
    after Sailthru has done it and before we know).
    """

    def __init__(self, event: str = "", nth: int = 0) -> None:
        self.event = event
        self.nth = nth
        self.seen: dict[str, int] = {}
        self.struck = False

    def at(self, event: str) -> bool:
        if self.struck:
            raise Killed
        self.seen[event] = self.seen.get(event, 0) + 1
        return event == self.event and self.seen[event] == self.nth

    def strike(self) -> None:
        self.struck = True
        raise Killed


class Wire(httpx.AsyncBaseTransport):
    """The way to the simulator, which a death cuts."""

    def __init__(self, inner: httpx.AsyncBaseTransport, death: Death) -> None:
        self.inner = inner
        self.death = death

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        if self.death.at("call"):
            self.death.strike()
        answer = await self.inner.handle_async_request(request)
        if self.death.at("called"):
            self.death.strike()
        return answer


def deadly(death: Death) -> Callable[[Journal, bytes], None]:
    def write(self: Journal, line: bytes) -> None:
        assert self._file is not None
        if death.at("wrote"):
            death.strike()
        if death.at("tore"):
            self._file.write(line[: len(line) // 2])
            self._file.flush()
            death.strike()
        self._file.write(line)
        self._file.flush()
        if death.at("written"):
            death.strike()

    return write


@dataclass(frozen=True)
class Scene:
    """A plan that creates a list, adds, changes, takes off and deletes; and the account it was made against."""

    folder: Path
    plan: rc.Plan
    customers: dict[int, Customer]
    now: float

    def world(self, folder: Path, faults: Faults | None = None, seed: int = 0) -> World:
        """The same again, in a place of its own."""
        world = World(folder, on_leave="delete", seed=seed, faults=faults)
        world.customers = dict(self.customers)
        world.time.now = self.now
        store.restore(world.account, self.folder / "account.ndjson")
        world.simulator.calls.clear()
        return world


@pytest.fixture(scope="module")
def scene(tmp_path_factory: pytest.TempPathFactory) -> Scene:
    folder = tmp_path_factory.mktemp("scene")
    world = World(folder, on_leave="delete")
    without = world.text
    world.text = "\n".join(line for line in without.splitlines() if "list: News" not in line) + "\n"
    world.fill(BEFORE)
    world.apply()
    world.text = without
    for number in LEAVING:
        world.customers.pop(number)
    world.change(4, city="Elsewhere")
    world.change(5, spent=1.0, news=1)
    world.change(6, email="moved@example.com")
    world.customers |= {
        number: Customer(number, f"new{number}@example.com", news=number % 2) for number in (20, 21, 22)
    }
    store.save(world.account, folder / "account.ndjson")
    plan = world.plan()
    counts = plan.face.counts
    assert (counts.create, counts.update, counts.moved, counts.delete) == (3, 3, 1, 3)
    assert plan.face.new_lists == ("News",)
    return Scene(folder, plan, dict(world.customers), world.time.now)


@pytest.fixture(autouse=True)
def small_chunks(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(applier, "CHUNK", 2)


def attempt(world: World, plan: rc.Plan, death: Death, monkeypatch: pytest.MonkeyPatch) -> rc.Report | None:
    """Apply; None when it was killed."""
    ours = replace(world.ours, transport=Wire(world.simulator.transport(), death))
    with monkeypatch.context() as patched:
        patched.setattr(Journal, "_write", deadly(death))
        try:
            return asyncio.run(ours.apply(plan))
        except Killed:
            return None
        except rc.PlanUnusable:  # it had died after its last word
            raise Finished from None


def check_end(world: World) -> None:
    assert world.there() == world.wanted()
    assert sorted(world.account.list_names()) == ["Big Spenders", "News", REGISTRY]


def settled_people(world: World, plan: rc.Plan) -> set[str]:
    """Addresses and sids of those whose action the journal says is settled."""
    past, _ = journal.read(runs.of(world.ours.state, plan.face).journal)
    found = set()
    for number, (_, action) in enumerate(archive.walk(plan)):
        if past.is_settled(number):
            names = (getattr(action, name, None) for name in ("email", "sid", "moves_to", "list"))
            found |= {name for name in names if name}
    return found


def right_people(world: World) -> set[str]:
    """Addresses of those who are as wanted already."""
    wanted = world.wanted()
    return {email for email, state in world.there().items() if wanted.get(email) == state}


def writes(world: World) -> list[tuple[str, Any]]:
    return [
        (f"{call.method} {call.endpoint}", call.params.get("id", call.params.get("list")))
        for call in world.simulator.calls
        if call.method != "GET" and call.endpoint != "job"
    ]


def kill_and_go_on(world: World, plan: rc.Plan, death: Death, monkeypatch: pytest.MonkeyPatch) -> bool:
    """One death, one resurrection; whether it died at all."""
    first = attempt(world, plan, death, monkeypatch)
    if first is not None:
        assert first.converged
        check_end(world)
        return False
    finished, right = settled_people(world, plan), right_people(world)
    was_converged = world.there() == world.wanted() and len(world.account.list_names()) == 3
    world.simulator.calls.clear()
    with contextlib.suppress(rc.PlanUnusable):  # where it died after its last word
        report = world.apply(plan)
        assert report.converged, report
    check_end(world)
    again = writes(world)
    assert not {who for _, who in again} & finished, "what was settled was done again"
    assert not {who for what, who in again if what == "POST user"} & right, "who was right was written again"
    assert not (was_converged and again), "there were writes after convergence"
    assert sum(what == "POST list" for what, _ in again) <= 1
    with pytest.raises(rc.PlanUnusable, match="already applied"):
        world.apply(plan)
    return True


RECORDS = 15
CALLS = 29


@pytest.mark.parametrize("event", ["wrote", "tore", "written"])
@pytest.mark.parametrize("nth", range(1, RECORDS + 1))
def test_killed_at_every_journal_record(
    scene: Scene, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, event: str, nth: int
) -> None:
    assert kill_and_go_on(scene.world(tmp_path), scene.plan, Death(event, nth), monkeypatch)


def test_there_are_no_more_records_and_calls_than_are_killed_at(
    scene: Scene, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    death = Death()
    attempt(scene.world(tmp_path), scene.plan, death, monkeypatch)
    assert death.seen["written"] == RECORDS
    assert death.seen["called"] == CALLS


@pytest.mark.parametrize("event", ["call", "called"])
@pytest.mark.parametrize("nth", range(1, CALLS + 1))
def test_killed_at_a_call(scene: Scene, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, event: str, nth: int) -> None:
    kill_and_go_on(scene.world(tmp_path), scene.plan, Death(event, nth), monkeypatch)


@pytest.mark.parametrize("seed", range(5))
def test_killed_again_and_again_on_a_bad_day(
    scene: Scene, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, seed: int
) -> None:
    """Dies up to four times, at places that the seed draws, while the field report's faults go on."""
    dice = random.Random(seed)
    world = scene.world(tmp_path, Faults.named("field-report"), seed)
    with contextlib.suppress(Finished):
        for _ in range(4):
            death = Death(dice.choice(["call", "called", "tore", "written"]), dice.randint(4, 20))
            if attempt(world, scene.plan, death, monkeypatch) is not None:
                raise Finished
        assert world.apply(scene.plan).converged
    check_end(world)


@pytest.fixture(scope="module")
def whole(scene: Scene, tmp_path_factory: pytest.TempPathFactory) -> bytes:
    """The journal of an undisturbed run."""
    world = scene.world(tmp_path_factory.mktemp("whole"))
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(applier, "CHUNK", 2)
        assert world.apply(scene.plan).converged
    return runs.of(world.ours.state, scene.plan.face).journal.read_bytes()


def test_a_journal_cut_at_every_byte_is_read(whole: bytes, tmp_path: Path) -> None:
    path = tmp_path / "journal.ndjson"
    ends = [at + 1 for at, byte in enumerate(whole) if byte == ord("\n")]
    for cut in range(len(whole) + 1):
        path.write_bytes(whole[:cut])
        past, kept = journal.read(path)
        assert kept == max((end for end in ends if end <= cut), default=0)
        assert past.attempts
        assert bool(past.finished) == (cut == len(whole))


def damages(whole: bytes) -> Iterator[tuple[str, bytes]]:
    """Journals in which one line is gone, is another record, or has one character more or less."""
    lines = whole.splitlines(keepends=True)
    dice = random.Random(4)
    for number, line in enumerate(lines):
        place = dice.randrange(len(line) - 1)
        flipped = bytes([*line[:place], line[place] ^ 1, *line[place + 1 :]])
        for told, other in (("gone", b""), ("another", b"{}\n"), ("flipped", flipped), ("cut", line[:place] + b"\n")):
            yield f"line {number + 1} {told}", b"".join([*lines[:number], other, *lines[number + 1 :]])


def test_what_a_damaged_line_was_about_is_looked_at(scene: Scene, whole: bytes, tmp_path: Path) -> None:
    """Of a run that has converged: nothing is written again, and only an end that is whole says that it is over."""
    world = scene.world(tmp_path)
    assert world.apply(scene.plan).converged
    path = runs.of(world.ours.state, scene.plan.face).journal
    end = whole.splitlines()[-1]
    total = scene.plan.face.counts.total + len(scene.plan.face.new_lists)
    for told, spoilt in damages(whole):
        path.write_bytes(spoilt)
        past, _ = journal.read(path)
        assert all(past.is_settled(number) or past.is_doubtful(number) for number in range(total)), told
        world.simulator.calls.clear()
        if end in spoilt.splitlines() and past.plan:
            with pytest.raises(rc.PlanUnusable, match="already applied"):
                world.apply(scene.plan)
        else:
            assert world.apply(scene.plan).converged, told
        assert writes(world) == [], told
    check_end(world)


@pytest.mark.parametrize("seed", range(6))
def test_a_killed_run_whose_journal_is_damaged_is_gone_on_with(
    scene: Scene, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, seed: int
) -> None:
    dice = random.Random(seed)
    world = scene.world(tmp_path)
    assert attempt(world, scene.plan, Death("called", dice.randint(6, CALLS - 2)), monkeypatch) is None
    path = runs.of(world.ours.state, scene.plan.face).journal
    settled = settled_people(world, scene.plan)
    path.write_bytes(damaging.flip(path.read_bytes(), dice))
    assert settled_people(world, scene.plan) <= settled
    right = right_people(world)
    world.simulator.calls.clear()
    assert world.apply(scene.plan).converged
    check_end(world)
    assert not {who for what, who in writes(world) if what == "POST user"} & right, "who was right was written again"


def cuts(whole: bytes) -> Iterator[int]:
    ends = [at + 1 for at, byte in enumerate(whole) if byte == ord("\n")]
    dice = random.Random(9)
    for end in (0, *ends[:-1]):
        yield end
        yield end + dice.randint(1, 30)


def test_a_run_with_a_cut_journal_writes_nothing_that_is_so(scene: Scene, whole: bytes, tmp_path: Path) -> None:
    """The account has converged, the journal forgot about it: it is found out by reading."""
    world = scene.world(tmp_path)
    assert world.apply(scene.plan).converged
    path = runs.of(world.ours.state, scene.plan.face).journal
    for cut in cuts(whole):
        path.write_bytes(whole[:cut])
        world.simulator.calls.clear()
        assert world.apply(scene.plan).converged
        assert writes(world) == [], cut
    check_end(world)


def test_nobody_is_in_the_run_folder(scene: Scene, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    world = scene.world(tmp_path)
    world.account.profile("person4@example.com").vars["city"] = "Hamlet"
    assert attempt(world, scene.plan, Death("called", 15), monkeypatch) is None
    assert world.apply(scene.plan).converged
    run = runs.of(world.ours.state, scene.plan.face)
    assert {path.name for path in run.folder.iterdir()} == {
        "plan.json",
        "journal.ndjson",
        "events.ndjson",
        "report.json",
    }
    for path in run.folder.rglob("*"):
        text = path.read_text().lower()
        assert "example.com" not in text
        assert not any(profile.sid in text for profile in world.account.profiles.values())
        assert path.stat().st_mode & 0o777 == 0o600
    for folder in (run.folder, run.folder.parent, run.account, run.account.parent):
        assert folder.stat().st_mode & 0o777 == 0o700


class Killing(Counter[tuple[str, str]]):
    """Counts the calls of a simulator, and kills a process at one of them: whoever only looks at times may be late."""

    def __init__(self, process: subprocess.Popen[str], before: Counter[tuple[str, str]], *, after: int) -> None:
        super().__init__(before)
        self._process, self._at = process, self.total() + after

    def __setitem__(self, call: tuple[str, str], count: int) -> None:
        super().__setitem__(call, count)
        if hasattr(self, "_at") and self.total() >= self._at:
            self._process.kill()


@pytest.mark.parametrize("calls", [30, 110])
def test_a_real_process_is_really_killed(tmp_path: Path, calls: int) -> None:
    slow = Faults.model_validate({"latency": {"least": 0.02, "most": 0.02}})
    simulator = Simulator(seed=1, faults=slow)
    with running(simulator) as url:
        world = World(tmp_path, text=SPEC.replace("http://sailthru.test", url))
        world.fill(shop(60))
        world.spec()
        environ = {"KEY": "demo-key", "SECRET": "demo-secret", "SHOP": f"sqlite:///{tmp_path / 'shop.db'}"}
        environ["SAILTHRU_API_SECRET"] = environ["SECRET"]

        def reconcile(*words: str) -> subprocess.Popen[str]:
            command = [sys.executable, "-m", "reconcile.cli", *words]
            pipe = subprocess.PIPE
            return subprocess.Popen(
                command, cwd=tmp_path, env={**os.environ, **environ}, stdout=pipe, stderr=pipe, text=True
            )

        planned = reconcile("plan", "spec.yaml", "--out", "shop.rplan")
        assert planned.communicate(timeout=60)[1] is not None
        assert planned.returncode == 0
        killed = reconcile("apply", "shop.rplan")
        simulator.calls_total = Killing(killed, simulator.calls_total, after=calls)
        killed.communicate()
        assert killed.returncode == -signal.SIGKILL
        done = reconcile("apply", "shop.rplan")
        told, complained = done.communicate(timeout=60)
        assert (done.returncode, "The account is as planned" in told) == (0, True), complained
        creations = Counter(
            call.params["list"] for call in simulator.calls if (call.method, call.endpoint) == ("POST", "list")
        )
        assert set(creations.values()) == {1}
        there = {one.keys["email"]: set(one.lists or {}) for one in simulator.account.profiles.values()}
        assert there == {email: lists for email, (_, lists) in world.wanted().items()}
        again = reconcile("apply", "shop.rplan")
        assert "already applied" in again.communicate(timeout=60)[1]
        assert again.returncode == 5


@pytest.mark.parametrize(("event", "nth"), [*((one, nth) for one in ("call", "called") for nth in range(8, 26, 2))])
def test_killed_on_the_job_route(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, event: str, nth: int) -> None:
    """Between a job's sending and its receipt too: no line goes twice when the exports show it to be so."""
    world = World(tmp_path, text=SPEC.replace("policy: {mode:", "policy: {route: jobs, mode:"))
    world.fill(shop(30))
    plan = world.plan()
    world.simulator.calls.clear()
    first = attempt(world, plan, Death(event, nth), monkeypatch)
    if first is None:
        assert world.apply(plan).converged
    jobs = [call for call in world.simulator.calls if (call.method, call.params.get("job")) == ("POST", "update")]
    assert len(jobs) == 1
    check_end(world)


def test_credentials_that_are_revoked_amid_a_chunk_end_the_run_in_order(
    scene: Scene, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What was sent is in doubt and is looked at; it is not written twice, though the end was one in order."""
    monkeypatch.setattr(applier, "CHUNK", 500)
    world = scene.world(tmp_path)
    revoked = Revoking(world, 3)
    report = asyncio.run(replace(world.ours, transport=revoked).apply(scene.plan))
    assert report.exit_status == 77
    assert not report.outcomes.get(Outcome.VERIFIED, 0) > 1, "a list was created, and then it was over"
    assert 0 < report.in_doubt <= revoked.sent
    assert report.unattempted >= scene.plan.face.counts.total - revoked.sent
    right = right_people(world) - {f"person{number}@example.com" for number in (7, 8)}  # who need nothing
    assert right, "something was written"
    world.simulator._gate.keys["demo-key"] = "demo-secret"
    world.simulator.calls.clear()
    assert world.apply(scene.plan).converged
    assert not {who for what, who in writes(world) if what == "POST user"} & right, "who was right was written again"
    check_end(world)


class Revoking(httpx.AsyncBaseTransport):
    """Takes the key away once so many writes to profiles were answered."""

    def __init__(self, world: World, after: int) -> None:
        self.inner, self.world, self.after, self.sent = world.simulator.transport(), world, after, 0

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        answer = await self.inner.handle_async_request(request)
        if (request.method, request.url.path) == ("POST", "/user"):
            self.sent += 1
            if self.sent == self.after:
                self.world.simulator._gate.keys.clear()
        return answer


@pytest.mark.parametrize("nth", [1, 2, 3, 4, 5])
def test_an_end_in_order_then_an_attempt_that_is_killed_and_a_journal_that_lost_its_last_words(
    scene: Scene, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, nth: int
) -> None:
    """The end in order was not the last: what has no intent may have been done since, so it is looked at."""
    world = scene.world(tmp_path)
    stop = asyncio.Event()
    stop.set()
    assert asyncio.run(world.ours.apply(scene.plan, stop=stop)).exit_status == 8
    path = runs.of(world.ours.state, scene.plan.face).journal
    assert attempt(world, scene.plan, Death("called", 14 + nth), monkeypatch) is None
    lines = path.read_bytes().splitlines(keepends=True)
    begun = max(number for number, line in enumerate(lines) if b'"attempt"' in line)
    path.write_bytes(b"".join(lines[: begun + 1]))
    right = right_people(world)
    world.simulator.calls.clear()
    assert world.apply(scene.plan).converged
    check_end(world)
    assert not {who for what, who in writes(world) if what == "POST user"} & right, "who was right was written again"


@pytest.mark.parametrize("seed", range(6))
def test_lines_that_a_job_skipped_then_a_kill(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, seed: int) -> None:
    """What a job left undone is not settled with the rest of it."""
    faults = Faults.model_validate({"jobs": {"skip_lines": 0.4}})
    text = SPEC.replace("policy: {mode:", "policy: {route: jobs, mode:")
    world = World(tmp_path, text=text, seed=seed, faults=faults)
    world.fill(shop(30))
    plan = world.plan()
    posts = 0

    class Killing(Death):
        def at(self, event: str) -> bool:
            nonlocal posts
            if self.struck:
                raise Killed
            last = world.simulator.calls[-1] if world.simulator.calls else None
            posts += event == "called" and last is not None and (last.method, last.endpoint) == ("POST", "user")
            return posts > 3

    world.simulator.calls.clear()
    assert attempt(world, plan, Killing(), monkeypatch) is None
    past, _ = journal.read(runs.of(world.ours.state, plan.face).journal)
    assert 0 < past.settled(0, past.total) < past.total
    assert settled_people(world, plan) & set(world.wanted()) <= right_people(world)
    world.simulator.calls.clear()
    report = world.apply(plan)
    assert report.converged, report
    assert report.earlier == past.settled(0, past.total)
    check_end(world)


@pytest.mark.parametrize("route", ["user", "jobs"])
def test_what_is_done_was_intended_before(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, route: str) -> None:
    """Whenever Sailthru gets a write, the journal on the disk names its action already."""
    world = World(tmp_path, on_leave="delete", text=SPEC.replace("policy: {mode:", f"policy: {{route: {route}, mode:"))
    world.fill(shop(12))
    world.settle()
    for number in (1, 2, 3):
        world.customers.pop(number)
        world.change(number + 3, city="Elsewhere")
        world.customers[number + 20] = Customer(number + 20, f"new{number}@example.com", news=1)
    world.time.now += 60
    plan = world.plan()
    path = runs.of(world.ours.state, plan.face).journal
    about = {}
    for number, (_, action) in enumerate(archive.walk(plan)):
        about |= {name: number for key in ("email", "sid", "list") if (name := getattr(action, key, None))}
    seen: set[int] = set()

    class Checking(httpx.AsyncBaseTransport):
        inner = world.simulator.transport()

        async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
            before = len(world.simulator.calls)
            records = [orjson.loads(line) for line in path.read_bytes().splitlines()] if path.exists() else []
            intents = [one for one in records if one["t"] == "intend" and one["kind"] != "by job"]
            named = {one for intent in intents for first, last in intent["numbers"] for one in range(first, last + 1)}
            answer = await self.inner.handle_async_request(request)
            for call in list(world.simulator.calls)[before:]:
                if call.method == "GET":
                    continue
                if call.endpoint == "job" and call.params.get("job") == "update":
                    done = set(range(*plan.face.span(Stage.UPSERTS)))
                elif call.endpoint == "job":
                    continue
                else:
                    done = {about[str(call.params.get("id", call.params.get("list")))]}
                assert done <= named, f"{call.method} {call.endpoint} before its intent"
                seen.update(done)
            return answer

    world.simulator.calls.clear()
    assert asyncio.run(replace(world.ours, transport=Checking()).apply(plan)).converged
    assert seen == set(range(plan.face.counts.total))


def test_a_list_that_does_not_show_yet_is_not_made_again(
    scene: Scene, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Killed right after it was made, and gone on with at once: a second list of its name would be its twin."""
    world = scene.world(tmp_path, Faults.model_validate({"reads": {"least": 3, "most": 3, "lists": True}}))

    def creations() -> list[str]:
        calls = world.simulator.calls
        return [call.params["list"] for call in calls if (call.method, call.endpoint) == ("POST", "list")]

    class Made(Death):
        def at(self, event: str) -> bool:
            return super().at(event) or (event == "called" and bool(creations()))

    assert attempt(world, scene.plan, Made("called", 1000), monkeypatch) is None
    assert world.apply(scene.plan).converged
    assert creations() == ["News"]
    check_end(world)

"""What the fault matrix plays: a small account with strangers in it, and a plan and one apply of it under faults.

`make soak` runs it as a script, for as many seeds as asked for, and prints the seeds that went wrong. Each seed also
stops a run at random places (`stories.stopping`), damages a journal (`stories.damaging`) and each other kind of file
of ours (`stories.damaging_files`).
"""

from __future__ import annotations

import argparse
import random
import shutil
import sys
import tempfile
import traceback
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from stories import damaging, damaging_files, stopping
from world import REGISTRY, World, shop

import reconcile as rc
from reconcile.apply import journal, runs
from reconcile.apply.model import BAD, Outcome
from reconcile.errors import AccountUnavailable, ApiRejected
from reconcile.plan import archive
from reconcile.plan.model import Action, CreateList, Delete, MakeRoom, Upsert
from reconcile.simulator import Faults, store
from reconcile.simulator.model import Profile
from reconcile.state.masks import Masks
from reconcile.state.sightings import UNCLEAR

MASKS = Masks.keyed_by("demo-secret")
LISTS = sorted(["Big Spenders", "News", REGISTRY, "Weekly"])
STRANGERS = ("stranger1@example.com", "stranger2@example.com", "shared@example.com")

SCENES = ("fill", "change", "fill by jobs", "change by jobs")
BY_JOBS = ("fill by jobs", "change by jobs")
READ_BY_EXPORT = ("change", "change by jobs")
"""Scenes whose plan is made from exports: at the first fill there is no list yet."""


@dataclass(frozen=True)
class Fault:
    """A fault, and where it can strike.

    Args:
        rules: of the simulator.
        struck: what the simulator calls it.
        applies, plans: scenes whose apply, and whose plan, it can strike.
    """

    rules: Mapping[str, Any]
    struck: str
    applies: tuple[str, ...] = SCENES
    plans: tuple[str, ...] = ()


def _calls(fault: str, rate: float, **rules: Any) -> Fault:
    return Fault({"calls": [{"fault": fault, "rate": rate}]} | rules, fault, plans=SCENES)


THROTTLED = {"calls": [{"fault": "rate-limited", "rate": 0.5}]}
"""Time passes only when somebody waits: what is to strike after a while needs something to wait for."""

FAULTS = {
    "name not resolved": _calls("unresolved", 0.4),
    "no connection": _calls("connect-timeout", 0.4),
    "no answer": _calls("read-timeout", 0.4),
    "connection reset": _calls("reset", 0.4),
    "done, and no answer": _calls("timeout-after-commit", 0.3),
    "a page instead of an answer": _calls("html", 0.3),
    "a gateway answers": _calls("gateway", 0.4),
    "error 9, not saved": _calls("error-9", 0.3),
    "error 9, saved": _calls("error-9-saved", 0.3),
    "an error with HTTP 200": _calls("ok-with-error", 0.3),
    "a storm of 429": _calls("rate-limited", 0.5),
    "maintenance": Fault(
        THROTTLED | {"maintenance": {"between": [[0.1, 5000]], "answer": "mixed"}}, "maintenance", plans=SCENES
    ),
    "reads lag": Fault({"reads": {"least": 0, "most": 5, "lists": True}}, "stale-read"),
    "deletes lie": Fault({"deletes": {"lie": 0.6, "lie_twice": 0.3}}, "lying-delete", READ_BY_EXPORT),
    "twins": Fault({"lists": {"twins": True, "window": 0.5}}, "list-race", ("fill", "fill by jobs")),
    "jobs stall": Fault({"jobs": {"stall": 0.4}}, "stalled-job", BY_JOBS, READ_BY_EXPORT),
    "jobs fail": Fault({"jobs": {"fail": 0.3}}, "failed-job", BY_JOBS, READ_BY_EXPORT),
    "jobs skip lines": Fault({"jobs": {"skip_lines": 0.3}}, "skipped-line", BY_JOBS),
    "jobs are slow": Fault(
        {"jobs": {"start": [0, 400], "rows_per_second": {"update": 1}, "parallel": 1}},
        "slow-job",
        BY_JOBS,
        READ_BY_EXPORT,
    ),
    "exports lag": Fault({"jobs": {"export_lag": 45}}, "lagging-export", BY_JOBS),
    "downloads break off": Fault({"jobs": {"truncate": 0.5}}, "truncated-download", BY_JOBS, READ_BY_EXPORT),
    "a clock that is off": Fault(THROTTLED | {"reset_skew": 4}, "skewed-reset", plans=SCENES),
}


def faults_of(names: Iterable[str], scale: float = 1.0) -> Faults:
    """These faults together; rates of calls go down with `scale`."""
    found: dict[str, Any] = {"calls": []}
    for name in names:
        for part, content in FAULTS[name].rules.items():
            if part == "calls":
                found["calls"] += [rule | {"rate": rule["rate"] * scale} for rule in content]
            else:
                found[part] = (found.get(part, {}) | content) if isinstance(content, dict) else content
    return Faults.model_validate(found)


def mixture(seed: int) -> tuple[str, tuple[str, ...], float]:
    """Which scene, which faults and how much of them a seed stands for."""
    dice = random.Random(seed)
    names = tuple(sorted(dice.sample([*FAULTS], dice.randint(2, 5))))
    return dice.choice(SCENES), names, dice.uniform(0.2, 1.0)


SETTLED = 60.0
"""Seconds that a scene rests before it is planned: a plan made within a read's lag of a write is one of the account
before that write, and no reader can tell."""


@dataclass(frozen=True)
class Scene:
    """An account as it was when a plan was made, and what the plan is to make of it."""

    folder: Path
    text: str
    customers: Mapping[int, Any]
    plan: rc.Plan
    now: float
    before: Mapping[str, Any]

    def world(self, folder: Path, seed: int, faults: Faults | None, account: Path | None = None) -> World:
        """The same, under faults."""
        made = World(folder, on_leave="delete", text=self.text, seed=seed, faults=faults)
        made.customers = dict(self.customers)
        made.time.now = made.simulator.mischief._started = self.now
        store.restore(made.account, account or self.folder / "account")
        return made


def scene(name: str, folder: Path) -> Scene:
    """Make one, without any fault."""
    made = World(folder, on_leave="delete")
    if name.endswith("jobs"):
        made.text = made.text.replace("policy: {mode:", "policy: {route: jobs, mode:")
    _invite_strangers(made)
    made.fill(shop(7))
    if name.startswith("change"):
        assert made.apply().converged
        _change(made)
    made.time.now += SETTLED
    plan = made.plan()
    store.save(made.account, folder / "account")
    return Scene(folder, made.text, made.customers, plan, made.time.now, strangers(made))


def _invite_strangers(made: World) -> None:
    """People who are not ours, with vars and a list of their own."""
    second = int(made.time.now)
    weekly = made.account.add_list("Weekly", second)
    for number, email in enumerate(STRANGERS):
        profile = made.account.new_profile(second, email)
        vars_ = {"firstName": f"Stranger {number}", "vip": number, "city": None}
        made.account.put(profile._replace(vars=vars_, joined={weekly: second - number}))
    made.account.admit_vars({"firstName", "vip", "city"})


def _change(made: World) -> None:
    made.change(1, first_name="Zoë | `x`\n", spent=9000.0)
    made.change(2, city=None, news=1)
    made.change(3, email="moved3@example.com")
    made.change(4, spent=0.0, news=0)
    made.customers.pop(5)
    made.customers.pop(6)
    made.customers[8] = replace(made.customers[1], id=8, email="person8@example.com")


def strangers(made: World) -> dict[str, Any]:
    """All there is to know of those who are not ours."""
    found = {email: made.account.profile(email) for email in STRANGERS}
    return {email: _told(profile) for email, profile in found.items()}


def _told(profile: Profile | None) -> Any:
    return profile and (profile._replace(joined={}), {one.name: at for one, at in profile.joined.items()})


def play(from_: Scene, folder: Path, seed: int, faults: Faults) -> Mapping[str, int]:
    """Apply under faults, and hold the account and the report against each other; how often which fault struck."""
    made = from_.world(folder, seed, faults)
    sids = {one.sid: email for one in made.account.profiles.values() if (email := one.email)}
    try:
        report = made.apply(from_.plan)
    except rc.ReconcileError as error:
        report = None
        told = type(error).__name__
        assert made.there() == from_.world(folder, 0, None).there(), f"{told}, and yet something was written"
    else:
        _hold(from_.plan, made, report, sids)
    struck = made.simulator.mischief.done | made.simulator.mischief.delays
    assert strangers(made) == from_.before, "somebody was touched who is not ours"
    names = made.account.list_names()
    assert len(set(names)) == len(names), f"twins: {names}"
    if report is None or not report.converged:
        _mend(from_, made, folder)
    return struck


def play_plan(from_: Scene, folder: Path, seed: int, faults: Faults) -> Mapping[str, int]:
    """Plan under faults: the same plan as without, or an error that blames the account; how often which struck."""
    made = from_.world(folder, seed, faults)
    if (known := from_.folder / ".reconcile").exists():  # why something differs is a part of a plan
        shutil.copytree(known, folder / ".reconcile")
    there = made.there()
    try:
        plan = made.plan()
    except (AccountUnavailable, ApiRejected):
        pass
    else:
        if any(one.reason == UNCLEAR for one in plan.face.invalid):
            _hold_part(plan, from_.plan)
        else:
            assert plan.face.counts == from_.plan.face.counts
            assert plan.id == from_.plan.id, "another plan than the right one"
    assert (made.there(), made.writes()) == (there, 0), "a plan has written"
    return made.simulator.mischief.done | made.simulator.mischief.delays


def _hold_part(part: rc.Plan, whole: rc.Plan) -> None:
    """A plan without people of whom nothing could be said does nothing that the whole one does not do."""
    lines = {repr(action) for _, action in archive.walk(whole)}
    assert {repr(action) for _, action in archive.walk(part)} <= lines


def _hold(plan: rc.Plan, made: World, report: rc.Report, sids: Mapping[str, str]) -> None:
    """The report says no more than is so; who differs is named, or was not attempted; all that is so is counted.

    Which actions were not attempted the journal knows.
    """
    wrong = {*differing(made), *({*plan.face.new_lists} - {*made.account.list_names()})}
    past, _ = journal.read(runs.of(made.ours.state, plan.face).journal)
    named = {one.who: one.outcome for one in report.examples if one.outcome in BAD}
    left = 0
    for number, (_, action) in enumerate(archive.walk(plan)):
        who = _who(action, sids)
        differs = bool(who & wrong)
        wrong -= who
        if past.is_settled(number):
            assert not differs, f"{who} said to be as wanted, and is not: {report}"
        elif outcome := next((named[mask] for one in who if (mask := _mask(one)) in named), None):
            assert differs or outcome is Outcome.FAILED, f"{who} said to be {outcome}, and is as wanted: {report}"
        else:
            left += 1
            assert differs or past.is_doubtful(number), f"{who} was not attempted, and yet is as wanted: {report}"
    assert not wrong, f"{wrong} differ, and the plan does not know of them: {report}"
    assert left == report.unattempted + report.in_doubt, f"{left} have no receipt: {report}"
    assert report.converged == (left == 0 and not named), report


def _who(action: Action, sids: Mapping[str, str]) -> set[str]:
    """Whom an action is about: the addresses, of before and after, or the list."""
    match action:
        case CreateList():
            return {action.list}
        case Upsert():
            return {one for one in (action.email, action.moves_to, sids.get(action.sid or "")) if one}
        case MakeRoom():
            return {sids[action.sid]}
        case Delete():
            return {one for one in (action.email, sids.get(action.sid or "")) if one}


def _mask(name: str) -> str:
    return MASKS.person(name) if "@" in name else name


def differing(made: World) -> list[str]:
    """Addresses of those of ours who are not as wanted."""
    there = {email: one for email, one in made.there().items() if email not in STRANGERS}
    wanted = made.wanted()
    return sorted(email for email in there.keys() | wanted.keys() if there.get(email) != wanted.get(email))


def _mend(from_: Scene, made: World, folder: Path) -> None:
    """When the faults are over, a further plan and apply make exactly what is wanted."""
    store.save(made.account, folder / "account")
    calm = from_.world(folder, 0, None, folder / "account")
    calm.time.now = made.time.now + 60
    report = calm.apply(calm.plan("mend.rplan"))
    assert report.converged, report
    assert not differing(calm)
    assert sorted(calm.account.list_names()) == LISTS
    assert strangers(calm) == from_.before


def main() -> None:
    """Play many seeds."""
    asked = argparse.ArgumentParser(description=__doc__)
    asked.add_argument("--seeds", type=int, default=2_000)
    asked.add_argument("--first", type=int, default=100_000)
    words = asked.parse_args()
    with tempfile.TemporaryDirectory() as ground:
        scenes = {name: scene(name, _folder(Path(ground) / name)) for name in SCENES}
        stopped = {
            (on_leave, route): stopping.scene(_folder(Path(ground) / f"{on_leave} by {route}"), on_leave, route)
            for on_leave in stopping.SCENES
            for route in stopping.ROUTES
        }
        kept = damaging_files.keep_files(_folder(Path(ground) / "kept"))
        failed = [
            seed
            for seed in range(words.first, words.first + words.seeds)
            if not _went_well(seed, scenes, stopped, kept)
        ]
    print(f"{words.seeds:,} seeds from {words.first}: {len(failed)} went wrong.")  # noqa: T201 -- a script as well
    if failed:
        print("To repeat: " + "; ".join(f"make soak FIRST={seed} SEEDS=1" for seed in failed))  # noqa: T201 -- a script as well
    sys.exit(bool(failed))


def _went_well(
    seed: int,
    scenes: Mapping[str, Scene],
    stopped: Mapping[tuple[str, Any], stopping.Scene],
    kept: Mapping[str, tuple[Path, damaging_files.Load]],
) -> bool:
    name, names, scale = mixture(seed)
    on_leave, route, hows = stopping.draw(seed)
    with tempfile.TemporaryDirectory() as ground:
        folder, planned, other = (_folder(Path(ground) / name) for name in ("faults", "plans", "stops"))
        try:
            play(scenes[name], folder, seed, faults_of(names, scale))
            play_plan(scenes[name], planned, seed, faults_of(names, scale))
            stopping.play(stopped[on_leave, route], other, hows)
            damaging.play_damage(other, seed)
            damaging_files.play_file_damage(kept, seed, 5)
        except Exception:  # noqa: BLE001 -- whatever it is, the next seed is played
            stops = ", ".join(f"{way} at {place}" for way, place in hows)
            told = f"{name}; {', '.join(names)}; {scale:.2f}; {on_leave} by {route}: {stops}"
            print(f"seed {seed}: {told}", flush=True)  # noqa: T201 -- a script as well
            traceback.print_exc(limit=-3)
            return False
    return True


def _folder(path: Path) -> Path:
    path.mkdir()
    return path


if __name__ == "__main__":
    main()

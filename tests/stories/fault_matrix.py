"""What the fault matrix plays: a small account with strangers in it, a plan, and one apply of it under faults.

`make soak` runs it as a script, for as many seeds as asked for, and prints the seeds that went wrong.
"""

from __future__ import annotations

import argparse
import random
import sys
import tempfile
import traceback
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from world import REGISTRY, World, shop

import reconcile as rc
from reconcile.apply.model import BAD
from reconcile.simulator import Faults, store
from reconcile.simulator.model import Profile
from reconcile.state.masks import Masks

MASKS = Masks.keyed_by("demo-secret")
LISTS = sorted(["Big Spenders", "News", REGISTRY, "Weekly"])
STRANGERS = ("stranger1@example.com", "stranger2@example.com", "shared@example.com")

MOVES = {"person3@example.com": "moved3@example.com"}
"""Who moves is one person of two addresses, and goes by the new one."""

CALLS: dict[str, dict[str, Any]] = {
    "name not resolved": {"fault": "unresolved", "rate": 0.2},
    "no connection": {"fault": "connect-timeout", "rate": 0.2},
    "no answer": {"fault": "read-timeout", "rate": 0.2},
    "connection reset": {"fault": "reset", "rate": 0.2},
    "done, and no answer": {"fault": "timeout-after-commit", "rate": 0.3},
    "a page instead of an answer": {"fault": "html", "rate": 0.3},
    "error 9, not saved": {"fault": "error-9", "rate": 0.3},
    "error 9, saved": {"fault": "error-9-saved", "rate": 0.3},
    "an error with HTTP 200": {"fault": "ok-with-error", "rate": 0.3},
    "a storm of 429": {"fault": "rate-limited", "rate": 0.5},
}
OTHERS: dict[str, dict[str, Any]] = {
    "maintenance": {"maintenance": {"between": [[0.1, 5000]], "answer": "mixed"}},
    "reads lag": {"reads": {"least": 0, "most": 5, "lists": True}},
    "deletes lie": {"deletes": {"lie": 0.6, "lie_twice": 0.3}},
    "twins": {"lists": {"twins": True, "window": 0.5}},
    "jobs stall": {"jobs": {"stall": 0.2}},
    "jobs fail": {"jobs": {"fail": 0.3}},
    "jobs skip lines": {"jobs": {"skip_lines": 0.3}},
    "jobs are slow": {"jobs": {"start": [0, 400], "rows_per_second": {"update": 1}, "parallel": 1}},
    "exports lag": {"jobs": {"export_lag": 45}},
    "downloads break off": {"jobs": {"truncate": 0.5}},
    "a clock that is off": {"reset_skew": 4},
}
ALONE = [*CALLS, *OTHERS]


def faults_of(names: Iterable[str], scale: float = 1.0) -> Faults:
    """These faults together; rates of calls go down with `scale`."""
    found: dict[str, Any] = {"calls": []}
    for name in names:
        if name in CALLS:
            found["calls"].append(CALLS[name] | {"rate": CALLS[name]["rate"] * scale})
            continue
        for part, content in OTHERS[name].items():
            found[part] = (found.get(part, {}) | content) if isinstance(content, dict) else content
    return Faults.model_validate(found)


def mixture(seed: int) -> tuple[str, tuple[str, ...], float]:
    """Which scene, which faults and how much of them a seed stands for."""
    dice = random.Random(seed)
    names = tuple(sorted(dice.sample(ALONE, dice.randint(2, 5))))
    return dice.choice(SCENES), names, dice.uniform(0.2, 1.0)


SCENES = ("fill", "change", "fill by jobs", "change by jobs")


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
    made.change(3, email=MOVES["person3@example.com"])
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


def play(from_: Scene, folder: Path, seed: int, faults: Faults) -> str:
    """Apply under faults, and hold the account and the report against each other; in a word what came of it."""
    made = from_.world(folder, seed, faults)
    try:
        report = made.apply(from_.plan)
    except rc.ReconcileError as error:
        report = None
        told = type(error).__name__
        assert made.there() == from_.world(folder, 0, None).there(), f"{told}, and yet something was written"
    else:
        told = "converged" if report.converged else f"{report.stopped or dict(report.outcomes)}"
        _hold(made, report)
    assert strangers(made) == from_.before, "somebody was touched who is not ours"
    names = made.account.list_names()
    assert len(set(names)) == len(names), f"twins: {names}"
    if report is None or not report.converged:
        _mend(from_, made, folder)
    return told


def _hold(made: World, report: rc.Report) -> None:
    """The report says no more than is so, and names all that is not."""
    wrong = differing(made)
    if report.converged:
        assert not wrong, f"said to have converged, and is not: {wrong}"
        return
    named = {one.who for one in report.examples if one.outcome in BAD}
    named |= {MASKS.person(old) for old, new in MOVES.items() if MASKS.person(new) in named}
    unnamed = {MOVES.get(email, email) for email in wrong if MASKS.person(email) not in named}
    assert len(unnamed) <= report.unattempted, f"{unnamed} differ and are not named: {report}"


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
        failed = [seed for seed in range(words.first, words.first + words.seeds) if not _went_well(seed, scenes)]
    print(f"{words.seeds:,} seeds from {words.first}: {len(failed)} went wrong.")  # noqa: T201 -- a script as well
    if failed:
        print("To repeat: " + "; ".join(f"make soak FIRST={seed} SEEDS=1" for seed in failed))  # noqa: T201 -- a script as well
    sys.exit(bool(failed))


def _went_well(seed: int, scenes: Mapping[str, Scene]) -> bool:
    name, names, scale = mixture(seed)
    with tempfile.TemporaryDirectory() as folder:
        try:
            play(scenes[name], Path(folder), seed, faults_of(names, scale))
        except Exception:  # noqa: BLE001 -- whatever it is, the next seed is played
            print(f"seed {seed}: {name}; {', '.join(names)}; {scale:.2f}", flush=True)  # noqa: T201 -- a script as well
            traceback.print_exc(limit=-3)
            return False
    return True


def _folder(path: Path) -> Path:
    path.mkdir()
    return path


if __name__ == "__main__":
    main()

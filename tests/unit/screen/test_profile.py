"""The profile: true numbers, for every step, and nothing lost on the way to whoever listens."""

from __future__ import annotations

import time

from reconcile.screen.profile import Profile, usage
from reconcile.screen.steps import Steps
from reconcile.state.model import Silent
from reconcile.state.steps import step

MIB = 2**20


class Heard(Silent):
    """Remembers what it was told."""

    def __init__(self) -> None:
        self.told: list[tuple[object, ...]] = []

    def start(self, step: str, total: int | None = None, unit: str = "rows") -> None:
        self.told.append(("start", step, total, unit))

    def advance(self, step: str, by: int = 1, *, size: int = 0) -> None:
        self.told.append(("advance", step, by, size))

    def finish(self, step: str) -> None:
        self.told.append(("finish", step))


def burn(seconds: float) -> None:
    end = time.process_time() + seconds
    while time.process_time() < end:
        pass


def test_it_measures_what_a_step_takes() -> None:
    profile = Profile(Silent())
    kept: list[bytes] = []
    with step(profile, "working") as working:
        burn(0.1)
        kept.append(b"x" * (64 * MIB))
        working.advance(10, size=64 * MIB)
    with step(profile, "waiting"):
        time.sleep(0.1)
    work, wait, rest, whole = profile.spent()
    assert [one.step for one in (work, wait, rest, whole)] == ["working", "waiting", "between steps", "all"]
    assert work.cpu >= 0.09
    assert work.grown > 50 * MIB
    assert work.peak >= usage().peak - 10 * MIB
    assert wait.wall >= 0.09
    assert wait.cpu < work.cpu
    assert wait.grown < 50 * MIB
    assert work.wall + wait.wall + rest.wall == whole.wall
    assert (work.done, work.size, work.counted) == (10, 64 * MIB, "10 rows, 67 MB")


def test_it_passes_everything_on() -> None:
    heard = Heard()
    profile = Profile(heard)
    with step(profile, "reading", 5, unit="lists") as reading:
        reading.advance(2, size=3)
    assert heard.told == [("start", "reading", 5, "lists"), ("advance", "reading", 2, 3), ("finish", "reading")]


def test_a_step_that_broke_off_is_in_it_too() -> None:
    profile = Profile(Silent())
    profile.start("reading")
    profile.advance("reading", 3)
    assert [(one.step, one.done) for one in profile.spent()[:1]] == [("reading", 3)]


def test_its_table_lines_up() -> None:
    profile = Profile(Silent())
    with step(profile, "a rather long step", unit="lists") as one:
        one.advance(12)
    head, row, *_, last = profile.lines()
    assert head.split() == ["step", "wall", "CPU", "memory", "peak"]
    assert row.startswith("a rather long step  ")
    assert row.endswith("  12 lists")
    assert len(last) == len(head) == row.index("  12 lists")


def test_the_stages_of_an_apply_are_steps_of_it() -> None:
    from reconcile.apply.pace import Pace
    from reconcile.plan.model import Stage
    from reconcile.screen.voices import Lines

    voice = Lines(lambda _step, _moment: None, every=1.0)
    profile = Profile(voice)
    steps = Steps(voice, profile, as_json=False)
    steps.stage(Stage.UPSERTS, 3)
    steps.settled(3)
    steps.pace(Pace(Stage.UPSERTS, 3, 3, 1.5, {}, finished=True))
    [stage, *_] = profile.spent()
    assert (stage.step, stage.done, stage.unit) == ("upserting profiles", 3, "actions")

"""What is told during a plan and an apply, from there to the screen. Satisfies `Progress` and `apply.model.Events`."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Self

from rich.text import Text

from reconcile.apply import reporting
from reconcile.apply.model import BAD, Receipt
from reconcile.apply.pace import Pace
from reconcile.plan.model import Stage
from reconcile.screen import voices
from reconcile.screen.printing import err, event
from reconcile.screen.profile import Profile
from reconcile.screen.tally import span
from reconcile.spec.printable import escape_line
from reconcile.state.model import Progress

_STAGES = {
    Stage.LISTS: "creating lists",
    Stage.ROOM: "making room",
    Stage.UPSERTS: "upserting profiles",
    Stage.REMOVALS: "taking off lists",
    Stage.DELETIONS: "deleting profiles",
}


class Steps:
    """Steps of a plan, and stages of an apply as steps.

    Args:
        voice: says how far each is.
        progress: hears of every step: the voice, or what measures them on the way to it.
    """

    def __init__(self, voice: voices.Voice, progress: Progress, *, as_json: bool) -> None:
        self._voice = voice
        self._progress = progress
        self._json = as_json
        self._stage: str | None = None
        self._ahead = 0
        self._written = self._seen = 0

    @classmethod
    @contextmanager
    def shown(
        cls, *, as_json: bool, profile: bool = False, through: Callable[[Progress], Progress] = lambda then: then
    ) -> Iterator[Self]:
        """Steps, told as long as the block lasts.

        Args:
            profile: say at the end where time and memory went, also when the end is an error.
            through: who hears of every step first, and passes it on.
        """
        with voices.chosen(as_json=as_json) as voice:
            profiled = Profile(voice) if profile else None
            try:
                yield cls(voice, through(profiled or voice), as_json=as_json)
            finally:
                if profiled is not None:
                    _print(profiled, as_json=as_json)

    def start(self, step: str, total: int | None = None, unit: str = "rows") -> None:
        """A step begins."""
        self._progress.start(step, total, unit)

    def advance(self, step: str, by: int = 1, *, size: int = 0) -> None:
        """So much more is done."""
        self._progress.advance(step, by, size=size)

    def finish(self, step: str) -> None:
        """A step has ended."""
        self._progress.finish(step)

    def stage(self, stage: Stage, total: int) -> None:
        """A stage of an apply begins."""
        self.end()
        self._stage, self._ahead, self._written, self._seen = _STAGES[stage], 0, 0, 0
        self.start(self._stage, total, "actions")

    def receipt(self, receipt: Receipt) -> None:
        """An action has its receipt; those that did not end well are told at once to whoever reads JSON."""
        self.settled(1)
        if self._json and receipt.outcome in BAD:
            event("receipt", **reporting.receipt_json(receipt))

    def settled(self, count: int) -> None:
        """So many actions of this stage are as wanted, by job."""
        counted = min(count, self._ahead)  # when they were written
        self._ahead -= counted
        self._seen += count
        if self._stage is not None and count > counted:
            self.advance(self._stage, count - counted)

    def written(self, count: int) -> None:
        """So many actions of this stage were written: they count as done, and the note says how many were seen."""
        if self._stage is not None:
            self._ahead += count
            self._written += count
            self.advance(self._stage, count)
            self._voice.note(self._stage, _figures(self._written, self._seen))

    def pace(self, pace: Pace) -> None:
        """A stage has got so far: rate, what held it back, and its end where that can be told."""
        if self._json:
            event("pace", **reporting.pace_json(pace))
        if self._stage is not None:
            self._voice.note(self._stage, _paced(pace))
        if pace.finished and self._stage is not None:
            self.finish(self._stage)
            self._stage = None

    def end(self) -> None:
        """The run has ended; a stage that has not had its last word was cut off."""
        if self._stage is not None:
            self._voice.cut_off(self._stage)
            self._stage = None

    def paused(self, why: str, until: str) -> None:
        """The account is down."""
        if self._json:
            event("paused", why=why, until=until)
        else:
            err.print(
                Text(
                    f"Sailthru is down: {escape_line(why)}\n  The run waits and looks now and then, until {until}.",
                    "magenta",
                )
            )

    def resumed(self, seconds: float) -> None:
        """The account is back."""
        if self._json:
            event("resumed", seconds=round(seconds, 1))
        else:
            err.print(f"Sailthru is back after {span(seconds)}; the run goes on.")


def _paced(pace: Pace) -> str:
    """A stage's pace in a few words; how long it took stands beside."""
    parts = [f"{pace.rate:,.1f}/s"] if pace.done and pace.seconds >= 1 else []
    if pace.looked_at < pace.attempted:
        attempted = f"{pace.attempted:,} attempted, " if pace.written < pace.attempted else ""
        parts.append(attempted + _figures(pace.written, pace.looked_at))
    if pace.left is not None and not pace.finished:
        parts.append(f"about {span(pace.left)} left")
    held = [f"{span(seconds)} for {cause}" for cause, seconds in pace.waited.items() if seconds >= 1]
    return "; ".join(part for part in (", ".join(parts), f"held back {', '.join(held)}" if held else "") if part)


def _figures(written: int, looked_at: int) -> str:
    return f"{written:,} written, {looked_at:,} looked at"


def _print(profile: Profile, *, as_json: bool) -> None:
    if as_json:
        event("profile", **profile.as_json())
    else:
        for line in profile.lines():
            err.print(line)

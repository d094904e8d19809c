"""The three voices that tell how far steps are: bars at a terminal, plain lines in a log, JSON lines for programs."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Literal, Protocol, TypeAlias

from rich.progress import BarColumn, Progress, SpinnerColumn, TaskID, TextColumn, TimeElapsedColumn
from rich.text import Text

from reconcile.screen.printing import err, event
from reconcile.screen.tally import Tally, span
from reconcile.spec.printable import escape_line

SILENCE = 10.0
"""Seconds that a log may be without a word of a step that goes on: so long, and one wonders whether it hangs."""

EVERY = 1.0
"""Seconds between two events of one step that moves."""


Moment: TypeAlias = Literal["begins", "goes on", "ends", "is cut off"]


class Voice(Protocol):
    """A `state.model.Progress` that can also say something of a step."""

    def start(self, step: str, total: int | None = None, unit: str = "rows") -> None:
        """A step begins."""

    def advance(self, step: str, by: int = 1, *, size: int = 0) -> None:
        """So much more is done."""

    def finish(self, step: str) -> None:
        """A step has ended."""

    def note(self, step: str, told: str) -> None:
        """Say this of a step, beside its numbers."""

    def cut_off(self, step: str) -> None:
        """A step will not end any more."""


class Bars:
    """A bar a step, with its numbers."""

    def __init__(self, bars: Progress) -> None:
        self._bars = bars
        self._steps: dict[str, tuple[TaskID, Tally]] = {}

    def start(self, step: str, total: int | None = None, unit: str = "rows") -> None:
        """A step has a bar of its own, that moves to and fro where there is no total."""
        tally = Tally(step, unit, total)
        self._steps[step] = (self._bars.add_task(escape_line(step), total=total or None, told=str(tally)), tally)

    def advance(self, step: str, by: int = 1, *, size: int = 0) -> None:
        """The bar grows."""
        task, tally = self._steps[step]
        tally.done += by
        tally.size += size
        self._bars.update(task, completed=tally.done, told=str(tally))

    def finish(self, step: str) -> None:
        """The bar is full."""
        task, tally = self._steps[step]
        whole = tally.total or max(tally.done, 1)
        self._bars.update(task, total=whole, completed=whole, told=str(tally))

    def note(self, step: str, told: str) -> None:
        """Beside the bar."""
        task, tally = self._steps[step]
        tally.told = told
        self._bars.update(task, told=str(tally))

    def cut_off(self, step: str) -> None:
        """The bar stays where it is."""
        self._bars.stop_task(self._steps[step][0])


class Lines:
    """A line when a step begins and ends, and now and then while it goes on.

    Being told costs two additions: a thread of its own looks now and then whether there is something to say.

    Args:
        say: tells of a step at this moment.
        every: seconds between two looks.
    """

    def __init__(self, say: Callable[[Tally, Moment], None], *, every: float) -> None:
        self._say = say
        self._every = every
        self._steps: dict[str, Tally] = {}
        self._last: dict[str, tuple[int, int, float]] = {}
        self._one_at_a_time = threading.Lock()

    def start(self, step: str, total: int | None = None, unit: str = "rows") -> None:
        """From now on there may be something to say of it."""
        with self._one_at_a_time:
            tally = self._steps[step] = Tally(step, unit, total)
            self._last[step] = (0, 0, 0.0)
            self._say(tally, "begins")

    def advance(self, step: str, by: int = 1, *, size: int = 0) -> None:
        """Only counted."""
        tally = self._steps[step]
        tally.done += by
        tally.size += size

    def finish(self, step: str) -> None:
        """Told at once."""
        with self._one_at_a_time:
            self._say(self._steps.pop(step), "ends")

    def note(self, step: str, told: str) -> None:
        """Said with the numbers."""
        self._steps[step].told = told

    def cut_off(self, step: str) -> None:
        """Told at once."""
        with self._one_at_a_time:
            self._say(self._steps.pop(step), "is cut off")

    @contextmanager
    def watched(self) -> Iterator[None]:
        """Look now and then, as long as the block lasts."""
        over = threading.Event()
        watch = threading.Thread(target=self._watch, args=(over,), name="progress", daemon=True)
        watch.start()
        try:
            yield
        finally:
            over.set()
            watch.join()

    def _watch(self, over: threading.Event) -> None:
        while not over.wait(self._every):
            with self._one_at_a_time:
                for tally in self._steps.values():
                    self._look(tally)

    def _look(self, tally: Tally) -> None:
        done, size, at = self._last[tally.step]
        moved = (done, size) != (tally.done, tally.size)
        if moved or tally.seconds - at >= SILENCE:
            self._say(tally, "goes on")
            self._last[tally.step] = (tally.done, tally.size, tally.seconds)


@contextmanager
def chosen(*, as_json: bool) -> Iterator[Voice]:
    """The voice for whoever listens, while it is needed."""
    if not as_json and err.is_terminal:
        told, name = TextColumn("{task.fields[told]}", markup=False), TextColumn("{task.description}", markup=False)
        columns = (SpinnerColumn(), name, BarColumn(), told, TimeElapsedColumn())
        with Progress(*columns, console=err) as bars:
            yield Bars(bars)
        return
    voice = Lines(_event, every=EVERY) if as_json else Lines(_line, every=SILENCE)
    with voice.watched():
        yield voice


def _event(tally: Tally, moment: Moment) -> None:
    if moment != "is cut off":
        event("step", **tally.as_json(), **({"finished": True} if moment == "ends" else {}))


def _line(tally: Tally, moment: Moment) -> None:
    if moment == "is cut off":
        err.print(Text(escape_line(f"{tally.step}: not finished")))
    elif moment != "begins":
        took = f"{span(tally.seconds)}{' so far' if moment == 'goes on' else ''}"
        err.print(Text(escape_line(f"{tally.step}: {', '.join(part for part in (str(tally), took) if part)}")))

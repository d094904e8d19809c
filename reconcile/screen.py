"""What people and pipes see: plain lines, bars where there is a terminal, JSON lines where they were asked for.

Results go to standard output, progress and errors to standard error. No wording of plans lives here (`plan.explain`).
"""

from __future__ import annotations

import sys
import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from typing import Any

import orjson
from rich.console import Console
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    SpinnerColumn,
    TaskID,
    TextColumn,
    TimeElapsedColumn,
)
from rich.text import Text

from reconcile.apply import reporting
from reconcile.apply.model import BAD, Outcome, Receipt, Report
from reconcile.apply.pace import Pace
from reconcile.errors import GuardBreached, ReconcileError, SpecInvalid
from reconcile.plan.model import Stage

out = Console(soft_wrap=True, highlight=False)
err = Console(stderr=True, soft_wrap=True, highlight=False)

_STYLES = {"+": "green", "~": "yellow", "-": "red", "!": "magenta"}
_STAGES = {
    Stage.LISTS: "creating lists",
    Stage.UPSERTS: "upserting profiles",
    Stage.REMOVALS: "taking off lists",
    Stage.DELETIONS: "deleting profiles",
}
_EVERY = 1.0
"""Seconds between two progress events of one step."""


def lines(told: Iterable[str]) -> None:
    """Print lines, coloured by their glyph where there is a terminal."""
    for line in told:
        out.print(Text(line, style=_STYLES.get(line.lstrip()[:1], "") if line.startswith("  ") else ""))


def event(kind: str, **facts: Any) -> None:
    """Print one JSON event on a line of its own."""
    sys.stdout.write(orjson.dumps({"event": kind, **facts}).decode() + "\n")
    sys.stdout.flush()


def error(error: ReconcileError, *, as_json: bool = False) -> None:
    """Say what went wrong, all of it, and what now."""
    told = list(_told(error))
    if as_json:
        event("error", message=error.message, hint=error.hint, problems=told, status=error.exit_status)
        return
    for one in told:
        err.print(Text("Error: ", style="bold red") + Text(one))
    if isinstance(error, SpecInvalid):
        if len(told) > 1:
            err.print(Text(f"{len(told)} problems in the spec.", style="bold"))
        return
    if isinstance(error, GuardBreached):
        err.print(Text(error.message, style="bold"))
    if error.hint:
        err.print(Text(f"  {error.hint}"))


def _told(error: ReconcileError) -> Iterator[str]:
    """Everything that an error has to say: some errors are several."""
    from reconcile.spec.problems import render

    match error:
        case SpecInvalid(problems=problems):
            yield from (render(problem) for problem in problems)
        case GuardBreached(breaches=breaches):
            yield from breaches
        case _:
            yield error.message


class Steps:
    """Progress of a plan and events of an apply, in one of three voices: bars, plain lines, or JSON.

    Satisfies `state.model.Progress` and `apply.model.Events`.
    """

    def __init__(self, *, as_json: bool) -> None:
        self._json = as_json
        self._bars: Progress | None = None
        self._tasks: dict[str, TaskID] = {}
        self._done: dict[str, tuple[int, int | None, float]] = {}
        self._stage: str | None = None

    def start(self, step: str, total: int | None = None) -> None:
        """A step begins."""
        self._done[step] = (0, total, 0.0)
        if self._bars is not None:
            self._tasks[step] = self._bars.add_task(step, total=total)
        elif self._json:
            event("step", step=step, done=0, total=total)

    def advance(self, step: str, by: int = 1) -> None:
        """So much more is done."""
        done, total, told = self._done[step]
        now = time.monotonic()
        if self._bars is not None:
            self._bars.advance(self._tasks[step], by)
        elif self._json and now - told > _EVERY:
            event("step", step=step, done=done + by, total=total)
            told = now
        self._done[step] = (done + by, total, told)

    def finish(self, step: str, told: str = "") -> None:
        """A step has ended; `told` is said of it where there are no bars."""
        done, total, _ = self._done[step]
        if self._bars is not None:
            self._bars.update(self._tasks[step], total=total or max(done, 1), completed=total or max(done, 1))
        elif self._json:
            event("step", step=step, done=total or done, total=total, finished=True)
        else:
            err.print(f"{step}{f' ({total:,})' if total else ''}: {told or 'done'}")

    def stage(self, stage: Stage, total: int) -> None:
        """A stage of an apply begins."""
        self.end()
        self._stage = _STAGES[stage]
        self.start(self._stage, total)

    def receipt(self, receipt: Receipt) -> None:
        """An action has its receipt; those that did not end well are told at once to whoever reads JSON."""
        if self._stage is not None:
            self.advance(self._stage)
        if self._json and receipt.outcome in BAD:
            event("receipt", what=receipt.what, who=receipt.who, outcome=receipt.outcome, why=receipt.why)

    def settled(self, count: int) -> None:
        """So many actions of this stage are as wanted, by job."""
        if self._stage is not None:
            self.advance(self._stage, count)

    def pace(self, pace: Pace) -> None:
        """A stage has got so far: rate, what held it back, and its end where that can be told."""
        if self._json:
            event("pace", **reporting.pace_json(pace))
        elif self._stage is not None and self._bars is not None:
            self._bars.update(self._tasks[self._stage], description=f"{self._stage}  {_paced(pace)}".rstrip())
        if pace.finished and self._stage is not None:
            self.finish(self._stage, _paced(pace))
            self._stage = None

    def paused(self, why: str, until: str) -> None:
        """The account is down."""
        if self._json:
            event("paused", why=why, until=until)
        else:
            err.print(
                Text(f"Sailthru is down: {why}\n  The run waits and looks now and then, until {until}.", "magenta")
            )

    def resumed(self, seconds: float) -> None:
        """The account is back."""
        if self._json:
            event("resumed", seconds=round(seconds, 1))
        else:
            err.print(f"Sailthru is back after {_span(seconds)}; the run goes on.")

    def end(self) -> None:
        """The run has ended; a stage that has not had its last word was cut off."""
        if self._stage is None:
            return
        if self._bars is not None:
            self._bars.stop_task(self._tasks[self._stage])
        elif not self._json:
            err.print(f"{self._stage}: not finished")
        self._stage = None

    @contextmanager
    def shown(self) -> Iterator[Steps]:
        """Draw bars meanwhile, where somebody can see them."""
        if self._json or not err.is_terminal:
            yield self
            return
        columns = (
            SpinnerColumn(),
            TextColumn("{task.description}"),
            BarColumn(),
            MofNCompleteColumn(),
            TimeElapsedColumn(),
        )
        with Progress(*columns, console=err) as self._bars:
            yield self
        self._bars = None


def _paced(pace: Pace) -> str:
    """A stage's pace in a few words."""
    parts = [f"{'done in' if pace.done >= pace.total else 'after'} {_span(pace.seconds)}"] if pace.finished else []
    if pace.done and pace.seconds >= 1:
        parts.append(f"{pace.rate:,.1f}/s")
    if pace.left is not None and not pace.finished:
        parts.append(f"about {_span(pace.left)} left")
    held = [f"{_span(seconds)} for {cause}" for cause, seconds in pace.waited.items() if seconds >= 1]
    return ", ".join(parts) + (f"; held back {', '.join(held)}" if held else "")


def _span(seconds: float) -> str:
    if seconds < 90:
        return f"{seconds:,.1f} s" if seconds < 10 else f"{seconds:,.0f} s"
    return f"{seconds / 60:,.0f} min" if seconds < 5400 else f"{seconds / 3600:,.1f} h"


def report(report: Report) -> Iterator[str]:
    """A report as lines for a person."""
    for receipt in report.examples:
        yield f"  ! {receipt.what} {receipt.who}: {receipt.outcome}, {receipt.why}"
    done = report.outcomes
    told = [f"{done.get(outcome, 0):,} {outcome}" for outcome in (Outcome.VERIFIED, *BAD)]
    if report.earlier:
        told.insert(0, f"{report.earlier:,} verified by an earlier attempt")
    if report.unattempted:
        told.append(f"{report.unattempted:,} not attempted")
    yield f"Of {report.total:,} actions: {', '.join(told)}."
    yield from report.notes
    yield from _spent(report)
    if report.stopped:
        yield f"Stopped: {report.stopped}"
    if report.converged:
        yield f"Applied and verified in {report.seconds:,.1f} s. The account is as planned."
    else:
        yield f"Not converged after {report.seconds:,.1f} s. Apply the same plan again to go on, or plan again."


def _spent(report: Report) -> Iterator[str]:
    """What it took."""
    if report.calls:
        yield "Calls: " + ", ".join(f"{count:,} {name}" for name, count in sorted(report.calls.items())) + "."
    if report.retries:
        yield (
            "Retried: " + ", ".join(f"{count:,} for {cause}" for cause, count in sorted(report.retries.items())) + "."
        )
    if report.allowed:
        yield f"Allowed for this run: {', '.join(report.allowed)}."
    if held := [f"{_span(seconds)} for {cause}" for cause, seconds in report.waited.items() if seconds >= 1]:
        yield f"Held back: {', '.join(held)}."
    if report.paused:
        yield f"Sailthru was down for {_span(report.paused)}."


def report_event(report: Report) -> None:
    """A report as the last JSON event."""
    event("report", **reporting.as_json(report))

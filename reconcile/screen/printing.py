"""Results and errors, printed: coloured lines for people, an event a line for programs."""

from __future__ import annotations

import sys
from collections.abc import Iterable, Iterator
from typing import Any

import orjson
from rich.console import Console
from rich.text import Text

from reconcile.apply import reporting
from reconcile.apply.model import BAD, Outcome, Report
from reconcile.errors import ApprovalExceeded, GuardBreached, ReconcileError, SpecInvalid
from reconcile.screen.tally import span

out = Console(soft_wrap=True, highlight=False)
err = Console(stderr=True, soft_wrap=True, highlight=False)

_STYLES = {"+": "green", "~": "yellow", "-": "red", "!": "magenta"}


def lines(told: Iterable[str]) -> None:
    """Print lines, coloured by their glyph where there is a terminal."""
    for line in told:
        out.print(Text(line, style=_STYLES.get(line.lstrip()[:1], "") if line.startswith("  ") else ""))


def event(kind: str, /, **facts: Any) -> None:
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
    if isinstance(error, GuardBreached | ApprovalExceeded):
        err.print(Text(error.message, style="bold"))
    if error.hint:
        err.print(Text(f"  {error.hint}"))


def _told(error: ReconcileError) -> Iterator[str]:
    """Everything that an error has to say: some errors are several."""
    from reconcile.spec.problems import render

    match error:
        case SpecInvalid(problems=problems):
            yield from (render(problem) for problem in problems)
        case GuardBreached(breaches=several) | ApprovalExceeded(misfits=several):
            yield from several
        case _:
            yield error.message


def report(report: Report) -> Iterator[str]:
    """A report as lines for a person."""
    for receipt in report.examples:
        yield f"  ! {receipt.what} {receipt.who}: {receipt.outcome}, {receipt.why}"
    yield outcomes(report)
    yield from report.notes
    yield from _spent(report)
    if report.stopped:
        yield f"Stopped: {report.stopped}"
    if report.converged:
        yield f"Applied and verified in {report.seconds:,.1f} s. The account is as planned."
    else:
        yield f"Not converged after {report.seconds:,.1f} s. Apply the same plan again to go on, or plan again."


def outcomes(report: Report) -> str:
    """What came of the actions, in one sentence."""
    done = report.outcomes
    told = [f"{done.get(outcome, 0):,} {outcome}" for outcome in (Outcome.VERIFIED, *BAD)]
    if report.earlier:
        told.insert(0, f"{report.earlier:,} verified by an earlier attempt")
    if report.unattempted:
        told.append(f"{report.unattempted:,} not attempted")
    return f"Of {report.total:,} actions: {', '.join(told)}."


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
    if held := [f"{span(seconds)} for {cause}" for cause, seconds in report.waited.items() if seconds >= 1]:
        yield f"Held back: {', '.join(held)}."
    if report.paused:
        yield f"Sailthru was down for {span(report.paused)}."


def report_event(report: Report) -> None:
    """A report as the last JSON event."""
    event("report", **reporting.as_json(report))

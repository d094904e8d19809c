"""What came of an apply, in words."""

from __future__ import annotations

from collections.abc import Iterator

from reconcile.apply.model import BAD, Outcome, Report
from reconcile.screen.tally import span


def report(report: Report) -> Iterator[str]:
    """A report as lines for a person."""
    for receipt in report.examples:
        yield f"  ! {receipt.what} {receipt.who}: {receipt.outcome}, {receipt.why}"
    yield outcomes(report)
    if not report.converged and report.attempted:
        yield (
            f"In this attempt: {report.attempted:,} attempted, {report.written:,} written,"
            f" {report.looked_at:,} looked at."
        )
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
    if report.in_doubt:
        told.append(f"{report.in_doubt:,} may have been done and were not looked at")
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

"""Runs of the past, told to people: what came of each, how far one is, and who did it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from reconcile.apply.audit import Entry, Step
from reconcile.apply.history import Run, Status
from reconcile.apply.lease import Record
from reconcile.apply.runs import REPORT
from reconcile.plan.model import SpecChange
from reconcile.screen.tally import span


def run(one: Run) -> str:
    """A run in one line: when, which, what kind, what came of it, and what its plan was about."""
    plan, report = one.plan, one.report or {}
    env = f" ({plan['environment']})" if plan.get("environment") else ""
    when = report.get("ended_at") or f"planned {plan.get('created_at', '?')}"
    by = f" by {report['by']}" if report.get("by") else ""
    kind = f"{plan['kind']} run" if plan.get("kind") else "run"
    kept = "; plan kept" if one.kept else ""
    kept += f"; damaged: {', '.join(one.damaged)}" if one.damaged else ""
    return f"{one.name}{env}  {kind:<10}  {one.outcome:<9}  {_counts(plan)}; {when}{by}{kept}"


def status(one: Status) -> Iterator[str]:
    """A run from its plan to its receipts, those that did not end well one by one, masked."""
    from reconcile.plan import causes  # with the engine's language, which no other telling needs

    yield run(one.run)
    lines = tuple(SpecChange.model_validate(line) for line in one.run.plan.get("spec_changes", ()))
    known, counts = one.run.plan.get("causes", {}), one.run.plan.get("counts", {})
    total = sum(counts.get(name, 0) for name in ("create", "update", "delete"))
    if known and (told := causes.sentence(causes.rank(known, lines, total), total)):
        yield f"Why: {told}."
    attempts = f"{one.attempts} {'attempt' if one.attempts == 1 else 'attempts'}"
    doubt = f", {one.doubtful:,} may have been done" if one.doubtful else ""
    yield f"Of {one.total:,} actions {one.settled:,} are verified{doubt}; {attempts}."
    if one.run.kept:
        yield f"Its plan is kept, sealed: reconcile rollback {one.run.name} plans how to take it back."
    else:
        yield "Its plan is not kept, as it was not sealed: only its file can take it back."
    for key in one.run.damaged:
        yield f"{key} is damaged, so nothing of it is believed. The journal and the audit tell what was done."
    report = one.run.report
    if report is None and any(key.endswith(REPORT) for key in one.run.damaged):
        return
    if report is None:
        yield "No attempt has ended by itself. Apply the same plan again to go on."
        return
    yield from (_stage(stage) for stage in report.get("stages", ()))
    outcomes = ", ".join(f"{count:,} {outcome}" for outcome, count in report.get("outcomes", {}).items())
    if outcomes:
        yield f"Receipts of the last attempt: {outcomes}."
    for receipt in report.get("examples", ()):
        yield f"  ! {receipt['what']} {receipt['who']}: {receipt['outcome']}, {receipt['why']}"
    yield from report.get("notes", ())
    if report.get("allowed"):
        yield f"Allowed for this run: {', '.join(report['allowed'])}."
    if report.get("stopped"):
        yield f"Stopped: {report['stopped']}"


def audited(entry: Entry) -> str:
    """An entry of the audit in one line."""
    who = entry.by + (f" for {entry.actor}" if entry.actor else "") + (f" at {entry.job}" if entry.job else "")
    allowed = f"; allowed: {', '.join(entry.overrides)}" if entry.overrides else ""
    ended = f", status {entry.status}" if entry.status is not None else ""
    if entry.step is Step.ENDED and entry.status is None:
        ended = ", cut off (by its journal)"
    kind = f" ({entry.kind} run)" if entry.kind else ""
    return f"{entry.number:>4}  {entry.at}  {entry.step:<5}  {entry.run}{kind}{ended}, by {who}{allowed}"


def lease(record: Record | None, account: str, place: str, now: float) -> Iterator[str]:
    """Who holds the lease of an account."""
    if record is None:
        yield f'No apply holds the lease of the account "{account}" in {place}.'
        return
    told = record.told(now)
    yield f'The lease of the account "{account}" in {place}: {told}.'
    if record.is_dead(now, watched=0.0):
        yield "Its holder is dead: the next apply takes it over."


def lease_json(record: Record | None, account: str, place: str, now: float) -> dict[str, Any]:
    """The same as plain data; `holder` is null where nobody holds it, or nobody can say who."""
    holder = record.holder if record else None
    return {
        "account": account,
        "place": place,
        "held": record is not None,
        "dead": record is not None and record.is_dead(now, watched=0.0),
        "holder": holder and {"by": holder.by, "pid": holder.pid, "since": holder.since, "beat": holder.beat},
        "told": record.told(now) if record else "",
    }


def _stage(stage: Mapping[str, Any]) -> str:
    return f"  {stage['stage']:<9}  {stage['done']:,} of {stage['total']:,} in {span(stage['seconds'])}"


def _counts(plan: Mapping[str, Any]) -> str:
    counts = plan.get("counts", {})
    told = [f"{counts[name]:,} to {name}" for name in ("create", "update", "delete") if counts.get(name)]
    return ", ".join(told) or "nothing to do"

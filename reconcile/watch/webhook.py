"""A webhook that hears of what failed, was blocked, drifted and is well again: as plain JSON, or as Slack reads it.

Source: Slack, "Sending messages using incoming webhooks": a JSON object with `text`, in which `&`, `<` and `>` are
escaped; the answer is a word, not JSON. The URL is a secret, of which only the host is ever told.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping
from typing import Any
from urllib.parse import urlsplit

from reconcile.apply import audit, reporting
from reconcile.errors import CommentFailed, ReconcileError
from reconcile.review.hosts import Request
from reconcile.review.network import Unsure
from reconcile.screen import reports
from reconcile.watch import memory
from reconcile.watch.model import BLOCKED, LEFT_OFF, WELL, Event, Watched, named

URL = "RECONCILE_WEBHOOK"
FORMAT = "RECONCILE_WEBHOOK_FORMAT"
_SLACK = "hooks.slack.com"
_LONGEST = 1_000
"""Characters of a headline: a spec may have many problems."""


def tell(run: Watched, environ: Mapping[str, str], send: Callable[[Request], None]) -> str | None:
    """Tell the webhook of a command's end, where there is something to tell; never fails.

    Returns:
        What was done, for people; None where nothing was.
    """
    before = _before(run)
    event = event_of(run, before)
    if event is None:
        return None
    try:
        asked = request(run, event, environ)
        send(asked)
    except CommentFailed as error:
        return f"The webhook was not told ({event}): {error.message}"
    except Unsure:
        return f"The webhook may not have been told ({event}): no clear answer from {urlsplit(asked.url).hostname}."
    return f"The webhook at {urlsplit(asked.url).hostname} was told: {event}.{_kept(run, event)}"


def event_of(run: Watched, before: str | None) -> Event | None:
    """What a command's end is worth telling.

    Args:
        before: what was told of this command and account and is not over, see `watch.memory`.
    """
    if run.status == BLOCKED:
        return Event.BLOCKED
    if run.status == LEFT_OFF:
        return None
    if run.status not in WELL:
        return Event.FAILED
    if run.drift is not None and run.drift.count:
        return Event.DRIFTED if run.drift.known and before != _digest(run.drift.said) else None
    return Event.RECOVERED if before and (run.drift or run.report) else None


def request(run: Watched, event: Event, environ: Mapping[str, str]) -> Request:
    """What the webhook is sent.

    Raises:
        CommentFailed: it is no address, or its form is not known.
    """
    url, form = environ[URL].strip(), environ.get(FORMAT, "").strip().lower()
    host = _host(url)
    if form not in {"", "json", "slack"}:
        raise CommentFailed(f"{FORMAT} is neither json nor slack.")
    said = payload(run, event, environ)
    return Request("POST", url, json=slack(said) if (form or (host == _SLACK and "slack")) == "slack" else said)


def payload(run: Watched, event: Event, environ: Mapping[str, str]) -> dict[str, Any]:
    """What is told, as plain data; see docs/watching.md."""
    face, report = run.face, run.report
    return {
        "event": str(event),
        "command": run.command,
        "account": run.account,
        "environment": run.environment,
        "headline": _headline(run, event)[:_LONGEST],
        "status": run.status,
        "plan_id": face.plan_id if face else None,
        "run": report.run if report else None,
        "kind": str(face.kind) if face else None,
        "counts": face.counts.model_dump() if face else {},
        "outcomes": reporting.outcomes(report) if report else {},
        "drift": run.drift.count if run.drift and run.drift.known else None,
        "seconds": round(run.seconds, 1),
        "job": audit.whereabouts(environ)["job"] or None,
    }


def slack(said: Mapping[str, Any]) -> dict[str, Any]:
    """The same in Slack's shape."""
    about = _escaped(named(said["account"], said["environment"]))
    lines = [f"*{_escaped(said['event'].capitalize())}: {said['command']} at {about}*"]
    lines += [_escaped(said["headline"])]
    known = [
        *([f"plan {said['plan_id']}"] if said["plan_id"] else []),
        f"exit status {said['status']}",
        *([f"<{_escaped(said['job']).replace('|', '%7C')}|the job>"] if said["job"] else []),
    ]
    return {"text": "\n".join([*lines, ", ".join(known)])}


def _headline(run: Watched, event: Event) -> str:
    if event is Event.RECOVERED and run.drift is not None:
        return f"Nothing that somebody changed at {run.about} is left."
    if event is Event.RECOVERED:
        return f"{run.about} is as planned again, applied and verified."
    if run.error:
        return run.error
    if run.report is not None:
        return " ".join(filter(None, (reports.outcomes(run.report), run.report.stopped)))
    return run.drift.told if run.drift is not None else f"{run.command} ended with {run.status}."


def _before(run: Watched) -> str | None:
    if run.store is None:
        return None
    try:
        return memory.recall(run.store(), run.account, run.environment).get(run.command)
    except ReconcileError:
        return None


def _kept(run: Watched, event: Event) -> str:
    """Keep what was told, where there may be an end to tell of: plans of pull requests come and go."""
    if run.store is None or run.command == "plan":
        return ""
    said = _digest(run.drift.said) if event is Event.DRIFTED and run.drift else str(event)
    try:
        told = None if event is Event.RECOVERED else said
        memory.remember(run.store(), run.account, run.environment, run.command, told)
    except ReconcileError as error:
        return f" That is not remembered: {error.message}"
    return ""


def _host(url: str) -> str:
    try:
        parts = urlsplit(url)
        if parts.scheme in {"http", "https"} and parts.hostname:
            return parts.hostname
    except ValueError:
        pass
    raise CommentFailed(f"{URL} is no URL (http or https).")


def _digest(said: str) -> str:
    return hashlib.sha256(said.encode()).hexdigest()[:16]


def _escaped(text: str) -> str:
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")

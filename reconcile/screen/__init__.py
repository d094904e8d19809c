"""What people and pipes see: plain lines, bars where there is a terminal, JSON lines where they were asked for.

Results go to standard output, progress and errors to standard error. No wording of plans lives here (`plan.explain`).
"""

from __future__ import annotations

from reconcile.screen.audience import groups, groups_json
from reconcile.screen.history import audited, run, status
from reconcile.screen.preview import preview, preview_json
from reconcile.screen.printing import error, event, lines, report, report_event
from reconcile.screen.steps import Steps
from reconcile.screen.tracing import explained, explained_json
from reconcile.screen.verdicts import verdict, verdict_json

__all__ = [
    "Steps",
    "audited",
    "error",
    "event",
    "explained",
    "explained_json",
    "groups",
    "groups_json",
    "lines",
    "preview",
    "preview_json",
    "report",
    "report_event",
    "run",
    "status",
    "verdict",
    "verdict_json",
]

"""What an apply will ask of the account, at least: calls by name, and minutes at our share of its limits."""

from __future__ import annotations

import math
from collections.abc import Mapping

from reconcile.plan.model import Cost, Counts, ListFace, Route

LINES = 50_000
"""Lines of a job's file (SAILTHRU.md §9.4)."""

SAMPLE = 1_000
"""Profiles read one by one for their types after jobs. None wrong of so many: fewer than 0.3 % wrong, at 95 %."""


def estimate(
    counts: Counts, lists: tuple[ListFace, ...], registry: str, route: Route, quota: Mapping[str, float]
) -> Cost:
    """The cost of a plan.

    Args:
        quota: calls a minute that we may make, by name; the same that the calls are paced by.
    """
    new = sum(one.new for one in lists)
    by_job = counts.create - counts.unseen + counts.update - counts.unlist - counts.moved
    lines = by_job if route is Route.JOBS else 0
    calls = {"POST /list": new, "GET /list": 2 * new} | _calls(counts, lines)
    if lines:
        # All touched lists are exported, and the registry always.
        exports = sum(1 for one in lists if one.join or one.leave or one.name == registry)
        jobs = math.ceil(lines / LINES) + exports
        calls |= {"POST /job": jobs, "GET /job": jobs}
    calls = {name: count for name, count in calls.items() if count}
    return Cost(calls=calls, minutes=round(_minutes(counts, lines, quota), 2))


def _calls(counts: Counts, lines: int) -> dict[str, int]:
    """One write and one look a profile, two where nobody looked before; of those in jobs a sample is looked at.

    A deletion looks before and after.
    """
    single = counts.create + counts.update - lines
    return {
        "POST /user": single + counts.room,
        "GET /user": single + counts.unseen + 2 * counts.room + min(SAMPLE, lines) + 3 * counts.delete,
        "DELETE /user": counts.delete,
    }


def _minutes(counts: Counts, lines: int, quota: Mapping[str, float]) -> float:
    """Budgets are separate for each method and endpoint (SAILTHRU.md §5), stages are not: they follow each other."""
    single = counts.create + counts.update - lines
    looks = single + counts.unseen + min(SAMPLE, lines)
    upserts = max(single / quota["POST /user"], looks / quota["GET /user"])
    return upserts + max(counts.delete / quota["DELETE /user"], 3 * counts.delete / quota["GET /user"])

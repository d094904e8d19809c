"""When jobs start and end, and what is down when: arithmetic on times, seeded, that touches nothing."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final, Literal
from zoneinfo import ZoneInfo

from reconcile.simulator.bulk import Skips
from reconcile.simulator.dice import Dice
from reconcile.simulator.faults import CallFault, Faults, Maintenance, Weekly

Outcome = Literal["completed", "error", "stalled"]

_DAYS: Final = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")


@dataclass(frozen=True, slots=True)
class Schedule:
    """When a job starts and ends (Unix seconds), how, and which of its lines it leaves out.

    A job that is stalled never ends.
    """

    starts: float
    ends: float
    outcome: Outcome
    skips: Skips


class Timetable:
    """The queue's speed and luck, job by job. The same jobs in the same order have the same fate."""

    def __init__(self, faults: Faults, dice: Dice, note: Callable[[str], None]) -> None:
        self._rules = faults.jobs
        self._dice = dice
        self._note = note
        self._busy_until: list[float] = [-math.inf] * (self._rules.parallel or 0)

    def plan(self, kind: str, rows: int, now: float) -> Schedule:
        """The schedule of one more job of this kind and size."""
        nth = self._dice.nth("job", kind)
        starts = now + self._dice.between(*self._rules.start, "start", kind, nth)
        seconds = rows / self._rules.rows_per_second.get(kind, math.inf)
        outcome = self._outcome(kind, nth)
        if self._busy_until:
            free = min(range(len(self._busy_until)), key=self._busy_until.__getitem__)
            starts = max(starts, self._busy_until[free])
            self._busy_until[free] = starts + seconds
        if starts + seconds > now:
            self._note("slow-job")
        return Schedule(starts, starts + seconds, outcome, self._skips(kind, nth))

    def _outcome(self, kind: str, nth: int) -> Outcome:
        chance = self._dice.chance("outcome", kind, nth)
        if chance < self._rules.stall:
            self._note("stalled-job")
            return "stalled"
        if chance < self._rules.stall + self._rules.fail:
            self._note("failed-job")
            return "error"
        return "completed"

    def _skips(self, kind: str, nth: int) -> Skips:
        rate = self._rules.skip_lines

        def skips(number: int) -> bool:
            skipped = self._dice.chance("skip", kind, nth, number) < rate
            if skipped:
                self._note("skipped-line")
            return skipped

        return skips if rate else lambda _number: False


def downtime(rules: Maintenance, dice: Dice, now: float, started: float, nth: int) -> CallFault | None:
    """What calls meet now, if this is a planned downtime."""
    down = any(begin <= now - started < end for begin, end in rules.between) or any(
        _within(weekly, rules.zone, now) for weekly in rules.weekly
    )
    if not down:
        return None
    answer = rules.answer
    if answer == "mixed":
        answer = ("html", "error-9", "reset")[int(3 * dice.chance("maintenance", nth))]
    return CallFault(fault=answer)


def _within(weekly: Weekly, zone: str, now: float) -> bool:
    """Whether a weekly downtime that began today or in the last seven days is still on."""
    at = datetime.fromtimestamp(now, ZoneInfo(zone))
    hour, minute = map(int, weekly.begins.split(":"))
    for days_ago in range(8):
        begin = (at - timedelta(days=days_ago)).replace(hour=hour, minute=minute, second=0, microsecond=0)
        if _DAYS[begin.weekday()] in weekly.days and begin <= at < begin + timedelta(hours=weekly.hours):
            return True
    return False

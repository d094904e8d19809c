"""Who is hit by which fault.

Seeded, and the same whatever the timing (two runs with one seed hit the same people).
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from reconcile.simulator import values
from reconcile.simulator.dice import Dice
from reconcile.simulator.faults import CallFault, Faults
from reconcile.simulator.model import Profile
from reconcile.simulator.schedules import downtime

DELAYS: Final = frozenset({"latency", "slow-job"})
"""What only takes longer, and is right in the end."""


class Mischief:
    """The faults in force, with what they have done so far.

    Attributes:
        done: how often each fault has struck, by its name.
        delays: how often an answer (`latency`) or a job (`slow-job`) was made to take its time: no fault.
    """

    def __init__(self, faults: Faults, seed: int, started: float) -> None:
        self.faults = faults
        self.dice = Dice(seed)
        self.done: dict[str, int] = {}
        self.delays: dict[str, int] = {}
        self._started = started
        self._left = [rule.times for rule in faults.calls]

    def on_call(self, method: str, endpoint: str, params: Mapping[str, Any], now: float) -> CallFault | None:
        """The fault that hits this call, if any.

        A repeat of the call is decided anew, by how often it was made.
        """
        down = self._downtime(now)
        if down is not None:
            return down
        rules = self.faults.calls
        if not rules:
            return None
        whom = about(params)
        nth = self.dice.nth(method, endpoint, whom)
        for index, rule in enumerate(rules):
            if self._left[index] == 0 or not self._matches(rule, method, endpoint, whom, now):
                continue
            if self.dice.chance("call", index, method, endpoint, whom, nth) < rule.rate:
                self._strike(index, rule)
                return rule
        return None

    def _downtime(self, now: float) -> CallFault | None:
        rules = self.faults.maintenance
        if not (rules.between or rules.weekly):
            return None
        nth = self.done.get("maintenance", 0)
        fault = downtime(rules, self.dice, now, self._started, nth)
        if fault is not None:
            self.note("maintenance")
        return fault

    def _matches(self, rule: CallFault, method: str, endpoint: str, whom: str, now: float) -> bool:
        if rule.between is not None and not rule.between[0] <= now - self._started < rule.between[1]:
            return False
        return (
            (not rule.methods or method in rule.methods)
            and (not rule.endpoints or endpoint in rule.endpoints)
            and (not rule.ids or whom in rule.ids)
        )

    def _strike(self, index: int, rule: CallFault) -> None:
        left = self._left[index]
        if left is not None:
            self._left[index] = left - 1
        self.note(rule.fault)

    def note(self, fault: str) -> None:
        """Count a fault that has struck, or a delay."""
        counts = self.delays if fault in DELAYS else self.done
        counts[fault] = counts.get(fault, 0) + 1

    def delete_lies(self, profile: Profile) -> bool:
        """Whether this delete answers 200 and does nothing; the same people in each run, by their address."""
        rules = self.faults.deletes
        if not (rules.lie or rules.ids):
            return False
        who = profile.email or profile.sid
        lies = rules.ids.get(who)
        if lies is None:
            chance = self.dice.chance("delete", who)
            lies = 2 if chance < rules.lie_twice else 1 if chance < rules.lie else 0
        if not lies or self.dice.nth("delete", profile.sid) >= lies:
            return False
        self.note("lying-delete")
        return True

    def latency(self, method: str, endpoint: str) -> float:
        """How long to wait before the answer, in seconds."""
        rule = self.faults.latency
        if rule.least or rule.most:
            self.note("latency")
        if not rule.most:
            return rule.least
        nth = self.dice.nth("latency", method, endpoint)
        return self.dice.between(rule.least, rule.most, "latency", method, endpoint, nth)

    def read_lag(self, params: Mapping[str, Any]) -> float:
        """How many seconds this read is behind the writes."""
        rule = self.faults.reads
        if not rule.most:
            return rule.least
        whom = about(params)
        return self.dice.between(rule.least, rule.most, "lag", whom, self.dice.nth("lag", whom))

    def cut(self, token: str, size: int) -> int:
        """How many bytes of this download arrive."""
        rate = self.faults.jobs.truncate
        if not rate or not size:
            return size
        nth = self.dice.nth("download", token)
        if self.dice.chance("download", token, nth) >= rate:
            return size
        self.note("truncated-download")
        return int(size * self.dice.between(0.1, 0.95, "cut", token, nth))


def about(params: Mapping[str, Any]) -> str:
    """Whom or what a call is about."""
    for name in ("id", "list", "list_id", "job_id", "job"):
        value = values.text(params.get(name))
        if value:
            return values.email(value) if name == "id" else value
    return ""

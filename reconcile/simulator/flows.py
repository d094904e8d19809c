"""Journeys: who has entered which flow, when, and by which way.

The real API has no call for flows (SAILTHRU.md §10): they come from a seed file, `POST /_sim/state`, or Python.
"""

from __future__ import annotations

from collections import Counter, deque
from collections.abc import Iterable, Mapping
from typing import Any, Final, Literal, NamedTuple, get_args

from reconcile.simulator.calls import Route
from reconcile.simulator.model import Profile

Trigger = Literal["joined", "removed", "changed"]
ByJob = Literal["removed", "changed"]

_REMEMBERED: Final = 100_000
_MOST: Final = 1_000
_ABSENT: Final = object()


class Flow(NamedTuple):
    """A flow, and what starts it: a list is joined or left, or a var gets another value."""

    name: str
    trigger: Trigger
    of: str

    def told(self) -> dict[str, str]:
        """As a seed file has it."""
        return {"flow": self.name, self.trigger: self.of}


class Entry(NamedTuple):
    """One person who entered a flow; `number` counts all entries, and `at` is a Unix second."""

    number: int
    flow: str
    sid: str
    email: str | None
    at: int
    by: Route


class Flows:
    """The flows of one account, and who entered them.

    Args:
        by_jobs: what starts a flow also where a job does it; joins by jobs never do (SAILTHRU.md §10).

    Attributes:
        all: by name.
        counts: entries so far, by flow and way.
        entries: the latest, oldest first; bounded.
        total: how many entries there were.
    """

    def __init__(self, by_jobs: Iterable[ByJob] = ()) -> None:
        self.all: dict[str, Flow] = {}
        self.counts: Counter[tuple[str, Route]] = Counter()
        self.entries: deque[Entry] = deque(maxlen=_REMEMBERED)
        self.total = 0
        self._by_jobs = frozenset[str](by_jobs)

    def add(self, raw: Mapping[str, Any]) -> Flow:
        """A new flow, or another start for the one of this name: `{"flow": "Welcome", "joined": "Main"}`.

        Raises:
            ValueError: it is none; the message says why.
        """
        flow = _read(raw)
        if flow.name not in self.all and len(self.all) >= _MOST:
            raise ValueError(f"an account has at most {_MOST:,} flows here")
        self.all[flow.name] = flow
        return flow

    def note(self, before: Profile, after: Profile, second: int, by: Route) -> None:
        """A write has made this of a profile: it enters the flows that this starts."""
        if not self.all or by == "seed":
            return
        for flow in self.all.values():
            if (by == "user" or flow.trigger in self._by_jobs) and _starts(flow, before, after):
                self.total += 1
                self.counts[flow.name, by] += 1
                self.entries.append(Entry(self.total, flow.name, after.sid, after.email, second, by))


def _read(raw: Mapping[str, Any]) -> Flow:
    name = raw.get("flow")
    starts: dict[Any, Any] = {key: value for key, value in raw.items() if key != "flow"}
    if not isinstance(name, str) or not name:
        raise ValueError('a flow needs a name: {"flow": "Welcome", "joined": "Main"}')
    known = get_args(Trigger)
    if len(starts) != 1 or next(iter(starts)) not in known:
        raise ValueError(f"flow {name!r} needs exactly one of {', '.join(known)}, and nothing else")
    trigger: Trigger = next(iter(starts))
    of = starts[trigger]
    if not isinstance(of, str) or not of:
        raise ValueError(f"flow {name!r}: {trigger} must name a {'var' if trigger == 'changed' else 'list'}")
    return Flow(name, trigger, of)


def _starts(flow: Flow, before: Profile, after: Profile) -> bool:
    match flow.trigger:
        case "joined":
            return _is_on(after, flow.of) and not _is_on(before, flow.of)
        case "removed":
            return _is_on(before, flow.of) and not _is_on(after, flow.of)
        case "changed":
            old, new = before.vars.get(flow.of, _ABSENT), after.vars.get(flow.of, _ABSENT)
            return type(old) is not type(new) or old != new


def _is_on(profile: Profile, name: str) -> bool:
    return any(mail_list.name == name for mail_list in profile.joined)

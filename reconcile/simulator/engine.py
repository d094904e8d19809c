"""The machine: an account behind the API's gate, with faults in between. No socket; the faces call it."""

from __future__ import annotations

import asyncio
import time
from collections import Counter, deque
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final

from reconcile.simulator import calls, decoding, encoding, errands
from reconcile.simulator.account import Account
from reconcile.simulator.calls import ENDPOINTS, METHODS, Call, Logged
from reconcile.simulator.doors import Doors
from reconcile.simulator.downloads import Download
from reconcile.simulator.faults import CallFault, Faults, Wire
from reconcile.simulator.gate import Gate, too_many
from reconcile.simulator.history import History
from reconcile.simulator.jobs import Jobs
from reconcile.simulator.limits import Limits, Quota, Windows
from reconcile.simulator.messages import LOST, Answer, Broken, Request
from reconcile.simulator.mischief import Mischief
from reconcile.simulator.model import NOTHING, Refusal
from reconcile.simulator.schedules import Timetable

DEMO_KEYS: Final = {"demo-key": "demo-secret"}
_REMEMBERED: Final = 10_000


class Engine:
    """One account and all that is played around it; `Simulator` gives it its ways to the world.

    Args:
        seed: what ids, cookies and faults follow from.
        faults: what shall go wrong; nothing by default.
        keys: api_key to secret; all are keys of the one account and share its quota.
        timezone: of the account; all times are told in it.
        clock: Unix seconds; tests pass a virtual one.
        limits: the published rate limits, or the recorded ones (double).
        allowed_ips: addresses or networks that may call; empty: all.

    Attributes:
        account: the pure account, to look at and to set up.
        calls: the latest calls, oldest first; bounded.
        calls_total: all calls so far by (method, endpoint).
        mischief: the faults in force, and how often each has struck.
    """

    def __init__(
        self,
        *,
        seed: int = 0,
        faults: Faults | None = None,
        keys: Mapping[str, str] = DEMO_KEYS,
        timezone: str = "America/New_York",
        clock: Callable[[], float] = time.time,
        limits: Limits = "published",
        allowed_ips: Sequence[str] = (),
    ) -> None:
        self.seed = seed
        self.faults = faults or Faults()
        self.clock = clock
        self.account = Account(timezone=timezone, seed=seed, guesses=self.faults.guesses)
        reads = self.faults.reads
        lag = max(reads.least, reads.most, reads.counts, self.faults.jobs.export_lag)
        self.mischief = Mischief(self.faults, seed, clock())
        self.account.history = History(lag, self.mischief.note) if lag else None
        self.windows = Windows(limits, self.faults.reset_skew)
        timetable = Timetable(self.faults, self.mischief.dice, self.mischief.note)
        self.jobs = Jobs(self.account, timetable, self.faults.jobs.export_lag)
        self.calls: deque[Logged] = deque(maxlen=_REMEMBERED)
        self.calls_total: Counter[tuple[str, str]] = Counter()
        self._dressed = self.faults.wire != Wire()
        self._gate = Gate(keys, allowed_ips)
        self._doors = Doors(self.account, self.jobs, self.mischief)
        self._errands = errands.Errands(self.jobs, keys, clock)

    def tick(self) -> float:
        """Let the time that has passed have its effect; gives the Unix seconds of now."""
        now = self.clock()
        if self.account.history is not None:
            self.account.history.now = now
        self._errands.run(now)
        return now

    def download(self, token: str) -> Download | None:
        """The exported file at this URL, or None where there is none (any more)."""
        job = self.jobs.download(token, self.tick())
        if job is None or job.file is None:
            return None
        arriving = self.mischief.cut(token, job.file.size)
        return Download(job.work.filename or "export.csv", job.file, arriving)

    async def answer(self, request: Request) -> Answer:
        """Answer one request to the API.

        Raises:
            Broken: the answer never comes; the transport plays how.
        """
        now = self.tick()
        method, endpoint = request.method, request.path.strip("/")
        try:
            sent = decoding.sent(request)
        except Refusal as no:
            self._log(method, endpoint, NOTHING, no.status, now)
            return encoding.refusal(no, self.windows.take(method, endpoint, now), xml=True)
        params, unreadable = _params(sent)
        noted = calls.noted(params, len(request.query) + len(request.body))
        call = Call(method, endpoint, params, now, request.base_url, sent.texts.get("api_key", ""), sent.file)
        fault = self.mischief.on_call(method, endpoint, params, now)
        await self._errands.give_way()
        await self._wait(method, endpoint)
        try:
            answer = await self._answer(request, call, sent, unreadable, fault)
        except Broken as broken:
            self._log(method, endpoint, noted, 0, now, fault.fault if fault else broken.fault)
            raise
        self._log(method, endpoint, noted, answer.status, now, fault.fault if fault else None)
        if self._dressed:
            return encoding.dressed(answer, self.faults.wire, request.headers.get("accept-encoding", ""))
        return answer

    async def _answer(
        self,
        request: Request,
        call: Call,
        sent: decoding.Sent,
        unreadable: Refusal | None,
        fault: CallFault | None,
    ) -> Answer:
        if fault is not None and fault.fault in LOST:
            raise Broken(LOST[fault.fault])
        quota = self.windows.take(call.method, call.endpoint, call.at)
        if fault is not None and fault.fault == "html":
            return encoding.page(fault.status)
        if fault is not None and fault.fault == "gateway":
            return encoding.gateway(self.mischief.dice.nth("gateway"))
        xml = sent.texts.get("format") != "json"
        try:
            self._gate.check(request, call.endpoint, sent, quota)
            if unreadable is not None:
                raise unreadable
            body = await self._done(call, fault)
        except Refusal as no:
            quota = self._exhausted(quota) if no.code == 43 else quota
            return encoding.refusal(no, quota, xml=xml)
        if fault is not None and fault.fault == "timeout-after-commit":
            raise Broken("read-timeout")
        return encoding.success(body, quota, xml=xml)

    async def _done(self, call: Call, fault: CallFault | None) -> dict[str, Any]:
        """The call's own answer, or the error that a fault puts in its place, before or after it is done."""
        kind = fault.fault if fault is not None else None
        if kind == "rate-limited":
            self.windows.exhaust(call.method, call.endpoint, call.at)
            raise too_many(call.method, call.endpoint)
        if kind in {"error-9", "ok-with-error"}:
            raise Refusal(9, "Internal Error", 200 if kind == "ok-with-error" else 500)
        if call.method == "POST" and call.endpoint == "job":
            await errands.fetch_for(call)
        body = await self._doors.enter(call)
        if call.endpoint == "job":
            self._errands.watch(call.at)
        if kind == "error-9-saved":
            raise Refusal(9, "Internal Error", 500)
        return body

    def _exhausted(self, quota: Quota) -> Quota:
        if self.faults.reset_skew:
            self.mischief.note("skewed-reset")
        return quota._replace(remaining=0)

    async def _wait(self, method: str, endpoint: str) -> None:
        seconds = self.mischief.latency(method, endpoint)
        if seconds:
            await asyncio.sleep(seconds)

    def _log(
        self,
        method: str,
        endpoint: str,
        params: Mapping[str, Any],
        status: int,
        now: float,
        fault: str | None = None,
    ) -> None:
        method = method if method in METHODS else "?"
        endpoint = endpoint if endpoint in ENDPOINTS else "?"
        self.calls.append(Logged(method, endpoint, params, status, now, fault))
        self.calls_total[method, endpoint] += 1


def _params(sent: decoding.Sent) -> tuple[Mapping[str, Any], Refusal | None]:
    """The parameters; or none, and what will be said of them once the caller is known."""
    try:
        return sent.params(), None
    except Refusal as no:
        return NOTHING, no

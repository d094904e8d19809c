"""The simulator: an account, behind the API's door, with faults in between. No sockets here.

The transports call it.
"""

from __future__ import annotations

import asyncio
import time
from collections import Counter, deque
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any, Final

from reconcile.simulator import decoding, encoding, lists, settings, signing, users
from reconcile.simulator.account import Account
from reconcile.simulator.calls import ENDPOINTS, METHODS, Call, Logged
from reconcile.simulator.faults import CallFault, Faults
from reconcile.simulator.jobs import Jobs, Schedule
from reconcile.simulator.limits import Limits, Quota, Windows
from reconcile.simulator.messages import Answer, Broken, Request
from reconcile.simulator.mischief import Mischief
from reconcile.simulator.model import NOTHING, Refusal

if TYPE_CHECKING:
    import httpx
    from starlette.applications import Starlette

DEMO_KEYS: Final = {"demo-key": "demo-secret"}
_REMEMBERED: Final = 10_000
_HTML: Final = b"<html><head><title>%d</title></head><body><h1>%d Service Unavailable</h1></body></html>\r\n"


class Simulator:
    """A faithful double of the Sailthru HTTP API for one account (SAILTHRU.md §16).

    Args:
        seed: what ids, cookies and faults follow from.
        faults: what shall go wrong; nothing by default.
        keys: api_key to secret; all are keys of the one account and share its quota.
        timezone: of the account; all times are told in it.
        clock: Unix seconds; tests pass a virtual one.
        limits: the published rate limits, or the recorded ones (double).

    Attributes:
        account: the pure account, to look at and to set up.
        calls: the latest calls, oldest first; bounded.
        calls_total: all calls so far by (method, endpoint).
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
    ) -> None:
        self.seed = seed
        self.faults = faults or Faults()
        self.keys = dict(keys)
        self.clock = clock
        self.account = Account(timezone=timezone, seed=seed, guesses=self.faults.guesses)
        self.mischief = Mischief(self.faults, seed, clock())
        self.windows = Windows(limits)
        self.jobs = Jobs(self.account, self._schedule)
        self.calls: deque[Logged] = deque(maxlen=_REMEMBERED)
        self.calls_total: Counter[tuple[str, str]] = Counter()
        self._doors: dict[tuple[str, str], Callable[[Account, Call], dict[str, Any]]] = {
            ("GET", "user"): users.get,
            ("POST", "user"): users.post,
            ("DELETE", "user"): self._delete_user,
            ("GET", "list"): lists.get,
            ("POST", "list"): lists.post,
            ("DELETE", "list"): lists.delete,
            ("GET", "job"): lambda _, call: self.jobs.get(call),
            ("POST", "job"): lambda _, call: self.jobs.post(call),
            ("GET", "settings"): settings.get,
            ("GET", "stats"): settings.stats,
        }

    @property
    def app(self) -> Starlette:
        """The ASGI application, to be served by any ASGI server."""
        from reconcile.simulator.app import application

        return application(self)

    def transport(self) -> httpx.AsyncBaseTransport:
        """The same, in process: `httpx.AsyncClient(transport=sim.transport())`."""
        from reconcile.simulator.transport import SimulatorTransport

        return SimulatorTransport(self)

    def state(self) -> dict[str, Any]:
        """What the account holds and what has happened, for tests and people; fit for JSON."""
        from reconcile.simulator.report import state

        return state(self)

    # -- one request

    async def answer(self, request: Request) -> Answer:
        """Answer one request to the API.

        Raises:
            Broken: the answer never comes; the transport plays how.
        """
        now = self.clock()
        self.jobs.advance(now)
        method, endpoint = request.method, request.path.strip("/")
        try:
            sent = decoding.sent(request)
        except Refusal as no:
            return self._refused(no, method, endpoint, now, xml=True)
        params, unreadable = _params(sent)
        fault = self.mischief.on_call(method, endpoint, params, now)
        await self._wait(method, endpoint)
        if fault is not None and fault.fault in {"unresolved", "connect-timeout", "reset", "read-timeout"}:
            raise self._broken(fault, method, endpoint, params, now)
        xml = sent.texts.get("format") != "json"
        quota = self.windows.take(method, endpoint, now)
        try:
            self._check(request, endpoint, sent, quota)
            if unreadable is not None:
                raise unreadable
            call = Call(method, endpoint, params, now, request.base_url, sent.file)
            body = await self._do(call)
        except Refusal as no:
            self._log(method, endpoint, params, no.status, now)
            return encoding.refusal(no, quota, xml=xml)
        self._log(method, endpoint, params, 200, now)
        return encoding.success(body, quota, xml=xml)

    def _check(self, request: Request, endpoint: str, sent: decoding.Sent, quota: Quota) -> None:
        """All that stands before the call itself, in the order of SAILTHRU.md §16, 1."""
        if request.method not in METHODS:
            raise Refusal(1, "Unsupported HTTPS method", 405)
        if sent.texts.get("format", "xml") not in {"json", "xml"}:
            raise Refusal(99, "Unsupported format", 406)
        secret = self.keys.get(_present(sent, "api_key"))
        if secret is None:
            raise Refusal(3, "Invalid API key", 401)
        if not signing.holds(_present(sent, "sig"), secret, sent.signed()):
            raise Refusal(5, "Authentication failed", 401)
        if quota.exceeded:
            raise Refusal(43, f"Too many {request.method} requests this minute to /{endpoint} API", 429)

    async def _do(self, call: Call) -> dict[str, Any]:
        door = self._doors.get((call.method, call.endpoint))
        if door is None:
            raise _unknown(call)
        if self.faults.lists.twins and call.method == "POST":
            await self._look_first(call)
        return door(self.account, call)

    async def _look_first(self, call: Call) -> None:
        """Between the look for a list and its making others may look as well.

        That is how twins come to be.
        """
        look = {"user": users.missing_lists, "list": lists.missing}.get(call.endpoint)
        call.unseen = look(self.account, call.params) if look else frozenset()
        if call.unseen:
            await asyncio.sleep(self.faults.lists.window)

    def _delete_user(self, account: Account, call: Call) -> dict[str, Any]:
        _, profile = users.subject(account, call.params)
        if profile is not None and self.mischief.delete_lies(profile):
            return {"ok": True}
        return users.delete(account, call)

    async def _wait(self, method: str, endpoint: str) -> None:
        seconds = self.mischief.latency(method, endpoint)
        if seconds:
            await asyncio.sleep(seconds)

    # -- what becomes of it

    def _broken(self, rule: CallFault, method: str, endpoint: str, params: Mapping[str, Any], now: float) -> Broken:
        self._log(method, endpoint, params, 0, now, rule.fault)
        return Broken(rule.fault)  # type: ignore[arg-type]

    def _refused(self, no: Refusal, method: str, endpoint: str, now: float, *, xml: bool) -> Answer:
        self._log(method, endpoint, NOTHING, no.status, now)
        return encoding.refusal(no, self.windows.take(method, endpoint, now), xml=xml)

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

    def _schedule(self, _kind: str, _job_id: str, _rows: int, now: float) -> Schedule:
        return Schedule(now, now)


def _params(sent: decoding.Sent) -> tuple[Mapping[str, Any], Refusal | None]:
    """The parameters; or none, and what will be said of them once the caller is known."""
    try:
        return sent.params(), None
    except Refusal as no:
        return NOTHING, no


def _present(sent: decoding.Sent, name: str) -> str:
    value = sent.texts.get(name)
    if not value:
        raise Refusal(2, f"Missing required parameter: {name}")
    return value


def _unknown(call: Call) -> Refusal:
    """What the API says to what it does not know (SAILTHRU.md §4.4); the words for the rest are guessed."""
    match call.endpoint:
        case "blast":
            return Refusal(13, f"Unknown blast_id: {call.params.get('blast_id', '')}", 404)
        case "template":
            return Refusal(14, f"Unknown template: {call.params.get('template', '')}", 404)
        case "send":
            return Refusal(12, f"Unknown send_id: {call.params.get('send_id', '')}", 404)
        case _:
            return Refusal(99, "Unknown API endpoint", 404)

"""The simulator as its users have it: the engine, and its ways to the world."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from reconcile.simulator import report
from reconcile.simulator.engine import Engine

if TYPE_CHECKING:
    import httpx
    from starlette.applications import Starlette


class Simulator(Engine):
    """A faithful double of the Sailthru HTTP API for one account (SAILTHRU.md §16).

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

    @property
    def app(self) -> Starlette:
        """The ASGI application, to be served by any ASGI server."""
        from reconcile.simulator.app import application

        return application(self)

    def transport(self) -> httpx.AsyncBaseTransport:
        """The same, in process: `httpx.AsyncClient(transport=sim.transport())`."""
        from reconcile.simulator.transport import SimulatorTransport

        return SimulatorTransport(self)

    def state(self, *, after: str = "", entered_after: int = 0, limit: int = report.PAGE) -> dict[str, Any]:
        """A page of what the account holds and what has happened, for tests and people; fit for JSON."""
        return report.state(self, after=after, entered_after=entered_after, limit=limit)

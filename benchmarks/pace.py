"""How much of the permitted rate is used on the /user route, and how much of a core that takes.

Only the simulator's limits are what holds us up: a whole apply (one write and one look a profile) against limits of so
many calls a minute, over more than one minute window. With latency the calls in flight are a bound as well: at most
`at_once / latency` a second of a kind; 50 at 200 ms are 250 upserts a second, and as many looks beside them.
"""

from __future__ import annotations

from dataclasses import dataclass

import ground

LIMIT = 3_000
"""Calls a minute and endpoint in the simulator, all of them ours: low enough that the machine is not what limits."""

PUBLISHED, SHARE = 18_000, 0.75
"""The published limit for POST /user and for GET /user, and our share of it by default."""


@dataclass(frozen=True)
class Figures:
    """One apply.

    Args:
        share: of the permitted upserts, in the minutes that the apply filled from end to end.
        core: CPU seconds of the apply per upsert, times the pace of our default share of the published limits.
    """

    at_once: int
    latency: float
    minutes: list[int]
    share: float
    core: float


def run(at_once: int, latency: float, limit: int = LIMIT, share: float = 1.0, windows: int = 3) -> Figures:
    """Apply so many windows' worth of upserts, under a limit of which a share is ours."""
    ours = round(limit * share)
    with (
        ground.account("--latency", str(latency), "--per-minute", str(limit)) as account,
        ground.shop() as shop,
    ):
        shop.policy(f"route: user\nshare: {share}\nlookups: 0\nat_once: {at_once}")
        shop.fill(windows * ours)
        ground.reconcile(shop, account.url, "plan", "spec.yaml", "--out", "a.rplan")
        cost = ground.reconcile(shop, account.url, "apply", "a.rplan")
        minutes = account.minutes()
        used = min(minutes[1:-1], default=0) / ours
        return Figures(at_once, latency, minutes, used, cost.cpu / sum(minutes) * PACE)


PACE = SHARE * PUBLISHED / 60
"""Upserts a second at our default share of the published limits; as many looks go with them."""


if __name__ == "__main__":
    print(run(20, 0.0), flush=True)
    print(run(50, 0.2, PUBLISHED, SHARE), flush=True)

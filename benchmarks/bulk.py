"""Many upserts through jobs: planned, applied, verified by export; the simulator is apart."""

from __future__ import annotations

import sys
from dataclasses import dataclass

import ground


@dataclass(frozen=True)
class Figures:
    """What so many upserts took."""

    size: int
    plan: ground.Cost
    apply: ground.Cost
    calls: dict[str, int]


def run(size: int) -> Figures:
    """Fill an empty account."""
    with ground.account() as account, ground.shop() as shop:
        shop.policy("route: jobs")
        shop.fill(size)
        plan = ground.reconcile(shop, account.url, "plan", "spec.yaml", "--out", "a.rplan")
        print(f"  {size:,}: planned in {plan.wall:.1f} s, {plan.peak:.0f} MiB", flush=True)
        apply = ground.reconcile(shop, account.url, "apply", "a.rplan")
        print(f"  {size:,}: applied in {apply.wall:.1f} s, {apply.cpu:.1f} s CPU, {apply.peak:.0f} MiB", flush=True)
        return Figures(size, plan, apply, account.calls())


if __name__ == "__main__":
    for asked in sys.argv[1:] or ["100000"]:
        print(run(int(asked)).calls)

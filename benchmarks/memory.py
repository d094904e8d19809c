"""Whether the memory of the /user route grows with the plan: ten times the actions, the same peak."""

from __future__ import annotations

import ground

SIZES = (2_000, 20_000)


def run(sizes: tuple[int, ...] = SIZES) -> dict[int, ground.Cost]:
    """What an apply of so many upserts took, one by one."""
    found = {}
    for size in sizes:
        with ground.account("--per-minute", "100000000") as account, ground.shop() as shop:
            shop.policy("route: user\nlookups: 0")
            shop.fill(size)
            ground.reconcile(shop, account.url, "plan", "spec.yaml", "--out", "a.rplan")
            found[size] = ground.reconcile(shop, account.url, "apply", "a.rplan")
    return found


if __name__ == "__main__":
    for number, cost in run().items():
        print(f"{number:,} actions: {cost.peak:.0f} MiB, {cost.wall:.0f} s, {cost.cpu:.0f} s CPU")

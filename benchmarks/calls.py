"""Calls per new, changed, unlisted and deleted profile on the /user route, and what an unchanged account costs."""

from __future__ import annotations

from collections import Counter

import ground

SIZE = 400
STEPS = {
    "new": ("select 1", SIZE),
    "unchanged": ("select 1", 0),
    "changed": ("update customers set city = 'Elsewhere' where id < 100", 100),
    "unlisted": ("delete from customers where id >= 300", 100),
    "deleted": ("delete from customers where id >= 200", 100),
}


def run() -> dict[str, dict[str, float]]:
    """Calls per profile by kind of change; those for lists and exports are apart.

    For `unchanged` the calls of the whole plan and apply.
    """
    found = {}
    with ground.account() as account, ground.shop() as shop:
        shop.fill(SIZE)
        for name, (sql, people) in STEPS.items():
            shop.policy("route: user\n" + ("on_leave: delete" if name == "deleted" else "on_leave: unlist"))
            shop.run(sql)
            ground.reconcile(shop, account.url, "plan", "spec.yaml", "--out", f"{name}.rplan")
            before = Counter(account.calls())
            if people:
                ground.reconcile(shop, account.url, "apply", f"{name}.rplan")
            made = Counter(account.calls())
            made.subtract(before)
            found[name] = {call: made[call] / max(people, 1) for call in ("POST /user", "GET /user", "DELETE /user")}
    return found


if __name__ == "__main__":
    for kind, calls in run().items():
        print(f"{kind:10}", {name: round(count, 2) for name, count in calls.items()})

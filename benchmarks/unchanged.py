"""What a plan costs the account where nothing differs: calls by kind, exports and their bytes; no write, no look-up."""

from __future__ import annotations

import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import ground
import shops

SIZE = 1_000_000

PEOPLE = """
SELECT email AS id, 'email' AS key, {{
    firstName: first_name, lastName: last_name, city: city, greeting: 'Hi ' || coalesce(first_name, 'There'),
    orders: orders, spent: coalesce(spent, 0), vip: vip, birthday: birthday::varchar,
    lastOrder: strftime(last_order, '%Y-%m-%dT%H:%M:%SZ'), customerId: id
}} AS vars, map_from_entries(list_concat([('{registry}', 1)], {lists})) AS lists
FROM '{customers}'
"""
"""The customers as profiles of the account, as `POST /user` takes them."""


@dataclass(frozen=True)
class Figures:
    """What a plan found and took, what it asked of the account, and what the simulator needed for so many."""

    plan: ground.Cost
    calls: Mapping[str, int]
    fetched: Mapping[str, int]
    held: float

    @property
    def differences(self) -> int:
        """Profiles that the plan would touch: 0, or something is wrong."""
        return sum(ground.counts(self.plan)[name] for name in ("create", "update", "unlist", "delete"))


def run(size: int = SIZE) -> Figures:
    """Plan over an account that is as the shop wants it, held by the simulator."""
    shop = shops.made(size, changed=False)
    with tempfile.TemporaryDirectory(prefix="bench-") as folder:
        people = Path(folder) / "people.ndjson"
        write_people(shop, people)
        with ground.account("--people", people) as account:
            plan = planned(shop, account.url)
            return Figures(plan, account.calls(), account.fetched(), account.peak())


def planned(shop: shops.Made, url: str, *options: str) -> ground.Cost:
    """The plan of a shop against an account, by our command."""
    with tempfile.TemporaryDirectory(prefix="bench-") as folder:
        plan = ["plan", shop.spec, "--out", "a.rplan", "--json", "--state", "state", *options]
        return ground.measured(
            [ground.sys.executable, "-m", "reconcile.cli", *plan],
            {"KEY": "demo-key", "SECRET": "demo-secret", "URL": url},
            folder=Path(folder),
        )


def write_people(shop: shops.Made, path: Path) -> None:
    """The customers of the shop as the simulator loads them."""
    lists = ", ".join(f"('{name}', ({rule})::int)" for name, rule in shops.GROUPS.items())
    wanted = f"list_filter([{lists}], lambda one: one[2] = 1)"
    query = PEOPLE.format(registry=shops.REGISTRY, lists=wanted, customers=shop.customers)
    with shops.engine() as bare:
        bare.execute(f"COPY ({query}) TO '{path}' (FORMAT json)")

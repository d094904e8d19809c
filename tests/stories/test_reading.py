"""What a look at the account costs: the calls of an unchanged account, counted at the simulator."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field, replace
from pathlib import Path

import httpx
import pytest
from world import REGISTRY, World, shop


@dataclass
class Watched(httpx.AsyncBaseTransport):
    """Counts what goes to the account, and how many exports are under way side by side."""

    inner: httpx.AsyncBaseTransport
    seen: Counter[str] = field(default_factory=Counter)
    under_way: int = 0
    most_at_once: int = 0

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        path = request.url.path.strip("/")
        name = f"{request.method} {path if path in {'user', 'list', 'job', 'settings'} else 'file'}"
        self.seen[name] += 1
        self.under_way += {"POST job": 1, "GET file": -1}.get(name, 0)
        self.most_at_once = max(self.most_at_once, self.under_way)
        return await self.inner.handle_async_request(request)


def watched(world: World) -> Watched:
    transport = Watched(world.simulator.transport())
    world.ours = replace(world.ours, transport=transport)
    return transport


def with_lists(world: World, count: int) -> World:
    """The world with so many lists, the registry included."""
    more = "".join(f'  g{n}: {{list: List {n}, where: "spent >= {n * 10}"}}\n' for n in range(count - 3))
    world.text = world.text.replace("groups:\n", f"groups:\n{more}")
    return world


@pytest.mark.parametrize(("lists", "size"), [(3, 40), (3, 300), (8, 40)])
def test_an_unchanged_account_costs_two_calls_and_an_export_a_list(tmp_path: Path, lists: int, size: int) -> None:
    world = with_lists(World(tmp_path), lists)
    world.fill(shop(size))
    world.plan()
    assert world.apply().converged
    account = watched(world)
    assert world.plan().face.empty
    polls = account.seen.pop("GET job")
    assert account.seen == {"GET settings": 1, "GET list": 1, "POST job": lists, "GET file": lists}
    assert lists <= polls <= 8 * lists  # a job that takes seconds is asked for a few times


def test_exports_run_side_by_side_but_never_more_than_three(tmp_path: Path) -> None:
    world = with_lists(World(tmp_path), 8)
    world.fill(shop(5))
    for name in (REGISTRY, "Big Spenders", "News", *(f"List {n}" for n in range(5))):
        world.account.add_list(name, 1)
    account = watched(world)
    world.plan()
    assert account.most_at_once == 3
    assert account.seen["POST job"] == account.seen["GET file"] == 8

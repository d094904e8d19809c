"""What a call costs: calls a second and CPU a call, ours and the vendor's own client, against the same server.

python benchmarks/transport.py                 the whole comparison
python benchmarks/transport.py ours URL 20 2000    one run of it, in this process
"""

from __future__ import annotations

import asyncio
import json
import statistics
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import ground

RUNS = 3


@dataclass(frozen=True)
class Clocks:
    """Seconds on the wall, and of this process's CPU."""

    wall: float
    cpu: float

    @classmethod
    def now(cls) -> Clocks:
        """After all imports, and again at the end."""
        return cls(time.perf_counter(), time.process_time())


VARS = {"firstName": "Zoë", "spent": 12.5}


def ours(url: str, at_once: int, calls: int) -> Clocks:
    """So many upserts through our client."""
    from reconcile.sailthru import limits
    from reconcile.sailthru.client import Client
    from reconcile.sailthru.model import Call, Credentials
    from reconcile.state.masks import Masks

    limits.published = lambda *_: 10**9  # what is asked here is what a call costs, not how it is paced

    async def go() -> None:
        left = iter(range(calls))

        async def lane() -> None:
            for number in left:
                params = {"id": f"person{number}@example.com", "key": "email", "vars": VARS, "lists": {"News": 1}}
                await client.call(Call("POST", "user", params))

        async with Client(
            Credentials("demo-key", "demo-secret"), masks=Masks.keyed_by("s"), url=url, at_once=at_once
        ) as client:
            await asyncio.gather(*(lane() for _ in range(at_once)))

    before = Clocks.now()
    asyncio.run(go())
    return before


def official(url: str, at_once: int, calls: int) -> Clocks:
    """The same through the vendor's Python client, with so many threads."""
    from sailthru.sailthru_client import SailthruClient

    client = SailthruClient("demo-key", "demo-secret", url)

    def one(number: int) -> None:
        params = {"id": f"person{number}@example.com", "key": "email", "vars": VARS, "lists": {"News": 1}}
        assert client.api_post("user", params).is_ok()

    before = Clocks.now()
    with ThreadPoolExecutor(at_once) as pool:
        list(pool.map(one, range(calls)))
    return before


def run(calls: int = 2_000) -> dict[str, dict[str, float]]:
    """Milliseconds of CPU a call and calls a second by client: medians of a few runs."""
    found = {}
    with ground.account("--per-minute", "100000000") as account:
        for name, at_once in (("ours", 20), ("ours", 50), ("official", 20)):
            costs = [_one(name, account.url, at_once, calls) for _ in range(RUNS)]
            found[f"{name}, {at_once}"] = {
                "ms": statistics.median(cpu for cpu, _ in costs),
                "rate": statistics.median(rate for _, rate in costs),
            }
    return found


def _one(name: str, url: str, at_once: int, calls: int) -> tuple[float, float]:
    command = [sys.executable, __file__, name, url, str(at_once), str(calls)]
    cost = json.loads(ground.measured(command, {}).said.splitlines()[-1])
    return cost["cpu"] / calls * 1000, calls / cost["wall"]


def main() -> None:
    """One run, or all of them."""
    if len(sys.argv) == 1:
        for name, cost in run().items():
            print(f"{name:14} {cost['ms']:.2f} ms CPU a call, {cost['rate']:.0f} calls/s")
        return
    which, url, at_once, calls = sys.argv[1:]
    before = {"ours": ours, "official": official}[which](url, int(at_once), int(calls))
    after = Clocks.now()
    print(json.dumps({"wall": after.wall - before.wall, "cpu": after.cpu - before.cpu}))


if __name__ == "__main__":
    main()

"""The transcript of README.md: two commands on the demo's shop, run here and shortened, never written by hand.

`python tests/transcript.py README.md` (as `make docs` calls it) writes it anew; tests/face/test_readme.py holds it.
"""

from __future__ import annotations

import asyncio
import os
import re
import sys
import tempfile
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from time import monotonic

from world import Time

import reconcile as rc
from reconcile.apply.model import Write
from reconcile.cli import planning
from reconcile.demo import shop
from reconcile.plan import explain
from reconcile.plan.explain import View
from reconcile.plan.people import Row
from reconcile.sailthru import target
from reconcile.sailthru.model import Credentials
from reconcile.screen import reports
from reconcile.simulator import Simulator
from reconcile.state.masks import Masks
from reconcile.state.model import Ref

KEY, SECRET, URL = "demo-key", "demo-secret", "http://127.0.0.1:8025"
SHOWN = {"Profiles": 9, "Lists": 2, "For example": 3}
"""Sections that the README shows, and so many rows of each."""

_BLOCK = re.compile(r"^```console\n\$ reconcile plan --out shop\.rplan\n.*?^```\n", re.MULTILINE | re.DOTALL)


def make(folder: Path) -> str:
    """What a person sees of a plan and its apply, a while after the first ones."""
    time, database, out = Time(), folder / "shop.db", folder / "shop.rplan"
    today = datetime.fromtimestamp(time.now, UTC)
    account = Simulator(seed=20, keys={KEY: SECRET}, clock=time.clock).transport()
    environ = {"SHOP_DATABASE_URL": f"sqlite:///{database}", "SAILTHRU_URL": URL}
    ours = rc.Reconciler(
        environ={**environ, "SAILTHRU_API_KEY": KEY, "SAILTHRU_API_SECRET": SECRET},
        state=str(folder / "state"),
        transport=account,
        sleep=time.sleep,
        clock=time.clock,
        now=lambda: datetime.fromtimestamp(time.now, UTC),
    )
    spec = rc.load(Path(__file__).parents[1] / "specs")
    shop.make(database, customers=300, today=today.date())
    asyncio.run(ours.apply(asyncio.run(ours.plan(spec, out=folder / "first.rplan"))))
    shop.live_on(database, today=today.date())
    asyncio.run(_meddle(account, time, database, folder))
    plan = asyncio.run(ours.plan(spec, out=out))
    began = monotonic()  # of the apply's time only the real one means anything: the account's moves by itself here
    report = replace(asyncio.run(ours.apply(plan)), seconds=monotonic() - began)
    told = [
        "$ reconcile plan --out shop.rplan",
        *explain.text(_shorten(explain.view(plan))),
        f"Kept in shop.rplan. {planning.tell_next_step(plan.face, Path('shop.rplan'), None, None)}",
        "",
        "$ reconcile apply shop.rplan",
        *reports.report(report),
    ]
    return "\n".join(told) + "\n"


async def _meddle(account: object, time: Time, database: Path, folder: Path) -> None:
    """Somebody puts a stranger on a list by hand."""
    connecting = target.connect(
        Credentials(KEY, SECRET),
        url=URL,
        masks=Masks.keyed_by(SECRET),
        folder=folder,
        transport=account,
        sleep=time.sleep,
        clock=time.clock,
    )
    async with connecting as connected:
        await connected.upsert(Write(Ref(email="stranger@example.net"), lists={"High Value Customers": True}))


def _shorten(view: View) -> View:
    def rows(title: str, found: tuple[Row, ...]) -> Iterator[Row]:
        yield from found[: SHOWN[title]]
        if len(found) > SHOWN[title]:
            yield Row(" ", "...", "")

    sections = (replace(one, rows=tuple(rows(one.title, one.rows))) for one in view.sections if one.title in SHOWN)
    return replace(view, sections=tuple(sections))


def put_into(page: str) -> str:
    """The page with a transcript of now."""
    os.environ.pop("RECONCILE_AGE_IDENTITY", None)
    with tempfile.TemporaryDirectory() as folder:
        made = make(Path(folder))
    if len(_BLOCK.findall(page)) != 1:
        raise ValueError("the page has no transcript, or several")
    return _BLOCK.sub(lambda _: f"```console\n{made}```\n", page)


if __name__ == "__main__":
    path = Path(sys.argv[1])
    path.write_text(put_into(path.read_text("utf-8")), "utf-8")

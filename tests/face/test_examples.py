"""The example specs: valid, and planned over the demo's shop."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime
from pathlib import Path

from world import Time

import reconcile as rc
from reconcile import sources
from reconcile.demo import shop
from reconcile.simulator import Simulator

SPECS = Path(__file__).parents[2] / "specs"


def test_the_examples_plan_over_the_shop(tmp_path: Path) -> None:
    time = Time()
    now = datetime.fromtimestamp(time.now, UTC)
    shop.make(tmp_path / "shop.db", customers=300, today=now.date())
    spec = rc.load(SPECS)
    assert sources.check(spec) == ()
    ours = rc.Reconciler(
        environ={
            "SHOP_DATABASE_URL": f"sqlite:///{tmp_path / 'shop.db'}",
            "SAILTHRU_URL": "http://sailthru.test",
            "SAILTHRU_API_KEY": "demo-key",
            "SAILTHRU_API_SECRET": "demo-secret",
        },
        transport=Simulator(keys={"demo-key": "demo-secret"}, clock=time.clock).transport(),
        sleep=time.sleep,
        clock=time.clock,
        now=lambda: now,
    )
    plan = asyncio.run(ours.plan(spec, out=tmp_path / "shop.rplan"))
    assert plan.face.counts.create == 300
    assert {one.name for one in plan.face.lists if one.join} == {group.list for group in spec.groups.values()} | {
        spec.account.registry
    }
    assert {one.name for one in plan.face.vars if one.set} == {*spec.vars, "customer_id"}

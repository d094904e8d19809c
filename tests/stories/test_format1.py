"""What versions before have left: files of theirs are refused in one clear sentence, states of theirs are read.

`format1/` was written by the last version with that format: a shop of three, applied, and a plan after a change.
"""

from __future__ import annotations

import asyncio
import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from world import KEYS, World, shop

from reconcile.apply import journal
from reconcile.errors import ReconcileError
from reconcile.plan import archive, sealing
from reconcile.spec import approval

FORMAT1 = Path(__file__).parent / "format1"
RUN = "20260301T120000Z-a8ba2e39a4df96cb"


@pytest.fixture
def world(tmp_path: Path) -> World:
    """The same shop, whose account has what the run of before did, with the state that it left."""
    world = World(tmp_path)
    world.fill(shop(3))
    world.settle()
    shutil.rmtree(tmp_path / ".reconcile")
    shutil.copytree(FORMAT1 / "state", tmp_path / ".reconcile")
    world.ours = replace(world.ours, same_account=True)  # each simulator has ids of its own
    return world


@pytest.mark.parametrize(
    "read",
    [
        lambda world: archive.read(FORMAT1 / "plan.rplan", KEYS),
        lambda world: archive.read(FORMAT1 / "plan.rplan"),
        lambda world: sealing.read(FORMAT1 / "sealed.rplan", world.folder / "opened", None, KEYS),
        lambda world: approval.read(FORMAT1 / "approval.yaml"),
        lambda world: asyncio.run(world.ours.plan(world.spec(), observed=FORMAT1 / "observation")),
        lambda world: journal.opened(
            FORMAT1 / "state/shop/runs" / RUN / "journal.ndjson", "a8ba2e39a4df96cb", 6
        ).__enter__(),
    ],
    ids=["plan", "plan, not verified", "sealed plan", "approval", "observation", "journal"],
)
def test_a_file_of_before_is_refused_in_a_sentence(world: World, read: Callable[[World], Any]) -> None:
    with pytest.raises(ReconcileError) as refused:
        read(world)
    assert "earlier version of reconcile" in refused.value.message
    assert refused.value.hint


def test_a_state_of_before_is_read(world: World) -> None:
    [run] = world.ours.runs(world.spec())
    assert (run.name, run.outcome) == (RUN, "converged")
    assert world.ours.status(world.spec()).settled == 6
    entries, findings = world.ours.audit(world.spec())
    assert (len(entries), list(findings)) == (2, [])

    # Causes go on, and so they do when the ledger has been written anew.
    for spent, lists in ((5000.0, "Big Spenders"), (1.0, "Big Spenders")):
        world.change(2, city=f"City of {spent}", spent=spent)
        plan = world.plan()
        assert plan.face.causes == {"data": 1}, plan.face.no_ledger
        assert plan.face.kind == "data"
        assert lists in {one.name for one in plan.face.lists if one.join or one.leave}
        world.time.now += 60
        assert world.apply(plan).converged
    world.text = world.text.replace("spent >= 1000", "spent >= 1")
    plan = world.plan()
    assert plan.face.kind == "config"
    assert [one.what for one in plan.face.spec_changes] == ["groups: big: where"]


def test_a_state_of_before_outlives_a_changed_secret(world: World) -> None:
    world.simulator._gate.keys["demo-key"] = "other-secret"
    today = replace(world.ours, environ={**world.ours.environ, "SECRET": "other-secret"})
    world.change(2, city="Elsewhere")
    world.ours = replace(today, previous_secret="demo-secret")
    plan = world.plan()
    assert (plan.face.causes["data"], plan.face.kind) == (1, "data")
    world.ours = today
    assert world.apply(plan).converged
    world.change(2, city="Nowhere")
    plan = world.plan()
    assert (plan.face.causes["data"], plan.face.kind) == (1, "data"), "by the secret of today alone"

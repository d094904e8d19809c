"""What ends a run: the first reason counts, and too much that fails is one."""

from __future__ import annotations

import asyncio

import pytest

from reconcile.apply.brake import Brake
from reconcile.apply.endings import GaveUp, Interrupted, LeaseLost
from reconcile.plan.model import Conduct


@pytest.mark.parametrize(
    ("tried", "failed", "pulled"), [(49, 49, False), (50, 10, False), (50, 11, True), (1000, 200, False)]
)
def test_it_gives_up_above_its_share_and_not_too_soon(tried: int, failed: int, pulled: bool) -> None:
    brake = Brake(conduct=Conduct(give_up_share=0.2, give_up_after=50))
    brake.note(failed=0, tried=tried)
    brake.note(failed=failed, tried=0)
    assert brake.pulled == pulled
    assert isinstance(brake.reason, GaveUp) == pulled


def test_the_first_reason_counts() -> None:
    stop = asyncio.Event()
    brake = Brake(stop, clock=lambda: 5.0, deadline=5.0)
    assert "time for this run" in str(brake.reason)
    stop.set()
    brake.pull(LeaseLost("lost"))
    assert isinstance(brake.reason, Interrupted)
    assert brake.reason.exit_status == 8

"""Waits are time on the clock, however many calls wait side by side."""

from __future__ import annotations

from reconcile.sailthru.waits import Waits


def test_calls_that_wait_side_by_side_wait_once() -> None:
    now = 100.0
    waits = Waits(lambda: now)
    with waits.during("a"):
        now += 1
        with waits.during("a"), waits.during("b"):
            now += 2
            assert waits.seconds == {"a": 3.0, "b": 2.0}
        now += 4
    now += 8
    assert waits.seconds == {"a": 7.0, "b": 2.0}
    with waits.during("b"):
        now += 1
    assert waits.seconds == {"a": 7.0, "b": 3.0}

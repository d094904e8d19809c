"""When an end is foretold, and how fast a stage goes."""

from __future__ import annotations

import pytest

from reconcile.apply import pace
from reconcile.apply.pace import Pace
from reconcile.plan.model import Stage


def of(done: int, total: int, seconds: float) -> Pace:
    return Pace(Stage.UPSERTS, done, total, seconds, {})


@pytest.mark.parametrize(
    ("done", "total", "seconds", "left"),
    [
        (50, 1000, 10.0, 190.0),
        (50, 1000, 9.9, None),
        (49, 1000, 60.0, None),
        (1000, 1000, 60.0, 0.0),
        (0, 0, 60.0, None),
    ],
)
def test_an_end_is_foretold_once_it_means_something(done: int, total: int, seconds: float, left: float | None) -> None:
    assert of(done, total, seconds).left == left


def test_rate() -> None:
    assert of(50, 100, 10.0).rate == 5.0
    assert of(0, 100, 0.0).rate == 0.0


def test_waits_of_a_stage_are_those_that_came_on_top() -> None:
    assert pace.since({"a": 1.0}, {"a": 3.5, "b": 2.0}) == {"a": 2.5, "b": 2.0}

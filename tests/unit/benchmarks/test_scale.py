"""The arithmetic of the benchmarks, by numbers."""

from __future__ import annotations

import math
import sys
from pathlib import Path

import ground
import pytest
import scale


def cost(wall: float, said: str = "{}") -> ground.Cost:
    return ground.Cost(wall, 2 * wall, 100 * wall, said)


def test_time_in_proportion_beyond_the_start_has_exponent_one() -> None:
    assert scale.exponent(2.0, (100_000, 3.0), (10_000_000, 102.0)) == pytest.approx(1.0)


def test_time_that_grows_with_the_square_has_exponent_two() -> None:
    assert scale.exponent(0.5, (100_000, 1.5), (1_000_000, 100.5)) == pytest.approx(2.0)


def test_noise_that_hides_the_growth_is_not_told_as_a_figure() -> None:
    assert math.isnan(scale.exponent(2.0, (1_000, 1.9), (2_000, 2.1)))


def test_the_median_is_of_each_figure() -> None:
    assert scale.median([cost(3), cost(1), cost(2)]) == cost(2)


def test_runs_that_found_different_things_are_no_measurement() -> None:
    with pytest.raises(RuntimeError, match="different results"):
        scale.median([cost(1, "a"), cost(1, "b")])


def test_figures_of_other_sizes_and_steps_stay(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(scale, "KEPT", tmp_path / "figures.json")
    scale.keep(10_000_000, {"plan": cost(9)}, when="long ago")
    scale.keep(1_000, {"plan": cost(1)}, when="today")
    scale.keep(1_000, {"floor": cost(2)}, when="now")
    assert scale.kept() == {1_000: {"plan": cost(1), "floor": cost(2)}, 10_000_000: {"plan": cost(9)}}
    assert scale.dates() == {1_000: "now", 10_000_000: "long ago"}


def test_a_process_is_measured_alone_however_large_its_parent_is() -> None:
    ballast = bytearray(300 * 2**20)
    found = ground.measured([sys.executable, "-S", "-c", "print('done')"], {})
    assert found.said == "done\n"
    assert 0 < found.cpu <= found.wall * 2
    assert found.peak < len(ballast) / 2**20 / 2


def test_a_process_that_fails_is_no_measurement() -> None:
    with pytest.raises(RuntimeError, match="ended with 3"):
        ground.measured([sys.executable, "-S", "-c", "raise SystemExit(3)"], {})

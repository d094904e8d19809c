"""Every fault of the simulator, alone and in mixtures: the end is what is wanted, or the report names what is not.

A plan under faults is right, or an error.
Never twins, never a survivor reported as deleted, never a person touched who is not ours. `make soak` plays thousands.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from stories.fault_matrix import FAULTS, SCENES, Scene, faults_of, mixture, play, play_plan, scene

SEEDS, PLANS = 24, 6


@pytest.fixture(scope="module")
def scenes(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Scene]:
    return {name: scene(name, tmp_path_factory.mktemp("scene")) for name in SCENES}


def each(of: str) -> list[Any]:
    """Each fault in each scene in which it can strike."""
    pairs = [(fault, name) for fault, one in FAULTS.items() for name in getattr(one, of)]
    return [pytest.param(*pair, id=" / ".join(pair)) for pair in pairs]


@pytest.mark.parametrize(("fault", "name"), each("applies"))
def test_each_fault_alone(fault: str, name: str, scenes: dict[str, Scene], tmp_path: Path) -> None:
    struck = play(scenes[name], tmp_path, 2, faults_of([fault]))
    assert struck.get(FAULTS[fault].struck), f"it never struck: {struck}"


@pytest.mark.parametrize(("fault", "name"), each("plans"))
def test_a_plan_under_each_fault_is_right_or_an_error(
    fault: str, name: str, scenes: dict[str, Scene], tmp_path: Path
) -> None:
    struck = play_plan(scenes[name], tmp_path, 2, faults_of([fault]))
    assert struck.get(FAULTS[fault].struck), f"it never struck: {struck}"


@pytest.mark.parametrize("seed", range(SEEDS))
def test_mixtures(seed: int, scenes: dict[str, Scene], tmp_path: Path) -> None:
    name, names, scale = mixture(seed)
    play(scenes[name], tmp_path, seed, faults_of(names, scale))


@pytest.mark.parametrize("seed", range(PLANS))
def test_plans_under_mixtures(seed: int, scenes: dict[str, Scene], tmp_path: Path) -> None:
    name, names, scale = mixture(seed)
    play_plan(scenes[name], tmp_path, seed, faults_of(names, scale))

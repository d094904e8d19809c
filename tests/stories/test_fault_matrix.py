"""Every fault of the simulator, alone and in mixtures: the end is what is wanted, or the report names what is not.

Never twins, never a survivor reported as deleted, never a person touched who is not ours. `make soak` plays thousands.
"""

from __future__ import annotations

import pytest
from stories.fault_matrix import ALONE, SCENES, Scene, faults_of, mixture, play, scene

SEEDS = 200


@pytest.fixture(scope="module")
def scenes(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Scene]:
    return {name: scene(name, tmp_path_factory.mktemp("scene")) for name in SCENES}


@pytest.mark.parametrize("name", SCENES)
@pytest.mark.parametrize("fault", ALONE)
def test_each_fault_alone(fault: str, name: str, scenes: dict[str, Scene], tmp_path) -> None:
    play(scenes[name], tmp_path, 1, faults_of([fault]))


@pytest.mark.parametrize("seed", range(SEEDS))
def test_mixtures(seed: int, scenes: dict[str, Scene], tmp_path) -> None:
    name, names, scale = mixture(seed)
    play(scenes[name], tmp_path, seed, faults_of(names, scale))

"""A run that was stopped, anywhere and in any way, and gone on with: the account is as an undisturbed run leaves it.

On both routes, between every two stages, and within a stage that has more actions than a chunk.
"""

from __future__ import annotations

from pathlib import Path

import pytest
from stories.stopping import ROUTES, SCENES, WAYS, Place, Scene, draw, play, scene, stages

from reconcile.plan.model import Route

SEEDS = 24
BETWEEN = [(on_leave, stage) for on_leave in SCENES for stage in stages(on_leave)[(on_leave == "delete") * 3 :]]
"""All stages once: the scenes differ in the last."""


@pytest.fixture(scope="module")
def scenes(tmp_path_factory: pytest.TempPathFactory) -> dict[tuple[str, Route], Scene]:
    return {
        (on_leave, route): scene(tmp_path_factory.mktemp("scene"), on_leave, route)
        for on_leave in SCENES
        for route in ROUTES
    }


@pytest.mark.parametrize("way", WAYS[:-1])
@pytest.mark.parametrize("route", ROUTES)
@pytest.mark.parametrize(("on_leave", "stage"), BETWEEN)
def test_stopped_before_a_stage(
    scenes: dict[tuple[str, Route], Scene], tmp_path: Path, on_leave: str, stage: object, route: Route, way: str
) -> None:
    place = Place(f"stage {stage.name}", 1)  # type: ignore[attr-defined]
    assert play(scenes[on_leave, route], tmp_path, [(way, place)]) == [True]


@pytest.mark.parametrize("seed", range(SEEDS))
def test_stopped_again_and_again_anywhere(scenes: dict[tuple[str, Route], Scene], tmp_path: Path, seed: int) -> None:
    on_leave, route, hows = draw(seed)
    play(scenes[on_leave, route], tmp_path, hows)

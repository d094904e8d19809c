"""A run that was stopped, anywhere and in any way, and gone on with: the account is as an undisturbed run leaves it.

On both routes, between every two stages, and within a stage that has more actions than a chunk.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import orjson
import pytest
from stories.stopping import ROUTES, SCENES, WAYS, Place, Scene, apply, draw, play, scene, stages

from reconcile.apply import runs
from reconcile.plan.model import Route, Stage

SEEDS = 8
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


def test_a_job_run_that_an_earlier_version_took_for_done_is_gone_on_with(
    scenes: dict[tuple[str, Route], Scene], tmp_path: Path
) -> None:
    """Its journal says that the removals are settled by job, which they never were."""
    from_ = scenes["unlist", Route.JOBS]
    world = from_.world(tmp_path)
    report, _ = apply(world, from_.plan, ("asked", Place("stage REMOVALS", 1)))
    assert report is not None
    first, end = from_.plan.face.span(Stage.REMOVALS)
    path = runs.of(world.ours.state, from_.plan.face).journal
    path.write_bytes(b"".join(before(path.read_bytes(), [[first, end - 1]])))
    last, _ = apply(world, from_.plan, None)
    assert last is not None
    assert last.converged, last
    assert world.there() == from_.wanted


def before(content: bytes, removals: list[list[int]]) -> Iterator[bytes]:
    """The records of a journal as versions before wrote them."""
    looks = set()
    for line in content.splitlines():
        record = orjson.loads(line)
        record.pop("crc")
        record.pop("unbegun", None)
        if record["t"] == "intend" and record["kind"] in {"job", "by job"}:
            record["numbers"] = []
            looks |= {record["i"]} if record["kind"] == "by job" else set()
        if record.get("of") in looks:
            record["outcomes"]["verified"] += removals
        yield orjson.dumps(record) + b"\n"

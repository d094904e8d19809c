"""What the demo leaves in a folder: a shop and its specs to play with, and nothing of runs whose account is gone."""

from __future__ import annotations

from pathlib import Path

import pytest

from reconcile.demo import story


def play(stage: story._Stage, _: Path) -> int:
    """Commands that leave what commands leave."""
    (stage.folder / ".reconcile" / "runs").mkdir(parents=True, exist_ok=True)
    (stage.folder / "shop.rplan").touch()
    return 0


@pytest.mark.parametrize("own", [False, True], ids=["new", "somebody's own"])
def test_no_state_of_the_demos_runs_stays(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, *, own: bool) -> None:
    monkeypatch.setattr(story, "_chapters", play)
    if own:
        (tmp_path / ".reconcile").mkdir()
    assert story.tell(tmp_path) == 0
    assert {one.name for one in tmp_path.iterdir()} == {"shop.db", "specs", *([".reconcile"] if own else [])}

"""The law of modes: a smaller mode does a part of what a larger one does, and nothing else."""

from __future__ import annotations

from pathlib import Path

import crowds
from crowds import Crowd
from hypothesis import HealthCheck, Phase, example, given, settings

HAND_MADE = Crowd({7: crowds.Row(7)}, {at: crowds.There(lists=frozenset({"Big"})) for at in range(3)})
"""People on a list whom no source has, and whom nobody put there for us."""
LEFT_A_GROUP = Crowd({1: crowds.Row(1)}, {1: crowds.There(1, lists=frozenset(crowds.LISTS))})


@settings(
    max_examples=8,
    deadline=None,
    phases=[Phase.explicit, Phase.reuse, Phase.generate],
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(crowds.crowds(), crowds.ON_LEAVE)
@example(HAND_MADE, "unlist")
@example(LEFT_A_GROUP, "delete")
def test_enrich_does_a_part_of_additive_which_does_a_part_of_sync(tmp_path: Path, crowd: Crowd, on_leave: str) -> None:
    enrich, additive, sync = (
        crowds.effects(crowds.planned(tmp_path, crowd, mode=mode, on_leave=on_leave))
        for mode in ("enrich", "additive", "sync")
    )
    assert enrich <= additive
    assert additive <= sync
    assert not any(field.startswith("list") and not value for _, field, value in additive), "nobody leaves a list"
    assert not any(field == "profile" for _, field, _ in enrich), "nobody is created or deleted"


def test_what_a_mode_holds_back_is_counted(tmp_path: Path) -> None:
    plan = crowds.planned(tmp_path, LEFT_A_GROUP, mode="enrich")
    assert plan.face.empty
    assert plan.face.held_by_mode == {"update": 1}

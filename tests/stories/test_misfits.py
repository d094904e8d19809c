"""A value that does not fit its type undoes nothing, whichever database holds it: SQLite takes a text in any column."""

from __future__ import annotations

from pathlib import Path

import pytest
from world import REGISTRY, Customer, World, shop

import reconcile as rc


def invalid(plan: rc.Plan) -> list[tuple[str, int]]:
    return sorted((one.source, one.count) for one in plan.face.invalid)


@pytest.mark.parametrize("nulls", ["clear", "skip"])
def test_a_misfit_of_the_source_moves_nobody_and_clears_nothing(nulls: str, tmp_path: Path) -> None:
    world = World(tmp_path, nulls=nulls)
    world.text = world.text.replace("vars:\n", "  age: {column: news}\nvars:\n  age: {property: age, nulls: clear}\n")
    world.text = world.text.replace("default: 0, private: true", "private: true")
    world.fill(shop(12))
    assert world.apply(world.plan()).converged
    before = world.there()
    assert before["person11@example.com"][1] == {"News", REGISTRY}
    for number in (3, 11):
        world.change(number, spent="lots", news="perhaps")  # neither is what its column is declared as
    plan = world.plan()
    assert plan.face.empty, plan.face.samples
    assert invalid(plan) == [("property age", 2), ("property news", 2), ("property spent", 2)]
    assert world.apply(plan).converged
    assert world.there() == before


def test_who_is_new_is_made_without_what_does_not_fit(tmp_path: Path) -> None:
    world = World(tmp_path)
    world.fill([*shop(12), Customer(13, "new@example.com", spent="lots", news="perhaps")])
    assert world.apply(world.plan()).converged
    assert world.there()["new@example.com"] == (
        {"customer_id": 13, "firstName": "Ada", "greeting": "Hi Ada"},
        {REGISTRY},
    )
    world.check_calm()

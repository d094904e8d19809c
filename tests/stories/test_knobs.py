"""Whatever the real API does where nobody knows it: the account comes to be as wanted, and stays."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from world import World, shop

from reconcile.simulator import Faults

KNOBS: list[dict[str, Any]] = [
    {"guesses": {"export_extid": True, "export_lists": "exported", "unknown_job": 400}},
    {"guesses": {"export_fields": "refused"}},
    {"guesses": {"export_fields": "ignored"}, "reads": {"counts": 60}},
    {"wire": {"gzip": True, "chunked": True, "close": True}},
]


@pytest.mark.parametrize("knobs", KNOBS, ids=str)
def test_the_account_settles_whatever_the_knobs(tmp_path: Path, knobs: dict[str, Any]) -> None:
    world = World(tmp_path, on_leave="delete", faults=Faults.model_validate(knobs))
    world.fill(shop(8))
    world.settle()
    world.customers.pop(5)
    world.change(3, city="Elsewhere")
    world.settle()

"""The shops that plans are measured on hold what the tables of results say, in the form of real exports."""

from __future__ import annotations

import argparse
import csv
import json
from pathlib import Path
from typing import Any

import pytest
import scale
import shops
import sides
import steps

from reconcile.simulator import Simulator
from reconcile.simulator.exports import Export

SIZE = 4_000


@pytest.fixture(scope="module")
def shop(tmp_path_factory: pytest.TempPathFactory) -> Any:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(shops, "DATA", tmp_path_factory.mktemp("shops"))
        yield sides.prepared(SIZE)


UNLIMITED = argparse.Namespace(memory_limit=None)


def test_a_plan_finds_one_percent_changed_and_half_a_percent_new_and_gone(shop: shops.Made, tmp_path: Path) -> None:
    found = json.loads(scale.STEPS["plan"].take(shop, tmp_path).said)
    assert (found["create"], found["update"], found["unlist"]) == (SIZE // 200, 3 * SIZE // 200, SIZE // 200)


def test_our_diff_and_the_bare_join_find_the_same_number(shop: shops.Made) -> None:
    assert steps.diff(shop.folder, UNLIMITED) == steps.join(shop.folder, UNLIMITED) == {"changes": SIZE // 50}


def test_the_floor_reads_every_row_of_every_input(shop: shops.Made) -> None:
    found = steps.floor(shop.folder, UNLIMITED)
    assert found["customers"] == found["0"] == SIZE
    assert 0 < found["5"] < found["1"] < SIZE


def test_exports_have_the_header_and_the_quoting_of_the_simulators(shop: shops.Made) -> None:
    sim = Simulator()
    same = Export(None, (), sim.account.zone, sim.account.guesses, None, tuple(shops.VARS))
    for name in shops.list_names():
        text = shop.export(name).read_bytes().decode()
        with shop.export(name).open(encoding="utf-8", newline="") as file:
            records = list(csv.reader(file))
        # A time is quoted for its space, so that what is quoted again as it has to be must give the same text.
        assert text == "".join(",".join(same.quoted(cell) for cell in record) + "\n" for record in records)
        assert text.splitlines()[0] + "\n" == next(same.chunks()).decode()


def test_exports_hold_what_is_hard_to_read(shop: shops.Made) -> None:
    with shop.export(shops.REGISTRY).open(encoding="utf-8", newline="") as file:
        cities = [row["city"] for row in csv.DictReader(file)]
    assert any("\n" in city for city in cities)
    assert any('"' in city for city in cities)
    assert any("," in city for city in cities)
    assert "" in cities


def test_an_unchanged_shop_has_nothing_to_plan(shop: shops.Made, tmp_path: Path) -> None:
    found = json.loads(scale.STEPS["plan"].take(shops.made(SIZE, changed=False), tmp_path).said)
    assert found["unchanged"] == SIZE
    assert not found["create"] + found["update"] + found["unlist"] + found["delete"]

"""The page says all there is: every key of a fault file, every fault, preset, knob and criterion."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any, get_args

import pytest

from reconcile.simulator import Faults, faults, queries

ROOT = Path(faults.__file__).parents[2]
PAGE = (ROOT / "docs" / "simulator.md").read_text(encoding="utf-8")
EXAMPLE = re.search(r"```yaml\n(.*?)```", PAGE, re.DOTALL)


def keys(schema: dict[str, Any]) -> set[str]:
    return {name for part in [schema, *schema["$defs"].values()] for name in part.get("properties", {})}


@pytest.mark.parametrize("word", [*sorted(keys(faults.schema())), *get_args(faults.Kind), *faults.PRESETS])
def test_every_word_of_a_fault_file_is_on_the_page(word: str) -> None:
    assert word in PAGE


@pytest.mark.parametrize("criterion", ["match", "list_member_not", "domain", "valid"])
def test_criteria_on_the_page_are_known(criterion: str) -> None:
    assert criterion in PAGE
    assert criterion in queries.CRITERIA


def test_the_example_of_the_page_can_be_used(tmp_path: Path) -> None:
    assert EXAMPLE is not None
    path = tmp_path / "faults.yaml"
    path.write_text(EXAMPLE[1], encoding="utf-8")

    assert len(Faults.load(path).calls) == 5

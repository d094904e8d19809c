"""The page says all there is: every key of a fault file, every fault, preset and knob."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any, get_args

import pytest

from reconcile.simulator import Faults, faults

ROOT = Path(faults.__file__).parents[2]
PAGE = (ROOT / "docs" / "simulator.md").read_text(encoding="utf-8")
EXAMPLE = re.search(r"```yaml\n(.*?)```", PAGE, re.DOTALL)
BARE = re.sub(r"```.*?```", "", PAGE, flags=re.DOTALL)
CODE = [re.sub("#.*", "", EXAMPLE[1] if EXAMPLE else ""), *re.findall(r"`([^`\n]+)`", BARE)]
WORDS = set(re.findall(r"[\w-]+", " ".join(CODE)))
"""The words that the page has as code: in its example, without comments, and in backticks."""


def keys(schema: dict[str, Any]) -> set[str]:
    return {name for part in [schema, *schema["$defs"].values()] for name in part.get("properties", {})}


@pytest.mark.parametrize("word", [*sorted(keys(faults.schema())), *get_args(faults.Kind), *faults.PRESETS])
def test_every_word_of_a_fault_file_is_on_the_page(word: str) -> None:
    assert word in WORDS


def test_the_example_of_the_page_can_be_used(tmp_path: Path) -> None:
    assert EXAMPLE is not None
    path = tmp_path / "faults.yaml"
    path.write_text(EXAMPLE[1], encoding="utf-8")

    assert len(Faults.load(path).calls) == 5

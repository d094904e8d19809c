"""Every command, option and event is documented, and nothing else is."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest

from reconcile.cli import app

ROOT = Path(__file__).parents[2]
COMMANDS: dict[str, Any] = dict(app.commands)


def sections() -> dict[str, str]:
    """docs/commands.md: command -> its section."""
    text = (ROOT / "docs" / "commands.md").read_text(encoding="utf-8")
    parts = re.split(r"^## reconcile (\S+)$", text, flags=re.MULTILINE)
    return dict(zip(parts[1::2], parts[2::2], strict=True))


def test_every_command_has_its_section_in_the_order_of_help() -> None:
    assert list(sections()) == list(COMMANDS)


@pytest.mark.parametrize("name", COMMANDS)
def test_every_option_is_documented_and_no_other(name: str) -> None:
    section = sections()[name]
    told = {
        option
        for row in re.findall(r"^\| (`-.+?) \|", section, re.MULTILINE)
        for option in re.findall(r"`(-[^`]+)`", row)
    }
    options = (one for one in COMMANDS[name].params if one.param_type_name == "option")
    assert told == {option for one in options for option in one.opts}
    assert f"$ reconcile {name}" in section


@pytest.mark.parametrize("name", COMMANDS)
def test_examples_use_options_that_exist(name: str) -> None:
    known = {option for one in COMMANDS[name].params for option in one.opts}
    examples = re.findall(rf"^\$ reconcile {name}(.*)$", sections()[name], re.MULTILINE)
    used = {word for line in examples for word in line.split("||")[0].split() if word.startswith("-")}
    assert used <= known


def test_the_readme_says_how_to_begin() -> None:
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    assert "make demo" in readme
    assert "make test" in readme
    for command in re.findall(r"^\$ reconcile (\S+)", readme, re.MULTILINE):
        assert command in COMMANDS


def test_every_event_is_documented_and_no_other() -> None:
    sources = [path for room in ("screen", "cli") for path in (ROOT / "reconcile" / room).glob("*.py")]
    code = "\n".join(path.read_text(encoding="utf-8") for path in sources)
    emitted = set(re.findall(r'\bevent\((?:event or )?"(\w+)"', code))
    assert {"plan", "report", "error"} <= emitted
    flow = (ROOT / "docs" / "flow.md").read_text(encoding="utf-8").partition("## Events")[2]
    first_cells = re.findall(r"^\| (`.+?) \|", flow.partition("|---|")[2], re.MULTILINE)
    assert {name for cell in first_cells for name in re.findall(r"`(\w+)`", cell)} == emitted

"""Every command, option and event is documented, and nothing else is."""

from __future__ import annotations

import re
import shlex
from pathlib import Path
from typing import Any

import pytest

from reconcile.cli import app

ROOT = Path(__file__).parents[2]
COMMANDS: dict[str, Any] = dict(app.commands)
OWN_OPTIONS = {option for one in app.params for option in one.opts}


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


@pytest.mark.parametrize("option", sorted(OWN_OPTIONS))
def test_each_option_of_no_command_is_documented(option: str) -> None:
    assert option in (ROOT / "docs" / "commands.md").read_text(encoding="utf-8").partition("## reconcile init")[0]


def command_lines(page: Path) -> list[list[str]]:
    """The commands of a page as a shell hands them on: comments, redirections and what follows `||` left out."""
    found = []
    for line in re.findall(r"^\$ ((?:.*\\\n)*.+)$", page.read_text(encoding="utf-8"), re.MULTILINE):
        words = shlex.shlex(line.replace("\\\n", ""), posix=True, punctuation_chars=True)
        words.whitespace_split = True
        parts = [[]]
        for word in words:
            if set(word) <= set("|&;<>"):
                parts.append([word] if set(word) <= set("<>") else [])
            else:
                parts[-1].append(word)
        found += [part for part in parts if part and part[0] in ("reconcile", "make")]
    return found


PAGES = sorted([ROOT / "README.md", *(ROOT / "docs").glob("*.md")])
TYPED = [pytest.param(words, id=f"{page.stem}: {shlex.join(words)}") for page in PAGES for words in command_lines(page)]


@pytest.mark.parametrize("words", TYPED)
def test_what_the_docs_have_somebody_type_is_understood(words: list[str]) -> None:
    program, name, *rest = words
    if name in OWN_OPTIONS:
        return
    if program == "make":
        assert re.search(rf"^{re.escape(name)}:", (ROOT / "Makefile").read_text(encoding="utf-8"), re.MULTILINE)
        return
    command = COMMANDS[name]
    with command.context_class(command, info_name=name) as context:
        given, left, _ = command.make_parser(context).parse_args(list(rest))  # an unknown option is an error
    missing = [one.name for one in command.params if one.required and one.name not in given]
    assert (left, missing) == ([], [])


def test_every_event_is_documented_and_no_other() -> None:
    sources = [path for room in ("screen", "cli") for path in (ROOT / "reconcile" / room).glob("*.py")]
    code = "\n".join(path.read_text(encoding="utf-8") for path in sources)
    emitted = set(re.findall(r'\bevent\((?:event or )?"(\w+)"', code))
    assert {"plan", "report", "error"} <= emitted
    flow = (ROOT / "docs" / "flow.md").read_text(encoding="utf-8").partition("## Events")[2]
    first_cells = re.findall(r"^\| (`.+?) \|", flow.partition("|---|")[2], re.MULTILINE)
    assert {name for cell in first_cells for name in re.findall(r"`(\w+)`", cell)} == emitted

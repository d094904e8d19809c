"""Every way a spec can be wrong: a case is a file in `tests/cases/spec` with the spec and what is said about it.

`RECONCILE_ACCEPT=1 pytest …` writes what is said now into the cases: look at the git diff before you keep it.
"""

from __future__ import annotations

import os
import re
from pathlib import Path

import pytest

from reconcile.errors import Problem, SpecInvalid, Where
from reconcile.spec import load, problems

CASES = Path(__file__).parents[2] / "cases" / "spec"


def parts(case: Path) -> dict[str, str]:
    _, *pieces = re.split(r"^-- (\S+) --\n", case.read_text("utf-8"), flags=re.MULTILINE)
    return dict(zip(pieces[::2], pieces[1::2], strict=True))


@pytest.mark.parametrize("case", sorted(CASES.glob("*.txt")), ids=lambda case: case.stem)
def test_a_wrong_spec_is_told_exactly(case: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    said = parts(case)
    expected = said.pop("problems")
    words = said.get("options", "").split()
    env, given = next((word for word in words if "=" not in word), None), [word for word in words if "=" in word]
    for name, text in ({"base.yaml": (CASES / "base.yaml").read_text("utf-8")} | said).items():
        if name == "options":  # the environment that is chosen, and variables
            continue
        (tmp_path / name).write_text(text, "utf-8")
    monkeypatch.chdir(tmp_path)
    with pytest.raises(SpecInvalid) as caught:
        load.load(".", env=env, var={name: load.typed(text) for name, _, text in (one.partition("=") for one in given)})
    told = "".join(f"{problems.render(problem)}\n" for problem in caught.value.problems)
    if os.environ.get("RECONCILE_ACCEPT"):
        case.write_text("".join(f"-- {name} --\n{text}" for name, text in {**said, "problems": told}.items()), "utf-8")
    else:
        assert told == expected
    assert "5eCr3t" not in told
    assert "[type=" not in told


def test_a_caret_stands_under_its_column_in_a_long_line() -> None:
    where = Where("a.yaml", 1, 301, "x" * 300 + "HERE" + "y" * 300)
    _, line, caret, hint = problems.render(Problem("wrong", where, "Mend it.")).splitlines()
    assert line[caret.index("^") :].startswith("HERE")
    assert len(line) <= problems.WIDEST + len("  | ")
    assert hint == "  Mend it."


def test_tabs_and_control_characters_do_not_move_the_caret() -> None:
    rendered = problems.render(Problem("wrong", Where("a.yaml", 1, 4, "\ta\x1b[b")))
    assert rendered.splitlines()[1:] == ["  |  a [b", "  |    ^"]


def test_a_problem_without_a_place_is_one_line() -> None:
    assert problems.render(Problem("there is no folder x")) == "there is no folder x"

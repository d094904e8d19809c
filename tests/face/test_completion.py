"""What the Tab key offers, by the protocol of each shell; commands are imported late, and are offered all the same."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

import reconcile
from reconcile.cli import app

TYPED = [
    ("", set(app.commands)),
    ("pl", {"plan"}),
    ("plan --form", {"--format"}),
    ("plan --format ", {"text", "markdown", "html", "json"}),
    ("comment --provider git", {"github", "gitlab"}),
    ("--ver", {"--version"}),
]
"""What stands behind `reconcile ` -> what is offered."""


def bash(typed: str) -> dict[str, str]:
    words = f"reconcile {typed}"
    return {"COMP_WORDS": words, "COMP_CWORD": str(len(words.split(" ")) - 1)}


def zsh(typed: str) -> dict[str, str]:
    return {"_TYPER_COMPLETE_ARGS": f"reconcile {typed}"}


def fish(typed: str) -> dict[str, str]:
    return {"_TYPER_COMPLETE_ARGS": f"reconcile {typed}", "_TYPER_COMPLETE_FISH_ACTION": "get-args"}


def read_offers(shell: str, out: str) -> set[str]:
    """The words of an answer; zsh and fish get a help text behind each."""
    if shell == "zsh":
        return {line.partition("((")[2 if "((" in line else 0].split('"')[1] for line in out.splitlines()}
    return {line.split("\t")[0] for line in out.splitlines()}


@pytest.mark.parametrize("shell", [bash, zsh, fish])
@pytest.mark.parametrize(("typed", "offered"), TYPED, ids=[typed or "nothing" for typed, _ in TYPED])
def test_a_shell_is_offered_what_fits(
    shell: object, typed: str, offered: set[str], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    name = shell.__name__  # type: ignore[attr-defined]
    for variable, value in shell(typed).items():  # type: ignore[operator]
        monkeypatch.setenv(variable, value)
    monkeypatch.setenv("_RECONCILE_COMPLETE", f"complete_{name}")
    with pytest.raises(SystemExit) as ended:
        app([], prog_name="reconcile", standalone_mode=False)
    assert ended.value.code == 0
    assert read_offers(name, capsys.readouterr().out) == offered


def test_the_script_for_bash_completes_in_bash(tmp_path: Path) -> None:
    program = tmp_path / "reconcile"
    program.write_text(f"#!{sys.executable}\nfrom reconcile.cli import main\nmain()\n")
    program.chmod(0o755)
    typed = f"""
        eval "$(_RECONCILE_COMPLETE=source_bash {program})"
        COMP_WORDS=(reconcile rol) COMP_CWORD=1
        _reconcile_completion {program}
        echo "${{COMPREPLY[@]}}"
    """
    done = subprocess.run(["bash", "--norc", "-c", typed], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "rollback", done.stderr


def test_the_version_is_told(capsys: pytest.CaptureFixture[str]) -> None:
    assert app(["--version"], standalone_mode=False) == 0
    assert capsys.readouterr().out == f"reconcile {reconcile.__version__}\n"

"""`fmt`: spec files in one canonical form."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from reconcile.cli import telling
from reconcile.cli.options import SPECS, Env, SpecPath, Var, load

if TYPE_CHECKING:
    from pathlib import Path

UNFORMATTED = 1


def fmt(
    spec: SpecPath = SPECS,
    env: Env = None,
    var: Var = None,
    check: Annotated[
        bool, typer.Option("--check", help="Write nothing; exit with 1 when a file would change.")
    ] = False,
    diff: Annotated[bool, typer.Option("--diff", help="Write nothing; show what would change.")] = False,
) -> None:
    """Bring spec files into their canonical form. What they say stays, and so does every comment."""
    from reconcile import screen
    from reconcile.spec import files
    from reconcile.spec.formatting import canonical
    from reconcile.state import disk

    load(_whole(spec), env, var)  # what is wrong is told first: it is not for a formatter to guess what was meant
    changed = [(file, text, made) for file in files.of(spec) if (made := canonical(text := _text(file))) != text]
    for file, text, made in changed:
        if diff:
            screen.lines(_diff(file, text, made))
        elif not check:
            with disk.writing("the spec", file, hint="Free some room, or look first: fmt --diff."):
                file.write_text(made, encoding="utf-8", newline="")
    verb = "Would rewrite" if check or diff else "Rewrote"
    telling.say("\n".join(f"{verb} {file}" for file, _, _ in changed) or "All files are in canonical form.")
    raise typer.Exit(UNFORMATTED if check and changed else 0)


def _whole(spec: Path) -> Path:
    """The spec that a file is a part of: its folder, unless it names an account and is all of it."""
    import re

    part = spec.is_file() and not re.search("^account:", _text(spec), re.MULTILINE)
    return spec.parent if part else spec


def _text(file: Path) -> str:
    with file.open(encoding="utf-8", newline="") as opened:  # ends of line are a part of the form
        return opened.read()


def _diff(file: Path, text: str, made: str) -> list[str]:
    import difflib

    told = difflib.unified_diff(text.splitlines(), made.splitlines(), str(file), f"{file}, canonical", lineterm="")
    return [*told]

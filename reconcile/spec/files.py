"""Which files make up a spec, and how they are called."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

from reconcile.errors import Problem, SpecInvalid

VARIABLES = "vars.yaml"
"""The file of variables, in the spec's folder; one that says `version` is a part of the spec like any other."""


def of(root: Path) -> list[Path]:
    """The files of a spec, sorted, those of linked folders among them. Raises SpecInvalid where there are none."""
    if not root.exists():
        raise SpecInvalid([Problem(f"there is no file or folder {root}")])
    if not root.is_dir():
        return [root]
    found = sorted(file for file in _below(root) if is_yaml(file))
    if not found:
        raise SpecInvalid([Problem(f"there is no spec in {root}: no *.yaml or *.yml below it")])
    return found


def is_yaml(file: Path) -> bool:
    """Whether a file of a spec's folder is a part of the spec, by its ending."""
    return file.suffix.lower() in (".yaml", ".yml")


def variables(root: Path) -> Path:
    """Where the spec's file of variables is, if there is one."""
    return (root if root.is_dir() else root.parent) / VARIABLES


def shown(file: Path) -> str:
    """The file as a user would type it: relative to where they stand if it is below, else as they gave it."""
    here = Path.cwd()
    return str(file.relative_to(here)) if file.is_absolute() and file.is_relative_to(here) else str(file)


def _below(root: Path) -> Iterator[Path]:
    seen: set[str] = set()
    for folder, folders, names in os.walk(root, followlinks=True):
        folders[:] = [name for name in sorted(folders) if name[0] not in "._"]
        real = os.path.realpath(folder)  # a link may lead to where we are, or to what was read already
        if real in seen:
            folders.clear()
            continue
        seen.add(real)
        yield from (Path(folder, name) for name in names if name[0] not in "._")

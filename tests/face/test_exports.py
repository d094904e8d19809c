"""The Python face: sorted, true, and cheap to import."""

from __future__ import annotations

import ast
import subprocess
import sys
from pathlib import Path

import pytest

import reconcile as rc

HEAVY = ("ibis", "duckdb", "pyarrow", "pydantic", "httpx", "sqlglot")


def typed() -> dict[str, str]:
    """What a type-checker sees: name -> module, from the TYPE_CHECKING block."""
    tree = ast.parse(Path(rc.__file__).read_text(encoding="utf-8"))
    block = next(node for node in tree.body if isinstance(node, ast.If))
    imports = [node for node in block.body if isinstance(node, ast.ImportFrom)]
    return {alias.asname or alias.name: str(node.module) for node in imports for alias in node.names}


def test_exports_are_sorted_and_the_same_everywhere() -> None:
    assert rc.__all__ == sorted(rc.__all__)
    assert list(rc._HOMES) == rc.__all__
    assert typed() == {name: f"reconcile.{home}" for name, home in rc._HOMES.items()}


@pytest.mark.parametrize("name", rc.__all__)
def test_every_name_is_there_and_documented(name: str) -> None:
    found = getattr(rc, name)
    assert found.__module__ == f"reconcile.{rc._HOMES[name]}"
    assert found.__doc__


def test_what_is_not_there_is_told_as_python_does() -> None:
    with pytest.raises(AttributeError, match="module 'reconcile' has no attribute 'nothing'"):
        _ = rc.nothing


@pytest.mark.parametrize(
    "statement",
    ["import reconcile", "import sys; sys.argv = ['reconcile', '--help']; from reconcile import cli; cli.main()"],
    ids=["import", "--help"],
)
def test_nothing_heavy_is_imported_before_it_is_needed(statement: str) -> None:
    script = (
        "import atexit, sys\n"
        f"atexit.register(lambda: print('heavy', [name for name in {HEAVY!r} if name in sys.modules]))\n{statement}"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True, timeout=60)
    assert done.stdout.splitlines()[-1] == "heavy []"

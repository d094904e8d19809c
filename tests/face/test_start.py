"""Starting is light: what a command does not need is not imported, and --help needs next to nothing."""

from __future__ import annotations

import json
import subprocess
import sys

import pytest

from reconcile.cli import app

HEAVY = {"ibis", "duckdb", "pyarrow", "httpx", "pydantic", "sqlglot", "jinja2", "ruamel", "orjson", "starlette",
         "asyncio", "rich.markdown", "rich.progress", "deepdiff", "uvicorn", "sqlite3",
         "opentelemetry", "prometheus_client"}  # fmt: skip
"""Modules that cost; rich is there with Typer, its parts need not be."""

_LOOK = """
import json, sys
sys.argv = ["reconcile", *json.loads(sys.argv[1])]
from reconcile.cli import main
try:
    main()
finally:
    print(json.dumps(sorted(sys.modules)), file=sys.stderr)
"""


def imported(*words: str) -> set[str]:
    """All modules that are there when a command has ended."""
    done = subprocess.run([sys.executable, "-c", _LOOK, json.dumps(words)], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return set(json.loads(done.stderr.splitlines()[-1]))


def test_help_imports_nothing_heavy_and_no_command() -> None:
    found = imported("--help")
    assert not found & HEAVY
    assert {name for name in found if name.startswith("reconcile.")} == {
        "reconcile.cli", "reconcile.cli.ending", "reconcile.cli.lazily", "reconcile.cli.telling"
    }  # fmt: skip


def test_help_gives_each_command_a_line_and_each_is_found(capsys: pytest.CaptureFixture[str]) -> None:
    app(["--help"], standalone_mode=False, terminal_width=80)
    overview, _, _ = capsys.readouterr().out.partition("Begin:\n")[2].rpartition("\n\n")
    rows = [line for line in overview.splitlines() if line.startswith("  ")]
    assert [row.split()[0] for row in rows] == list(app.commands), "none goes on in a second line"
    assert max(map(len, rows)) <= 80
    assert all(command.help for command in app.commands.values())


@pytest.mark.parametrize("command", ["plan", "apply"])
def test_help_of_a_command_imports_no_more_than_typer_reads_options_with(command: str) -> None:
    assert imported(command, "--help") & HEAVY <= {"pydantic"}


def test_validate_imports_no_engine() -> None:
    found = imported("validate", "specs")
    assert "ruamel" in found, "the look itself works"
    assert not found & {"ibis", "duckdb", "pyarrow", "httpx", "starlette", "uvicorn", "deepdiff"}

"""Starting is light: what a command does not need is not imported, and --help needs next to nothing."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest
from plans import SPEC

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

_RUN = """
import asyncio, sys
from pathlib import Path
from world import Time
import reconcile as rc
from reconcile.simulator import Simulator

async def run(folder, time):
    there = Simulator(keys={"demo-key": "demo-secret"}, clock=time.clock).transport()
    environ = {"KEY": "demo-key", "SECRET": "demo-secret"}
    ours = rc.Reconciler(environ, folder / "state", transport=there, sleep=time.sleep, clock=time.clock)
    spec = rc.load(folder / "spec.yaml")
    for left in (2, 0):
        plan = await ours.plan(spec, out=folder / f"{left}.rplan")
        assert plan.face.counts.total == left
        if left:
            assert (await ours.apply(plan)).converged
    print("pandas" in sys.modules)

asyncio.run(run(Path(sys.argv[1]), Time()))
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
        "reconcile.cli",
        *(f"reconcile.cli.{module}" for module in ("ending", "lazily", "signals", "streams", "telling")),
    }


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
    ours = {".".join(name.split(".")[:2]) for name in found if name.startswith("reconcile.")}
    assert ours == {"reconcile.cli", "reconcile.errors", "reconcile.screen", "reconcile.sources", "reconcile.spec"}
    assert not found & {"reconcile.spec.messages", "reconcile.spec.environment", "rich.progress"}, "all is well"


def test_validate_imports_no_sql_and_no_templates_where_there_are_none(tmp_path: Path) -> None:
    rule = "rules: {property: spent, op: gte, value: 1000}"
    text = re.sub("where: .*?}", f"{rule}}}", SPEC)
    assert rule in text
    (tmp_path / "spec.yaml").write_text(text)
    assert not imported("validate", str(tmp_path)) & {"sqlglot", "jinja2"}


def test_looking_back_starts_no_engine(tmp_path: Path) -> None:
    found = imported("runs", "specs", "--state", str(tmp_path))
    assert "reconcile.apply.history" in found, "the look itself works"
    assert not found & {"ibis", "duckdb", "pyarrow", "httpx", "rich.progress", "deepdiff", "asyncio"}


def test_plan_and_apply_leave_pandas_alone(tmp_path: Path) -> None:
    greeting = 'properties:\n  greeting: {template: "Hi {{ city | reverse }}"}'
    text = SPEC.replace("properties:", greeting).replace("{city: city}", "{city: city, greeting: greeting}")
    (tmp_path / "spec.yaml").write_text(text)
    (tmp_path / "customers.csv").write_text(
        "id,email,city,spent\n1,ada@example.com,London,1000\n2,bob@example.com,,0\n"
    )
    environ = os.environ | {"PYTHONPATH": os.pathsep.join(sys.path)}
    words = [sys.executable, "-c", _RUN, str(tmp_path)]
    done = subprocess.run(words, capture_output=True, text=True, check=False, env=environ)
    assert done.stdout.strip() == "False", done.stderr
    assert not imported("show", str(tmp_path / "2.rplan")) & {"pandas", "duckdb"}, "a face needs none"

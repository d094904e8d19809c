"""The script for CI comes with the package, and replaces nothing of anybody's unasked."""

from __future__ import annotations

import subprocess
import tomllib
from pathlib import Path

import pytest

from reconcile.cli import packing
from reconcile.errors import Unwritten

ROOT = Path(__file__).parents[3]


def test_the_script_is_written_once_and_runs(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    out = tmp_path / "ci" / "steps.sh"
    packing.ci(out)
    assert out.read_bytes() == (ROOT / "ci" / "steps.sh").read_bytes()
    assert f"{out} validate" in capsys.readouterr().err
    packing.ci(out)
    assert "up to date" in capsys.readouterr().err
    done = subprocess.run([out, "install"], capture_output=True, text=True, check=False)
    assert (done.returncode, f"{tmp_path} is none" in done.stderr) == (64, True), "no checkout: nothing is installed"


def test_another_script_stays_unless_forced(tmp_path: Path) -> None:
    out = tmp_path / "steps.sh"
    out.write_text("mine")
    with pytest.raises(Unwritten, match="says something else"):
        packing.ci(out)
    assert out.read_text() == "mine"
    packing.ci(out, force=True)
    assert out.read_text() != "mine"


def test_the_wheel_has_it_where_the_command_looks() -> None:
    hatch = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["tool"]["hatch"]["build"]["targets"]
    assert hatch["wheel"]["force-include"]["ci/steps.sh"] == "reconcile/cli/steps.sh"
    assert packing._find_script().is_file()

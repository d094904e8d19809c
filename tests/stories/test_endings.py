"""How commands end when what surrounds them fails: nobody reads, the terminal hangs up, places cannot be written."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
import warm
from desk import Desk
from listener import Listener, listening

from reconcile.simulator import Faults, Simulator
from reconcile.simulator.server import running


@pytest.fixture
def desk(tmp_path: Path) -> Iterator[Desk]:
    simulator = Simulator(seed=1, faults=Faults.named("none"))
    with running(simulator) as url:
        yield Desk(tmp_path, url, simulator)


@pytest.fixture
def listener() -> Iterator[Listener]:
    with listening() as listener:
        yield listener


def ended(desk: Desk, *words: str, **odd: str) -> subprocess.CompletedProcess[str]:
    """A command whose output (`out`, `err`) is `full`, `closed` or `unread`."""
    numbers = {("in", "out", "err").index(name): kind for name, kind in odd.items()}
    return warm.run(words, desk.folder, {**os.environ, **desk.environ}, odd=numbers)


SILENT = {"validate nowhere": 65, "nonsense": 64, "fmt --check": 1, "runs": 0, "status": 64}
"""Commands that print nothing to standard output here, and what they exit with."""
SPEAKING = {"--help": 0, "schema": 0, "validate": 0, "groups": 0, "plan --detailed-exitcode": 2}


@pytest.mark.parametrize("command", SILENT | SPEAKING)
def test_an_output_that_nobody_reads_changes_no_status(desk: Desk, command: str) -> None:
    own, words = (SILENT | SPEAKING)[command], command.split()
    full = ended(desk, *words, out="full")
    assert full.returncode == (74 if command in SPEAKING else own)
    told = "No space left on device. What was printed is not whole" in full.stderr
    assert told is (command in SPEAKING)
    assert ended(desk, *words, out="unread", err="full").returncode == own
    if not command.startswith("plan"):
        assert ended(desk, *words, out="closed", err="closed").returncode == own


@pytest.mark.parametrize(
    ("words", "odd"),
    [
        ("shop.rplan", {"out": "closed", "err": "closed"}),
        ("shop.rplan --json", {"out": "unread"}),
        ("specs --yes", {"out": "full"}),
    ],
)
def test_an_apply_that_nobody_listens_to_is_done_and_told(
    desk: Desk, listener: Listener, words: str, odd: dict[str, str]
) -> None:
    desk.environ["RECONCILE_WEBHOOK"] = listener.hook
    if "shop.rplan" in words:
        assert desk.run("plan", "--out", "shop.rplan").returncode == 0
    done = ended(desk, "apply", *words.split(), "--metrics", "shop.prom", **odd)
    assert done.returncode == (74 if odd["out"] == "full" else 0)
    assert listener.heard == []  # it went well
    gauge = 'reconcile_exit_status{account="shop",command="apply",environment=""} 0.0'
    assert gauge in (desk.folder / "shop.prom").read_text()
    [run] = [json.loads(line) for line in desk.run("runs", "--json").stdout.splitlines()]
    assert (run["outcome"], run["report"]["status"]) == ("converged", 0)


def test_a_line_of_a_shell(desk: Desk) -> None:
    assert desk.run("plan", "--out", "shop.rplan").returncode == 0
    script = f"'{sys.executable}' -m reconcile.cli apply shop.rplan --json | head -1; echo ${{PIPESTATUS[@]}}"
    environ = {**os.environ, **desk.environ}
    done = subprocess.run(["bash", "-c", script], cwd=desk.folder, env=environ, capture_output=True, check=True)
    assert done.stdout.splitlines()[1:] == [b"0 0"]
    assert done.stderr == b""
    assert desk.run("apply", "shop.rplan").returncode == 5  # was applied already


@pytest.mark.parametrize("encoding", ["ascii", "latin-1"])
def test_json_is_json_in_every_encoding(encoding: str) -> None:
    script = "import io, sys; from reconcile import screen\nscreen.event('x', told='Zürich 🙂 →')"
    done = subprocess.run(
        [sys.executable, "-c", script],
        env={**os.environ, "PYTHONIOENCODING": encoding},
        capture_output=True,
        check=True,
    )
    assert json.loads(done.stdout) == {"event": "x", "told": "Zürich 🙂 →"}

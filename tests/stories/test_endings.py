"""How commands end when what surrounds them fails: nobody reads, the terminal hangs up, places cannot be written."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
import warm
from desk import Desk, applying
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


def test_ctrl_c_twice_ends_at_once_and_the_next_run_mends_the_audit(tmp_path: Path) -> None:
    with applying(tmp_path, 0.1) as (desk, process):
        process.send_signal(signal.SIGINT)
        assert process.stderr is not None
        while "once more to stop at once" not in (line := process.stderr.readline()):
            assert line
        began = time.monotonic()
        process.send_signal(signal.SIGINT)
        _, err = process.communicate(timeout=60)
        assert time.monotonic() - began < 2 + 3  # the machine may be busy
        assert (process.returncode, err.strip()) == (130, "Interrupted.")
        assert list(tmp_path.glob(".reconcile/*/lease.json")) == []

        desk.sql("delete from customers where id > 40")
        assert desk.run("apply", "specs", "--yes", "--allow", "deletions=400").returncode == 0
        told = desk.run("audit", "--verify", "--json")
        assert told.returncode == 0, told.stderr
        entries = [json.loads(line)["entry"] for line in told.stdout.splitlines()]
        assert [(one["step"], one["status"]) for one in entries] == [
            ("begun", None),
            ("ended", None),  # nobody was there to say with what
            ("begun", None),
            ("ended", 0),
        ]
        assert entries[0]["run"] == entries[1]["run"] != entries[2]["run"]
        assert sum(entries[1]["outcomes"].values()) > 0
        assert "has no end" not in told.stderr
        assert "cut off (by its journal)" in desk.run("audit").stdout


@pytest.fixture
def still(tmp_path: Path) -> Iterator[Path]:
    """A place that is mounted read-only: permissions alone do not keep root out."""
    place = tmp_path / "still"
    (place / ".reconcile").mkdir(parents=True)
    (place / "shop.yaml").write_text((tmp_path / "specs" / "shop.yaml").read_text())
    bound = subprocess.run(["mount", "--bind", str(place), str(place)], capture_output=True, check=False)
    if bound.returncode:
        pytest.skip("needs the right to mount")
    subprocess.run(["mount", "-o", "remount,ro,bind", str(place)], check=True)
    try:
        yield place
    finally:
        subprocess.run(["umount", "--lazy", str(place)], check=True)


def test_a_place_that_cannot_be_written_is_told_and_nothing_is_done(desk: Desk, still: Path) -> None:
    assert desk.run("plan", "--out", "shop.rplan").returncode == 0
    for line, status in {
        f"apply shop.rplan --state {still}/.reconcile": 74,
        f"apply specs --yes --state {still}/.reconcile": 74,
        f"apply shop.rplan --workspace {still}": 74,
        f"plan --out {still}/shop.rplan": 74,
        f"observe --out {still}/seen": 74,
        f"approve shop.rplan --out {still}/approved.yaml": 74,
        f"fmt {still}/shop.yaml": 74,
        f"demo --folder {still}": 74,
        f"demo --folder {still}/below": 74,
        f"init {still}/spec --connect {desk.folder}/shop.db --table customers --email email --key id": 74,
        f"seed shop.csv --data {still}/account": 74,
        f"plan --metrics {still}/shop.prom": 0,
    }.items():
        (desk.folder / "shop.csv").write_text("email\nada@example.com\n")
        done = desk.run(*line.split())
        assert done.returncode == status, (line, done.stderr)
        assert str(still) in done.stderr, line
        assert "Read-only file system" in done.stderr, line
        assert "bug" not in done.stderr, line
    assert desk.writes() == 0

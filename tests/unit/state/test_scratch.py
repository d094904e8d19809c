"""Folders of runs, those of killed ones among them: real processes, really killed."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from reconcile.state import scratch

RUN = """
import sys
from pathlib import Path
from reconcile.state import scratch

with scratch.folder("a test", Path(sys.argv[1])) as folder:
    (folder / "people.csv").write_text("ada@example.com")
    print(folder, flush=True)
    sys.stdin.read()
"""


@contextmanager
def running(place: Path) -> Iterator[tuple[subprocess.Popen[str], Path]]:
    """Another run that works in a place, and its folder."""
    command = [sys.executable, "-c", RUN, str(place)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        yield process, Path(process.stdout.readline().strip())
        process.kill()


def test_a_run_that_was_killed_leaves_nothing_for_long(tmp_path: Path) -> None:
    with running(tmp_path) as (killed, left), running(tmp_path) as (_, used):
        killed.kill()
        killed.wait()
        assert (left / "people.csv").exists(), "nobody was there to clear it away"
        with scratch.folder("a test", tmp_path) as ours:
            assert sorted(tmp_path.iterdir()) == sorted([used, ours]), "and who is at work keeps theirs"
            assert ours.stat().st_mode & 0o777 == 0o700
    assert not ours.exists()


def test_what_is_no_run_s_is_left_alone(tmp_path: Path) -> None:
    elsewhere, linked, plain = tmp_path / "mine", tmp_path / "reconcile-linked", tmp_path / "reconcile-notes"
    for folder in (elsewhere, plain):
        folder.mkdir()
        (folder / "notes.txt").write_text("keep me")
    (elsewhere / scratch.ALIVE).touch()
    linked.symlink_to(elsewhere)
    with scratch.folder("a test", tmp_path):
        pass
    assert (elsewhere / "notes.txt").exists()
    assert (plain / "notes.txt").exists()


def test_a_folder_is_gone_after_an_error_too(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="by chance"), scratch.folder("a test", tmp_path):
        raise ValueError("by chance")
    assert not list(tmp_path.iterdir())

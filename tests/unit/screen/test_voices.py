"""How steps are told: to a log, to a program, to somebody at a terminal."""

from __future__ import annotations

import io
import json
import re
import time

import pytest
from rich.console import Console
from rich.progress import Progress, TextColumn

from reconcile.screen import tally, voices
from reconcile.screen.tally import Tally


def patiently(condition: object, said: list[tuple[str, str]]) -> None:
    """Wait for a thread of ours, some seconds at most."""
    end = time.monotonic() + 60
    while condition not in said:
        assert time.monotonic() < end, said
        time.sleep(0.005)


def test_a_step_that_moves_is_told_now_and_then_by_a_thread_that_looks() -> None:
    said: list[tuple[str, str]] = []
    lines = voices.Lines(lambda step, moment: said.append((moment, str(step))), every=0.01)
    with lines.watched():
        lines.start("reading customers")
        lines.advance("reading customers", 20_000, size=3_000_000)
        patiently(("goes on", "20,000 rows, 3 MB"), said)
        time.sleep(0.05)
        lines.advance("reading customers", 1_000_000, size=200_000_000)
        lines.finish("reading customers")
    assert said[0] == ("begins", "")
    assert said[-1] == ("ends", "1,020,000 rows, 203 MB")
    assert said.count(("goes on", "20,000 rows, 3 MB")) == 1, "what does not move is not told again at once"


def test_a_step_that_does_not_move_is_told_all_the_same_after_a_silence(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(voices, "SILENCE", 0.05)
    said: list[tuple[str, str]] = []
    lines = voices.Lines(lambda step, moment: said.append((moment, step.step)), every=0.01)
    with lines.watched():
        lines.start("comparing")
        patiently(("goes on", "comparing"), said)


def test_a_log_has_a_line_when_a_step_ends(capsys: pytest.CaptureFixture[str]) -> None:
    with voices.chosen(as_json=False) as voice:
        voice.start("exporting lists", 3, "lists")
        voice.advance("exporting lists", 3, size=1_234_567_890)
        voice.note("exporting lists", "held back 2 s")
        voice.finish("exporting lists")
    told = capsys.readouterr()
    assert re.fullmatch(r"exporting lists: 3 of 3 lists, 1\.2 GB, held back 2 s, \d+(\.\d)? s\n", told.err)
    assert told.out == ""


def test_a_program_has_an_event_when_a_step_begins_and_ends(capsys: pytest.CaptureFixture[str]) -> None:
    with voices.chosen(as_json=True) as voice:
        voice.start("reading customers")
        voice.advance("reading customers", 7, size=70)
        voice.finish("reading customers")
    first, last = (json.loads(line) for line in capsys.readouterr().out.splitlines())
    assert first == {"event": "step", "step": "reading customers", "done": 0, "total": None, "unit": "rows",
                     "bytes": 0, "seconds": first["seconds"]}  # fmt: skip
    assert last == first | {"done": 7, "bytes": 70, "seconds": last["seconds"], "finished": True}
    assert 0 <= first["seconds"] <= last["seconds"]


def test_a_terminal_has_a_bar_with_its_numbers() -> None:
    screen = Console(file=io.StringIO(), force_terminal=True, width=100)
    with Progress(TextColumn("{task.description}"), TextColumn("{task.fields[told]}"), console=screen) as drawn:
        bars = voices.Bars(drawn)
        bars.start("upserting profiles", 10, "actions")
        bars.advance("upserting profiles", 4)
        bars.note("upserting profiles", "2.0/s")
        [task] = drawn.tasks
        assert (task.description, task.completed, task.total) == ("upserting profiles", 4, 10)
        assert task.fields["told"] == "4 of 10 actions, 2.0/s"
        bars.finish("upserting profiles")
        assert task.finished
        bars.start("comparing")
        assert drawn.tasks[1].total is None
        bars.finish("comparing")
        assert drawn.tasks[1].finished


@pytest.mark.parametrize(
    ("step", "said"),
    [
        (Tally("a", "rows", None), ""),
        (Tally("a", "lists", 6, done=3), "3 of 6 lists"),
        (Tally("a", "rows", None, size=999), "999 bytes"),
        (Tally("a", "rows", None, done=1_200_000, size=310_400_000), "1,200,000 rows, 310 MB"),
    ],
)
def test_numbers_in_words(step: Tally, said: str) -> None:
    assert str(step) == said


def test_times_in_words() -> None:
    assert [tally.span(seconds) for seconds in (0.04, 12.3, 600, 7200)] == ["0.0 s", "12 s", "10 min", "2.0 h"]

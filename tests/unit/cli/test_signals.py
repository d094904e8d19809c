"""The first signal asks, the second ends the process, whatever its main thread is at."""

from __future__ import annotations

import os
import queue
import signal
import subprocess
import sys
import time

import pytest

from reconcile.cli import signals

STUCK = """
import sys, threading
from reconcile.cli import signals
def say(*told): print(*told, flush=True)
with signals.heard(lambda: say("asked"), lambda number: signals.end_soon(number, RELEASE)):
    say("ready")
    threading.Lock().acquire() and threading.Event().wait()
"""


@pytest.mark.usefixtures("hangups")
@pytest.mark.parametrize("release", ["lambda: say('released')", "threading.Event().wait"], ids=["answers", "hangs"])
@pytest.mark.parametrize("sent", [(signal.SIGINT, signal.SIGINT), (signal.SIGHUP, signal.SIGTERM)])
def test_a_second_signal_ends_a_process_that_is_stuck(release: str, sent: tuple[signal.Signals, ...]) -> None:
    script = STUCK.replace("RELEASE", release)
    process = subprocess.Popen(
        [sys.executable, "-c", script], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )
    assert process.stdout is not None
    assert process.stdout.readline() == "ready\n"
    process.send_signal(sent[0])
    assert process.stdout.readline() == "asked\n"
    began = time.monotonic()
    process.send_signal(sent[1])
    out, err = process.communicate(timeout=30)
    assert time.monotonic() - began < 2 + 3  # the machine may be busy
    assert (process.returncode, err) == (128 + sent[1], "Interrupted.\n")
    assert out == ("released\n" if "say" in release else "")


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_a_signal_asks_and_a_block_that_is_over_leaves_all_as_it_was(number: signal.Signals) -> None:
    before, told = signal.signal(number, signal.SIG_DFL), queue.Queue[str]()
    try:
        with signals.heard(lambda: told.put("first"), lambda _: told.put("second")):
            os.kill(os.getpid(), number)
            assert told.get(timeout=10) == "first"
        assert signal.getsignal(number) is signal.SIG_DFL
        assert told.empty()
    finally:
        signal.signal(number, before)


def test_a_hangup_that_is_ignored_stays_so() -> None:
    before = signal.signal(signal.SIGHUP, signal.SIG_IGN)
    try:
        with signals.heard(lambda: pytest.fail("it was ignored"), lambda _: None):
            os.kill(os.getpid(), signal.SIGHUP)
            assert signal.getsignal(signal.SIGHUP) is signal.SIG_IGN
    finally:
        signal.signal(signal.SIGHUP, before)

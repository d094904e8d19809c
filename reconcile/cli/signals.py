"""Asking a run to end: the first signal asks, the second does not wait.

Signals are heard in a thread of their own: Python runs a handler only between two steps of the main thread, which may
be inside a long statement of the engine or wait for a store that does not answer.
"""

from __future__ import annotations

import os
import signal
import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import NoReturn

from reconcile.cli import telling

_GRACE = 1.2
"""Seconds after the second signal in which the run may end by itself."""
_LONGEST = 1.8
"""Seconds after which nothing is waited for."""


class CutOff(BaseException):
    """The run was told twice to end. No KeyboardInterrupt, of which Typer makes an end of its own.

    Args:
        number: of the second signal.
    """

    def __init__(self, number: int) -> None:
        super().__init__()
        self.status = status_of(number)


def status_of(number: int) -> int:
    """The exit status that shells know a signal by: 130 for Ctrl-C."""
    return 128 + number


@contextmanager
def heard(first: Callable[[], object], second: Callable[[int], object]) -> Iterator[None]:
    """A block in which SIGINT, SIGTERM and SIGHUP are told in place of ending the process; main thread only.

    A SIGHUP that is ignored (`nohup`) stays so.

    Args:
        first: called at the first of them, from another thread.
        second: called with the number of the second, from there too.
    """
    numbers = [signal.SIGINT, signal.SIGTERM]
    if signal.getsignal(signal.SIGHUP) is not signal.SIG_IGN:
        numbers.append(signal.SIGHUP)
    reader, writer = socket.socketpair()
    writer.setblocking(False)
    before = {number: signal.signal(number, lambda *_: None) for number in numbers}
    woken = signal.set_wakeup_fd(writer.fileno(), warn_on_full_buffer=False)
    threading.Thread(target=_listen, args=(reader, numbers, first, second), name="signals", daemon=True).start()
    try:
        yield
    finally:
        signal.set_wakeup_fd(woken)
        for number, handler in before.items():
            signal.signal(number, handler)
        writer.close()


def end_soon(number: int, release: Callable[[], object]) -> NoReturn:
    """End the process if it has not ended by itself in a moment.

    Args:
        number: of the signal that says so.
        release: gives back what others wait for; it is not waited for either.
    """
    last = threading.Timer(_LONGEST, os._exit, (status_of(number),))
    last.daemon = True
    last.start()
    time.sleep(_GRACE)
    telling.say_interrupted()
    release()
    os._exit(status_of(number))


def _listen(
    reader: socket.socket, numbers: list[signal.Signals], first: Callable[[], object], second: Callable[[int], object]
) -> None:
    asked = False
    with reader:
        while heard := reader.recv(1):  # nothing more comes when the block is over
            if heard[0] not in numbers:
                continue
            if asked:
                second(heard[0])
            else:
                asked = True
                first()

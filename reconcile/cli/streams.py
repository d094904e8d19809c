"""Standard output and error that never end a command: what nobody reads any more is dropped, and the work goes on.

Every output passes here (text, JSON events, Typer's help, rich's progress), because the guard stands below Python's own
streams: a raw writer that remembers the first failure and takes everything after it without a word.
"""

from __future__ import annotations

import codecs
import errno
import io
import os
import select
import sys
from contextlib import suppress
from typing import TextIO

_GONE = frozenset({errno.EPIPE, errno.EBADF, errno.ENXIO, errno.ECONNRESET})
"""Nobody reads: the pipe was closed, or there was no output from the beginning."""

_PLAIN = {
    "→": "->",
    "…": "...",
    "─": "-",
    "│": "|",
    "└": "`",
    "├": "|",
    "✅": "[ok]",
    "⛔": "[stop]",
    "⚠": "[!]",
    "✓": "ok",
}
"""Our own signs, for outputs whose encoding lacks them."""


class GuardedWriter(io.RawIOBase):
    """Writes to a file descriptor until that fails, and from then on nowhere.

    Attributes:
        failure: the first error; None while everything was written.
    """

    def __init__(self, descriptor: int) -> None:
        super().__init__()
        self._descriptor = descriptor
        self._is_terminal = os.isatty(descriptor)
        self.failure: OSError | None = None

    def write(self, content: object) -> int:
        """Write all of it, or drop what cannot be written."""
        rest = memoryview(content).cast("B")  # type: ignore[arg-type]
        size = len(rest)
        while rest and self.failure is None:
            try:
                rest = rest[os.write(self._descriptor, rest) :]
            except BlockingIOError:  # another process has set the pipe or terminal that we share to not block
                select.select([], [self._descriptor], [])
            except OSError as error:
                self.failure = error
        return size

    @property
    def is_full(self) -> bool:
        """Whether output was lost that somebody may still read: a disk is full, a quota is used up."""
        if self.failure is None or self.failure.errno in _GONE:
            return False
        return not (self._is_terminal and self.failure.errno == errno.EIO)  # a terminal that has hung up

    def writable(self) -> bool:
        """It is, whatever happens."""
        return True

    def fileno(self) -> int:
        """The descriptor below."""
        return self._descriptor

    def isatty(self) -> bool:
        """Whether a terminal is there."""
        return self._is_terminal


def guard() -> None:
    """Put guarded streams in the place of standard output and error, and an empty one where input is closed."""
    codecs.register_error("reconcile", _replace)
    for descriptor in range(3):  # else the next file that is opened takes the number, and is printed into
        with suppress(OSError):
            _open_if_closed(descriptor)
    if sys.stdin is None:
        sys.stdin = open(0, encoding="utf-8", closefd=False)  # noqa: SIM115 -- for as long as the process lasts
    # Where somebody has put another stream in the place of the process's own, it is theirs to guard.
    if sys.stdout in (None, sys.__stdout__):
        sys.stdout = _guarded(sys.stdout, 1)
    if sys.stderr in (None, sys.__stderr__):
        sys.stderr = _guarded(sys.stderr, 2)


def settle() -> OSError | None:
    """Write what is still held back; the error where standard output was full, and so is not whole."""
    for stream in (sys.stdout, sys.stderr):
        stream.flush()
    writer = _writer(sys.stdout)
    return writer.failure if writer is not None and writer.is_full else None


def is_heard() -> bool:
    """Whether standard output still arrives somewhere."""
    writer = _writer(sys.stdout)
    return writer is None or writer.failure is None


def _writer(stream: object) -> GuardedWriter | None:
    raw = getattr(getattr(stream, "buffer", None), "raw", None)
    return raw if isinstance(raw, GuardedWriter) else None


def _guarded(stream: TextIO | None, descriptor: int) -> TextIO:
    encoding = "utf-8"
    if stream is not None:
        with suppress(OSError, ValueError):
            stream.flush()
        encoding = stream.encoding or encoding
    writer = GuardedWriter(descriptor)
    lines = descriptor == 2 or writer.isatty()
    return io.TextIOWrapper(io.BufferedWriter(writer), encoding=encoding, errors="reconcile", line_buffering=lines)


def _open_if_closed(descriptor: int) -> None:
    try:
        os.fstat(descriptor)
    except OSError:
        opened = os.open(os.devnull, os.O_RDWR)
        if opened != descriptor:
            os.dup2(opened, descriptor)
            os.close(opened)
        os.set_inheritable(descriptor, True)


def _replace(error: UnicodeError) -> tuple[str | bytes, int]:
    """What an encoding lacks: our own signs in plain letters, everything else as Python writes it in a literal."""
    if not isinstance(error, UnicodeEncodeError):
        raise error
    sign = error.object[error.start]
    plain = _PLAIN.get(sign)
    if plain is None:
        plain = sign.encode("ascii", "backslashreplace").decode()
    return plain, error.start + 1

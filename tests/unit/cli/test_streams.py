"""Outputs that cannot take what is written: closed, full, unread, of another encoding, not ready."""

from __future__ import annotations

import errno
import os
import threading
from pathlib import Path

import pytest

from reconcile.cli import streams
from reconcile.cli.streams import GuardedWriter


@pytest.mark.parametrize(("spoiled", "full"), [("unread", False), ("closed", False), ("full", True)])
def test_a_writer_takes_everything_once_nothing_arrives(spoiled: str, full: bool) -> None:
    if spoiled == "full":
        writer = GuardedWriter(os.open("/dev/full", os.O_WRONLY))
    else:
        reader, end = os.pipe()
        writer = GuardedWriter(end)
        os.close(reader)
        if spoiled == "closed":
            os.close(end)
    assert [writer.write(b"said") for _ in range(3)] == [4, 4, 4]
    assert writer.failure is not None
    assert writer.is_full is full


def test_a_pipe_that_another_process_made_not_to_block_gets_all_of_it() -> None:
    reader, end = os.pipe()
    os.set_blocking(end, False)
    said, got = b"x" * 1_000_000, bytearray()

    def read() -> None:
        while piece := os.read(reader, 4096):
            got.extend(piece)

    thread = threading.Thread(target=read)
    thread.start()
    assert GuardedWriter(end).write(said) == len(said)
    os.close(end)
    thread.join()
    os.close(reader)
    assert got == said


def test_a_terminal_that_hung_up_is_not_a_disk_that_is_full(monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(*_: object) -> int:
        raise OSError(errno.EIO, "Input/output error")

    shown, terminal = os.openpty()
    writers = [GuardedWriter(terminal), GuardedWriter(shown)]
    writers[1]._is_terminal = False
    monkeypatch.setattr(os, "write", broken)
    assert [(one.write(b"said"), one.is_full) for one in writers] == [(4, False), (4, True)]


@pytest.mark.parametrize(
    ("encoding", "told"),
    [
        ("utf-8", "121 → 129 … Zürich Київ \\udcff"),
        ("latin-1", "121 -> 129 ... Zürich \\u041a\\u0438\\u0457\\u0432 \\udcff"),
        ("ascii", "121 -> 129 ... Z\\xfcrich \\u041a\\u0438\\u0457\\u0432 \\udcff"),
    ],
)
def test_what_an_encoding_lacks_is_written_in_plain_letters(tmp_path: Path, encoding: str, told: str) -> None:
    import codecs
    import io

    codecs.register_error("reconcile", streams._replace)
    with io.TextIOWrapper(io.BytesIO(), encoding=encoding, errors="reconcile") as stream:
        stream.write("121 → 129 … Zürich Київ \udcff")
        stream.flush()
        assert stream.buffer.getvalue().decode(encoding) == told  # type: ignore[attr-defined]

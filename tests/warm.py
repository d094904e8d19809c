"""Commands as real processes that start warm: forked from one that has imported already what every command imports.

A cold start costs more than most commands then do. What it imports is for `tests/face`; that it works, for stories that
begin a process by themselves.
"""

from __future__ import annotations

import multiprocessing
import os
import subprocess
import sys
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path

_CONTEXT = multiprocessing.get_context("forkserver")
_PRELOADED = """
    pyarrow.dataset pandas httpx typer._adapters ibis.backends.duckdb ibis.backends.duckdb.converter
    sqlglot.dialects.duckdb reconcile.cli.ending reconcile.reconciler reconcile.screen reconcile.spec.load
    reconcile.sources.databases reconcile.sources.files
"""
_CONTEXT.set_forkserver_preload([*_PRELOADED.split(), "warm"])  # pandas: Arrow's datasets ask for it
_ENDS = ("in", "out", "err")


def run(
    words: Sequence[str],
    folder: Path,
    environ: Mapping[str, str],
    stdin: str = "",
    *,
    timeout: float = 120,
    odd: Mapping[int, str] | None = None,
) -> subprocess.CompletedProcess[str]:
    """`reconcile WORDS` in a folder: what it said, and what it exited with.

    Args:
        environ: the whole environment.
        stdin: what somebody types, at no terminal.
        odd: descriptors that are `full`, `closed`, or a pipe that nobody reads (`unread`).

    Raises:
        subprocess.TimeoutExpired: it took longer than `timeout` seconds, and was killed.
    """
    with tempfile.TemporaryDirectory() as ends:
        Path(ends, "in").write_text(stdin, encoding="utf-8")
        process = _CONTEXT.Process(target=_command, args=([*words], str(folder), dict(environ), ends, odd or {}))
        process.start()
        process.join(timeout)
        if process.exitcode is None:
            process.kill()
            process.join()
            raise subprocess.TimeoutExpired([*words], timeout)
        out, err = (Path(ends, name).read_text(encoding="utf-8") for name in _ENDS[1:])
        return subprocess.CompletedProcess([*words], process.exitcode, out, err)


def _command(words: list[str], folder: str, environ: dict[str, str], ends: str, odd: dict[int, str]) -> None:
    from reconcile import cli

    os.environ.clear()
    os.environ.update(environ)
    os.chdir(folder)
    for number, (name, flags) in enumerate(zip(_ENDS, (os.O_RDONLY, _WRITE, _WRITE), strict=True)):
        os.dup2(os.open(Path(ends, name), flags, 0o600), number)
    sys.stdin = open(0, encoding="utf-8", closefd=False)  # noqa: SIM115 -- multiprocessing had put another in its place
    for number, kind in odd.items():
        _spoil(number, kind)
    sys.argv = ["reconcile", *words]
    cli.main()


def _spoil(number: int, kind: str) -> None:
    """What a shell does by `>/dev/full`, by `>&-`, and by `| true`."""
    if kind == "closed":
        os.close(number)
        setattr(sys, ("stdin", "stdout", "stderr")[number], None)
    elif kind == "full":
        os.dup2(os.open("/dev/full", os.O_WRONLY), number)
    else:
        reader, writer = os.pipe()
        os.dup2(writer, number)
        os.close(reader)
        os.close(writer)


_WRITE = os.O_WRONLY | os.O_CREAT

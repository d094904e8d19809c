"""What can be wrong with a disk, as an error of ours: what was being written, where, how much is free, what now."""

from __future__ import annotations

import errno
import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO

from reconcile.errors import DiskFull, Unwritten

ELSEWHERE = "Free some, or have the run work elsewhere: --workspace DIR, or TMPDIR."
"""What to do about a run's own folder."""

_FULL = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EFBIG})
"""No room, a quota that is used up, and a file larger than this process may write (`ulimit -f`)."""

UNWRITABLE = _FULL | {errno.EROFS}
"""Errors that only writing raises, so that they tell of it wherever they are seen."""


@contextmanager
def writing(what: str, path: Path, *, hint: str = ELSEWHERE) -> Iterator[None]:
    """A block in which `path` is written.

    Args:
        what: is being written, as a sentence goes on: `the plan`.
        path: of the file, or the folder it goes to.
        hint: what to do when there is no room.

    Raises:
        DiskFull: no room is left, or a quota is used up.
        Unwritten: it cannot be written for another reason.
    """
    try:
        yield
    except (ConnectionError, TimeoutError):
        raise  # of what is read meanwhile, not of the disk
    except OSError as error:
        raise refused(what, path, error, hint=hint) from None


@contextmanager
def replacing(path: Path) -> Iterator[IO[bytes]]:
    """A file of the owner's alone, to write and read, that takes the place of `path` when the block ends well.

    Whatever goes wrong, what was at `path` is as it was, and no draft stays.
    """
    draft = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        with os.fdopen(os.open(draft, os.O_RDWR | os.O_CREAT | os.O_TRUNC, 0o600), "w+b") as file:
            yield file
        draft.replace(path)
    finally:
        draft.unlink(missing_ok=True)


def refused(what: str, path: Path, error: OSError, *, hint: str = ELSEWHERE) -> Unwritten:
    """The error for what the system says."""
    if error.errno in _FULL:
        return full(what, path, hint=hint, limited=error.errno == errno.EFBIG)
    reason = (error.strerror or type(error).__name__).rstrip(".")
    return Unwritten(f"Cannot write {what} to {path}: {reason}.", hint="Check the folder, and who may write to it.")


def full(what: str, path: Path, *, hint: str = ELSEWHERE, limited: bool = False, gone: bool = False) -> DiskFull:
    """The error for a disk without room.

    Args:
        limited: it is not the disk, but the size that this process may give a file.
        gone: what had been written is there no more, so that what is free now was not enough.
    """
    if limited:
        told = f"Cannot write {what} to {path}: files of this process may not grow larger (ulimit -f)."
        return DiskFull(told, hint="Raise the limit on the size of files.")
    return DiskFull(f"No room left for {what} in {path}: {_free(path)}{' without them' if gone else ''}.", hint=hint)


def _free(path: Path) -> str:
    """How much is free where a path is, or would be."""
    there = next((one for one in (path, *path.absolute().parents) if one.exists()), Path())
    return f"{shutil.disk_usage(there).free / 2**20:,.1f} MiB are free"

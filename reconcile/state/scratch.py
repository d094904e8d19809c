"""Folders for what one run has on disk: its owner's alone, and gone when the run ends, however it ends.

A run that is killed leaves people's rows behind, and at millions some gigabytes of them. Each folder has a file that
its run holds a lock on, which the system takes from the dead: what nobody holds any more is cleared away by the next
run that works in the same place.
"""

from __future__ import annotations

import fcntl
import os
import shutil
import stat
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path

from reconcile.state import disk

PREFIX = "reconcile-"
ALIVE = ".alive"
"""The file that a run holds a lock on."""


@contextmanager
def folder(what: str, within: Path | None) -> Iterator[Path]:
    """A folder of this run.

    Args:
        what: is kept there, as a sentence goes on: `a plan`.
        within: where to make it; the system's folder for such things when None.

    Raises:
        DiskFull, Unwritten: it cannot be made; see `disk.writing`.
    """
    place = within or Path(tempfile.gettempdir())
    with ExitStack() as ends:
        with disk.writing(what, place):
            _sweep(place)
            made = Path(tempfile.mkdtemp(prefix=PREFIX, dir=place))  # 0700: these are people
            ends.callback(shutil.rmtree, made, ignore_errors=True)
            ends.callback(os.close, _hold(made))
        yield made


def _hold(made: Path) -> int:
    """Let a folder be seen to be in use until this descriptor is closed."""
    draft = made / f"{ALIVE}.draft"
    held = os.open(draft, os.O_RDWR | os.O_CREAT, 0o600)
    # A disk that knows no locks has none to be taken over: what lies there is never cleared away by others.
    with suppress(OSError):
        fcntl.flock(held, fcntl.LOCK_EX | fcntl.LOCK_NB)
        draft.rename(made / ALIVE)  # never there without its lock
    return held


def _sweep(place: Path) -> None:
    """Clear away what killed runs of this user have left."""
    for alive in place.glob(f"{PREFIX}*/{ALIVE}"):
        with suppress(OSError):
            _clear(alive)


def _clear(alive: Path) -> None:
    found = alive.parent.lstat()
    if not stat.S_ISDIR(found.st_mode) or found.st_uid != os.getuid():  # in /tmp anybody can put a name like ours
        return
    held = os.open(alive, os.O_RDWR | os.O_NOFOLLOW)
    try:
        fcntl.flock(held, fcntl.LOCK_EX | fcntl.LOCK_NB)
        shutil.rmtree(alive.parent, ignore_errors=True)
    finally:
        os.close(held)

"""One apply an account: a file that says who is at work, taken exclusively and kept alive by a heartbeat.

A holder that is killed cannot give its lease back, so a lease without a sign of life for `DEAD` seconds is anybody's,
and one whose process is gone from this machine is so at once. A holder that slept longer than that (a closed laptop)
finds its lease taken at its next heartbeat, and ends.
"""

from __future__ import annotations

import asyncio
import fcntl
import getpass
import os
import secrets
import socket
import threading
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager, suppress
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any

import orjson

from reconcile.apply import runs
from reconcile.errors import AccountBusy

BEAT = 30.0
"""Seconds between two heartbeats."""

DEAD = 300.0
"""Seconds without a heartbeat after which a holder counts as dead."""

_LOOK = 1.0
"""Seconds between two looks at a lease that is waited for."""


@dataclass(frozen=True, slots=True)
class Holder:
    """Who holds a lease.

    Args:
        by: user@host.
        since, beat: Unix seconds: taken, and last heard of.
        token: tells two holders apart.
    """

    by: str
    host: str
    pid: int
    since: float
    beat: float
    token: str

    def is_dead(self, now: float) -> bool:
        """Whether the lease may be taken over."""
        return now - self.beat > DEAD or (self.host == socket.gethostname() and not _runs(self.pid))

    def told(self, now: float) -> str:
        """For people: who, and how long."""
        ages = (_ago(now - self.since), _ago(now - self.beat))
        return f"{self.by} (pid {self.pid}) since {ages[0]}, last heard of {ages[1]} ago"


@dataclass(slots=True)
class Lease:
    """A lease that is held, with the thread that keeps it alive: a busy event loop must not look like a dead one.

    Args:
        lost: called, from that thread, when somebody else has taken it.
    """

    path: Path
    holder: Holder
    clock: Callable[[], float]
    lost: Callable[[], object]
    _over: threading.Event = field(default_factory=threading.Event)

    def beat(self) -> bool:
        """Say that we live; False when the lease is somebody else's by now."""
        with _alone(self.path):
            found = read(self.path)
            if found is None or found.token != self.holder.token:
                return False
            _write(self.path, replace(found, beat=self.clock()))
            return True

    def keep(self) -> None:
        """Beat until it is given back."""
        while not self._over.wait(BEAT):
            with suppress(OSError):  # a full disk now is no reason to end: the next beat may be written
                if not self.beat():
                    self.lost()
                    return

    def give_back(self) -> None:
        """Let the next one in."""
        self._over.set()
        with _alone(self.path):
            found = read(self.path)
            if found is not None and found.token == self.holder.token:
                self.path.unlink()


@asynccontextmanager
async def held(
    path: Path,
    *,
    patience: float = 0.0,
    lost: Callable[[], object] = lambda: None,
    clock: Callable[[], float] = time.time,
    sleep: Callable[[float], Awaitable[Any]] = asyncio.sleep,
) -> AsyncIterator[Lease]:
    """Hold the lease of an account meanwhile.

    Args:
        path: of the lease; its folder is there.
        patience: seconds to wait for it.
        lost: called from another thread when somebody took it over.

    Raises:
        AccountBusy: somebody else holds it, and went on holding it.
    """
    until = clock() + patience
    while (other := _take(path, mine := _myself(clock()))) is not None:
        if clock() >= until:
            raise AccountBusy(
                f"Another apply is at work on this account: {other.told(clock())}.",
                hint="Wait for it, or let this one wait: --lock-timeout TIME.",
            )
        await sleep(min(_LOOK, until - clock()))
    lease = Lease(path, mine, clock, lost)
    threading.Thread(target=lease.keep, name="lease", daemon=True).start()
    try:
        yield lease
    finally:
        lease.give_back()


def read(path: Path) -> Holder | None:
    """Who holds a lease; None when nobody does, or when it cannot be told: then the file is as good as none."""
    try:
        return Holder(**orjson.loads(path.read_bytes()))
    except (FileNotFoundError, ValueError, TypeError):
        return None


def myself() -> str:
    """The person and machine that run this: `ada@laptop`."""
    try:
        user = getpass.getuser()
    except (KeyError, OSError):
        user = str(os.getuid())  # a container without a name for its user
    return f"{user}@{socket.gethostname()}"


def _myself(now: float) -> Holder:
    return Holder(myself(), socket.gethostname(), os.getpid(), now, now, secrets.token_hex(8))


def _take(path: Path, mine: Holder) -> Holder | None:
    """Take the lease if it is free; whose it is when it is not."""
    with _alone(path):
        found = read(path)
        if found is not None and not found.is_dead(mine.since):
            return found
        _write(path, mine)
        return None


def _write(path: Path, holder: Holder) -> None:
    runs.replace(path, orjson.dumps(asdict(holder), option=orjson.OPT_INDENT_2))


@contextmanager
def _alone(path: Path) -> Iterator[None]:
    """Look and write as one: two that find the same dead holder must not both take over. Ends with the process."""
    guard = os.open(path.with_suffix(".lock"), os.O_RDWR | os.O_CREAT, 0o600)
    try:
        fcntl.flock(guard, fcntl.LOCK_EX)
        yield
    finally:
        os.close(guard)


def _runs(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True


def _ago(seconds: float) -> str:
    if seconds < 120:
        return f"{max(0, int(seconds))} s"
    return f"{int(seconds // 60)} min" if seconds < 7200 else f"{seconds / 3600:.1f} h"

"""One apply an account: a record that says who is at work, written only where nobody else was first, and kept alive.

A holder that is killed cannot give its lease back, so a lease without a sign of life for `DEAD` seconds is anybody's,
and one whose process is gone from this machine is so at once. A holder that slept longer than that (a closed laptop)
finds its lease taken at its next heartbeat, and ends; so does one whose store does not take its heartbeats any more,
before anybody else may take the lease over.
"""

from __future__ import annotations

import asyncio
import getpass
import hashlib
import os
import secrets
import socket
import threading
import time
import uuid
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any

import orjson

from reconcile.apply.store import Kept, Store
from reconcile.errors import AccountBusy, StoreUnavailable

NAME = "lease.json"
"""What it is called, below the account's own key."""

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
        place: the machine, or the container on it, in which `pid` means something, see `place`.
        since, beat: Unix seconds: taken, and last heard of.
        token: tells two holders apart.
    """

    by: str
    pid: int
    since: float
    beat: float
    token: str
    place: str = ""

    def is_dead(self, now: float) -> bool:
        """Whether the lease may be taken over."""
        return now - self.beat > DEAD or (self.place == place() and not _runs(self.pid))

    def told(self, now: float) -> str:
        """For people: who, and how long."""
        ages = (_ago(now - self.since), _ago(now - self.beat))
        return f"{self.by} (pid {self.pid}) since {ages[0]}, last heard of {ages[1]} ago"


@dataclass(slots=True)
class Lease:
    """A lease that is held, with the thread that keeps it alive: a busy event loop must not look like a dead one.

    Args:
        mark: of what we last wrote, see `Store.put`.
        lost: called, from that thread, when somebody else has taken it, or will be free to.
    """

    store: Store
    key: str
    holder: Holder
    mark: str
    clock: Callable[[], float]
    lost: Callable[[], object]
    _over: threading.Event = field(default_factory=threading.Event)

    def beat(self) -> bool:
        """Say that we live; False when the lease is somebody else's by now."""
        holder = replace(self.holder, beat=self.clock())
        mark = _written(self.store, self.key, holder, over=self.mark)
        if mark is None:
            return False
        self.holder, self.mark = holder, mark
        return True

    def keep(self) -> None:
        """Beat until it is given back."""
        while not self._over.wait(BEAT):
            try:
                alive = self.beat()
            except StoreUnavailable:  # no reason to end by itself: the next beat may be heard
                alive = self.clock() - self.holder.beat < DEAD - 2 * BEAT
            if not alive and not self._over.is_set():
                self.lost()
                return

    def give_back(self) -> None:
        """Let the next one in. Where that cannot be said, the lease dies by itself."""
        self._over.set()
        with suppress(StoreUnavailable):
            if not self.store.delete(self.key, over=self.mark):  # a beat may have been under way
                kept = self.store.get(self.key)
                if kept is not None and (found := _holder(kept)) is not None and found.token == self.holder.token:
                    self.store.delete(self.key, over=kept.mark)


@asynccontextmanager
async def held(
    store: Store,
    key: str,
    *,
    patience: float = 0.0,
    lost: Callable[[], object] = lambda: None,
    clock: Callable[[], float] = time.time,
    sleep: Callable[[float], Awaitable[Any]] = asyncio.sleep,
) -> AsyncIterator[Lease]:
    """Hold the lease of an account meanwhile.

    Args:
        key: of the lease.
        patience: seconds to wait for it.
        lost: called from another thread when somebody took it over.

    Raises:
        AccountBusy: somebody else holds it, and went on holding it.
        StoreUnavailable: the store cannot be reached.
    """
    until = clock() + patience
    while isinstance(other := _take(store, key, mine := _myself(clock())), Holder):
        if clock() >= until:
            raise AccountBusy(
                f"Another apply is at work on this account: {other.told(clock())}.",
                hint="Wait for it, or let this one wait: --lock-timeout TIME.",
            )
        await sleep(min(_LOOK, until - clock()))
    lease = Lease(store, key, mine, other, clock, lost)
    threading.Thread(target=lease.keep, name="lease", daemon=True).start()
    try:
        yield lease
    finally:
        lease.give_back()


def read(store: Store, key: str) -> Holder | None:
    """Who holds a lease; None when nobody does, or when it cannot be told: then the record is as good as none."""
    kept = store.get(key)
    return _holder(kept) if kept else None


def myself() -> str:
    """The person and machine that run this: `ada@laptop`."""
    try:
        user = getpass.getuser()
    except (KeyError, OSError):
        user = str(os.getuid())  # a container without a name for its user
    return f"{user}@{socket.gethostname()}"


def place() -> str:
    """Where process ids are told apart from those of everywhere else: containers often share the name of a host."""
    parts = [socket.gethostname(), f"{uuid.getnode():x}"]
    with suppress(OSError):  # Linux: since when the machine is up, and which of its worlds of processes this is
        parts += [Path("/proc/sys/kernel/random/boot_id").read_text(), os.readlink("/proc/self/ns/pid")]  # noqa: PTH115 -- no file
    return hashlib.sha256("\0".join(parts).encode()).hexdigest()[:16]


def _myself(now: float) -> Holder:
    return Holder(myself(), os.getpid(), now, now, secrets.token_hex(8), place())


def _take(store: Store, key: str, mine: Holder) -> Holder | str:
    """Take the lease if it is free, and have its mark; whose it is when it is not."""
    while True:
        kept = store.get(key)
        found = _holder(kept) if kept else None
        if found is not None and not found.is_dead(mine.since):
            return found
        mark = _written(store, key, mine, over=kept.mark if kept else None)
        if mark is not None:
            return mark


def _written(store: Store, key: str, holder: Holder, *, over: str | None) -> str | None:
    """The record's new mark; None when somebody else was first.

    An answer may be lost and the write repeated by the library: then what was first was our own.
    """
    mark = store.put(key, orjson.dumps(asdict(holder), option=orjson.OPT_INDENT_2), over=over)
    if mark is None and (kept := store.get(key)) is not None:
        found = _holder(kept)
        return kept.mark if found is not None and found.token == holder.token else None
    return mark


def _holder(kept: Kept) -> Holder | None:
    try:
        return Holder(**orjson.loads(kept.content))
    except (ValueError, TypeError):
        return None


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

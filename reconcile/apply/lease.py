"""One apply an account: a record that says who is at work, written only where nobody else was first, and kept alive.

A holder that is killed cannot give its lease back, so a lease without a sign of life for `DEAD` seconds is anybody's,
and one whose process is gone from this machine is so at once. A holder that slept longer than that (a closed laptop)
finds its lease taken at its next heartbeat, and ends; so does one whose store does not take its heartbeats any more,
before anybody else may take the lease over.

Where the date of a heartbeat says nothing (its clock is ahead of ours, or the record is damaged), only watching tells:
a record that stayed the same for `DEAD` seconds, while we waited for it, is of a dead holder. A record of a later
version is never taken over, as its rules are not known here. Whoever knows better frees a lease by hand:
`reconcile lease --free`.
"""

from __future__ import annotations

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
from typing import Annotated, Any

import orjson
from pydantic import Field, TypeAdapter, ValidationError
from pydantic.dataclasses import dataclass as checked_dataclass

from reconcile.apply.records import Damaged, dump_record, load_record
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

_AHEAD = 60.0
"""Seconds by which another machine's clock may be ahead of ours; beyond that its dates say nothing."""

_Moment = Annotated[float, Field(ge=0, le=1e11, allow_inf_nan=False)]
_Name = Annotated[str, Field(max_length=1000)]


@checked_dataclass(frozen=True, slots=True)
class Holder:
    """Who holds a lease.

    Args:
        by: user@host.
        place: the machine, or the container on it, in which `pid` means something, see `place`.
        since, beat: Unix seconds: taken, and last heard of.
        token: tells two holders apart.
    """

    by: _Name
    pid: Annotated[int, Field(ge=1, le=2**31 - 1)]
    since: _Moment
    beat: _Moment
    token: _Name
    place: _Name = ""

    def is_dead(self, now: float) -> bool:
        """Whether the lease may be taken over."""
        return now - self.beat > DEAD or (self.place == place() and not _runs(self.pid))

    def is_ahead(self, now: float) -> bool:
        """Whether the holder's clock is so far ahead of ours that its dates say nothing."""
        return self.beat - now > _AHEAD

    def told(self, now: float) -> str:
        """For people: who, and how long."""
        if self.is_ahead(now):
            return f"{self.by} (pid {self.pid}), whose clock is {_ago(self.beat - now)} ahead of this machine's"
        ages = (_ago(now - self.since), _ago(now - self.beat))
        return f"{self.by} (pid {self.pid}) since {ages[0]}, last heard of {ages[1]} ago"


_HOLDER = TypeAdapter(Holder)
_KEYS = frozenset(Holder.__dataclass_fields__)


@dataclass(frozen=True, slots=True)
class Record:
    """What is kept of a lease.

    Args:
        holder: who holds it; None where the record is damaged.
        later: a later version of reconcile wrote it.
        mark: of the record, see `Store.put`.
    """

    holder: Holder | None
    later: bool
    mark: str

    def is_dead(self, now: float, watched: float) -> bool:
        """Whether the lease may be taken over.

        Args:
            watched: seconds for which the record did not change, while we looked.
        """
        if self.later:
            return False
        if watched > DEAD:
            return True
        return self.holder is not None and self.holder.is_dead(now)

    def told(self, now: float) -> str:
        """For people: who, and how long, or why nobody can say."""
        if self.later:
            return "the lease is of a later version of reconcile" + (
                f", held by {self.holder.told(now)}" if self.holder else ""
            )
        return self.holder.told(now) if self.holder else "the lease is damaged, so nobody can say whose"


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
                if kept is not None and _is_of(kept, self.holder):
                    self.store.delete(self.key, over=kept.mark)


_HELD: dict[int, Lease] = {}
"""What this process holds now."""


@asynccontextmanager
async def held(
    store: Store,
    key: str,
    *,
    patience: float = 0.0,
    lost: Callable[[], object] = lambda: None,
    clock: Callable[[], float] = time.time,
    sleep: Callable[[float], Awaitable[Any]] | None = None,
) -> AsyncIterator[Lease]:
    """Hold the lease of an account meanwhile.

    Args:
        key: of the lease.
        patience: seconds to wait for it.
        sleep: waits; the loop's own when None.
        lost: called from another thread when somebody took it over.

    Raises:
        AccountBusy: somebody else holds it, and went on holding it.
        StoreUnavailable: the store cannot be reached.
    """
    import asyncio  # to read who holds it takes no loop

    until = clock() + patience
    watched, since = "", clock()
    while isinstance(other := _take(store, key, mine := _myself(clock()), (watched, clock() - since)), Record):
        if other.mark != watched:
            watched, since = other.mark, clock()
        if clock() >= until:
            raise _busy(store, key, other, clock())
        await (sleep or asyncio.sleep)(min(_LOOK, until - clock()))
    lease = Lease(store, key, mine, other, clock, lost)
    threading.Thread(target=lease.keep, name="lease", daemon=True).start()
    _HELD[id(lease)] = lease
    try:
        yield lease
    finally:
        lease.give_back()
        _HELD.pop(id(lease), None)


def give_back_all() -> None:
    """Give back what this process holds, as it is about to end without its `finally` blocks."""
    for lease in [*_HELD.values()]:
        lease.give_back()


def read(store: Store, key: str) -> Record | None:
    """What is kept of a lease; None when nobody holds it.

    Raises:
        StoreUnavailable: the store cannot be reached.
    """
    kept = store.get(key)
    return _record(kept) if kept else None


def free(store: Store, key: str, record: Record) -> bool:
    """Take a lease from whoever holds it; False when the record changed meanwhile.

    A holder that is alive finds out at its next heartbeat, and ends.

    Raises:
        StoreUnavailable: the store cannot be reached.
    """
    return store.delete(key, over=record.mark)


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


def _take(store: Store, key: str, mine: Holder, watched: tuple[str, float]) -> Record | str:
    """Take the lease if it is free, and have its mark; the record of who holds it when it is not.

    Args:
        watched: the mark of a record, and for how many seconds it was seen to stay.
    """
    while True:
        kept = store.get(key)
        found = _record(kept) if kept else None
        if found is not None:
            stayed = watched[1] if found.mark == watched[0] else 0.0
            if not found.is_dead(mine.since, stayed):
                return found
        mark = _written(store, key, mine, over=kept.mark if kept else None)
        if mark is not None:
            return mark


def _written(store: Store, key: str, holder: Holder, *, over: str | None) -> str | None:
    """The record's new mark; None when somebody else was first.

    An answer may be lost and the write repeated by the library: then what was first was our own.
    """
    mark = store.put(key, dump_record(asdict(holder)), over=over)
    if mark is None and (kept := store.get(key)) is not None:
        return kept.mark if _is_of(kept, holder) else None
    return mark


def _record(kept: Kept) -> Record:
    try:
        said = load_record(kept.content)
        holder = _HOLDER.validate_json(orjson.dumps({name: said[name] for name in said.keys() & _KEYS}), strict=True)
    except Damaged:
        return Record(None, later=False, mark=kept.mark)
    except ValidationError:
        return Record(None, later=not said.keys() <= _KEYS, mark=kept.mark)
    return Record(holder, later=not said.keys() <= _KEYS, mark=kept.mark)


def _is_of(kept: Kept, holder: Holder) -> bool:
    found = _record(kept).holder
    return found is not None and found.token == holder.token


def _busy(store: Store, key: str, found: Record, now: float) -> AccountBusy:
    """Why the lease is not ours, and what to do."""
    where, by_hand = f"{store.told} ({key})", "`reconcile lease SPEC --free` frees it on purpose"
    told = found.told(now)
    if found.later:
        return AccountBusy(
            f"{told[:1].upper()}{told[1:]}, in {where}. It is not taken over.",
            hint=f"Use that version. Where no apply is at work, {by_hand}.",
        )
    minutes = f"{DEAD / 60 + 1:.0f}m"
    if found.holder is None:
        return AccountBusy(
            f"{told[:1].upper()}{told[1:]}, in {where}; another apply may be at work on this account.",
            hint=f"With --lock-timeout {minutes} it is taken over if nobody writes to it for {DEAD / 60:.0f} minutes."
            f" Where no apply is at work, {by_hand}.",
        )
    hint = "Wait for it, or let this one wait: --lock-timeout TIME."
    if found.holder.is_ahead(now):
        hint = (
            f"With --lock-timeout {minutes} it is taken over if it gives no sign of life for {DEAD / 60:.0f} minutes."
            f" Where no apply is at work, {by_hand}."
        )
    return AccountBusy(f"Another apply is at work on this account: {told}.", hint=hint)


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

"""What of the machine a run may take: memory of the whole process, and threads that go with it.

A container's limits count, not its host's: cgroups of version 2 and 1 are asked, and those above them.
"""

from __future__ import annotations

import math
import os
import re
from dataclasses import dataclass
from pathlib import Path

from reconcile.errors import LimitUnfit

MIB = 2**20
OURS = 320 * MIB
"""What a process takes before and beside the engine's tables: Python, Ibis and Arrow 230 MiB, and what the engine does
not count, such as its readers' buffers (measured at ten million)."""

LEAST = 384 * MIB
"""The smallest limit to work with: below it nothing is left for the engine to sort and join in."""

SHARE = 0.5
"""Of the machine's memory, unless somebody says otherwise."""

PER_THREAD = 128 * MIB
"""Memory of the engine for each of its threads: every one of them holds buffers of its own."""

LENT = 3
"""A source's engine sorts and joins for a query of its own, while ours only takes in what comes: the third part."""

_UNITS = {"MB": 10**6, "GB": 10**9, "TB": 10**12, "MIB": MIB, "GIB": 2**30, "TIB": 2**40}
_LIMIT = re.compile(r"([0-9]+(?:\.[0-9]+)?)\s*([MGT]I?B|%)", re.IGNORECASE)
_SYSTEM = Path("/")


@dataclass(frozen=True, slots=True)
class Capacity:
    """What a run may take.

    Args:
        memory: bytes of the process as a whole, as `ps` or a container counts them.
        threads: of the engine.
    """

    memory: int
    threads: int

    @property
    def engine(self) -> int:
        """Bytes for the engine: what is left beside ourselves."""
        return max(self.memory - OURS, LEAST - OURS)

    @property
    def lent(self) -> tuple[int, int]:
        """Bytes of these, and threads, for the engine that a source is read with, as long as it is read."""
        memory = self.engine // LENT
        return memory, max(1, min(memory // PER_THREAD, self.threads))


def of(limit: str | None = None, *, most: int | None = None) -> Capacity:
    """The capacity that a limit gives.

    Args:
        limit: such as `2GB`, `1.5GiB` or `60%` (of the machine, or of its container); half of that when None.
        most: bytes that are enough, where no limit is given.

    Raises:
        LimitUnfit: it cannot be read, is too small to work with, or is more than there is.
    """
    there = memory()
    chosen = max(int(there * SHARE), LEAST) if limit is None else _read(limit, there)
    if limit is None and most is not None:
        chosen = min(chosen, most)
    threads = (chosen - OURS) // PER_THREAD
    return Capacity(chosen, max(1, min(threads, processors())))


def _read(limit: str, there: int) -> int:
    found = _LIMIT.fullmatch(limit.strip())
    if found is None:
        raise LimitUnfit(f"{limit!r} is no memory limit.", hint="Write it like 2GB, 1.5GiB, 800MB or 60%.")
    number, unit = float(found[1]), found[2].upper()
    size = int(there * number / 100) if unit == "%" else int(number * _UNITS[unit])
    if size < LEAST:
        raise LimitUnfit(
            f"A memory limit of {limit} ({size // MIB:,} MiB) is too small to work with.",
            hint=f"It is for the whole process, and {LEAST // MIB} MiB is the least; larger plans spill to disk.",
        )
    if size > there:
        raise LimitUnfit(
            f"A memory limit of {limit} is more than there is ({there // MIB:,} MiB, containers' limits counted).",
            hint="Give it less: a process that takes more than there is is killed in the middle of its work.",
        )
    return size


def memory(system: Path = _SYSTEM) -> int:
    """Bytes of memory there are, for this machine or the container on it."""
    physical = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    told = [*_told(system, "memory.max", ""), *_told(system, "memory.limit_in_bytes", "memory")]
    return min([physical, *(int(one) for one in told if one.isdigit())])


def processors(system: Path = _SYSTEM) -> int:
    """Processors that this process may use; a container's share counts as so many, rounded up."""
    try:
        there = len(os.sched_getaffinity(0))
    except AttributeError:  # only Linux knows
        there = os.cpu_count() or 1
    quotas = [tuple(one.split()) for one in _told(system, "cpu.max", "")]
    quotas += zip(_told(system, "cpu.cfs_quota_us", "cpu"), _told(system, "cpu.cfs_period_us", "cpu"), strict=False)
    shares = [math.ceil(int(quota) / int(period)) for quota, period in quotas if quota.isdigit()]
    return max(1, min([there, *shares]))


def _told(system: Path, name: str, controller: str) -> list[str]:
    """What the control groups of this process say, its own first: version 2 for `controller` "", else version 1.

    Inside a container the path that `/proc` tells may be the host's; then the root of what is mounted is our own.
    """
    mounted = system / "sys/fs/cgroup" / controller
    own = mounted / _group(system, controller)
    folders = [own, *(folder for folder in own.parents if folder.is_relative_to(mounted))]
    return [text for folder in folders if (text := _text(folder / name))]


def _group(system: Path, controller: str) -> str:
    """This process's control group, relative to where it is mounted."""
    for line in _text(system / "proc/self/cgroup").splitlines():
        _, controllers, path = line.split(":", 2)
        if controller in controllers.split(","):
            return path.strip().lstrip("/")
    return ""


def _text(path: Path) -> str:
    try:
        return path.read_text(encoding="ascii").strip()
    except OSError:
        return ""

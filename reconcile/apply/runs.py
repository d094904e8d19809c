"""Where a run keeps what it says: a folder for each plan file that is applied, readable by its owner alone.

    .reconcile/shop/lease.json                                    who is at work on the account, see `apply.lease`
    .reconcile/shop/runs/20260301T120000Z-5f0c9d7be1a24c33/       a plan: when it was made, and its id
        plan.json         what its plan said: kind, counts, causes
        journal.ndjson    what was intended and what came of it, for whoever goes on
        events.ndjson     what was told meanwhile
        report.json       what came of it all
        plan.rplan        the plan itself, where it is sealed

No person is in any of them, but as a mask; in a sealed plan only for those who hold an identity of it.
"""

from __future__ import annotations

import hashlib
import os
import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import IO

from reconcile.plan.model import Face
from reconcile.state import disk

SEALED = "plan.rplan"
"""What a sealed plan is called beside its run."""
FACTS, REPORT = "plan.json", "report.json"
"""What is kept of a plan's summary, and what came of the run."""
_WHAT, _HINT = "the state of the run", "Make room there, or name another place for it: --state."
_ODD = re.compile(r"[^A-Za-z0-9_-]+")


@dataclass(frozen=True, slots=True)
class Run:
    """The places of one run.

    Args:
        account: the account's folder.
        name: when the plan was made, and its id: a plan of equal content that is made later is another run.
    """

    account: Path
    name: str

    @property
    def folder(self) -> Path:
        """The run's own folder."""
        return self.account / "runs" / self.name

    @property
    def journal(self) -> Path:
        """See `apply.journal`."""
        return self.folder / "journal.ndjson"

    @property
    def plan(self) -> Path:
        """See `apply.history.facts`."""
        return self.folder / FACTS

    @property
    def sealed(self) -> Path:
        """The plan's file, kept only where it is sealed."""
        return self.folder / SEALED

    @property
    def events(self) -> Path:
        """What was told, a JSON object a line."""
        return self.folder / "events.ndjson"

    @property
    def report(self) -> Path:
        """What came of the last attempt that ended by itself."""
        return self.folder / REPORT

    def make(self) -> None:
        """Make the folders.

        Raises:
            DiskFull, Unwritten: they cannot be made.
        """
        with disk.writing(_WHAT, self.folder, hint=_HINT):
            make(self.folder, self.account.parent)

    def write(self, path: Path, content: bytes) -> None:
        """Write one of its files, whole or not at all.

        Raises:
            DiskFull, Unwritten: it cannot be written.
        """
        with disk.writing(_WHAT, path, hint=_HINT):
            replace(path, content)

    def key(self, path: Path) -> str:
        """What one of its files is called in a store."""
        return path.relative_to(self.account.parent).as_posix()


def make(folder: Path, root: Path) -> None:
    """Make folders up to a root, each for its owner alone, and keep them out of git."""
    between = [one for one in folder.parents if one.is_relative_to(root)]
    for one in reversed((folder, *between)):
        one.mkdir(mode=0o700, parents=True, exist_ok=True)
    ignore = root / ".gitignore"
    if not ignore.exists():
        ignore.write_text("*\n", encoding="utf-8")


def key(name: str, *parts: str) -> str:
    """What something of an account is called in a store: `shop/lease.json`."""
    return "/".join((_folder(name), *parts))


def named(name: str, environment: str | None, ending: str) -> str:
    """What an environment has for itself, where it shares an account: `sources.staging.json`."""
    return f"{name}.{environment}.{ending}" if environment else f"{name}.{ending}"


def of(state: Path, face: Face) -> Run:
    """The run of a plan."""
    made = datetime.fromisoformat(face.created_at).astimezone(UTC)
    return Run(state / key(face.account.name), f"{made:%Y%m%dT%H%M%SZ}-{face.plan_id}")


@contextmanager
def appended(path: Path) -> Iterator[IO[bytes]]:
    """A file of the owner's alone, to append to.

    Raises:
        DiskFull, Unwritten: it cannot be written.
    """
    with disk.writing(_WHAT, path, hint=_HINT):
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
    with os.fdopen(descriptor, "ab", buffering=0) as file:
        yield file


def replace(path: Path, content: bytes) -> None:
    """Write a file of the owner's alone, whole or not at all."""
    with disk.replacing(path) as file:
        file.write(content)


def _folder(name: str) -> str:
    """An account's name as the name of a folder; two names never share one."""
    plain = _ODD.sub("_", name)
    return plain if plain == name else f"{plain}-{hashlib.sha256(name.encode()).hexdigest()[:8]}"

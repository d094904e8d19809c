"""An account that is too large to be held: the simulator answers, and its exports are files that are there already.

The simulator keeps every profile as objects, some 2 KiB each here; ten million would not fit. What a plan asks of an
account is its lists, their exports, and one profile by sid: that much is answered here. Nothing can be written.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import shops

from reconcile.simulator import Simulator, jobs, work
from reconcile.simulator.files import File
from reconcile.simulator.model import Profile


class Written(File):
    """An export's file that takes whole files instead of pieces, without a copy."""

    def append(self, chunk: Any) -> None:
        """Be the file at this path."""
        self._disk = Path(chunk).open("rb", buffering=0)  # noqa: SIM115 -- closed when the last reader lets go
        self.size = Path(chunk).stat().st_size


class _Export:
    """Stands for `exports.Export`: a single piece, which is the path of it all."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def chunks(self) -> list[Path]:
        return [self._path]


def serve(sim: Simulator, folder: Path) -> None:
    """Have this simulator export the files of a shop."""
    shop, second = shops.Made(folder, 0), int(sim.clock())
    for name in shops.list_names():
        sim.account.add_list(name, second)
    jobs.File = Written  # type: ignore[misc]
    work.Export = lambda mail_list, *_: _Export(shop.export(mail_list.name))  # type: ignore[assignment, misc]
    sim.account.find = _found  # type: ignore[method-assign]


def _found(kind: str, value: str) -> Profile | None:
    """Everybody who is asked for by sid, in name only."""
    return Profile(value, shops.email_of(value), 0, 0) if kind == "sid" else None

"""The files of exports, ready to be fetched.

Written once, to a temporary file when large, and sent with their length.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from dataclasses import dataclass
from tempfile import SpooledTemporaryFile
from typing import TYPE_CHECKING, Final

from reconcile.simulator.exports import Export

if TYPE_CHECKING:
    from reconcile.simulator.simulator import Simulator

_IN_MEMORY: Final = 8 * 1024 * 1024
_CHUNK: Final = 256 * 1024


@dataclass(slots=True)
class Download:
    """A file on its way: its name and all of its bytes, which may be more than memory should hold."""

    filename: str
    content: SpooledTemporaryFile[bytes]
    size: int
    arriving: int

    @property
    def breaks_off(self) -> bool:
        """Whether not all of it arrives, although all of it is announced."""
        return self.arriving < self.size

    @property
    def headers(self) -> dict[str, str]:
        """As the store of the real API sends them (SAILTHRU.md §9.3)."""
        return {
            "content-type": "text/csv; charset=utf-8",
            "content-disposition": f"attachment; filename={self.filename}",
            "content-length": str(self.size),
        }

    def chunks(self) -> Iterator[bytes]:
        """The bytes that arrive, in pieces."""
        left = self.arriving
        with self.content as content:
            while chunk := content.read(min(left, _CHUNK)):
                left -= len(chunk)
                yield chunk


async def download(sim: Simulator, token: str) -> Download | None:
    """The file at this URL, or None where there is none (any more)."""
    job = sim.jobs.download(token, sim.tick())
    if job is None or job.export is None:
        return None
    content, size = await asyncio.to_thread(_written, job.export)
    return Download(job.work.filename or "export.csv", content, size, sim.mischief.cut(token, size))


def _file() -> SpooledTemporaryFile[bytes]:
    """A file that vanishes when it is closed or forgotten; whoever sends it closes it."""
    return SpooledTemporaryFile(_IN_MEMORY)


def _written(export: Export) -> tuple[SpooledTemporaryFile[bytes], int]:
    content = _file()
    for chunk in export.chunks():
        content.write(chunk)
    size = content.tell()
    content.seek(0)
    return content, size

"""An exported file on its way to who fetches it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from reconcile.simulator.files import File

_CHUNK: Final = 256 * 1024


@dataclass(frozen=True, slots=True)
class Download:
    """A file on its way: its name, its content, and how many of its bytes will arrive."""

    filename: str
    file: File
    arriving: int

    @property
    def breaks_off(self) -> bool:
        """Whether not all of it arrives, although all of it is announced."""
        return self.arriving < self.file.size

    @property
    def headers(self) -> dict[str, str]:
        """As the store of the real API sends them (SAILTHRU.md §9.3)."""
        return {
            "content-type": "text/csv; charset=utf-8",
            "content-disposition": f"attachment; filename={self.filename}",
            "content-length": str(self.file.size),
        }

    def chunks(self) -> Iterator[bytes]:
        """The bytes that arrive, in pieces."""
        for start in range(0, self.arriving, _CHUNK):
            yield self.file.read(start, min(_CHUNK, self.arriving - start))

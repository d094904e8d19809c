"""A file that an export is written to: in memory while it is small, else a temporary file without a name."""

from __future__ import annotations

import os
from tempfile import TemporaryFile
from typing import IO, Final

_IN_MEMORY: Final = 8 * 1024 * 1024


class File:
    """Bytes that are appended once, and read by as many readers as come, each from where it is.

    Attributes:
        size: how many bytes have been appended.
    """

    def __init__(self) -> None:
        self.size = 0
        self._memory = bytearray()
        self._disk: IO[bytes] | None = None

    def append(self, chunk: bytes) -> None:
        """Add to the end."""
        self.size += len(chunk)
        if self._disk is None and self.size > _IN_MEMORY:
            self._disk = TemporaryFile(buffering=0)  # noqa: SIM115 - closed when the last reader lets go
            self._write(self._disk, self._memory)
            self._memory = bytearray()
        if self._disk is None:
            self._memory += chunk
        else:
            self._write(self._disk, chunk)

    def _write(self, disk: IO[bytes], chunk: bytes | bytearray) -> None:
        """All of it: one write to an unbuffered file may take less."""
        view = memoryview(chunk)
        while view:
            view = view[disk.write(view) :]

    def read(self, start: int, length: int) -> bytes:
        """So many bytes from there, or what is left."""
        if self._disk is None:
            return bytes(self._memory[start : start + length])
        return os.pread(self._disk.fileno(), length, start)

    def __del__(self) -> None:
        if self._disk is not None:
            self._disk.close()

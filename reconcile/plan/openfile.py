"""A file that is opened once and stays open: what was checked is what is read.

Its name may lead to another file by now. The file itself may be written to, so what is read again is held against the
digests of what was checked, piece by piece, before anybody has it.
"""

from __future__ import annotations

import errno
import hashlib
import io
import os
import stat
import weakref
from collections.abc import Iterator
from pathlib import Path
from typing import IO, Any

PIECE = 1 << 20
"""Bytes that are read, checked and handed on at once."""


class Changed(Exception):
    """What is read is not what was checked."""


class OpenFile:
    """A file that is read at any place by any number of readers, as long as one of them is there."""

    def __init__(self, descriptor: int) -> None:
        """Take over a descriptor; it is closed with the last reader."""
        self.descriptor = descriptor
        weakref.finalize(self, os.close, descriptor)

    @classmethod
    def open(cls, path: Path) -> OpenFile:
        """Open a file to be read.

        Raises:
            OSError: it cannot be, or is a folder.
        """
        found = cls(os.open(path, os.O_RDONLY | os.O_CLOEXEC))
        if stat.S_ISDIR(os.fstat(found.descriptor).st_mode):
            raise IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR), str(path))
        return found

    @classmethod
    def of(cls, file: IO[bytes]) -> OpenFile:
        """The same file as one that is open already, whatever becomes of that."""
        return cls(os.dup(file.fileno()))

    def reader(self) -> IO[bytes]:
        """A reader with a place of its own."""
        return io.BufferedReader(_Reader(self), PIECE)

    @property
    def stamp(self) -> tuple[int, int, int]:
        """Another one after the file was written to: its size, and when content and inode were last changed."""
        found = os.fstat(self.descriptor)
        return found.st_size, found.st_mtime_ns, found.st_ctime_ns


class _Reader(io.RawIOBase):
    def __init__(self, file: OpenFile) -> None:
        self._file, self._place = file, 0

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def seek(self, offset: int, whence: int = os.SEEK_SET) -> int:
        start = {os.SEEK_SET: 0, os.SEEK_CUR: self._place, os.SEEK_END: self._file.stamp[0]}[whence]
        if start + offset < 0:
            raise OSError("before the beginning of the file")
        self._place = start + offset
        return self._place

    def tell(self) -> int:
        return self._place

    def readinto(self, buffer: Any) -> int:
        count = os.preadv(self._file.descriptor, [buffer], self._place)
        self._place += count
        return count


class Digests:
    """Digests of a content from its beginning to the end of each piece, taken while it passes through.

    It stands in for the stream that is read or written, so that nothing is read twice for it.
    """

    closed = False

    def __init__(self, stream: IO[bytes]) -> None:
        """Take digests of what is read from a stream, or written to it."""
        self._stream, self._hash, self._size = stream, hashlib.sha256(), 0
        self._prefixes: list[bytes] = []

    def read(self, size: int = -1) -> bytes:
        """Read on."""
        content = self._stream.read(size)
        self._add(memoryview(content))
        return content

    def write(self, content: Any) -> int:
        """Write on."""
        view = memoryview(content).cast("B")
        self._add(view)
        return self._stream.write(view)

    def flush(self) -> None:
        """Nothing is held back here."""

    def close(self) -> None:
        """The stream is for its owner to close."""

    def finish(self) -> tuple[bytes, ...]:
        """The digests, that of the whole content last; what was not read yet is read for them."""
        if self._stream.readable():
            while self.read(PIECE):
                pass
        return (*self._prefixes, self._hash.digest())

    def _add(self, view: memoryview) -> None:
        while view:
            part = view[: PIECE - self._size % PIECE]
            self._hash.update(part)
            self._size += len(part)
            if self._size % PIECE == 0:
                self._prefixes.append(self._hash.digest())
            view = view[len(part) :]


def checked(stream: IO[bytes], digests: tuple[bytes, ...]) -> Iterator[bytes]:
    """A content in pieces, each handed on when it and all before it are what was checked.

    Raises:
        Changed: a piece is not, or there are fewer or more.
    """
    taken = hashlib.sha256()
    for last, digest in zip((*[False] * (len(digests) - 1), True), digests, strict=True):
        piece = stream.read(PIECE)
        taken.update(piece)
        if taken.digest() != digest or (last and stream.read(1)):
            raise Changed
        yield piece


class Stream:
    """Pieces as a stream, for a library that asks for so many bytes at a time.

    Attributes:
        error: why there were no more pieces; libraries may put an error of their own in its place.
    """

    closed = False

    def __init__(self, pieces: Iterator[bytes]) -> None:
        """Read from these pieces, each when its turn comes."""
        self._pieces, self._rest = pieces, memoryview(b"")
        self.error: Exception | None = None

    def read(self, size: int = -1) -> bytes:
        """The next bytes, up to so many; all of them when negative."""
        if size < 0:
            return bytes(self._rest) + b"".join(iter(self._next, b""))
        if not self._rest:
            self._rest = memoryview(self._next())
        taken, self._rest = self._rest[:size], self._rest[size:]
        return bytes(taken)

    def close(self) -> None:
        """The pieces are for their owner to close."""

    def _next(self) -> bytes:
        try:
            return next(self._pieces, b"")
        except Exception as error:
            self.error = error
            raise

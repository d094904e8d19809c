"""A file that is opened once and stays open: what was checked is what is read.

Its name may lead to another file by now. The file itself may be written to, so each piece that is read is compared with
the digest that was taken of it when the file was checked, before anybody has it.
"""

from __future__ import annotations

import errno
import hashlib
import io
import os
import stat
import weakref
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

PIECE = 1 << 20
"""Bytes that are read, checked and handed on at once."""


class Changed(Exception):
    """What is read is not what was checked."""


class NoFile(OSError):
    """It is neither a file nor a folder: a pipe, a socket or a device."""


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
            OSError: it cannot be, or is no regular file.
        """
        found = cls(os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK))  # a pipe without a writer does not block
        mode = os.fstat(found.descriptor).st_mode
        if stat.S_ISDIR(mode):
            raise IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR), str(path))
        if not stat.S_ISREG(mode):
            raise NoFile(errno.EINVAL, os.strerror(errno.EINVAL), str(path))
        return found

    @classmethod
    def of(cls, file: IO[bytes]) -> OpenFile:
        """The same file as one that is open already, whatever becomes of that."""
        return cls(os.dup(file.fileno()))

    @property
    def stamp(self) -> tuple[int, int, int]:
        """Another one after the file was written to: its size, and when content and inode were last changed."""
        found = os.fstat(self.descriptor)
        return found.st_size, found.st_mtime_ns, found.st_ctime_ns

    @property
    def size(self) -> int:
        """How many bytes it has now."""
        return os.fstat(self.descriptor).st_size

    def read_at(self, place: int, count: int) -> bytes:
        """So many bytes from a place; fewer where the file ends."""
        found = b""
        while len(found) < count and (more := os.pread(self.descriptor, count - len(found), place + len(found))):
            found += more
        return found


@dataclass(frozen=True, slots=True)
class Content:
    """What a file held when it was checked: its bytes can be read again, or an error says that they are others now.

    Args:
        size: how many bytes.
        digests: of its pieces, in order.
        stamp: of the file before the first of them was read.
    """

    file: OpenFile
    size: int
    digests: tuple[bytes, ...]
    stamp: tuple[int, int, int]

    @classmethod
    def of(cls, file: OpenFile, take: Callable[[bytes], None] | None = None) -> Content:
        """Read a file once from its beginning to its end.

        Args:
            take: is given each piece of it.
        """
        stamp = file.stamp  # before all else: what is written from now on is seen
        size, digests = stamp[0], []
        for place in range(0, size, PIECE):
            piece = file.read_at(place, min(PIECE, size - place))
            digests.append(_digest(piece))
            if take is not None:
                take(piece)
        return cls(file, size, tuple(digests), stamp)

    def taken_again(self, place: int) -> Content:
        """The same after its file was written to by us, in the bytes from a place on."""
        first, stamp = place // PIECE, self.file.stamp
        last = range(first * PIECE, self.size, PIECE)
        digests = (_digest(self.file.read_at(one, min(PIECE, self.size - one))) for one in last)
        return Content(self.file, self.size, (*self.digests[:first], *digests), stamp)

    def reader(self) -> IO[bytes]:
        """A reader with a place of its own; it raises `Changed` where the file is not what was checked."""
        return io.BufferedReader(_Reader(self), PIECE)

    def pieces(self) -> Iterator[bytes]:
        """All of it.

        Raises:
            Changed: it is not what was checked.
        """
        for number in range(len(self.digests)):
            yield self.piece(number)

    def piece(self, number: int) -> bytes:
        """One piece of it.

        Raises:
            Changed: it is not what was checked, or the file has another size.
        """
        place = number * PIECE
        found = self.file.read_at(place, min(PIECE, self.size - place))
        if self.file.size != self.size or _digest(found) != self.digests[number]:
            raise Changed
        return found


class _Reader(io.RawIOBase):
    def __init__(self, content: Content) -> None:
        self._content, self._place = content, 0
        self._piece: tuple[int, bytes] = (-1, b"")

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def seek(self, offset: int, whence: int = os.SEEK_SET) -> int:
        start = {os.SEEK_SET: 0, os.SEEK_CUR: self._place, os.SEEK_END: self._content.size}[whence]
        if start + offset < 0:
            raise OSError("before the beginning of the file")
        self._place = start + offset
        return self._place

    def tell(self) -> int:
        return self._place

    def readinto(self, buffer: Any) -> int:
        if self._place >= self._content.size:
            return 0
        number, begin = divmod(self._place, PIECE)
        if self._piece[0] != number:
            self._piece = number, self._content.piece(number)
        found = memoryview(self._piece[1])[begin : begin + len(buffer)]
        buffer[: len(found)] = found
        self._place += len(found)
        return len(found)


def _digest(piece: bytes) -> bytes:
    return hashlib.blake2b(piece, digest_size=32).digest()


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

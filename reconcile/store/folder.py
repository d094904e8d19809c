"""A folder of this machine as a store: readable by its owner alone, and kept out of git."""

from __future__ import annotations

import fcntl
import hashlib
import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from reconcile.apply import runs
from reconcile.apply.store import Kept, raise_if_too_large
from reconcile.errors import StoreUnavailable, StoreUnwritable
from reconcile.state import disk

_LOCK = ".lock"


@dataclass(frozen=True, slots=True)
class Folder:
    """Keys are paths below a root; the mark of a content is its digest. Satisfies `apply.store.Store`."""

    root: Path
    shown: str | None = None

    @property
    def told(self) -> str:
        """The path as it was given, or what is shown in its place."""
        return f"the folder {self.shown or self.root}"

    @property
    def local(self) -> Path | None:
        """Itself."""
        return self.root

    def get(self, key: str) -> Kept | None:
        """The file."""
        with self._told():
            try:
                with (self.root / key).open("rb") as file:
                    raise_if_too_large(self.told, key, os.fstat(file.fileno()).st_size)
                    content = file.read()
            except (FileNotFoundError, NotADirectoryError):
                return None
        return Kept(content, _mark(content))

    def put(self, key: str, content: bytes, *, over: str | None) -> str | None:
        """Look and write as one, behind a lock that ends with the process."""
        with self._told(StoreUnwritable), self._alone(key) as path:
            found = self.get(key)
            if (found and found.mark) != over:
                return None
            runs.replace(path, content)
        return _mark(content)

    def replace(self, key: str, content: bytes) -> None:
        """Whatever was there."""
        with self._told(StoreUnwritable), self._alone(key) as path:
            runs.replace(path, content)

    def delete(self, key: str, *, over: str) -> bool:
        """Look and remove as one."""
        with self._told(StoreUnwritable), self._alone(key) as path:
            found = self.get(key)
            if found is None or found.mark != over:
                return False
            path.unlink()
        return True

    def discard(self, key: str) -> None:
        """Whatever was there."""
        with self._told(StoreUnwritable):
            (self.root / key).unlink(missing_ok=True)

    def list(self, prefix: str) -> Iterator[str]:
        """The files below it."""
        base = self.root / prefix
        found = (path for path in base.rglob("*") if path.is_file() and path.name[0] != ".")
        with self._told():
            yield from sorted(path.relative_to(self.root).as_posix() for path in found)

    def fetch(self, key: str, path: Path) -> bool:
        """A copy."""
        with self._told():
            try:
                shutil.copyfile(self.root / key, path)
            except FileNotFoundError:
                return False
            path.chmod(0o600)
        return True

    def send(self, path: Path, key: str) -> None:
        """A copy that takes the place of what was there at once."""
        with (
            self._told(StoreUnwritable),
            self._alone(key) as there,
            disk.replacing(there) as file,
            path.open("rb") as content,
        ):
            shutil.copyfileobj(content, file)

    @contextmanager
    def _alone(self, key: str) -> Iterator[Path]:
        """Two that find the same thing must not both write over it."""
        path = self.root / key
        runs.make(path.parent, self.root)
        guard = os.open(path.with_name(_LOCK), os.O_RDWR | os.O_CREAT, 0o600)
        try:
            fcntl.flock(guard, fcntl.LOCK_EX)
            yield path
        finally:
            os.close(guard)

    @contextmanager
    def _told(self, kind: type[StoreUnavailable] = StoreUnavailable) -> Iterator[None]:
        try:
            yield
        except OSError as error:
            verb = "written" if kind is StoreUnwritable else "used"
            raise kind(
                f"The state store, {self.told}, cannot be {verb}: {error.strerror or type(error).__name__}.",
                hint="Name a place with room that you may write to: `state:` in the spec, or --state.",
            ) from None


def _mark(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()

"""An object store as a state store, through `obstore` (Rust's `object_store`): S3 and what speaks it, GCS, Azure.

Each of them has conditional writes (`If-None-Match: *`, `If-Match: etag`, GCS by generation), and that is all a lease
needs. None has conditional deletion, so what is to be gone is emptied: an object without bytes is as good as none.
Credentials are those that the library finds: variables of the environment, a machine's role.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

import orjson

from reconcile.apply.store import Kept, raise_if_too_large
from reconcile.errors import StoreUnavailable
from reconcile.spec import urls

if TYPE_CHECKING:
    from obstore.store import ObjectStore

EXTRA = "Install it with: pip install 'sailthru-reconcile[state]'"
_TRIES: Any = {
    "max_retries": 5,
    "retry_timeout": timedelta(seconds=20),
    "backoff": {"init_backoff": timedelta(milliseconds=100), "max_backoff": timedelta(seconds=5), "base": 2.0},
}
"""All in less than a heartbeat (`apply.lease.BEAT`): a store that does not answer must not cost the lease by itself."""


def connect(url: str, shown: str | None = None) -> Objects:
    """The store at a URL; nothing is asked of it yet.

    Raises:
        StoreUnavailable: the library is not installed, or does not know such a URL.
    """
    try:
        from obstore import exceptions, store
    except ImportError:
        raise StoreUnavailable(f"What opens {shown or urls.show(url)} is not installed.", hint=EXTRA) from None
    try:
        found: Any = store.from_url(url, retry_config=_TRIES)
    except (exceptions.BaseError, ValueError) as error:
        raise _unavailable(url, error, shown) from None
    return Objects(url, found, shown)


@dataclass(frozen=True, slots=True)
class Objects:
    """Keys are objects below a prefix; a mark is what the store itself calls their version. Satisfies `Store`."""

    url: str
    store: ObjectStore
    shown: str | None = None

    @property
    def told(self) -> str:
        """The URL, without a key that somebody may have put there; or what is shown in its place."""
        return self.shown or urls.show(self.url)

    @property
    def local(self) -> Path | None:
        """It is elsewhere."""
        return None

    def get(self, key: str) -> Kept | None:
        """The object."""
        import obstore

        with self._told():
            try:
                found = obstore.get(self.store, key)
            except FileNotFoundError:
                return None
            raise_if_too_large(self.told, key, found.meta["size"])
            content = bytes(found.bytes())
            return Kept(content, _mark(found.meta)) if content else None

    def put(self, key: str, content: bytes, *, over: str | None) -> str | None:
        """A conditional write; over an emptied object where nothing may be kept yet."""
        import obstore
        from obstore import exceptions

        with self._told():
            try:
                mode: Any = "create" if over is None else orjson.loads(over)
                return _mark(obstore.put(self.store, key, content, mode=mode))
            except exceptions.AlreadyExistsError:
                empty = self._emptied(key)
                return None if empty is None else self.put(key, content, over=empty)
            except exceptions.PreconditionError:
                return None
            except FileNotFoundError:  # what was to be written over is gone, or there is no such bucket
                if over is None:
                    raise
                return None

    def _emptied(self, key: str) -> str | None:
        """The mark of an object without bytes; None when it has some, or is gone this very moment."""
        import obstore

        try:
            found = obstore.head(self.store, key)
        except FileNotFoundError:
            return None
        return None if found["size"] else _mark(found)

    def replace(self, key: str, content: bytes) -> None:
        """Whatever was there."""
        import obstore

        with self._told():
            obstore.put(self.store, key, content)

    def delete(self, key: str, *, over: str) -> bool:
        """Emptied: see above."""
        return self.put(key, b"", over=over) is not None

    def discard(self, key: str) -> None:
        """Whatever was there."""
        import obstore

        with self._told(), suppress(FileNotFoundError):
            obstore.delete(self.store, key)

    def list(self, prefix: str) -> Iterator[str]:
        """The objects below it that hold something."""
        import obstore

        with self._told():
            pages = obstore.list(self.store, prefix=prefix.rstrip("/") or None)
            yield from sorted(one["path"] for page in pages for one in page if one["size"])

    def fetch(self, key: str, path: Path) -> bool:
        """Streamed."""
        import obstore

        with self._told():
            try:
                pieces = obstore.get(self.store, key).stream()
            except FileNotFoundError:
                return False
            with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "wb") as file:
                for piece in pieces:
                    file.write(piece)
        return True

    def send(self, path: Path, key: str) -> None:
        """In parts, where it is large."""
        import obstore

        with self._told():
            obstore.put(self.store, key, path)

    @contextmanager
    def _told(self) -> Iterator[None]:
        from obstore import exceptions

        try:
            yield
        except (exceptions.BaseError, OSError) as error:
            raise _unavailable(self.url, error, self.shown) from None


def _mark(meta: Any) -> str:
    """What tells this content of an object from every other: S3 and Azure go by the tag, GCS by the version."""
    return orjson.dumps({name: meta[name] for name in ("e_tag", "version") if meta.get(name)}).decode()


def _unavailable(url: str, error: Exception, shown: str | None = None) -> StoreUnavailable:
    """Only the first line of the library's words: the rest is how its request was made."""
    told = shown or urls.show(url)
    said = str(error).strip().splitlines()[:1] or [type(error).__name__]
    return StoreUnavailable(
        f"The state store {told} cannot be used: {said[0].replace(url, told)}.",
        hint="Look at its URL (`state:`), its credentials, and the way to it; --state DIR takes a folder instead.",
    )

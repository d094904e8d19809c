"""What an apply needs of the place in which runs leave what later ones have to know: a few words, and no more.

A store maps keys (`shop/lease.json`) to bytes. Its forms are a folder of this machine and an object store, in the wing
`reconcile.store`; both write whole or not at all, and only where nobody else was first. That is all a lease needs.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from reconcile.errors import StoreUnavailable

LARGEST = 1 << 30
"""Bytes; what is kept under a key and brought whole is never so large (`Store.fetch` brings what may be)."""


@dataclass(frozen=True, slots=True)
class Kept:
    """What is kept under a key, and the mark of this very content: to be written over, and by nobody else meanwhile."""

    content: bytes
    mark: str


def raise_if_too_large(told: str, key: str, size: int) -> None:
    """Make sure that a damaged or foreign file does not fill the memory.

    Raises:
        StoreUnavailable: it is larger than any file of ours.
    """
    if size > LARGEST:
        raise StoreUnavailable(
            f"{key} in {told} has {size:,} bytes, as no file of ours has: it is damaged, or not ours.",
            hint="Put it elsewhere, and try again.",
        )


class Store(Protocol):
    """Keys and bytes. Every method raises StoreUnavailable when the store cannot be reached, or refuses."""

    @property
    def told(self) -> str:
        """Where it is, for people."""

    @property
    def local(self) -> Path | None:
        """The folder of this machine that it is; None when it is elsewhere."""

    def get(self, key: str) -> Kept | None:
        """What is kept under a key; None when nothing is."""

    def put(self, key: str, content: bytes, *, over: str | None) -> str | None:
        """Keep something, whole or not at all, unless somebody else was first.

        Args:
            over: the mark of what it takes the place of; None where nothing may be kept yet.

        Returns:
            Its mark; None when something else is kept there, and goes on being kept.
        """

    def replace(self, key: str, content: bytes) -> None:
        """Keep something, whatever was kept there."""

    def delete(self, key: str, *, over: str) -> bool:
        """Keep nothing there any more; False, and nothing is done, when it is not what `over` marks."""

    def discard(self, key: str) -> None:
        """Keep nothing there any more, whatever was."""

    def list(self, prefix: str) -> Iterator[str]:
        """The keys below a prefix (`shop/runs/`), in ascending order."""

    def fetch(self, key: str, path: Path) -> bool:
        """Bring a large thing to a file of its owner's alone; False when nothing is kept there."""

    def send(self, path: Path, key: str) -> None:
        """Keep the content of a file of any size, whatever was kept there."""

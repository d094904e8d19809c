"""The wing of the state store: where runs leave what later ones have to know. See docs/state.md.

A folder is the default and needs nothing; object stores are reached through one library, `obstore`, behind its extra.
"""

from __future__ import annotations

from pathlib import Path

from reconcile.apply.store import Store
from reconcile.store.folder import Folder


def of(where: str, told: str | None = None) -> Store:
    """The store at a path or URL (`s3://bucket/prefix`, `gs://`, `az://account/container`).

    Args:
        told: what people see in place of it, where it comes from a secret.

    Raises:
        StoreUnavailable: what reaches it is not installed, or the URL is none that it knows.
    """
    if "://" not in where:
        return Folder(Path(where), told)
    from reconcile.store import objects

    return objects.connect(where, told)

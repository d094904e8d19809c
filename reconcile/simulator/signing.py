"""The signature: md5 over the secret and the sorted values of all text parameters (SAILTHRU.md §3.1)."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from hmac import compare_digest


def signature(secret: str, values: Iterable[str]) -> str:
    """What `sig` must be. Ordinal order: code points sort as their UTF-8 bytes do."""
    text = secret + "".join(sorted(values))
    return hashlib.md5(text.encode(), usedforsecurity=False).hexdigest()


def holds(sig: str, secret: str, values: Iterable[str]) -> bool:
    """Whether a call carries the right signature; upper case is not the right one."""
    return compare_digest(sig.encode(), signature(secret, values).encode())

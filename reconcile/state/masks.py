"""Masking of people: where a person or a log may see a key, they see `u:7f3a91c2` instead.

The mark is a keyed hash: stable for one account, so that two reviewers speak of the same person, and of no use to
somebody who has a list of addresses but not the account's secret.
"""

from __future__ import annotations

import hashlib
import re
from dataclasses import dataclass

from reconcile.spec.folding import fold_address
from reconcile.state.keys import Purpose, derive_key

_ADDRESS = re.compile(
    # Rather a word too much than half a name: a local part may hold ' = { } (o'brien@...), so only its first
    # character is taken for a wrapper. Percent-encoded, it is an address still.
    r"""[^\s"'<>(),;:=\[\]{}][^\s"<>(),;:\[\]]*(?:@|%40)[^\s"'<>(),;:=\[\]{}&@]*[^\s"'<>(),;:=\[\]{}&@.]"""
)


def hide_addresses(text: str) -> str:
    """The text with every e-mail address left out, where nobody has the account's secret to mask it with."""
    return _ADDRESS.sub("…", text)


@dataclass(frozen=True, slots=True)
class Masks:
    """Masks keys with a key of its own.

    Args:
        key: any bytes; `keyed_by` makes them from the account's secret.
        reveal: show people as they are; only when asked for by name (`--reveal`).
    """

    key: bytes
    reveal: bool = False

    @classmethod
    def keyed_by(cls, secret: str, *, reveal: bool = False) -> Masks:
        """Masks for one account, from its API secret; the secret cannot be had back from them."""
        return cls(derive_key(secret, Purpose.MASKS), reveal)

    def person(self, name: str) -> str:
        """`u:` and eight hex digits for an address, sid, or source key; the name itself under `reveal`."""
        if self.reveal:
            return name
        digest = hashlib.blake2b(fold_address(name).encode(), key=self.key, digest_size=4)
        return f"u:{digest.hexdigest()}"

    def text(self, text: str) -> str:
        """The text with every e-mail address in it masked: Sailthru's own words echo them (SAILTHRU.md §4.4)."""
        return _ADDRESS.sub(lambda found: self.person(found[0]), text)

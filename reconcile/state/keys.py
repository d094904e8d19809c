"""Keys of an account, one for each purpose, made from its API secret: none of them gives away another, or the secret.

Digests that people see are keyed: whoever has only the digest cannot try candidates against it.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, field
from enum import Enum


class Purpose(Enum):
    """What a key is for. The value is the personalization of BLAKE2b, at most 16 bytes."""

    MASKS = b"reconcile.masks"
    LEDGER = b"reconcile.lkeys"
    PLAN_MAC = b"reconcile.pmac"
    PLAN_ID = b"reconcile.planid"
    SPEC = b"reconcile.spec"
    OBSERVATION = b"reconcile.obsmac"


def derive_key(secret: str, purpose: Purpose) -> bytes:
    """The key for one purpose."""
    return hashlib.blake2b(secret.encode(), digest_size=32, person=purpose.value).digest()


@dataclass(frozen=True, slots=True)
class Keys:
    """The keys that one API secret gives.

    Attributes:
        masks: of the masks of people, see `state.masks`.
        ledger: of the salt of ledgers, see `state.ledger`.
        plan_mac: of the code that authenticates a plan file.
        plan_id: of the plan's id and of the digest of its body.
        spec: of the digest of the spec.
        observation: of the code that authenticates a kept observation.
    """

    masks: bytes = field(repr=False)
    ledger: bytes = field(repr=False)
    plan_mac: bytes = field(repr=False)
    plan_id: bytes = field(repr=False)
    spec: bytes = field(repr=False)
    observation: bytes = field(repr=False)

    @classmethod
    def of_secret(cls, secret: str) -> Keys:
        """The keys of an account, from its API secret."""
        return cls(*(derive_key(secret, purpose) for purpose in Purpose))

    @property
    def id(self) -> str:
        """Tells the keys of two secrets apart and gives neither away: secrets are random and cannot be guessed."""
        return hashlib.blake2b(key=self.plan_mac, digest_size=8, person=b"reconcile.keyid").hexdigest()

    def spec_digest(self, digest: str) -> str:
        """The keyed form of a spec's digest, as plans and approvals hold it."""
        return hashlib.blake2b(digest.encode(), key=self.spec, digest_size=32).hexdigest()

"""The ledger: of each profile, what was last applied to it and seen to be so. Digests only, of no use to a stranger.

| column | holds |
|---|---|
| `key` | digest of the hash of the address |
| `v:x` for a var x | digest of the canonical text, null included; null where nothing was applied |
| `l:L` for a list L | whether the profile was put on it, or taken off; null where neither was done |

Digests are SHA-256 with a salt that only who has the account's secret can make: without it neither people nor values,
however few there are to guess from, can be told from a ledger.
"""

from __future__ import annotations

import functools
import hashlib
import operator
from collections.abc import Mapping
from dataclasses import dataclass

import ibis

from reconcile.state import arrows
from reconcile.state.hashing import sha256
from reconcile.state.keys import Keys
from reconcile.state.model import Rows, Shape
from reconcile.state.workspace import Workspace

LENGTH = 16
"""Hex digits of a digest: enough to tell values apart, in a third of the room."""
_SALT = "ledger salt"


@dataclass(frozen=True, slots=True)
class Ledger:
    """What was last applied and verified.

    Args:
        rows: see above.
        definitions: of the spec that was last applied in full, see `spec.definitions`.
        spec_digest, run, at: of the same.
        profiles: how many have a row.
        salt: of its digests, see `salt`.
        keyed: its definitions are keyed with the salt, see `key_definitions`; those of before are not.
    """

    rows: Rows
    definitions: Mapping[str, str]
    spec_digest: str
    run: str
    at: str
    profiles: int
    salt: str
    keyed: bool = True


def salt(keys: Keys) -> str:
    """The salt of an account's ledgers."""
    return hashlib.blake2b(key=keys.ledger, digest_size=16, person=b"reconcile.ledger").hexdigest()


def salt_of_before(keys: Keys) -> str:
    """The salt that versions before made from the key of the masks."""
    return hashlib.blake2b(keys.masks, digest_size=16, person=b"reconcile.ledger").hexdigest()


def key_definitions(definitions: Mapping[str, str], salt: str) -> dict[str, str]:
    """Definitions of a spec with keyed digests: values that a spec names cannot be guessed from them."""
    return {name: _key_definition(digest, salt) for name, digest in definitions.items()}


def _key_definition(digest: str, salt: str) -> str:
    return hashlib.blake2b(digest.encode(), key=salt.encode(), digest_size=8, person=b"reconcile.ldef").hexdigest()


def fingerprint(salt: str) -> str:
    """Tells whether two ledgers have one salt, and gives it away to nobody."""
    return hashlib.blake2b(salt.encode(), digest_size=8, person=b"reconcile.lsalt").hexdigest()


def wrap(salt: str, keys: Keys) -> str:
    """The salt as only who has this secret can read it: so a ledger outlives the secret it was made with."""
    return _crossed(bytes.fromhex(salt), fingerprint(salt), keys.ledger).hex()


def unwrap(wrapped: str, made_with: str, keys: Keys) -> str | None:
    """The salt with this fingerprint; None when it was wrapped for another secret."""
    for key in (keys.ledger, keys.masks):  # versions before wrapped it with the key of the masks
        try:
            found = _crossed(bytes.fromhex(wrapped), made_with, key).hex()
        except ValueError:
            return None
        if fingerprint(found) == made_with:
            return found
    return None


def _crossed(text: bytes, made_with: str, key: bytes) -> bytes:
    """Crossed with what this key gives for this one salt, and for no other."""
    pad = hashlib.blake2b(made_with.encode(), key=key, digest_size=16, person=b"reconcile.lwrap").digest()
    return bytes(one ^ other for one, other in zip(text, pad, strict=True))


def salted(rows: Rows, workspace: Workspace, whose: Keys | str) -> Rows:
    """The rows with the salt beside each: from a table, so that it is in no statement and in no error.

    Args:
        whose: the salt, or the keys of the account that it is made from.
    """
    made = salt(whose) if isinstance(whose, Keys) else whose
    return rows.cross_join(workspace.store(_SALT, arrows.table({_SALT: [made]}, {_SALT: "string"})))


def key(rows: Rows, hashes: Rows) -> Rows:
    """The `key` of hashes of addresses.

    Args:
        rows: with a salt, see `salted`.
    """
    return sha256(rows[_SALT].concat("#", hashes)).left(LENGTH)


def digest(rows: Rows, name: str, text: Rows) -> Rows:
    """The digest of a var's canonical text, null included."""
    return sha256(rows[_SALT].concat(name, ibis.ifelse(text.isnull(), "-", ibis.literal("=") + text))).left(LENGTH)


def columns(shape: Shape) -> list[str]:
    """The columns of a ledger of this shape but the key."""
    return [f"v:{var.name}" for var in shape.vars] + [f"l:{one.list}" for one in shape.memberships]


def empty(workspace: Workspace, shape: Shape) -> Rows:
    """A ledger without rows."""
    types = {name: "bool" if name.startswith("l:") else "string" for name in columns(shape)}
    types = {"key": "string"} | types
    return workspace.store("ledger", arrows.table(dict.fromkeys(types, ()), types))


def fitted(rows: Rows, shape: Shape) -> Rows:
    """A ledger with the columns of a shape: what it has nothing of is null, what is not managed by now is gone."""
    kinds = {name: "boolean" if name.startswith("l:") else "string" for name in columns(shape)}
    found = {name: rows[name] if name in rows.columns else ibis.null(kind) for name, kind in kinds.items()}
    return rows.select("key", **found)


def written(before: Rows, actions: Rows, gone: Rows, shape: Shape, workspace: Workspace, whose: Keys | str) -> Rows:
    """A ledger after these actions, of which it is known that each is so.

    Args:
        before: the ledger until now, fitted.
        actions: a table of upserts, see `plan.actions.table`.
        gone: `hash` of profiles that were deleted.
        whose: see `salted`.
    """
    rows = salted(actions, workspace, whose)
    made = rows["kind"] == "create"
    entries = {"at": key(rows, rows["from"].fill_null(rows["hash"])), "key": key(rows, rows["hash"])}
    for var in shape.vars:
        known = rows[f"set:{var.name}"] | made
        entries[f"v:{var.name}"] = ibis.ifelse(
            known, digest(rows, var.name, rows[f"new:{var.name}"]), ibis.null("string")
        )
    for one in shape.memberships:
        off = rows[f"leave:{one.list}"] | made
        entries[f"l:{one.list}"] = ibis.cases(
            (rows[f"join:{one.list}"], True), (off, False), else_=ibis.null("boolean")
        )
    new = workspace.keep("ledger entries", rows.select(**entries))
    away = salted(gone, workspace, whose)
    # Whoever has an address by now is who is there: nobody else's earlier row stays under it.
    taken = new.select("key").anti_join(new.select(key="at"), "key")
    out = workspace.keep("ledger out", away.select(key=key(away, away["hash"])).union(taken))
    kept = before.anti_join(out, "key").rename("b:{name}")
    both = kept.outer_join(new, kept["b:key"] == new["at"])
    later = {name: both[name].fill_null(both[f"b:{name}"]) for name in columns(shape)}
    return both.select(key=both["key"].fill_null(both["b:key"]), **later)


def any_of(flags: list[Rows]) -> Rows:
    """Whether any of these is true; null is not."""
    return functools.reduce(operator.or_, (flag.fill_null(False) for flag in flags), ibis.literal(value=False))  # noqa: FBT003 -- Ibis's own signature

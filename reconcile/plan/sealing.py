"""Plans whose body only some can read: the face stays open, the actions are encrypted to age recipients.

A face may lie about as a CI artefact; the body names people. Sealed, the file may go where the face may. Whoever holds
an identity opens it again, and it is the same plan, with the same id.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from reconcile.errors import PlanUnusable
from reconcile.plan import archive
from reconcile.plan.archive import BODY, SEALED
from reconcile.plan.model import Plan
from reconcile.state.keys import Keys

IDENTITY = "RECONCILE_AGE_IDENTITY"
"""The variable that holds an identity, `AGE-SECRET-KEY-1…`, where no file is named."""
_INSTALL = "It takes `pip install 'sailthru-reconcile[seal]'`."


def seal(plan: Plan, to: Path, recipients: Sequence[str]) -> None:
    """Write a plan anew with its body encrypted, all or nothing; the copy is as authentic as the plan.

    Args:
        plan: a plan that is verified and not sealed.
        to: where to; may be where it is.
        recipients: public keys of age, `age1…`.

    Raises:
        PlanUnusable: it is not verified; see `public_keys`.
    """
    age, keys = _age(), public_keys(recipients)
    if not plan.verified:
        raise PlanUnusable(f"{plan.path} is not verified, so it is not sealed.", hint="Give the account's API secret.")
    with archive.anew(plan, to, SEALED) as sealed:
        plain = archive.stream(plan)
        try:
            age.encrypt_io(plain, sealed, keys)
        except age.EncryptError:
            raise plain.error or PlanUnusable(f"{plan.path} could not be sealed.") from None


def public_keys(recipients: Sequence[str]) -> list[Any]:
    """The recipients as the library knows them; asked before a plan is made, which may take long.

    Raises:
        PlanUnusable: one is no public key, or the library is not installed.
    """
    age = _age()
    try:
        return [age.x25519.Recipient.from_str(one.strip()) for one in recipients]
    except age.RecipientError:
        raise PlanUnusable("A recipient is no public key of age.", hint="It begins with age1: --seal age1…") from None


def read(plan: Path, to: Path, identities: Path | None, *keys: Keys) -> Plan:
    """A plan with its body, sealed or not; where it is sealed, copies of it are at `to` and beside it.

    Args:
        identities: a file of age identities; the variable `RECONCILE_AGE_IDENTITY` when None.
        keys: see `archive.read`.

    Raises:
        PlanUnusable: there is no identity, or none that it was sealed to; see `archive.read`.
    """
    found = archive.read(plan, *keys)
    if not archive.is_sealed(found):
        return found
    sealed = archive.copy(found, to.with_name(f"{to.name}.sealed"))
    opened = archive.read(_open(found, to, identities), *keys)
    return replace(opened, sealed=sealed if found.verified else None)


def _open(plan: Plan, to: Path, identities: Path | None) -> Path:
    age, keys = _age(), _identities(identities)
    with archive.anew(plan, to, BODY) as plain:
        sealed = archive.stream(plan)
        try:
            age.decrypt_io(sealed, plain, keys)
        except age.DecryptError:
            raise sealed.error or PlanUnusable(
                f"{plan.path} was not sealed to this identity, or is damaged.",
                hint="Use an identity of one of its recipients, or plan again.",
            ) from None
    return to


def _identities(file: Path | None) -> list[Any]:
    age = _age()
    if file is not None:
        try:
            text = file.read_text(encoding="utf-8")
        except OSError as error:
            raise PlanUnusable(f"The identity {file} cannot be read: {error.strerror}.") from None
    else:
        text = os.environ.get(IDENTITY, "")
    lines = [line.strip() for line in text.splitlines() if line.strip() and not line.startswith("#")]
    try:
        found = [age.x25519.Identity.from_str(line) for line in lines]
    except age.IdentityError:
        raise PlanUnusable("An identity of age cannot be read.", hint="It begins with AGE-SECRET-KEY-1.") from None
    if not found:
        raise PlanUnusable(
            "This plan is sealed, and there is no identity to open it with.",
            hint=f"Name its file (--identity FILE), or set {IDENTITY}.",
        )
    return found


def _age() -> Any:
    try:
        import pyrage
    except ImportError:
        raise PlanUnusable("Sealed plans need the library pyrage, which is not installed.", hint=_INSTALL) from None
    return pyrage

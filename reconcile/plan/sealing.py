"""Plans whose body only some can read: the face stays open, the actions are encrypted to age recipients.

A face may lie about as a CI artefact; the body names people. Sealed, the file may go where the face may. Whoever holds
an identity opens it again, and it is the same plan, with the same id.
"""

from __future__ import annotations

import os
import zipfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import IO, Any

from reconcile.errors import PlanUnusable
from reconcile.plan import archive
from reconcile.plan.archive import BODY, EPOCH, FACE, SEALED
from reconcile.plan.model import Plan
from reconcile.state import disk

IDENTITY = "RECONCILE_AGE_IDENTITY"
"""The variable that holds an identity, `AGE-SECRET-KEY-1…`, where no file is named."""
_INSTALL = "It takes `pip install 'sailthru-reconcile[seal]'`."


def seal(plan: Path | Plan, to: Path, recipients: Sequence[str]) -> None:
    """Write a plan anew with its body encrypted, all or nothing.

    Args:
        plan: a plan that is not sealed, or its file.
        to: where to; may be where it is.
        recipients: public keys of age, `age1…`.

    Raises:
        PlanUnusable: see `public_keys` and `archive.read`.
    """
    age, keys = _age(), public_keys(recipients)
    found = plan if isinstance(plan, Plan) else archive.read(plan)
    with _anew(found, to, SEALED) as sealed:
        plain = archive.stream(found)
        try:
            age.encrypt_io(plain, sealed, keys)
        except age.EncryptError:
            raise plain.error or PlanUnusable(f"{found.path} could not be sealed.") from None


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


def read(plan: Path, to: Path, identities: Path | None) -> Plan:
    """A plan with its body, sealed or not, see `opened`; where it is sealed, a copy of it is beside `to`.

    Raises:
        PlanUnusable: see `opened` and `archive.read`.
    """
    found = archive.read(plan)
    if not archive.is_sealed(found):
        return found
    sealed = archive.copy(found, to.with_name(f"{to.name}.sealed"))
    return replace(archive.read(_open(found, to, identities)), sealed=sealed)


def opened(plan: Path, to: Path, identities: Path | None) -> Path:
    """The plan with its body readable: the file itself where it was not sealed, else a copy at `to`.

    Args:
        identities: a file of age identities; the variable `RECONCILE_AGE_IDENTITY` when None.

    Raises:
        PlanUnusable: there is no identity, or none that it was sealed to.
    """
    found = archive.read(plan)
    return _open(found, to, identities) if archive.is_sealed(found) else plan


def _open(plan: Plan, to: Path, identities: Path | None) -> Path:
    age, keys = _age(), _identities(identities)
    with _anew(plan, to, BODY) as plain:
        sealed = archive.stream(plan)
        try:
            age.decrypt_io(sealed, plain, keys)
        except age.DecryptError:
            raise sealed.error or PlanUnusable(
                f"{plan.path} was not sealed to this identity, or is damaged.",
                hint="Use an identity of one of its recipients, or plan again.",
            ) from None
    return to


@contextmanager
def _anew(plan: Plan, to: Path, member: str) -> Iterator[IO[bytes]]:
    """A plan with the same face and another body, all or nothing: the body to write."""
    if plan.file is None:
        raise PlanUnusable("This plan was not kept in a file, so its actions are gone.")
    with (
        disk.writing("the plan", to),
        disk.replacing(to) as file,
        zipfile.ZipFile(file, "w", zipfile.ZIP_STORED) as made,
    ):
        with made.open(zipfile.ZipInfo(member, EPOCH), "w", force_zip64=True) as body:
            yield body
        made.writestr(zipfile.ZipInfo(FACE, EPOCH), plan.file.face)


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

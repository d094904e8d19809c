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


def seal(plan: Path, to: Path, recipients: Sequence[str]) -> None:
    """Write a plan anew with its body encrypted, all or nothing.

    Args:
        plan: a plan file that is not sealed.
        to: where to; may be where it is.
        recipients: public keys of age, `age1…`.

    Raises:
        PlanUnusable: see `public_keys`.
    """
    age, keys = _age(), public_keys(recipients)
    with _anew(plan, to, BODY, SEALED) as (plain, sealed):
        age.encrypt_io(plain, sealed, keys)


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
    """A plan with its body, sealed or not, see `opened`; where it is sealed, it says so.

    Raises:
        PlanUnusable: see `opened` and `archive.read`.
    """
    readable = opened(plan, to, identities)
    return replace(archive.read(readable), sealed=None if readable == plan else plan)


def opened(plan: Path, to: Path, identities: Path | None) -> Path:
    """The plan with its body readable: the file itself where it was not sealed, else a copy at `to`.

    Args:
        identities: a file of age identities; the variable `RECONCILE_AGE_IDENTITY` when None.

    Raises:
        PlanUnusable: there is no identity, or none that it was sealed to.
    """
    if not is_sealed(plan):
        return plan
    age, keys = _age(), _identities(identities)
    with _anew(plan, to, SEALED, BODY) as (sealed, plain):
        try:
            age.decrypt_io(sealed, plain, keys)
        except age.DecryptError:
            raise PlanUnusable(
                f"{plan} was not sealed to this identity, or is damaged.",
                hint="Use an identity of one of its recipients, or plan again.",
            ) from None
    return to


@contextmanager
def _anew(plan: Path, to: Path, was: str, will: str) -> Iterator[tuple[IO[bytes], IO[bytes]]]:
    """A plan with the same face and its body under another name, all or nothing: the body to read, and to write."""
    with (
        disk.writing("the plan", to),
        disk.replacing(to) as file,
        zipfile.ZipFile(plan) as there,
        zipfile.ZipFile(file, "w", zipfile.ZIP_STORED) as made,
    ):
        with there.open(was) as body, made.open(zipfile.ZipInfo(will, EPOCH), "w", force_zip64=True) as turned:
            yield body, turned
        made.writestr(zipfile.ZipInfo(FACE, EPOCH), there.read(FACE))


def is_sealed(plan: Path) -> bool:
    """Whether a file is a plan with a sealed body; False for what is no plan at all."""
    try:
        with zipfile.ZipFile(plan) as archive:
            return SEALED in archive.namelist()
    except (OSError, zipfile.BadZipFile):
        return False


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

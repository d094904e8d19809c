"""What a kept observation is made of: a folder with the export files as they came, and a manifest that tells of them.

It holds people (sids, hashes, vars), so it is readable by its owner alone. Its code, made with a key from the account's
API secret, and the digests of its files tell a whole one of ours from one that was cut, edited or forged.
"""

from __future__ import annotations

import hashlib
import hmac
import os
import shutil
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import datetime
from enum import StrEnum
from pathlib import Path

import orjson
from pydantic import BaseModel, ConfigDict, ValidationError

from reconcile.errors import ObservationUnusable
from reconcile.plan.model import NO_IDS, AccountIds
from reconcile.state import disk
from reconcile.state.keys import Keys
from reconcile.state.model import RemoteList

FORMAT = 2
"""The format of observations that this version writes and reads."""

MANIFEST = "observation.json"
_LARGEST = 64 * 2**20
"""Bytes; no manifest comes near it."""
AGAIN = "Observe again: `reconcile observe --out {}`."


class HashCheck(StrEnum):
    """Whether it was looked at that the account hashes addresses as we do (SAILTHRU.md §15), and how it came out."""

    MATCHED = "matched"
    NOBODY = "nobody"
    """Nobody could be asked: no list had a member whose address is known."""


class _Kept(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class Whose(_Kept):
    """Which account: its name in the spec, where it answers, and a digest of its API key."""

    name: str
    url: str
    fingerprint: str


class KeptExport(_Kept):
    """The file of one list: its name in the folder, its bytes and SHA-256, and how many members it has."""

    list: str
    file: str
    rows: int
    bytes: int
    digest: str


class Manifest(_Kept):
    """What an observation is of.

    Args:
        taken_at: before the first call, so nothing in it is older.
        lists: all lists that the account had, managed or not.
        vars: those that the exports were asked for.
        ids: what Sailthru calls the account; empty where the key may not ask.
    """

    format: int = FORMAT
    account: Whose
    taken_at: datetime
    lists: tuple[RemoteList, ...]
    vars: tuple[str, ...]
    exports: tuple[KeptExport, ...]
    hash_check: HashCheck
    ids: AccountIds = NO_IDS
    code: str = ""


@contextmanager
def draft(path: Path) -> Iterator[Path]:
    """A folder of its owner's to put an observation into; it stands at `path` when all went well, else it is gone.

    Raises:
        ObservationUnusable: something else is at `path`.
        DiskFull, Unwritten: nothing can be put there.
    """
    path = path.absolute()
    folder = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        _check_place(path)
        folder.mkdir(mode=0o700)
        yield folder
        _put(folder, path)
    except OSError as error:
        raise disk.refused("the observation", path, error, hint="Name a place with room: --out.") from None
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _check_place(path: Path) -> None:
    """Make sure that nothing is lost: an earlier observation is replaced, anything else is left alone."""
    if not path.exists():
        return
    entries = {entry.name for entry in path.iterdir()} if path.is_dir() else {path.name}
    if entries and not (MANIFEST in entries and all(name == MANIFEST or name.endswith(".csv") for name in entries)):
        raise ObservationUnusable(
            f"{path} is there already and is no observation, so it is left alone.", hint="Name another place."
        )


def _put(folder: Path, path: Path) -> None:
    """Let the folder stand at `path`; what stood there is only gone when the new one is there."""
    earlier = folder.with_name(f"{folder.name}.earlier")
    if path.exists():
        path.replace(earlier)
    folder.replace(path)
    shutil.rmtree(earlier, ignore_errors=True)


def file(folder: Path, list_name: str, path: Path, rows: int) -> KeptExport:
    """An export as it will be told of; only its owner may read its file from now on."""
    path.chmod(0o600)
    return KeptExport(
        list=list_name, file=path.relative_to(folder).name, rows=rows, bytes=path.stat().st_size, digest=_digest(path)
    )


def write(folder: Path, manifest: Manifest, keys: Keys) -> Manifest:
    """Authenticate a manifest and put it into the folder."""
    sealed = manifest.model_copy(update={"code": _code(manifest, keys)})
    with os.fdopen(os.open(folder / MANIFEST, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as out:
        out.write(sealed.model_dump_json(indent=2) + "\n")
    return sealed


def read(folder: Path, keys: Keys) -> Manifest:
    """The manifest of an observation.

    Raises:
        ObservationUnusable: there is none, it is not whole, was edited, or another version or secret made it.
    """
    try:
        with (folder / MANIFEST).open("rb") as file:
            text = file.read(_LARGEST)
        _raise_if_earlier(folder, text)
        found = Manifest.model_validate_json(text)
    except (FileNotFoundError, NotADirectoryError):
        raise ObservationUnusable(f"There is no observation in {folder}.", hint=AGAIN.format(folder)) from None
    except OSError as error:
        raise ObservationUnusable(f"The observation in {folder} cannot be read: {error.strerror}.") from None
    except ValidationError:
        raise _damaged(folder, f"{MANIFEST} is not whole, or was made by another version") from None
    if found.format != FORMAT or not hmac.compare_digest(found.code.encode(), _code(found, keys).encode()):
        raise _damaged(folder, f"{MANIFEST} was changed after it was made, or was made with another API secret")
    return found


def _raise_if_earlier(folder: Path, text: bytes) -> None:
    try:
        said = orjson.loads(text)
    except ValueError:
        return
    if isinstance(said, dict) and said.get("format") == 1:
        raise ObservationUnusable(
            f"The observation in {folder} was made by an earlier version of reconcile (format 1; this one reads"
            f" format {FORMAT}).",
            hint=AGAIN.format(folder),
        )


def check_file(folder: Path, kept: KeptExport) -> Path:
    """Where an export's file is, when it is as it came.

    Raises:
        ObservationUnusable: it is gone, cut, or was changed.
    """
    path = folder / kept.file
    try:
        whole = path.parent == folder and path.stat().st_size == kept.bytes and _digest(path) == kept.digest
    except OSError:
        whole = False
    if not whole:
        raise _damaged(folder, f'the export of the list "{kept.list}" is not as it came')
    return path


def check_fit(folder: Path, manifest: Manifest, lists: Sequence[str], vars: Sequence[str]) -> None:
    """Make sure that all is there that is managed: what was not observed must not be taken as empty.

    Raises:
        ObservationUnusable: names the lists and vars that are not.
    """
    there, exported = {one.name for one in manifest.lists}, {one.list for one in manifest.exports}
    lacking = [f'the list "{name}"' for name in lists if name in there and name not in exported]
    lacking += [f'the var "{name}"' for name in vars if name not in manifest.vars]
    if lacking:
        raise ObservationUnusable(
            f"The observation in {folder} lacks what the spec manages by now: {', '.join(lacking)}.",
            hint=AGAIN.format(folder),
        )


def check_whose(folder: Path, manifest: Manifest, whose: Whose) -> None:
    """Make sure that it is of this account: by its key, or by its name where nobody has the key (empty fingerprint).

    Raises:
        ObservationUnusable: it is not.
    """
    kept = manifest.account
    same = kept.fingerprint == whose.fingerprint if whose.fingerprint else kept.name == whose.name
    if not same or kept.url != whose.url:
        raise ObservationUnusable(
            f'The observation in {folder} is of the account "{kept.name}" at {kept.url}, or was made with another API '
            f'key than the one of "{whose.name}" at {whose.url}.',
            hint=AGAIN.format(folder),
        )


def _damaged(folder: Path, what: str) -> ObservationUnusable:
    return ObservationUnusable(f"The observation in {folder} is damaged: {what}.", hint=AGAIN.format(folder))


def _digest(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _code(manifest: Manifest, keys: Keys) -> str:
    text = manifest.model_dump_json(exclude={"code"}).encode()
    return hashlib.blake2b(text, key=keys.observation, digest_size=32).hexdigest()

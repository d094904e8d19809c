"""A plan as one file that another machine can apply: a face that anybody may read, and a body with the actions.

The file is a zip of `face.json` and `actions.ndjson.zst`. The plan's id is a digest of its content, so equal inputs
give an equal id, and an edited file no longer fits its own.
"""

from __future__ import annotations

import hashlib
import io
import struct
import zipfile
import zlib
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import IO

import orjson
import pyarrow as pa
from pydantic import ValidationError

from reconcile.errors import PlanUnusable
from reconcile.plan import actions
from reconcile.plan.model import FORMAT, Action, CheckedFile, Face, Plan, Stage
from reconcile.plan.openfile import PIECE, Changed, Digests, OpenFile, Stream, checked
from reconcile.state import disk

FACE, BODY, SEALED = "face.json", "actions.ndjson.zst", "actions.ndjson.zst.age"
"""Members of a plan file; the body is one of the two, see `plan.sealing`."""
LARGEST_FACE = 64 * 2**20
"""Bytes; a face holds no people, so no plan's comes near it."""
_WRITES = "`reconcile plan --out FILE` writes one."
_ROOM = "Free some, or keep the plan elsewhere: --out FILE."
EPOCH = (1980, 1, 1, 0, 0, 0)
"""The oldest date a zip can hold: equal plans are equal files."""
_DAMAGED = (zipfile.BadZipFile, pa.ArrowException, OSError, EOFError, struct.error, zlib.error, RuntimeError, KeyError)
"""What reading a damaged zip may raise."""


def write(face: Face, lines: Iterable[bytes | memoryview], path: Path) -> Plan:
    """Write a plan, all or nothing, readable by its owner alone; returns it with its id.

    Args:
        face: without id and digest, which are made here.
        lines: the body, in pieces of any size.

    Raises:
        DiskFull, Unwritten: it could not be written; what was at `path` is as it was.
    """
    with disk.writing("the plan", path, hint=_ROOM), disk.replacing(path) as file:
        sealed, digests, text = _write(face, lines, file)
        file.flush()
        made = OpenFile.of(file)
    return Plan(sealed, path, file=CheckedFile(made, BODY, digests, text, made.stamp))


def _write(face: Face, lines: Iterable[bytes | memoryview], file: IO[bytes]) -> tuple[Face, tuple[bytes, ...], bytes]:
    with zipfile.ZipFile(file, "w", zipfile.ZIP_STORED) as archive:
        digest = hashlib.sha256()
        with archive.open(zipfile.ZipInfo(BODY, EPOCH), "w", force_zip64=True) as body:
            passing = Digests(body)
            # Closed here, also on failure: Arrow complains aloud of a stream that it has to close by itself.
            with pa.CompressedOutputStream(pa.PythonFile(passing, "w"), "zstd") as packed:
                for piece in lines:
                    digest.update(piece)
                    packed.write(piece)
            digests = passing.finish()
        sealed = face.model_copy(update={"body_digest": digest.hexdigest()})
        sealed = sealed.model_copy(update={"plan_id": identity(sealed)})
        sealed = sealed.model_copy(update={"seal": _seal(sealed)})
        text = sealed.model_dump_json(indent=2).encode()
        archive.writestr(zipfile.ZipInfo(FACE, EPOCH), text)
    return sealed, digests, text


def identity(face: Face) -> str:
    """The plan's id: what it does and to whom, and nothing of when or on which machine it was made."""
    content = {
        "format": face.format,
        "account": face.account.name,
        "url": face.account.url,
        "mode": face.mode,
        "types": {one.name: one.type for one in face.vars},
        "registry": face.registry,
        "body": face.body_digest,
    } | ({"environment": face.environment} if face.environment else {})
    return hashlib.sha256(orjson.dumps(content, option=orjson.OPT_SORT_KEYS)).hexdigest()[:16]


def _seal(face: Face) -> str:
    """A digest of all that the face says: what people approved must be what was made, dates and counts included."""
    return hashlib.sha256(face.model_dump_json(exclude={"seal"}).encode()).hexdigest()


def read(path: Path) -> Plan:
    """Open a plan file and make sure that it is whole and its own; of a sealed one, its face.

    The file stays open as long as the plan is there: what becomes of the name, or of the file, changes nothing of it.

    Raises:
        PlanUnusable: no such file, not a plan, damaged, edited, or of another format.
    """
    try:
        file = OpenFile.open(path)
        found = _check(file, path)
    except FileNotFoundError:
        raise _gone(path) from None
    except IsADirectoryError:
        raise PlanUnusable(f"{path} is a folder, not a plan file.", hint=_WRITES) from None
    except ValidationError:
        raise _foreign(path) from None
    except _DAMAGED as error:
        raise PlanUnusable(
            f"{path} is not a plan file, or is damaged ({type(error).__name__}).", hint=_WRITES
        ) from None
    face, body_digest, checked = found
    if face.format != FORMAT:
        raise _foreign(path)
    if (face.body_digest, face.plan_id, face.seal) != (body_digest, identity(face), _seal(face)):
        raise PlanUnusable(f"{path} was changed after it was made.", hint="Plan again, and apply that.")
    return Plan(face, path, file=checked)


def raise_if_changed(plan: Plan) -> None:
    """Look once more before the first action that what was checked can still be read, where the file was touched.

    Each piece is looked at again when it is read; this only spares a run that would have to end in the middle.

    Raises:
        PlanUnusable: it was written to. What another file has under its name by now does not matter.
    """
    if plan.file is not None and plan.file.file.stamp != plan.file.stamp:
        for _ in _pieces(plan):
            pass


def walk(plan: Plan) -> Iterator[tuple[Stage, Action]]:
    """The plan's actions in order, a few in memory at a time.

    Raises:
        PlanUnusable: the plan was not kept in a file, the file was written to, or a line in it is not an action.
    """
    try:
        yield from actions.read(_lines(_pieces(plan)))
    except (ValueError, KeyError, TypeError) as error:
        raise PlanUnusable(f"{plan.path} holds something that is no action ({type(error).__name__}).") from None


def body(plan: Plan, path: Path) -> Path:
    """The plan's body as a file of JSON lines, zstd, for the engine to read.

    Raises:
        PlanUnusable: see `walk`.
    """
    with path.open("wb") as file:
        file.writelines(_pieces(plan))
    return path


def copy(plan: Plan, path: Path) -> Path:
    """A copy of the plan's file, sealed or not, as it was when it was checked.

    Raises:
        PlanUnusable: see `walk`.
    """
    file = _file(plan)
    with (
        disk.writing("the plan", path),
        disk.replacing(path) as to,
        zipfile.ZipFile(to, "w", zipfile.ZIP_STORED) as made,
    ):
        with made.open(zipfile.ZipInfo(file.member, EPOCH), "w", force_zip64=True) as part:
            part.writelines(_pieces(plan, sealed=True))
        made.writestr(zipfile.ZipInfo(FACE, EPOCH), file.face)
    return path


def copy_of(path: Path, face: Face, to: Path) -> Path:
    """A copy of the file of a plan that has this face, sealed or not.

    Raises:
        PlanUnusable: another plan is there by now; see `read`.
    """
    found = read(path)
    if found.face != face:
        raise _written_to(path)
    return copy(found, to)


def is_sealed(plan: Plan) -> bool:
    """Whether the plan's body is encrypted in its file."""
    return plan.file is not None and plan.file.member == SEALED


def stream(plan: Plan) -> Stream:
    """The part of the plan's file that holds its body, sealed or not, as it was when it was checked.

    Raises:
        PlanUnusable: see `walk`.
    """
    return Stream(_pieces(plan, sealed=True))


def _gone(path: Path) -> PlanUnusable:
    return PlanUnusable(f"There is no plan file {path}.", hint=_WRITES)


def _foreign(path: Path) -> PlanUnusable:
    return PlanUnusable(
        f"{path} was made by another version of reconcile (this one reads format {FORMAT}).",
        hint="Plan again.",
    )


def _too_large(path: Path) -> PlanUnusable:
    return PlanUnusable(
        f"{path} is damaged: its {FACE} has more than {LARGEST_FACE // 2**20:,} MiB, as no plan's has.", hint=_WRITES
    )


def _check(file: OpenFile, path: Path) -> tuple[Face, str, CheckedFile]:
    """The face, the digest of the body (of a sealed one what the face says), and what it takes to read that again."""
    stamp = file.stamp  # before all else: what is written from now on is seen
    with file.reader() as stream, zipfile.ZipFile(stream) as archive:
        with archive.open(FACE) as part:
            text = part.read(LARGEST_FACE + 1)  # a zip may say less than it holds
        if len(text) > LARGEST_FACE:
            raise _too_large(path)
        face = Face.model_validate_json(text)
        member = SEALED if SEALED in archive.namelist() else BODY
        with archive.open(member) as part:
            passing = Digests(part)
            digest = face.body_digest if member == SEALED else _digest(passing)
            digests = passing.finish()
    return face, digest, CheckedFile(file, member, digests, text, stamp)


def _file(plan: Plan) -> CheckedFile:
    """The plan's file as it was checked; checked now where nobody has yet."""
    if plan.path is None:
        raise PlanUnusable("This plan was not kept in a file, so its actions are gone.")
    if plan.file is not None:
        return plan.file
    found = read(plan.path)
    if found.face != plan.face or found.file is None:
        raise _written_to(plan.path)
    return found.file


def _pieces(plan: Plan, *, sealed: bool = False) -> Iterator[bytes]:
    """The plan's body as it lies in its file, in pieces that are what was checked.

    Args:
        sealed: a sealed body will do.
    """
    found = _file(plan)
    if found.member == SEALED and not sealed:
        raise PlanUnusable(
            "This plan is sealed: its face can be read, its actions cannot.",
            hint="Open it with an identity of one of its recipients: --identity FILE.",
        )
    try:
        with found.file.reader() as file, zipfile.ZipFile(file) as archive, archive.open(found.member) as part:
            yield from checked(part, found.digests)
    except (Changed, *_DAMAGED):
        raise _written_to(plan.path) from None


def _written_to(path: Path | None) -> PlanUnusable:
    return PlanUnusable(
        f"{path} was changed after it was checked, so nothing more of it is read.",
        hint="Plan again, and apply that; leave the file alone meanwhile.",
    )


def _lines(pieces: Iterator[bytes]) -> Iterator[bytes]:
    packed = pa.CompressedInputStream(pa.PythonFile(Stream(pieces), "r"), "zstd")
    yield from io.BufferedReader(packed)


def _digest(packed: Digests) -> str:
    """The digest of what is in a body, which is read a piece at a time."""
    digest, unpacked = hashlib.sha256(), pa.CompressedInputStream(pa.PythonFile(packed, "r"), "zstd")
    while piece := unpacked.read(PIECE):
        digest.update(piece)
    return digest.hexdigest()

"""A plan as one file that another machine can apply: a face that anybody may read, and a body with the actions.

The file is a zip of `actions.ndjson.zst` and `face.json`, in this order, and ends with the code that authenticates all
of it, see `plan.mac`. Nothing of it is believed before that code was checked. The plan's id is a keyed digest of its
content, so equal inputs give an equal id.
"""

from __future__ import annotations

import hashlib
import io
import struct
import zipfile
import zlib
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import IO

import orjson
import pyarrow as pa
from pydantic import ValidationError

from reconcile.errors import PlanUnusable
from reconcile.plan import actions, mac
from reconcile.plan.mac import FORMAT
from reconcile.plan.model import Action, CheckedFile, Face, Plan, Stage
from reconcile.plan.openfile import PIECE, Changed, Content, NoFile, OpenFile, Stream
from reconcile.state import disk
from reconcile.state.keys import Keys

FACE, BODY, SEALED = "face.json", "actions.ndjson.zst", "actions.ndjson.zst.age"
"""Members of a plan file; the body is one of the two, see `plan.sealing`."""
LARGEST_FACE = 64 * 2**20
"""Bytes; a face holds no people, so no plan's comes near it."""
_WRITES = "`reconcile plan --out FILE` writes one."
_ROOM = "Free some, or keep the plan elsewhere: --out FILE."
EPOCH = (1980, 1, 1, 0, 0, 0)
"""The oldest date a zip can hold: equal plans are equal files."""
_LOCAL = struct.Struct("<26xHH")
"""Of a member's local header: the lengths of its name and of its extra field."""
_DAMAGED = (
    zipfile.BadZipFile,
    pa.ArrowException,
    OSError,
    EOFError,
    struct.error,
    zlib.error,
    RuntimeError,
    KeyError,
    ValueError,
    NotImplementedError,
)
"""What reading a damaged zip may raise."""


def write(face: Face, lines: Iterable[bytes | memoryview], path: Path, keys: Keys) -> Plan:
    """Write a plan, all or nothing, readable by its owner alone; returns it with its id.

    Args:
        face: without id and digest, which are made here.
        lines: the body, in pieces of any size.
        keys: of the account that the plan is for.

    Raises:
        DiskFull, Unwritten: it could not be written; what was at `path` is as it was.
    """
    with disk.writing("the plan", path, hint=_ROOM), disk.replacing(path) as file:
        with zipfile.ZipFile(file, "w", zipfile.ZIP_STORED) as archive:
            archive.comment = mac.comment(keys)
            made = face.model_copy(update={"body_digest": _write_body(lines, archive, keys)})
            made = made.model_copy(update={"plan_id": identity(made, keys)})
            text = made.model_dump_json(indent=2).encode()
            archive.writestr(zipfile.ZipInfo(FACE, EPOCH), text)
        content = mac.sign(file, keys)
    content = replace(content, stamp=content.file.stamp)  # it has its name by now
    return Plan(made, path, file=CheckedFile(content, BODY, text, keys))


def _write_body(lines: Iterable[bytes | memoryview], archive: zipfile.ZipFile, keys: Keys) -> str:
    """Write the body; returns its keyed digest."""
    digest = hashlib.blake2b(key=keys.plan_id, digest_size=32, person=b"reconcile.body")
    with (
        archive.open(zipfile.ZipInfo(BODY, EPOCH), "w", force_zip64=True) as body,
        # Closed here, also on failure: Arrow complains aloud of a stream that it has to close by itself.
        pa.CompressedOutputStream(pa.PythonFile(body, "w"), "zstd") as packed,
    ):
        for piece in lines:
            digest.update(piece)
            packed.write(piece)
    return digest.hexdigest()


@contextmanager
def anew(plan: Plan, to: Path, member: str) -> Iterator[IO[bytes]]:
    """Write a plan with the same face and another body, all or nothing: the body to write.

    What is written of a plan that was not verified is not authenticated either.
    """
    if plan.file is None:
        raise PlanUnusable("This plan was not kept in a file, so its actions are gone.")
    keys = plan.file.keys
    with disk.writing("the plan", to), disk.replacing(to) as file:
        with zipfile.ZipFile(file, "w", zipfile.ZIP_STORED) as made:
            made.comment = mac.UNSIGNED if keys is None else mac.comment(keys)
            with made.open(zipfile.ZipInfo(member, EPOCH), "w", force_zip64=True) as body:
                yield body
            made.writestr(zipfile.ZipInfo(FACE, EPOCH), plan.file.face)
        if keys is not None:
            mac.sign(file, keys)


def identity(face: Face, keys: Keys) -> str:
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
    text = orjson.dumps(content, option=orjson.OPT_SORT_KEYS)
    return hashlib.blake2b(text, key=keys.plan_id, digest_size=8, person=b"reconcile.id").hexdigest()


def read(path: Path, *keys: Keys) -> Plan:
    """Open a plan file, and make sure that it was made by who has the account's secret; of a sealed one, its face.

    The file stays open as long as the plan is there: what becomes of the name, or of the file, changes nothing of it.

    Args:
        keys: of the account, and of its secret of before where that is known. Without any, nothing is verified: the
            plan can be looked at (`Plan.verified` is False), and cannot be applied.

    Raises:
        PlanUnusable: no such file, not a plan, damaged, edited, made with another secret, or of another format.
    """
    try:
        file = OpenFile.open(path)
        ending = mac.read_ending(file)
        if ending is None:
            raise _unauthenticated(path, file)
        if ending.format != FORMAT:
            raise _foreign(path, ending.format)
        content, by = mac.verify(file, path, ending, keys) if keys else (Content.of(file), None)
        with content.reader() as stream, zipfile.ZipFile(stream) as archive:
            member, text = _check_members(archive, stream, whole=by is None)
        face = Face.model_validate_json(text)
    except FileNotFoundError:
        raise _gone(path) from None
    except IsADirectoryError:
        raise PlanUnusable(f"{path} is a folder, not a plan file.", hint=_WRITES) from None
    except NoFile:
        raise PlanUnusable(f"{path} is no file, but a pipe or a device.", hint=_WRITES) from None
    except Changed:
        raise _written_to(path) from None
    except ValidationError:
        raise _foreign(path) from None
    except _DAMAGED as error:
        raise PlanUnusable(
            f"{path} is not a plan file, or is damaged ({type(error).__name__}).", hint=_WRITES
        ) from None
    if face.format != FORMAT:
        raise _foreign(path, face.format)
    return Plan(face, path, file=CheckedFile(content, member, text, by))


def _check_members(archive: zipfile.ZipFile, stream: IO[bytes], *, whole: bool) -> tuple[str, bytes]:
    """Which member is the body, and the text of the face, of a zip that has these two and nothing else.

    Args:
        whole: read the body too, to see that it is not damaged.

    Raises:
        BadZipFile: the zip is another than we write.
    """
    found = archive.infolist()
    names = [one.filename for one in found]
    if names not in ([BODY, FACE], [SEALED, FACE]):
        raise zipfile.BadZipFile("other members than a plan has")
    place = 0
    for one in found:
        stream.seek(one.header_offset)
        lengths = _LOCAL.unpack(stream.read(_LOCAL.size))
        plain = one.compress_type == zipfile.ZIP_STORED and one.compress_size == one.file_size and not one.flag_bits & 1
        if one.header_offset != place or not plain:
            raise zipfile.BadZipFile("members that are not as they are written")
        place += _LOCAL.size + sum(lengths) + one.compress_size
    if place != archive.start_dir or found[1].file_size > LARGEST_FACE:
        raise zipfile.BadZipFile("more in it than a plan has")
    if whole:
        with archive.open(found[0]) as part:
            while part.read(PIECE):
                pass
    return names[0], archive.read(found[1])


def raise_if_changed(plan: Plan) -> None:
    """Look once more before the first action that what was checked can still be read, where the file was touched.

    Each piece is looked at again when it is read; this only spares a run that would have to end in the middle.

    Raises:
        PlanUnusable: it was written to. What another file has under its name by now does not matter.
    """
    if plan.file is not None and plan.file.content.file.stamp != plan.file.content.stamp:
        for _ in _whole(plan):
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
    with disk.writing("the plan", path), disk.replacing(path) as to:
        to.writelines(_whole(plan))
    return path


def copy_sealed(plan: Plan, to: Path) -> Path:
    """A copy of the sealed file that a plan was opened from.

    Raises:
        PlanUnusable: another plan is there by now; see `read`.
    """
    if plan.sealed is None or plan.file is None or plan.file.keys is None:
        raise PlanUnusable("There is no sealed file of this plan.")
    found = read(plan.sealed, plan.file.keys)
    if found.face != plan.face:
        raise _written_to(plan.sealed)
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


def _foreign(path: Path, format: int | None = None) -> PlanUnusable:  # noqa: A002 -- what it is called in the face
    which = f"format {format}" if format is not None else "another face"
    return PlanUnusable(
        f"{path} was made by another version of reconcile ({which}; this one reads format {FORMAT}).",
        hint="Plan again.",
    )


def _unauthenticated(path: Path, file: OpenFile) -> PlanUnusable:
    """What is to be said of a file that does not end as a plan file does."""
    if file.read_at(30, len(BODY)) == BODY.encode():  # where a zip has the name of its first member
        return PlanUnusable(
            f"{path} was made by an earlier version of reconcile, whose plans nobody can authenticate (this one reads"
            f" format {FORMAT}), or its end was cut off.",
            hint="Plan again.",
        )
    return PlanUnusable(f"{path} is not a plan file, or is damaged (it does not end as one).", hint=_WRITES)


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


def _whole(plan: Plan) -> Iterator[bytes]:
    """The plan's file in pieces that are what was checked."""
    try:
        yield from _file(plan).content.pieces()
    except Changed:
        raise _written_to(plan.path) from None


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
        with found.content.reader() as file, zipfile.ZipFile(file) as archive, archive.open(found.member) as part:
            while piece := part.read(PIECE):
                yield piece
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

"""A plan as one file that another machine can apply: a face that anybody may read, and a body with the actions.

The file is a zip of `face.json` and `actions.ndjson.zst`. The plan's id is a digest of its content, so equal inputs
give an equal id, and an edited file no longer fits its own.
"""

from __future__ import annotations

import hashlib
import io
import shutil
import zipfile
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import IO

import orjson
import pyarrow as pa
from pydantic import ValidationError

from reconcile.errors import PlanUnusable
from reconcile.plan import actions
from reconcile.plan.model import FORMAT, Action, Face, Plan, Stage
from reconcile.state import disk

FACE, BODY, SEALED = "face.json", "actions.ndjson.zst", "actions.ndjson.zst.age"
"""Members of a plan file; the body is one of the two, see `plan.sealing`."""
_WRITES = "`reconcile plan --out FILE` writes one."
_ROOM = "Free some, or keep the plan elsewhere: --out FILE."
EPOCH = (1980, 1, 1, 0, 0, 0)
"""The oldest date a zip can hold: equal plans are equal files."""


def write(face: Face, lines: Iterable[bytes | memoryview], path: Path) -> Plan:
    """Write a plan, all or nothing, readable by its owner alone; returns it with its id.

    Args:
        face: without id and digest, which are made here.
        lines: the body, in pieces of any size.

    Raises:
        DiskFull, Unwritten: it could not be written; what was at `path` is as it was.
    """
    with disk.writing("the plan", path, hint=_ROOM), disk.replacing(path) as file:
        sealed = _write(face, lines, file)
    return Plan(sealed, path)


def _write(face: Face, lines: Iterable[bytes | memoryview], file: IO[bytes]) -> Face:
    with zipfile.ZipFile(file, "w", zipfile.ZIP_STORED) as archive:
        digest = hashlib.sha256()
        with (
            archive.open(zipfile.ZipInfo(BODY, EPOCH), "w", force_zip64=True) as body,
            # Closed here, also on failure: Arrow complains aloud of a stream that it has to close by itself.
            pa.CompressedOutputStream(pa.PythonFile(body, "w"), "zstd") as packed,
        ):
            for piece in lines:
                digest.update(piece)
                packed.write(piece)
        sealed = face.model_copy(update={"body_digest": digest.hexdigest()})
        sealed = sealed.model_copy(update={"plan_id": identity(sealed)})
        sealed = sealed.model_copy(update={"seal": _seal(sealed)})
        archive.writestr(zipfile.ZipInfo(FACE, EPOCH), sealed.model_dump_json(indent=2))
    return sealed


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

    Raises:
        PlanUnusable: no such file, not a plan, damaged, edited, or of another format.
    """
    try:
        with zipfile.ZipFile(path) as archive:
            face = Face.model_validate_json(archive.read(FACE))
            sealed = SEALED in archive.namelist()
            body_digest = face.body_digest if sealed else _digest(archive)
    except FileNotFoundError:
        raise _gone(path) from None
    except IsADirectoryError:
        raise PlanUnusable(f"{path} is a folder, not a plan file.", hint=_WRITES) from None
    except ValidationError:
        raise _foreign(path) from None
    except (zipfile.BadZipFile, KeyError, OSError, pa.ArrowException) as error:
        raise PlanUnusable(
            f"{path} is not a plan file, or is damaged ({type(error).__name__}).", hint=_WRITES
        ) from None
    if face.format != FORMAT:
        raise _foreign(path)
    if (face.body_digest, face.plan_id, face.seal) != (body_digest, identity(face), _seal(face)):
        raise PlanUnusable(f"{path} was changed after it was made.", hint="Plan again, and apply that.")
    return Plan(face, path)


def _gone(path: Path) -> PlanUnusable:
    return PlanUnusable(f"There is no plan file {path}.", hint=_WRITES)


def _foreign(path: Path) -> PlanUnusable:
    return PlanUnusable(
        f"{path} was made by another version of reconcile (this one reads format {FORMAT}).",
        hint="Plan again.",
    )


def walk(plan: Plan) -> Iterator[tuple[Stage, Action]]:
    """The plan's actions in order, a few in memory at a time.

    Raises:
        PlanUnusable: the plan was not kept in a file, the file is gone, or a line in it is not an action.
    """
    if plan.path is None:
        raise PlanUnusable("This plan was not kept in a file, so its actions are gone.")
    try:
        with zipfile.ZipFile(plan.path) as archive:
            yield from actions.read(_lines(archive))
    except FileNotFoundError:
        raise _gone(plan.path) from None
    except (ValueError, KeyError, TypeError) as error:
        raise PlanUnusable(f"{plan.path} holds something that is no action ({type(error).__name__}).") from None


def body(plan: Plan, path: Path) -> Path:
    """The plan's body as a file of JSON lines, zstd, for the engine to read."""
    if plan.path is None:
        raise PlanUnusable("This plan was not kept in a file, so its actions are gone.")
    with zipfile.ZipFile(plan.path) as archive, _body(archive) as packed, path.open("wb") as file:
        shutil.copyfileobj(packed, file)
    return path


def _body(archive: zipfile.ZipFile) -> IO[bytes]:
    if BODY not in archive.namelist() and SEALED in archive.namelist():
        raise PlanUnusable(
            "This plan is sealed: its face can be read, its actions cannot.",
            hint="Open it with an identity of one of its recipients: --identity FILE.",
        )
    return archive.open(BODY)


def _lines(archive: zipfile.ZipFile) -> Iterator[bytes]:
    with _body(archive) as body:
        packed = pa.CompressedInputStream(pa.PythonFile(body, "r"), "zstd")
        yield from io.BufferedReader(packed)


def _digest(archive: zipfile.ZipFile) -> str:
    digest = hashlib.sha256()
    for piece in _pieces(archive):
        digest.update(piece)
    return digest.hexdigest()


def _pieces(archive: zipfile.ZipFile, size: int = 1 << 20) -> Iterator[bytes]:
    with _body(archive) as body:
        packed = pa.CompressedInputStream(pa.PythonFile(body, "r"), "zstd")
        while piece := packed.read(size):
            yield piece

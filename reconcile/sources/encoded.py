"""Files of text: how they are written, and the same in UTF-8, which is all that the engine reads."""

from __future__ import annotations

import codecs
import shutil
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from io import TextIOWrapper
from pathlib import Path

from reconcile.errors import SourceUnavailable
from reconcile.sources.origin import Origin
from reconcile.sources.storage import Files
from reconcile.state.model import Loan

HINT = "Say how it is written at the source: encoding: windows-1252 (or latin-1, utf-16, ...)."

_CHUNK = 1 << 20
_MARKS = ((codecs.BOM_UTF8, "utf-8"), (codecs.BOM_UTF16_LE, "utf-16"), (codecs.BOM_UTF16_BE, "utf-16"))
"""What a file begins with that says its encoding."""


def encoding(origin: Origin) -> str:
    """Python's name of the encoding of a source's files."""
    return codecs.lookup(origin.spec.encoding or "utf-8").name.removesuffix("-sig")


def check_mark(origin: Origin, files: Files, path: str) -> bytes:
    """What a file begins with, where that says its encoding; it may say no other than the source.

    Raises:
        SourceUnavailable: it does.
    """
    with files.open(path) as stream:
        begin = stream.peek(4)
    for mark, said in _MARKS:
        if begin.startswith(mark):
            if not encoding(origin).startswith(said):
                told = f"{path} begins as {said.upper()} does, and is read as {called(origin)}"
                raise origin.failed(told, hint=f"Say at the source: encoding: {said}.")
            return mark
    return b""


def called(origin: Origin) -> str:
    """The encoding as the source says it."""
    return origin.spec.encoding or "UTF-8"


def lines(origin: Origin, files: Files, path: str) -> TextIOWrapper:
    """The lines of a file, with their ends as they are."""
    name = encoding(origin)
    return TextIOWrapper(files.open(path), "utf-8-sig" if name == "utf-8" else name, newline="")


@contextmanager
def in_utf8(origin: Origin, files: Files, loan: Loan | None, *, marked: bool) -> Iterator[Mapping[str, str]]:
    """The files by their paths, each as one that the engine can read; what is rewritten for that is gone afterwards.

    Args:
        marked: whether the engine reads UTF-8 that is marked as such.
    """
    others = [path for path in files.paths if _needs(origin, check_mark(origin, files, path), marked=marked)]
    if not others:
        yield {path: path for path in files.paths}
        return
    if loan is not None:
        loan.folder.mkdir(parents=True, exist_ok=True)
    folder = Path(tempfile.mkdtemp(dir=loan.folder if loan else None))
    try:
        yield {path: _rewritten(origin, files, path, folder) if path in others else path for path in files.paths}
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _needs(origin: Origin, mark: bytes, *, marked: bool) -> bool:
    return encoding(origin) != "utf-8" or bool(mark and not marked)


def _rewritten(origin: Origin, files: Files, path: str, folder: Path) -> str:
    made = folder / f"{len(list(folder.iterdir()))}"
    with lines(origin, files, path) as stream, made.open("w", encoding="utf-8", newline="") as out:
        try:
            while chunk := stream.read(_CHUNK):
                out.write(chunk.removeprefix("\ufeff"))
        except UnicodeError:
            raise wrong(origin, files, path) from None
    return str(made)


def wrong(origin: Origin, files: Files, path: str) -> SourceUnavailable:
    """The error that says in which line the text is not in the encoding that it is read in."""
    name = encoding(origin)
    decoder = codecs.getincrementaldecoder(name)("strict")
    line, found = 1, "what it ends with"
    with files.open(path) as stream:
        try:
            while chunk := stream.read(1 << 12):
                line += decoder.decode(chunk).count("\n")
            decoder.decode(b"", final=True)
        except UnicodeDecodeError as error:
            line += bytes(error.object[: error.start]).decode(name, "ignore").count("\n")
            found = f"the byte 0x{error.object[error.start]:02x}"
        except UnicodeError:
            found = "what it begins with"
    return origin.failed(f"{path}, line {line}: {found} is no {called(origin)}", hint=HINT)

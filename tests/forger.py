"""Plan files as a forger makes them: other bytes, parts, names and order, with or without the account's secret."""

from __future__ import annotations

import json
import warnings
import zipfile
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

import pyarrow as pa

from reconcile.plan import archive, mac
from reconcile.state.keys import Keys

Parts = dict[str, bytes]


def parts_of(path: Path) -> tuple[Parts, bytes]:
    """The members of a plan file, and how it ends."""
    with zipfile.ZipFile(path) as old:
        return {name: old.read(name) for name in old.namelist()}, old.comment


def write(path: Path, parts: Iterable[tuple[str, bytes]], ending: bytes, keys: Keys | None = None) -> Path:
    """A zip of these members that ends so; with the account's keys it is authentic."""
    with warnings.catch_warnings(), zipfile.ZipFile(path, "w") as new:
        warnings.simplefilter("ignore")  # of a name that is there twice
        new.comment = ending
        for name, content in parts:
            new.writestr(zipfile.ZipInfo(name, archive.EPOCH), content)
    if keys is not None:
        with path.open("r+b") as file:
            mac.sign(file, keys)
    return path


def edit(path: Path, change: Callable[[Parts], Any], keys: Keys | None = None) -> Path:
    """The same file with other parts in it."""
    parts, ending = parts_of(path)
    change(parts)
    return write(path, parts.items(), ending, keys)


def edit_face(parts: Parts, **values: object) -> None:
    """Other values in the face."""
    parts[archive.FACE] = json.dumps({**json.loads(parts[archive.FACE]), **values}).encode()


def edit_body(parts: Parts, old: bytes, new: bytes) -> None:
    """Other words in the body."""
    plain = pa.CompressedInputStream(pa.BufferReader(parts[archive.BODY]), "zstd").read()
    assert old in plain
    parts[archive.BODY] = packed(plain.replace(old, new))


def packed(plain: bytes) -> bytes:
    """A body as it lies in a plan file."""
    out = pa.BufferOutputStream()
    with pa.CompressedOutputStream(out, "zstd") as stream:
        stream.write(plain)
    return bytes(out.getvalue().to_pybytes())

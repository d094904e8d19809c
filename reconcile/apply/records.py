"""The small JSON files of a state (lease, report, ledger head, ...): capped, and with a checksum of their content.

A byte that changed on a disk or on its way must not make another holder, count or digest of what was written. Files of
earlier versions have no checksum: they are read as they are, as long as they hold only keys that those versions wrote.
"""

from __future__ import annotations

import zlib
from collections.abc import Collection, Mapping
from typing import Any

import orjson

LARGEST = 64 * 2**20
"""Bytes; no such file of ours comes near it."""

_CRC = "$crc"
"""No name that people give begins so."""


class Damaged(ValueError):
    """The content is not what was written."""


def dump_record(content: Mapping[str, Any]) -> bytes:
    """A file with this content and its checksum."""
    said = orjson.dumps(content, option=orjson.OPT_INDENT_2)
    return orjson.dumps({**content, _CRC: f"{zlib.crc32(said):08x}"}, option=orjson.OPT_INDENT_2)


def load_record(content: bytes, known: Collection[str] | None = None) -> dict[str, Any]:
    """The content of a file, without its checksum.

    Args:
        known: the keys that earlier versions wrote; None where keys are names that people gave.

    Raises:
        Damaged: the file is not what was written, or is none of these.
    """
    if len(content) > LARGEST:
        raise Damaged("too large")
    try:
        said = orjson.loads(content)
    except ValueError:
        raise Damaged("no JSON") from None
    if not isinstance(said, dict):
        raise Damaged("no object")
    if _CRC in said:
        del said[_CRC]
        if dump_record(said) != content:
            raise Damaged("a checksum that does not fit")
    elif known is not None and not said.keys() <= set(known):
        raise Damaged("a key that is not known, and no checksum")
    return said

"""The code that authenticates a plan file, made with a key from the account's API secret (keyed BLAKE2b).

It covers every byte of the file before it: the summary, the body, names, sizes and order of both. It ends the file, as
the comment of the zip:

    reconcile-plan FORMAT KEY CODE

KEY is `Keys.id`, which tells a changed secret from a changed file.
"""

from __future__ import annotations

import hashlib
import hmac
import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import IO

from reconcile.errors import PlanUnusable
from reconcile.plan.openfile import Content, OpenFile
from reconcile.state.keys import Keys

FORMAT = 2
"""The format of plan files that this version writes and reads."""
_CODE = 64
_ENDING = re.compile(rb"reconcile-plan ([0-9]{1,6}) ([0-9a-f]{16}) ([0-9a-f]{64})\Z")
_LONGEST = len("reconcile-plan 123456 ") + 16 + 1 + _CODE
AGAIN = "Plan again, and apply that."
UNSIGNED = f"reconcile-plan {FORMAT} {'0' * 16} {'0' * _CODE}".encode()
"""The end of a copy of a plan that was not verified: no secret is known to give it."""


@dataclass(frozen=True, slots=True)
class Ending:
    """What the end of a plan file says: its format, which key it was made with, and the code."""

    format: int
    key: str
    code: str


def comment(keys: Keys) -> bytes:
    """The end of a plan file, before the code is known; see `sign`."""
    return f"reconcile-plan {FORMAT} {keys.id} {'0' * _CODE}".encode()


def sign(file: IO[bytes], keys: Keys) -> Content:
    """Put the code into a file that ends with `comment`; returns what the file holds then."""
    file.flush()
    opened = OpenFile.of(file)
    code = _Code(keys, opened.size)
    content = Content.of(opened, code.take)
    place = content.size - _CODE
    file.seek(place)
    file.write(code.hex().encode())
    file.flush()
    return content.taken_again(place)


def read_ending(file: OpenFile) -> Ending | None:
    """What the end of a file says; None where it does not end as a plan file does."""
    size = file.size
    found = _ENDING.search(file.read_at(max(0, size - _LONGEST), _LONGEST))
    return Ending(int(found[1]), found[2].decode(), found[3].decode()) if found else None


def verify(file: OpenFile, path: Path, ending: Ending, known: Sequence[Keys]) -> tuple[Content, Keys]:
    """Make sure that a plan file was made by somebody who has one of these secrets, and was not changed since.

    Raises:
        PlanUnusable: it was not.
    """
    keys = next((one for one in known if one.id == ending.key), None)
    if keys is None:
        raise PlanUnusable(
            f"{path} was made with another API secret than the one that is given here: the secret was changed since,"
            " the plan is for another account, or the file was changed. Nothing of it is believed.",
            hint="Plan again with the secret of today. Which secret is meant: --spec SPEC, or --secret-env NAME.",
        )
    code = _Code(keys, file.size)
    content = Content.of(file, code.take)
    if not hmac.compare_digest(code.hex(), ending.code):
        raise PlanUnusable(f"{path} was changed after it was made. Nothing of it is believed.", hint=AGAIN)
    return content, keys


class _Code:
    """The code over the bytes of a file of a known size, without those that hold the code itself."""

    def __init__(self, keys: Keys, size: int) -> None:
        self._left = size - _CODE
        self._hash = hashlib.blake2b(key=keys.plan_mac, digest_size=_CODE // 2, person=b"reconcile.plan")

    def take(self, piece: bytes) -> None:
        self._hash.update(memoryview(piece)[: max(0, self._left)])
        self._left -= len(piece)

    def hex(self) -> str:
        return self._hash.hexdigest()

"""Names that others gave (columns, vars, lists), as ids of a spec and as YAML."""

from __future__ import annotations

import json
import re
import unicodedata
from collections.abc import Collection, Iterable, Sequence
from typing import Final

_BARE: Final = re.compile(r"[A-Za-z_][A-Za-z0-9_]*( [A-Za-z0-9_]+)*")
_ID: Final = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
_WORDS: Final = frozenset({"true", "false", "yes", "no", "on", "off", "null", "y", "n"})
"""Words that mean something else than themselves, to some reader of YAML or other."""

LONGEST_PROPERTY: Final = 63
LONGEST_VAR: Final = 32
"""SAILTHRU.md §7.3."""


def scalar(text: str) -> str:
    """A text as YAML, in quotes where it needs them; on one line always, so that it may stand in a comment too."""
    if _BARE.fullmatch(text) and text.lower() not in _WORDS:
        return text
    return json.dumps(text, ensure_ascii=not text.isprintable())


def writable(name: str) -> bool:
    """Whether a spec can hold the name at all: it is not empty, and is a text."""
    if not name or "\0" in name:
        return False
    try:
        name.encode()
    except UnicodeEncodeError:  # half a character
        return False
    return True


def ids(names: Iterable[str], *, longest: int = LONGEST_PROPERTY, reserved: Collection[str] = ()) -> dict[str, str]:
    """For each name an id of letters, digits and `_` that starts with no digit: the name itself where it is one.

    Args:
        names: each once.
        longest: characters an id may have.
        reserved: ids, in small letters, that nothing may be called.

    No two ids differ only in case: the engine takes one for the other.
    """
    found: dict[str, str] = {}
    taken = {word.casefold() for word in reserved}
    for name in names:
        plain = _plain(name)[:longest]
        unlike, number = plain, 2
        while unlike.casefold() in taken:
            ending = f"_{number}"
            unlike, number = plain[: longest - len(ending)] + ending, number + 1
        taken.add(unlike.casefold())
        found[name] = unlike
    return found


def kept_by_sailthru(var: str) -> bool:
    """Whether Sailthru keeps a var's name as it is, and does not rewrite it silently."""
    return len(var) <= LONGEST_VAR and _ID.fullmatch(var) is not None


def alike(name: str) -> str:
    """A name as names are compared: `CustomerId`, `customer_id` and `customerID` are one."""
    return re.sub(r"[\W_]", "", name).casefold()


def same(name: str, among: Sequence[str]) -> str | None:
    """Which of these is the name, or else the only one like it; None where none is, or several are."""
    found = [one for one in among if alike(one) == alike(name)]
    if name in found:
        return name
    return found[0] if len(found) == 1 else None


def _plain(name: str) -> str:
    """Accents dropped; what is no letter or digit becomes one `_`."""
    if _ID.fullmatch(name):
        return name
    ascii_ = unicodedata.normalize("NFKD", name).encode("ascii", "ignore").decode()
    plain = re.sub(r"\W+", "_", ascii_).strip("_")
    if not plain:
        return "unnamed"
    return f"_{plain}" if plain[0].isdigit() else plain

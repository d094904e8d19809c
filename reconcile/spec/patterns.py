r"""Regular expressions, as far as RE2 (DuckDB) and Java (Spark) mean the same by them.

The language is RE2's without what Java lacks or reads in another way: no lookaround, no back references, no `\b`, no
flags, no named groups, no classes by name (`[:alpha:]`, `\p{L}`). `\d`, `\w` and `\s` are ASCII, `.` is anything but a
newline, `$` is the very end.
"""

from __future__ import annotations

import itertools
import re
from collections.abc import Iterator

MOST = 1000
"""Times that RE2 lets something be repeated."""

_PUNCTUATION = r"[!-/:-@\[-^`{-~]"
_CLASS = rf"\[\^?(?:\\[dDwWstnrf]|\\{_PUNCTUATION}|(?!&&|--|~~|\|\|)[^\\\[\]])+\]"
_PIECES = re.compile(
    rf"""(?P<set>{_CLASS})
    |(?P<group>\((?:\?:|(?!\?)))
    |(?P<times>(?:[*+?]|\{{\d{{1,4}}(?:,\d{{0,4}})?\}})\??)
    |(?P<escape>\\(?:[dDwWsStnrf]|{_PUNCTUATION}))
    |(?P<other>[^\\\[\](){{}}*+?]|\))""",
    re.VERBOSE | re.DOTALL,
)
_SPACE = r"\t\n\f\r "
_JAVA = {".": r"[^\n]", r"\s": f"[{_SPACE}]", r"\S": f"[^{_SPACE}]", "$": r"\z", "^": r"\A"}


def fault(pattern: str) -> tuple[str, str | None] | None:
    """What is wrong with a pattern, as a sentence without its capital, and a hint; None where nothing is."""
    try:
        pieces = list(_pieces(pattern))
        re.compile(pattern, re.ASCII)
    except _Odd as odd:
        return f'"{odd}" is not known here', "See the regular expressions of docs/operators.md."
    except (re.error, OverflowError, RecursionError) as error:
        return str(getattr(error, "msg", error)), None
    if any(one == another == "times" for (one, _), (another, _) in itertools.pairwise(pieces)):
        return "something is repeated that is repeated already", "Put the inner one in brackets."
    most = max(
        (int(count) for kind, text in pieces if kind == "times" for count in re.findall(r"\d+", text)), default=0
    )
    return (f"something is repeated more than {MOST:,} times", None) if most > MOST else None


def java(pattern: str) -> str | None:
    """The same in Java's words; None where it is not known to mean the same there."""
    if fault(pattern) is not None:
        return None
    return "".join(_java(kind, text) for kind, text in _pieces(pattern))


def _java(kind: str, text: str) -> str:
    if kind == "set":
        return text.replace(r"\\", "\0").replace(r"\s", _SPACE).replace("\0", r"\\")
    return _JAVA.get(text, text)


class _Odd(Exception):
    """Something that is no piece of a pattern."""


def _pieces(pattern: str) -> Iterator[tuple[str, str]]:
    at = 0
    while at < len(pattern):
        found = _PIECES.match(pattern, at)
        if found is None:
            raise _Odd(pattern[at : at + 3])
        yield str(found.lastgroup), found[0]
        at = found.end()

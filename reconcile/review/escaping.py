r"""Text that stands for itself in Markdown, on every host.

A list may be called `@everyone`, `#1`, `<script>` or `[x](//evil)`. Punctuation that Markdown or HTML could read is
written as a character reference, which is never structure (CommonMark 0.31, 2.5); what hosts make links of after that
(mentions, issues, labels, addresses, emoji) is broken by a space without width. Backslashes would do for CommonMark,
but not for cells of tables, where hosts differ.
"""

from __future__ import annotations

import re
import unicodedata
from functools import lru_cache

GAP = "\u200b"
"""A space without width."""

_LINKS = re.compile(
    r"(?<=[@#!~%$&^])(?=\w)"  # somebody, an issue, a merge request, a label, a milestone, a snippet, an epic
    r"|(?<=:)(?=//|[\w+-]+:)"  # an address, an emoji
    r"|(?<=www)(?=\.)|(?<=\bgh)(?=-)",
    re.IGNORECASE,
)
_READ = re.compile(r"[#$&*<=>@\[\\\]^_`|~]|^[-+]+|^[0-9]+(?=[.)])")
_UNSEEN = {"Cc", "Cf", "Zl", "Zp", "Co", "Cn", "Cs"}


@lru_cache(maxsize=10_000)
def plain(text: str) -> str:
    """One line of text, for a paragraph, an item or a cell."""
    return _READ.sub(_references, _LINKS.sub(GAP, seen(text)))


def seen(text: str) -> str:
    """The text on one line, and every character that cannot be seen as one that can: it may turn the line around."""
    if text.isprintable():
        return " ".join(text.split())
    spaced = "".join(" " if mark.isspace() else mark for mark in text)
    shown = "".join("\ufffd" if unicodedata.category(mark) in _UNSEEN else mark for mark in spaced)
    return " ".join(shown.split())


def _references(found: re.Match[str]) -> str:
    return "".join(f"&#{ord(mark)};" for mark in found[0])

r"""The one escape for everything that is printed: names and values come from outside, and terminals and CI obey some.

Characters that cannot be seen (control characters, line ends, those that turn the line around or have no width) are
written as in Python: `\x1b`, `\u202e`. What a CI takes for a command (`::error`, `##vso[`) is written so that it is
none.
"""

from __future__ import annotations

import re

_COMMAND = re.compile(r"^(\s*):(?=:)|#(?=#(?:vso)?\[)", re.IGNORECASE)
"""How a line begins that GitHub takes for a command, and what Azure and GitHub look for anywhere in a line."""


def escape_line(text: str) -> str:
    """A text as one line that shows what is in it and does nothing."""
    if not text.isprintable():
        text = "".join(one if one.isprintable() or one in "\t\u00a0\u3000" else repr(one)[1:-1] for one in text)
    return _COMMAND.sub(_quoted, text) if "::" in text or "##" in text else text


def escape_lines(text: str) -> str:
    """The same of a text of several lines, whose line ends are ours."""
    return "\n".join(escape_line(line) for line in text.split("\n"))


def escape_json(text: str) -> str:
    """The text of a JSON value, which says the same and does nothing where it is printed."""
    if not text.isprintable():
        text = "".join(one if one.isprintable() or one in "\n\t" else escape_character(one) for one in text)
    return re.sub(r"#(?=#(?:vso)?\[)", r"\\u0023", text, flags=re.IGNORECASE) if "##" in text else text


def escape_character(character: str) -> str:
    r"""A character as JSON writes one by its number: `\u202e`."""
    units = character.encode("utf-16-be", "surrogatepass")
    return "".join(f"\\u{units[at]:02x}{units[at + 1]:02x}" for at in range(0, len(units), 2))


def _quoted(found: re.Match[str]) -> str:
    return "\\x23" if found[0] == "#" else f"{found[1]}\\x3a"

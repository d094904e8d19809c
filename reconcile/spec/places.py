"""Where the parts of a spec stand in their files, and the lines to show, without the secrets in them."""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterable
from dataclasses import dataclass, field

from reconcile.errors import Where
from reconcile.spec.model import Path
from reconcile.spec.templates import is_reference

_SECTION = {
    "sources": "source",
    "properties": "property",
    "vars": "var",
    "groups": "group",
    "environments": "environment",
    "variables": "variable",
    "tests": "test",
}
_SECRET_KEY = re.compile(
    r"""(?i)(?P<key>(?:api\w*|\w*(?:secret|passw|token)\w*)["']?\s*:\s*)(?P<value>"[^"]*"?|'[^']*'?|[^\s,}#][^,}#]*)"""
)
_SECRET_URL = re.compile(r"""(?P<key>://[^:/@\s'"]*:)(?P<value>.+)(?=@)""")
_SECRET_WORD = re.compile(r"""(?i)(?P<key>(?:password|passwd|pwd|secret|token)=)(?P<value>[^&\s'"]+)""")
_SECRET_AGE = re.compile(r"""(?i)(?P<key>AGE-SECRET-KEY-1)(?P<value>\w+)""")


@dataclass(slots=True)
class Page:
    """One file, as it may be shown."""

    file: str
    lines: list[str]

    def write(self, text: str) -> None:
        """Take in the lines of a text, with what looks like a secret blotted out."""
        self.lines = [blot(line) for line in re.split(r"\r\n|\r|\n", text)]

    def at(self, line: int, column: int) -> Where:
        """A place by YAML's 0-based line and column."""
        text = self.lines[line] if line < len(self.lines) else ""
        return Where(self.file, line + 1, column + 1, text)

    def hide(self, start: tuple[int, int], end: tuple[int, int]) -> None:
        """Blot out everything between two places (0-based), for a secret whose place is known exactly."""
        (first, left), (last, right) = start, end
        if first >= len(self.lines):
            return
        text = self.lines[first]
        stop = right if last == first else len(text)
        self.lines[first] = text[:left] + _stars(stop - left) + text[stop:]
        for line in range(first + 1, min(last, len(self.lines) - 1) + 1):
            self.lines[line] = _stars(len(self.lines[line]))


def blot(line: str) -> str:
    """The line without literal secrets. A reference is no secret."""
    for pattern in (_SECRET_KEY, _SECRET_URL, _SECRET_WORD, _SECRET_AGE):
        line = pattern.sub(_blotted, line)
    return line


def _stars(width: int) -> str:
    """What stands for a secret. It keeps its width, so that carets still point at the right place."""
    return "***"[:width].ljust(width)


def _blotted(match: re.Match[str]) -> str:
    value = match["value"].rstrip()
    if is_reference(value.strip("\"'")) or value.lstrip("\"'").startswith("{{"):
        return match[0]
    return match["key"] + _stars(len(match["value"]))


@dataclass(slots=True)
class Places:
    """The places of a spec's keys and values, by path."""

    keys: dict[Path, Where] = field(default_factory=dict)
    values: dict[Path, Where] = field(default_factory=dict)
    pages: dict[str, Page] = field(default_factory=dict)

    def key(self, *path: str | int) -> Where | None:
        """The key of a part, or of its nearest parent that has one."""
        while path and path not in self.keys:
            path = path[:-1]
        return self.keys.get(path)

    def value(self, *path: str | int) -> Where | None:
        """The value of a part, or the nearest key above it."""
        return self.values.get(path) or self.key(*path)

    def inside(self, path: Path, text: str, spot: Where | None) -> Where | None:
        """A spot in a value's text (see `spot`), as a place in the file, where the file shows the text as it is."""
        outer = self.value(*path)
        if outer is None or spot is None:
            return outer
        # A block (`|`) begins on the line after its mark; anything else on the line of its first letter.
        block = "\n" in text
        line = outer.line + spot.line - 1 if block else outer.line - 1
        page = self.pages.get(outer.file)
        if page is None or line >= len(page.lines):
            return outer
        start = page.lines[line].find(spot.text if block else text, 0 if block else outer.column - 1)
        return page.at(line, start + spot.column - 1) if start >= 0 and spot.text.strip() else outer


def spot(text: str, offset: int) -> Where:
    """A place inside a text that is a value of the spec, before it is known where that stands."""
    before = text[:offset]
    line = before.count("\n")
    return Where("expression", line + 1, offset - before.rfind("\n"), text.split("\n")[line])


def called(path: Path) -> str:
    """A part of the spec in words: `property "greeting"`, `account`, `where of group "vip"`."""
    if not path:
        return "the spec"
    section, *rest = path
    if section not in _SECTION:
        return ".".join(_texts(path))
    if not rest:
        return f"section {section}"
    thing = f'{_SECTION[str(section)]} "{rest[0]}"'
    return f"{'.'.join(_texts(rest[1:]))} of {thing}" if rest[1:] else thing


def _texts(path: Iterable[str | int]) -> list[str]:
    """List positions are counted from one, as people do."""
    return [part if isinstance(part, str) else str(part + 1) for part in path]


def meant(word: str, known: Iterable[str]) -> str | None:
    """A hint: the known word that looks like this one, or else a short list of all of them."""
    words = sorted(known)
    folded = {other.casefold(): other for other in reversed(words)}
    close = difflib.get_close_matches(word.casefold(), folded, n=1, cutoff=0.6)
    if close:
        return f'Did you mean "{folded[close[0]]}"?'
    return f"There are: {', '.join(words)}." if 0 < len(words) <= 15 else None

"""The canonical form of a spec file: what it says and every comment stay, the rest is always written the same.

Keys of a part stand in the order of the reference (docs/spec.md), but where a comment or an empty line stands between
them; ids stay where their author put them. Two spaces a level, no quotes where none are needed and double ones where
they are, no more than one empty line, exactly one before each section; lines are not wrapped. What is written in one
line (`{property: city, nulls: skip}`) stays so. Ends of line are those that most lines of the file have, LF or CRLF.
"""

from __future__ import annotations

import io
import re
import sys
from collections.abc import Iterator, Mapping, Sequence
from types import SimpleNamespace
from typing import Any, TypeAlias, get_args, get_origin, get_type_hints

from pydantic import BaseModel
from ruamel.yaml import YAML
from ruamel.yaml.comments import CommentedMap, CommentedSeq
from ruamel.yaml.emitter import Emitter
from ruamel.yaml.nodes import ScalarNode
from ruamel.yaml.representer import RoundTripRepresenter
from ruamel.yaml.tokens import CommentToken

from reconcile.spec.environment import File

Tree: TypeAlias = Any
"""What ruamel reads: maps and sequences that know their comments."""

_OLD = frozenset({"yes", "no", "on", "off", "y", "n"})
"""Words that older readers of YAML, editors among them, take for true or false."""
_SECTION = re.compile(r"[^\s#-]")
_TEXT = re.compile(r"(:|-)\s+[|>][-+\d]*(\s+#.*)?$")
"""The head of a text of several lines."""


def canonical(text: str) -> str:
    """The canonical form of the text of a valid spec file: it says the same, and is its own canonical form.

    Raises:
        ValueError: it would not say the same: a bug of ours, told rather than written to a file.
    """
    ends = text.count("\r\n")
    plain = text.replace("\r\n", "\n")  # to YAML both are one
    made = _written(plain)
    if _said(made) != _said(text):
        raise ValueError("the canonical form says something else")
    return made.replace("\n", "\r\n") if ends > plain.count("\n") - ends else made


def _said(text: str) -> Any:
    return YAML(typ="safe", pure=True).load(text)


def _written(text: str) -> str:
    yaml = YAML()
    yaml.Emitter, yaml.Representer = _Emitter, _Representer
    yaml.width = 1_000_000
    yaml.indent(mapping=2, sequence=4, offset=2)
    yaml.allow_unicode = True
    tree = yaml.load(text)
    _arrange(tree, File)
    out = io.StringIO()
    yaml.dump(tree, out)
    return _spaced(out.getvalue())


class _Emitter(Emitter):
    """Double quotes where quotes are needed, as everywhere in our documentation."""

    def choose_scalar_style(self) -> Any:
        """Single ones only for what would need escapes in double ones."""
        style = super().choose_scalar_style()
        if style == "" and self.event.value.lower() in _OLD:
            return '"'
        return '"' if style == "'" and not set(self.event.value) & {'"', "\\"} else style


class _Representer(RoundTripRepresenter):
    """Writes null as a word: where a mapping stands in one line, nothing would become `!!null ""`."""

    def null(self, _: None) -> ScalarNode:
        """The word."""
        node: ScalarNode = self.represent_scalar("tag:yaml.org,2002:null", "null")
        return node


_Representer.add_representer(type(None), _Representer.null)


# The order of keys


def _arrange(tree: Tree, kind: Any) -> None:
    """Put the keys of all parts in their order; `kind` is what the reference says stands here."""
    if isinstance(tree, CommentedSeq):
        for item in tree:
            _arrange(item, _of_items(kind))
    if not isinstance(tree, CommentedMap):
        return
    model = _model(kind, tree)
    if model is None:
        for value in tree.values():
            _arrange(value, _of_values(kind))
        return
    fields = _fields(model)
    for key, value in tree.items():
        _arrange(value, fields.get(key))
    ordered = [key for key in fields if key in tree]
    after = _following(tree)
    if ordered and not _keeps(tree, ordered[-1]):
        for key in ordered:
            tree.move_to_end(key)
    if after is not None:
        tree.ca.items[[*tree][-1]] = after


def _fields(model: type[BaseModel]) -> dict[str, Any]:
    """The keys of a part, and what may stand at each; some are names yet, known in the file of the part."""
    named = SimpleNamespace(__annotations__={f.alias or n: f.annotation for n, f in model.model_fields.items()})
    return get_type_hints(named, vars(sys.modules[model.__module__]), include_extras=True)


def _model(kind: Any, tree: Mapping[str, Any]) -> type[BaseModel] | None:
    """The part that these keys are of, of those that may stand here."""
    keys = {*tree}
    models = (one for one in _within(kind) if isinstance(one, type) and issubclass(one, BaseModel))
    return next((one for one in models if keys <= {f.alias or n for n, f in one.model_fields.items()}), None)


def _of_values(kind: Any) -> Any:
    return next((get_args(one)[1] for one in _within(kind) if get_origin(one) in (Mapping, dict)), None)


def _of_items(kind: Any) -> Any:
    return next((get_args(one)[0] for one in _within(kind) if get_origin(one) in (Sequence, list, tuple)), None)


def _within(kind: Any) -> Iterator[Any]:
    """A kind, and those that it is one of."""
    yield kind
    if get_origin(kind) not in (Mapping, dict, Sequence, list, tuple):
        for part in get_args(kind):
            yield from _within(part)


# Comments and empty lines


def _keeps(tree: CommentedMap, last: str | None) -> bool:
    """Whether comments or empty lines stand between the keys, so that their order has to stay.

    Args:
        last: the key that would be the last: what follows a part at its end belongs to whatever comes next.
    """
    between = any(_flat([tree.ca.comment, *tree.ca.items.values()]))
    return between or any(_trails(value) for key, value in tree.items() if key != last or key != [*tree][-1])


def _following(tree: CommentedMap) -> list[Any] | None:
    """Take off what follows the last key on lines of its own: it is to stay at the end, whichever key that will be."""
    last = [*tree][-1] if tree else None
    held = tree.ca.items.get(last)
    if held is not None and all(token.value.startswith("\n") for token in _flat(held)):
        taken: list[Any] = tree.ca.items.pop(last)
        return taken
    return None


def _trails(tree: Tree) -> bool:
    """Whether something follows a part at its end."""
    if not isinstance(tree, (CommentedMap, CommentedSeq)):
        return False
    inner = [*tree.values()] if isinstance(tree, CommentedMap) else [*tree]
    return any(_flat(tree.ca.end)) or (bool(inner) and _trails(inner[-1]))


def _flat(held: Any) -> Iterator[CommentToken]:
    if isinstance(held, CommentToken):
        yield held
    elif isinstance(held, list):
        for one in held:
            yield from _flat(one)


def _spaced(text: str) -> str:
    """Empty lines and comments where they belong, outside of texts of several lines, which stay as they are."""
    lines: list[str] = []
    for line, free in _lines(text):
        if not free:
            lines.append(line)
        elif line.strip():
            _indent(lines, line)
            if lines and _SECTION.match(line):
                _part(lines)
            lines.append(line)
        elif lines and lines[-1].strip():
            lines.append("")
    return "\n".join(lines).strip("\n") + "\n"


def _lines(text: str) -> Iterator[tuple[str, bool]]:
    """Each line, and whether it is free: no part of a text of several lines."""
    within: int | None = None
    for line in text.splitlines():
        if within is not None and line.strip() and _depth(line) <= within:
            within = None
        yield line, within is None
        if within is None and _TEXT.search(line) and not line.lstrip().startswith("#"):
            within = _depth(line)


def _indent(lines: list[str], line: str) -> None:
    """Comments stand as deep as what follows them, but for those at the end of a deeper part."""
    at = len(lines)
    while at and lines[at - 1].lstrip().startswith("#"):
        at -= 1
    before = next((_depth(one) for one in reversed(lines[:at]) if one.strip()), 0)
    for nth in range(at, len(lines)):
        if not _depth(line) < _depth(lines[nth]) == before:
            lines[nth] = " " * _depth(line) + lines[nth].lstrip()


def _part(lines: list[str]) -> None:
    """One empty line before a section and the comments on top of it."""
    at = len(lines)
    while at and lines[at - 1].startswith("#"):
        at -= 1
    if at and lines[at - 1].strip():
        lines.insert(at, "")


def _depth(line: str) -> int:
    return len(line) - len(line.lstrip(" "))

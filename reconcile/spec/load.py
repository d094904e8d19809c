"""From YAML to a frozen `Spec`, or to every problem with its place. The only file that reads YAML."""

from __future__ import annotations

import io
import os
from collections.abc import Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path as FilePath
from typing import Any, TypeAlias

from pydantic import ValidationError
from ruamel.yaml import YAML
from ruamel.yaml.error import MarkedYAMLError
from ruamel.yaml.nodes import MappingNode, Node, ScalarNode, SequenceNode
from ruamel.yaml.representer import SafeRepresenter

from reconcile.errors import Problem, SpecInvalid, Where
from reconcile.spec import check, messages, scalars, templates
from reconcile.spec.model import Path, Spec
from reconcile.spec.places import Page, Places, called

DEEPEST, MOST_NODES = 40, 500_000
_MERGED = {("version",), ("sources",), ("properties",), ("vars",), ("groups",), ("tests",)}
_SECTIONS = ("sources", "properties", "vars", "groups", "account", "profiles", "policy", "engine", "tests")
_TAG = "tag:yaml.org,2002:"
_START = "It starts with version: 1."
Data: TypeAlias = dict[str, Any]


def load(path: str | FilePath, *, environ: Mapping[str, str] | None = None) -> Spec:
    """Read a spec from a folder (all `*.yaml` and `*.yml` below it) or from one file.

    Files and folders whose names start with `.` or `_` are left out. Sections are merged over the files by their ids.

    Args:
        path: the folder or file.
        environ: where given, every variable that the spec refers to must be set in it. The spec itself keeps the
            references: no secret is ever in it.

    Raises:
        SpecInvalid: holds all that is wrong, in the order of files and lines.
        CredentialsRefused: a variable is not set.
    """
    root = FilePath(path)
    book = _Book()
    found = files(root)
    for file in found:
        book.read(file)
    spec = book.spec(alone=len(found) == 1)
    spec._places, spec._folder = book.places, str(root if root.is_dir() else root.parent)
    if environ is not None:
        _require(spec, environ)
    return spec


def dump(spec: Spec) -> str:
    """The spec as one file of YAML, without what is left at its default. `load` of it gives an equal spec."""
    yaml = YAML(typ="safe", pure=True)
    yaml.Representer = _Writer
    yaml.default_flow_style = False
    yaml.sort_base_mapping_type_on_output = False  # type: ignore[assignment]
    yaml.allow_unicode = True
    yaml.width = 100_000
    out = io.StringIO()
    yaml.dump(spec.content(), out)
    return out.getvalue()


class _Writer(SafeRepresenter):
    """Writes texts so that they are read back as they are."""

    def text(self, text: str) -> ScalarNode:
        """Odd ends of line are written as escapes: read back plainly they would become spaces."""
        odd = any(character in text for character in "\r\x85\u2028\u2029\ufeff")
        node: ScalarNode = self.represent_scalar(f"{_TAG}str", text, style='"' if odd else None)
        return node


_Writer.add_representer(str, _Writer.text)


def _require(spec: Spec, environ: Mapping[str, str]) -> None:
    """Every variable that the spec names is set."""
    for path, text in check.references(spec):
        for name in sorted(templates.env_names(text)):
            templates.resolve(f"{{{{ env('{name}') }}}}", environ, where=spec.where(*path))


# Files


def files(root: FilePath) -> list[FilePath]:
    """The files of a spec: that one, or all below the folder, in the order of their names.

    Raises:
        SpecInvalid: there is none.
    """
    if not root.exists():
        raise SpecInvalid([Problem(f"there is no file or folder {root}")])
    if not root.is_dir():
        return [root]
    found = sorted(file for file in _below(root) if file.suffix in (".yaml", ".yml"))
    if not found:
        raise SpecInvalid([Problem(f"there is no spec in {root}: no *.yaml or *.yml below it")])
    return found


def _below(root: FilePath) -> Iterator[FilePath]:
    for folder, folders, names in os.walk(root):
        folders[:] = [name for name in folders if name[0] not in "._"]
        yield from (FilePath(folder, name) for name in names if name[0] not in "._")


def _shown(file: FilePath) -> str:
    """The file as a user would type it: relative to where they stand if it is below, else as they gave it."""
    here = FilePath.cwd()
    return str(file.relative_to(here)) if file.is_absolute() and file.is_relative_to(here) else str(file)


# The book: what all files say together


@dataclass(slots=True)
class _Book:
    """Takes file after file; knows what was said, where, and what is wrong with it."""

    data: Data = field(default_factory=dict)
    places: Places = field(default_factory=Places)
    problems: list[Problem] = field(default_factory=list)
    nodes: int = 0
    spoilt: set[Path] = field(default_factory=set)
    unread: bool = False
    """Whether a file could not be read at all, so that what looks missing may be in it."""

    def read(self, file: FilePath) -> None:
        """Add one file."""
        page = Page(_shown(file), [])
        self.places.pages[page.file] = page
        problems = len(self.problems)
        node = self._compose(file, page)
        if node is not None:
            self._take(node, page)
        self.unread |= node is None and len(self.problems) > problems

    def spec(self, *, alone: bool) -> Spec:
        """The spec that was read. Raises SpecInvalid with all that is wrong."""
        if alone and ("version",) in self.places.keys:
            self.places.keys[()] = self.places.keys["version",]
        spec, findings = self._validated(self.data)
        if findings or self.spoilt:
            self.problems += [problem for path, problem in findings if not self._excused(path)]
            # The parts that are right are still checked against each other, so that all problems show at once.
            bad = [*(path for path, _ in findings), *self.spoilt]
            spec, _ = self._validated(check.sound(self.data, bad))
        if spec is not None and not self.unread:
            self.problems += check.problems(spec, self.places, self._declared())
        if self.problems or spec is None:
            raise SpecInvalid(sorted(dict.fromkeys(self.problems), key=_order))
        return spec

    def _validated(self, data: Data) -> tuple[Spec | None, list[tuple[Path, Problem]]]:
        try:
            return Spec.model_validate({"version": 1} | data), []
        except ValidationError as error:
            return None, messages.translate(error, data, self.places)

    def _excused(self, path: Path) -> bool:
        """Whether a finding only follows from what could not be read."""
        return path[:2] in self.spoilt or (self.unread and len(path) == 1)

    def _declared(self) -> dict[str, tuple[str, ...]]:
        return {section: tuple(part) for section, part in self.data.items() if isinstance(part, dict)}

    # From YAML's nodes to plain data

    def _compose(self, file: FilePath, page: Page) -> Node | None:
        """The file's nodes; None, and a problem, where it has none."""
        try:
            text = file.read_text(encoding="utf-8-sig")
            page.write(text)
            node: Node | None = _reader().compose(text)
        except UnicodeDecodeError as error:
            line = error.object[: error.start].count(b"\n")
            self.problems.append(Problem("the file is not UTF-8", page.at(line, 0), "Save it as UTF-8."))
        except OSError as error:
            self.problems.append(Problem(f"{page.file} cannot be read: {error.strerror}"))
        except MarkedYAMLError as error:
            self.problems.append(_syntax(error, page))
        except Exception:  # noqa: BLE001 -- on odd input the parser fails in many ways, and none may reach a user
            self.problems.append(Problem("the file cannot be read as YAML", page.at(0, 0)))
        else:
            if node is None:
                self.problems.append(Problem("the file is empty", page.at(0, 0), _START))
            return node
        return None

    def _take(self, root: Node, page: Page) -> None:
        if not isinstance(root, MappingNode):
            where = page.at(root.start_mark.line, root.start_mark.column)
            self.problems.append(Problem("the file is no mapping (key: value)", where, _START))
            return
        _hide_secrets(root, page)
        pairs = dict(self._pairs(root, (), page))
        self._version(pairs.pop("version", None), page)
        for section, node in pairs.items():
            self._section(section, node, page)

    def _version(self, node: Node | None, page: Page) -> None:
        if node is None:
            where = page.at(0, 0)
            self.problems.append(Problem("the file does not say its version", where, _START))
        elif self._plain(node, ("version",), page) != 1 or node.tag != f"{_TAG}int":
            where = page.at(node.start_mark.line, node.start_mark.column)
            self.problems.append(Problem("this version of the spec is not known", where, "Write version: 1."))

    def _section(self, section: str, node: Node, page: Page) -> None:
        """Merge one section of one file into what was read before: an id may be defined once."""
        if section not in _SECTIONS or not isinstance(node, MappingNode):
            value = self._plain(node, (section,), page)
            if value is not None or section not in _SECTIONS:
                self.data[section] = value
            return
        known = self.data.setdefault(section, {})
        for name, child in self._pairs(node, (section,), page):
            if isinstance(known, dict):
                known[name] = self._plain(child, (section, name), page)

    def _pairs(self, node: MappingNode, path: Path, page: Page) -> Iterator[tuple[str, Node]]:
        """The entries of a mapping, each key once; twins and keys that are no text are problems."""
        merged: list[tuple[Node, Node]] = []
        for key, value in node.value:
            if key.tag == f"{_TAG}merge":
                merged += _merged(value)
                continue
            name = self._key(key, path, page)
            where = page.at(key.start_mark.line, key.start_mark.column)
            if name is None or self._twice((*path, name), where):
                continue
            self.places.keys[*path, name] = where
            yield name, value
        for key, value in merged:
            if (*path, key.value) not in self.places.keys:
                self.places.keys[*path, key.value] = page.at(key.start_mark.line, key.start_mark.column)
                yield key.value, value

    def _key(self, key: Node, path: Path, page: Page) -> str | None:
        if isinstance(key, ScalarNode) and key.tag == f"{_TAG}str":
            with suppress(scalars.Odd):
                return scalars.plain(str(key.value))
        where = page.at(key.start_mark.line, key.start_mark.column)
        if isinstance(key, MappingNode):
            self._spoil(path, Problem("a template must stand in quotes", where, 'Write "{{ … }}".'))
        else:
            self._spoil(path, Problem("a key must be a text", where, "Put it in quotes."))
        return None

    def _spoil(self, path: Path, problem: Problem) -> None:
        """A value cannot be read; whatever else seems wrong with its part may come from that."""
        self.problems.append(problem)
        self.spoilt.add(path[:2])

    def _twice(self, path: Path, where: Where) -> bool:
        first = self.places.keys.get(path)
        # Every file has its own `version`, and sections of many parts are there to be merged.
        if first is None or (path in _MERGED and first.file != where.file):
            return False
        self.problems.append(Problem(f"{called(path)} is defined twice", where, f"The first stands at {first}."))
        return True

    def _plain(self, node: Node, path: Path, page: Page) -> Any:
        where = page.at(node.start_mark.line, node.start_mark.column)
        self.nodes += 1
        if len(path) > DEEPEST or self.nodes > MOST_NODES:
            self.problems.append(Problem("the spec is nested too deeply, or too large", where))
            return None
        # YAML puts a value that is not there somewhere behind its key: the key is the better place.
        if node.start_mark.index < node.end_mark.index:
            self.places.values[path] = where
        if isinstance(node, MappingNode):
            return {name: self._plain(value, (*path, name), page) for name, value in self._pairs(node, path, page)}
        if isinstance(node, SequenceNode):
            return [self._item(value, (*path, index), page) for index, value in enumerate(node.value)]
        return self._scalar(node, path, where)

    def _item(self, node: Node, path: Path, page: Page) -> Any:
        self.places.keys[path] = page.at(node.start_mark.line, node.start_mark.column)
        return self._plain(node, path, page)

    def _scalar(self, node: Node, path: Path, where: Where) -> Any:
        try:
            return scalars.value(str(node.tag).removeprefix(_TAG), str(node.value))
        except scalars.Odd as odd:
            self._spoil(path, Problem("this value cannot be used", where, str(odd)))
            return None


def _reader() -> Any:
    yaml = YAML(typ="safe", pure=True)
    yaml.composer.warn_double_anchors = False
    return yaml


def _merged(node: Node) -> list[tuple[Node, Node]]:
    """The entries behind a YAML merge key (`<<: *anchor`)."""
    nodes = node.value if isinstance(node, SequenceNode) else [node]
    return [
        (key, value)
        for one in nodes
        if isinstance(one, MappingNode)
        for key, value in one.value
        if key.tag == f"{_TAG}str"
    ]


def _hide_secrets(root: MappingNode, page: Page) -> None:
    """Blot out whatever in the account is not known to be harmless: a secret may stand behind a misspelt key."""
    for key, value in _entries(root, "account"):
        if key.value not in ("name", "url", "registry") and not _refers(value):
            _hide(value, page)
    for _, prop in _entries(root, "properties"):
        for key, value in prop.value if isinstance(prop, MappingNode) else ():
            if key.value == "salt" and not _refers(value):
                _hide(value, page)


def _entries(root: MappingNode, section: str) -> Iterator[tuple[Node, Node]]:
    """The keys and values of a section."""
    for key, value in root.value:
        if key.value == section and isinstance(value, MappingNode):
            yield from value.value


def _hide(value: Node, page: Page) -> None:
    start, end = value.start_mark, value.end_mark
    page.hide((start.line, start.column), (end.line, end.column))


def _refers(node: Node) -> bool:
    return isinstance(node, ScalarNode) and templates.is_reference(str(node.value))


# YAML's own complaints


def _syntax(error: MarkedYAMLError, page: Page) -> Problem:
    mark = error.problem_mark or error.context_mark
    if mark and not page.at(mark.line, mark.column).text.strip():
        # What is missing at the end was opened somewhere.
        mark = error.context_mark or mark
    message, hint = messages.misread(str(error.problem))
    return Problem(message, page.at(mark.line, mark.column) if mark else None, hint)


def _order(problem: Problem) -> tuple[object, ...]:
    where = problem.where
    return (where is not None, where.file, where.line, where.column) if where else (False, "", 0, 0)

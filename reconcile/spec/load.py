"""From YAML to a frozen `Spec`, or to every problem with its place. The only file that reads YAML."""

from __future__ import annotations

import io
from collections.abc import Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path as FilePath
from typing import Any, TypeAlias

from ruamel.yaml import YAML
from ruamel.yaml.error import MarkedYAMLError
from ruamel.yaml.nodes import MappingNode, Node, ScalarNode, SequenceNode
from ruamel.yaml.representer import SafeRepresenter

from reconcile.errors import Problem, Where
from reconcile.spec import check, files, scalars, templates, variables
from reconcile.spec.draft import Draft
from reconcile.spec.merges import BadMerge, resolve_merges
from reconcile.spec.model import Path, Spec
from reconcile.spec.places import Page, Places, called

DEEPEST, MOST_NODES = 40, 500_000
_MERGED = {("version",), ("sources",), ("properties",), ("vars",), ("groups",), ("tests",), ("environments",)}
_SECTIONS = (
    "sources",
    "properties",
    "vars",
    "groups",
    "account",
    "profiles",
    "policy",
    "engine",
    "environments",
    "tests",
)
_TAG = "tag:yaml.org,2002:"
_START = "It starts with version: 1."
Data: TypeAlias = dict[str, Any]


def load(
    path: str | FilePath,
    *,
    env: str | None = None,
    var: Mapping[str, variables.Value] | None = None,
    environ: Mapping[str, str] | None = None,
) -> Spec:
    """Read a spec from a folder (all `*.yaml` and `*.yml` below it) or from one file.

    Files and folders whose names start with `.` or `_` are left out. Sections are merged over the files by their ids.

    Args:
        path: the folder or file.
        env: the environment to lay over it; None for the spec by itself.
        var: values of variables, before those of the environment and of `vars.yaml`.
        environ: where given, every variable that the spec refers to must be set in it. The spec itself keeps the
            references: no secret is ever in it.

    Raises:
        SpecInvalid: holds all that is wrong, in the order of files and lines.
        CredentialsRefused: a variable is not set.
    """
    root = FilePath(path)
    book = _Book()
    found = files.of(root)
    values = files.variables(root)
    for file in found:
        book.read(file, values=file == values)
    if values not in found and values.is_file():
        book.read(values, values=True, part=False)
    spec = book.spec(env, var or {}, alone=len(found) == 1)
    spec._places, spec._folder = book.places, str(root if root.is_dir() else root.parent)
    if environ is not None:
        _require(spec, environ)
    return spec


def typed(text: str) -> variables.Value:
    """The value that a text on the command line stands for, as YAML reads it; a text where it is no single value."""
    try:
        node = _reader().compose(text)
        value = scalars.value(str(node.tag).removeprefix(_TAG), str(node.value))
    except (scalars.Odd, AttributeError, MarkedYAMLError):
        return text
    return text if value is None or not isinstance(node, ScalarNode) else value


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
        for one in sorted(templates.references(text)):
            templates.resolve(f"{{{{ {one} }}}}", environ, where=spec.where(*path))


# The book: what all files say together


@dataclass(slots=True)
class _Book:
    """Takes file after file; knows what was said, where, and what is wrong with it."""

    data: Data = field(default_factory=dict)
    values: Data = field(default_factory=dict)
    """What `vars.yaml` says."""
    places: Places = field(default_factory=Places)
    problems: list[Problem] = field(default_factory=list)
    nodes: int = 0
    bad_merges: Mapping[int, BadMerge] = field(default_factory=dict)
    """Mappings of the file that is being read, by identity, of which something could not be merged."""
    spoilt: set[Path] = field(default_factory=set)
    told: set[Problem] = field(default_factory=set)
    """Problems of values that cannot be read."""
    unread: bool = False
    """Whether a file could not be read at all, so that what looks missing may be in it."""

    def read(self, file: FilePath, *, values: bool = False, part: bool = True) -> None:
        """Add one file.

        Args:
            values: it holds variables, unless it says a version.
            part: it is a part of the spec, if it says a version.
        """
        page = Page(files.shown(file), [])
        self.places.pages[page.file] = page
        problems = len(self.problems)
        node = self._compose(file, page)
        if node is not None and values and not _versioned(node):
            self._set(node, page)
        elif node is not None and part:
            self._take(node, page)
        self.unread |= node is None and len(self.problems) > problems

    def spec(self, env: str | None, given: Mapping[str, variables.Value], *, alone: bool) -> Spec:
        """The spec that was read. Raises SpecInvalid with all that is wrong."""
        if alone and ("version",) in self.places.keys:
            self.places.keys[()] = self.places.keys["version",]
        draft = Draft(self.data, self.values, self.places, self.problems, self.spoilt, unread=self.unread)
        return draft.spec(env, given)

    # From YAML's nodes to plain data

    def _compose(self, file: FilePath, page: Page) -> Node | None:
        """The file's nodes; None, and a problem, where it has none."""
        try:
            text = file.read_text(encoding="utf-8-sig")
            page.write(text)
            node: Node | None = _reader().compose(text)
            self.bad_merges = resolve_merges(node) if node is not None else {}
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

    def _set(self, root: Node, page: Page) -> None:
        """Take in a file of variables."""
        if not isinstance(root, MappingNode):
            where = page.at(root.start_mark.line, root.start_mark.column)
            self.problems.append(Problem("the file is no mapping (name: value)", where))
            return
        for name, node in self._pairs(root, ("variables",), page):
            value = self._plain(node, ("variables", name), page)
            if isinstance(value, str | int | float):
                self.values[name] = value
            elif ("variables", name) not in self.spoilt:
                message = f"{called(('variables', name))} must be one value: a text, a number, true or false"
                hint = "A part of the spec begins with version: 1."
                self.problems.append(Problem(message, self.places.value("variables", name), hint))

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
        """The entries of a mapping, its own and then those that it merges, each key once.

        Twins, keys that are no text, and merges that cannot be done are problems.
        """
        if self._is_tagged(node, "map", path, page):
            return
        bad = self.bad_merges.get(id(node))
        if bad is not None:
            self._spoil(path, Problem(bad.message, page.at(bad.line, bad.column), bad.hint))
        merged = len(node.merge or ())
        for key, value in (*node.value[merged:], *node.value[:merged]):
            name = self._key(key, path, page)
            where = page.at(key.start_mark.line, key.start_mark.column)
            if name is None or self._twice((*path, name), where):
                continue
            self.places.keys[*path, name] = where
            yield name, value

    def _key(self, key: Node, path: Path, page: Page) -> str | None:
        if isinstance(key, ScalarNode) and key.tag in (f"{_TAG}str", f"{_TAG}value"):
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
        if problem not in self.told:  # a mapping may be merged, and wrong, in very many places
            self.told.add(problem)
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
            self._spoil(path, Problem("the spec is nested too deeply, or too large", where))
            return None
        # YAML puts a value that is not there somewhere behind its key: the key is the better place.
        if node.start_mark.index < node.end_mark.index:
            self.places.values[path] = where
        if isinstance(node, MappingNode):
            return {name: self._plain(value, (*path, name), page) for name, value in self._pairs(node, path, page)}
        if isinstance(node, SequenceNode) and not self._is_tagged(node, "seq", path, page):
            return [self._item(value, (*path, index), page) for index, value in enumerate(node.value)]
        return self._scalar(node, path, where) if isinstance(node, ScalarNode) else None

    def _is_tagged(self, node: Node, kind: str, path: Path, page: Page) -> bool:
        """Whether a mapping or list has a tag that makes it something else; then that is a problem."""
        if node.tag == f"{_TAG}{kind}":
            return False
        where = page.at(node.start_mark.line, node.start_mark.column)
        self._spoil(path, Problem("this value cannot be used", where, scalars.NO_TAGS))
        return True

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


def _hide_secrets(root: MappingNode, page: Page) -> None:
    """Blot out whatever in the account is not known to be harmless: a secret may stand behind a misspelt key."""
    for key, value in (pair for account in _accounts(root) for pair in account.value):
        harmless = key.value in ("name", "registry") or (key.value == "url" and not set("@?#") & set(str(value.value)))
        if not harmless and not _refers(value):
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


def _accounts(root: MappingNode) -> Iterator[MappingNode]:
    """The account, and those of environments."""
    for key, value in root.value:
        if key.value == "account" and isinstance(value, MappingNode):
            yield value
        elif key.value == "environments" and isinstance(value, MappingNode):
            yield from (
                one for _, overlay in value.value if isinstance(overlay, MappingNode) for one in _accounts(overlay)
            )


def _versioned(node: Node) -> bool:
    return isinstance(node, MappingNode) and any(key.value == "version" for key, _ in node.value)


def _refers(node: Node) -> bool:
    return isinstance(node, ScalarNode) and templates.is_reference(str(node.value))


# YAML's own complaints


def _syntax(error: MarkedYAMLError, page: Page) -> Problem:
    mark = error.problem_mark or error.context_mark
    if mark and not page.at(mark.line, mark.column).text.strip():
        # What is missing at the end was opened somewhere.
        mark = error.context_mark or mark
    from reconcile.spec import messages  # not needed for as long as nothing is wrong

    message, hint = messages.misread(str(error.problem))
    return Problem(message, page.at(mark.line, mark.column) if mark else None, hint)

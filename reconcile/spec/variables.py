"""Variables of a spec: `{{ var('name') }}` in its texts, filled in before anything else is made of them.

What a text becomes says where it stands:

* A text that is nothing but one reference becomes the value, a number a number.
* In `where` and `sql` a value is written as a literal of SQL, as in a query: never as SQL.
* In `template` and `query` it may stand anywhere in a tag, as a value of Jinja's.
* Everywhere else it is put into the text.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, TypeAlias

from reconcile.errors import Problem
from reconcile.spec import templates
from reconcile.spec.model import Path
from reconcile.spec.places import Places, blot, called, meant

Value: TypeAlias = str | int | float | bool

_CALL = re.compile(
    r"""\bvar\(\s*(?:'(?P<single>[^'{}]+)'|"(?P<double>[^"{}]+)")\s*"""
    r"""(?:,\s*(?P<default>'[^'{}]*'|"[^"{}]*"|-?\d+(?:\.\d+)?|true|false)\s*)?\)"""
)
_REFERENCE = re.compile(rf"\{{\{{\s*{_CALL.pattern}\s*\}}\}}")
_TAG = re.compile(r"\{\{.*?\}\}|\{%.*?%\}", re.DOTALL)
_LEFT = re.compile(r"\bvar\s*\(")
_KINDS = ("where", "sql", "template", "query")


@dataclass(slots=True)
class Filling:
    """Fills variables into the data of a spec; knows what was used, and what is wrong.

    Args:
        values: name -> value, of all that set one.
        used: name -> the value that stands in the spec, a default included.
        bad: where a text stands that could not be filled in.
    """

    values: Mapping[str, Value]
    places: Places
    used: dict[str, Value] = field(default_factory=dict)
    problems: list[Problem] = field(default_factory=list)
    bad: set[Path] = field(default_factory=set)

    def filled(self, data: Any, path: Path = ()) -> Any:
        """The data with every reference replaced."""
        match data:
            case dict():
                return {name: self.filled(value, (*path, name)) for name, value in data.items()}
            case list():
                return [self.filled(value, (*path, index)) for index, value in enumerate(data)]
            case str() if templates.has_marks(data) and _LEFT.search(data):
                return self._text(data, path)
        return data

    def told(self) -> dict[str, Value]:
        """The variables that were used, as a plan may show them: what looks like a secret is blotted out."""
        return {name: "***" if "***" in blot(f"{name}: {value}") else value for name, value in self.used.items()}

    def _text(self, text: str, path: Path) -> Any:
        kind, whole = _kind(path), _REFERENCE.fullmatch(text.strip())
        if whole is not None and kind is None:
            return self._value(whole, path)
        if kind != "query":
            written = {"sql": _sql, "template": _safe}.get(kind or "", _plain)
            text = _REFERENCE.sub(lambda found: written(self._value(found, path)), text)
        if kind in ("template", "query"):
            text = _TAG.sub(lambda tag: _CALL.sub(lambda found: _jinja(self._value(found, path)), tag[0]), text)
        if any(_LEFT.search(tag[0]) for tag in _TAG.finditer(text)) and path not in self.bad:
            hint = "Write {{ var('name') }}, or {{ var('name', 'default') }}."
            self._wrong(Problem(f"{called(path)} uses var() in a way that cannot be read", None, hint), path)
        return text

    def _value(self, found: re.Match[str], path: Path) -> Value:
        name, default = found["single"] or found["double"], found["default"]
        if name in self.values:
            self.used[name] = self.values[name]
        elif default is not None:
            self.used[name] = _literal(default)
        else:
            hint = meant(name, self.values) if self.values else None
            hint = hint or f"Give it a value: --var {name}=…, in vars.yaml, or in variables of the environment."
            self._wrong(Problem(f'{called(path)}: there is no variable "{name}"', None, hint), path)
            return ""
        return self.used[name]

    def _wrong(self, problem: Problem, path: Path) -> None:
        self.problems.append(Problem(problem.message, self.places.value(*path), problem.hint))
        self.bad.add(path)


def names(data: Any) -> Iterator[str]:
    """Every variable that these data refer to."""
    match data:
        case dict():
            for value in data.values():
                yield from names(value)
        case list():
            for value in data:
                yield from names(value)
        case str():
            yield from (found["single"] or found["double"] for found in _CALL.finditer(data))


def unused(
    used: Collection[str], given: Collection[str], said: Mapping[str, Path], places: Places
) -> Iterator[Problem]:
    """Variables that nothing refers to: most likely another was meant.

    Args:
        used: names that anything in the files refers to.
        given: names that were given on the command line.
        said: names that a file gives a value, with its path.
    """
    hint = "Nothing in the spec uses a variable: write {{ var('name') }} where it is to stand."
    for name in given:
        if name not in used:
            yield Problem(f'--var {name}: the spec uses no variable "{name}"', None, meant(name, used) or hint)
    for name, path in said.items():
        if name not in used:
            where = places.key(*path)
            yield Problem(f'{called(path)}: the spec uses no variable "{name}"', where, meant(name, used) or hint)


def _kind(path: Path) -> str | None:
    """What is written at this place: `sql`, `template`, `query`; None where it is a text of its own."""
    path = path[2:] if path[:1] == ("environments",) else path
    return {"where": "sql"}.get(str(path[2]), str(path[2])) if len(path) == 3 and path[2] in _KINDS else None


def _literal(text: str) -> Value:
    if text[0] in "'\"":
        return text[1:-1]
    if text in ("true", "false"):
        return text == "true"
    return float(text) if "." in text else int(text)


def _plain(value: Value) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)


def _sql(value: Value) -> str:
    return "'" + value.replace("'", "''") + "'" if isinstance(value, str) else _plain(value)


def _safe(value: Value) -> str:
    """A value in the text of a template: as it is where Jinja has nothing to do with it."""
    text = _plain(value)
    return "{{ " + _jinja(value) + " }}" if templates.has_marks(text) else text


def _jinja(value: Value) -> str:
    if not isinstance(value, str):
        return _plain(value)
    return "'" + value.replace("\\", "\\\\").replace("'", "\\'") + "'"

"""What each var and list is defined by, key by key, so that it can be told later which line of the spec has changed.

A definition is a path in the spec (`groups/high_value/where`) and a digest of what stands there. What a var or list is
made of is followed all the way: through properties, other groups and sources, to the profiles.
"""

from __future__ import annotations

import hashlib
import json
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, TypeAlias

from reconcile.errors import Where
from reconcile.spec import conditions, links
from reconcile.spec.model import Path, Spec

Definitions: TypeAlias = Mapping[str, str]
"""`section/id/key` -> digest."""

_SILENT = {"description", "contract", "strict", "pii", "private"}
"""Keys that change nobody's values."""
_NAMED = ("sources", "properties", "vars", "groups")
PEOPLE = ("profiles",)


@dataclass(frozen=True, slots=True)
class Changed:
    """A key of the spec that is not what it was.

    Args:
        path: where in the spec; without the last key where the whole part is new.
        where: its place, or that of its part where the key is gone.
    """

    path: Path
    where: Where | None

    @property
    def what(self) -> str:
        """For people: `groups: high_value: where`."""
        return ": ".join(str(step) for step in self.path)

    @property
    def place(self) -> str:
        """`file:line`; what it is called in the spec where nobody knows."""
        return f"{self.where.file}:{self.where.line}" if self.where else self.what


def of(spec: Spec) -> dict[str, str]:
    """The definitions of all that a spec says about people."""
    content = spec.content()
    found: dict[str, str] = {}
    for section in _NAMED:
        for name, part in content.get(section, {}).items():
            found |= {f"{section}/{name}/{key}": _digest(value) for key, value in part.items() if key not in _SILENT}
    found |= {f"profiles/{key}": _digest(value) for key, value in content["profiles"].items()}
    found["profiles/registry"] = _digest(spec.account.registry)
    if spec.exclude_from_all:
        found["exclude_from_all"] = _digest(content["exclude_from_all"])
    return found


def changed(spec: Spec, before: Definitions, now: Definitions | None = None) -> dict[Path, Changed]:
    """The parts of a spec (`("groups", "high_value")`) that are not as they were, each with the first key of which.

    Args:
        now: the definitions of the spec, with digests of the same kind as those of `before`; `of(spec)` when None.
    """
    now = of(spec) if now is None else now
    parts: dict[Path, list[str]] = defaultdict(list)
    for key in dict.fromkeys((*now, *before)):
        section, *rest = key.split("/")
        parts[(section, *rest[:1]) if section in _NAMED else (section,)].append(key)
    found = {}
    for part, keys in parts.items():
        differing = next((key for key in keys if now.get(key) != before.get(key)), None)
        if differing is not None:
            new = not any(key in before for key in keys)
            path = part if new else tuple(differing.split("/"))
            found[part] = Changed(path, spec.where(*path))
    return found


def first(parts: Iterable[Path], changed: Mapping[Path, Changed]) -> Changed | None:
    """The first of these parts that has changed; None when none has."""
    return next((changed[part] for part in parts if part in changed), None)


@dataclass(frozen=True, slots=True)
class MadeOf:
    """What each managed var and list is made of, the nearest part first, and what says who is managed at all."""

    vars: Mapping[str, tuple[Path, ...]]
    lists: Mapping[str, tuple[Path, ...]]
    people: tuple[Path, ...]

    @classmethod
    def of(cls, spec: Spec) -> MadeOf:
        """Followed all the way."""
        people: tuple[Path, ...] = (PEOPLE, ("sources", spec.profiles.from_))
        graph, identity = links.links(spec), spec.profiles.identity
        excluding: list[Path] = [("exclude_from_all",)] if spec.exclude_from_all else []
        excluding += [path for name in spec.exclude_from_all or () for path in _group(spec, graph, name, set())]
        vars_ = {
            name: _unique([("vars", name), *_property(spec, graph, var.property), *people])
            for name, var in spec.vars.items()
        }
        lists = {
            name: _unique([*_group(spec, graph, group, set()), *excluding, *people])
            for name, group in spec.lists.items()
        }
        own = {identity.var: people} if identity is not None else {}
        return cls(vars_ | own, lists | {spec.account.registry: people}, people)


def _property(spec: Spec, graph: links.Links, name: str) -> Iterator[Path]:
    prop = spec.properties.get(name)
    if prop is None:
        return
    yield "properties", name
    for other in graph[name]:
        yield from _property(spec, graph, other)
    if prop.source is not None:
        yield "sources", prop.source


def _group(spec: Spec, graph: links.Links, name: str, seen: set[str]) -> Iterator[Path]:
    if name in seen or name not in spec.groups:
        return
    seen.add(name)
    group = spec.groups[name]
    yield "groups", name
    for one in sorted(links.asked(group, spec)):
        yield from _property(spec, graph, one)
    if group.members is not None:
        yield "sources", group.members.source
    for _, other in conditions.groups(group):
        yield from _group(spec, graph, other, seen)


def _unique(paths: Iterable[Path]) -> tuple[Path, ...]:
    return tuple(dict.fromkeys(paths))


def _digest(value: Any) -> str:
    return hashlib.sha256(json.dumps(value, sort_keys=True, allow_nan=False).encode()).hexdigest()[:16]

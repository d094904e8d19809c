"""What must hold between the parts of a spec. Every finding is said, each with its place."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from reconcile.errors import Problem, SpecInvalid, Where
from reconcile.spec import conditions, kinds, links, origins, templates
from reconcile.spec.group import Group
from reconcile.spec.model import Path, Property, Spec, ValueType
from reconcile.spec.places import Places, called, meant, spot

LONGEST_LIST = 100
SECRET = ("api_key", "api_secret")
"""Keys of an account that are there by reference only."""
_RESERVED = frozenset({"and", "else", "false", "if", "in", "is", "loop", "none", "not", "null", "or", "self", "true"})
"""Words of templates or SQL, where a property of this name could not be read."""
_PASSWORD = re.compile(r"://[^:/@]*:([^/@]+)@|(?:password|passwd|pwd|secret|token)=([^&\s]+)", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Desk:
    """The spec under check, its places, and the ids that are declared, those of broken parts included."""

    spec: Spec
    places: Places
    declared: Mapping[str, Collection[str]]

    def absent(self, section: str, name: str, path: Path, where: Where | None = None) -> Iterator[Problem]:
        """A problem when no such id is declared."""
        if name not in self.declared.get(section, ()) and name != _STUB:
            thing = called((section, name))
            place = where or self.places.value(*path)
            yield Problem(f"{called(path)}: there is no {thing}", place, meant(name, self.declared.get(section, ())))


def problems(spec: Spec, places: Places, declared: Mapping[str, Collection[str]]) -> list[Problem]:
    """Everything that does not fit together.

    Args:
        spec: the parts that are sound by themselves.
        places: where they stand.
        declared: section -> all ids that are there, also of parts that are not sound.
    """
    desk = Desk(spec, places, declared)
    checks = (_secrets, _origins, _profiles, _properties, _circles, _vars, _groups, _lists, _guards)
    return [problem for check in checks for problem in check(desk)]


# What is sound

_STUB = "stub.of.reconcile"
_STUBS: Mapping[str, Mapping[str, Any]] = {
    "account": {"name": _STUB, "api_key": "{{ env('_') }}", "api_secret": "{{ env('_') }}"},
    "profiles": {"from": _STUB, "email": _STUB},
    "sources": {_STUB: {"file": _STUB, "key": _STUB}},
}


def sound(data: Mapping[str, Any], bad: Collection[Path]) -> dict[str, Any]:
    """The data without its bad parts: what must be there is replaced by a stub, so that the rest can be checked."""
    known = _STUBS.keys() | {"properties", "vars", "groups", "policy", "engine"}
    return {section: {**_STUBS.get(section, {}), **_kept(section, data.get(section), bad)} for section in sorted(known)}


def _kept(section: str, part: Any, bad: Collection[Path]) -> dict[str, Any]:
    if not isinstance(part, Mapping):
        return {}
    wrong = {path[1] for path in bad if path[:1] == (section,) and len(path) > 1}
    return {name: value for name, value in part.items() if name not in wrong}


# Secrets


def references(spec: Spec) -> Iterator[tuple[Path, str]]:
    """The texts that may hold `env()`, with their paths."""
    for key in ("api_key", "api_secret", "url"):
        yield ("account", key), getattr(spec.account, key)
    for name, source in spec.sources.items():
        if source.connect is not None:
            yield ("sources", name, "connect"), source.connect
        if source.file is not None:
            yield ("sources", name, "file"), source.file
        for key, value in source.parameters.items():
            if isinstance(value, str):
                yield ("sources", name, "parameters", key), value
    if spec.engine.spark is not None:
        yield ("engine", "spark"), spec.engine.spark


def _secrets(desk: Desk) -> Iterator[Problem]:
    for path, text in references(desk.spec):
        where = desk.places.value(*path)
        if path[-1] in SECRET:
            yield from secret(path, text, where)
        elif path[-1] == "url" and not text.startswith(("http://", "https://", "{{")):
            yield Problem(f"{called(path)} is no web address", where, "It begins with https:// (or http:// here).")
        elif path[-1] == "spark" and not text.startswith(("sc://", "local", "{{")):
            hint = "Write sc://host of a Spark Connect server, or local[*] to try it on this machine."
            yield Problem(f"{called(path)} is no Spark that we can reach", where, hint)
        elif _holds_password(text):
            yield Problem(f"{called(path)} holds a password", where, "Write {{ env('NAME') }} in its place.")
        else:
            yield from _unread(path, text, where)


def secret(path: Path, text: str, where: Where | None) -> Iterator[Problem]:
    """A problem where a secret is written down."""
    if not templates.is_reference(text):
        hint = f"Write \"{{{{ env('SAILTHRU_{str(path[-1]).upper()}') }}}}\", and set that variable."
        yield Problem(f"{called(path)} must be a reference, never the secret itself", where, hint)


def _holds_password(text: str) -> bool:
    # What is left without its references is literal.
    return _PASSWORD.search(templates.literal(text)) is not None


def _unread(path: Path, text: str, where: Where | None) -> Iterator[Problem]:
    try:
        templates.env_names(text)
    except SpecInvalid as error:
        yield from (Problem(f"{called(path)}: {one.message}", where, one.hint) for one in error.problems)


# Sources and profiles


def _origins(desk: Desk) -> Iterator[Problem]:
    return origins.problems(desk.spec, desk.places)


def _profiles(desk: Desk) -> Iterator[Problem]:
    profiles, path = desk.spec.profiles, ("profiles", "from")
    yield from desk.absent("sources", profiles.from_, path)
    source = desk.spec.sources.get(profiles.from_)
    if source is not None and source.many:
        where = desk.places.value(*path)
        yield Problem(
            f'profiles.from: source "{profiles.from_}" holds many rows a person',
            where,
            "Name a source with one row a person.",
        )
    if profiles.identity is not None:
        yield from _identified(profiles.identity.var, desk)


def _identified(var: str, desk: Desk) -> Iterator[Problem]:
    for name in desk.declared.get("vars", ()):
        if name.casefold() == var.casefold():
            message = f"{called(('vars', name))} is also profiles.identity.var"
            hint = "The identity's var is sent by itself: take it out of vars."
            yield Problem(message, desk.places.key("vars", name), hint)


# Properties


def _properties(desk: Desk) -> Iterator[Problem]:
    yield from _near("properties", desk)
    for name, prop in desk.spec.properties.items():
        if name.lower() in _RESERVED:
            yield Problem(f'property "{name}" is a word of templates or SQL', desk.places.key("properties", name))
        yield from _column(name, prop, desk)
        yield from _default(name, prop, desk)
        if prop.template is not None:
            yield from _template(("properties", name, "template"), prop.template, desk)
        if prop.sql is not None:
            yield from _formula(("properties", name, "sql"), prop.sql, desk)


def _column(name: str, prop: Property, desk: Desk) -> Iterator[Problem]:
    if prop.source is None:
        return
    path = ("properties", name, "source")
    where = desk.places.value(*path)
    if prop.column is None:
        yield Problem(f'property "{name}" has a source, but no column of it', where, "A source goes with a column.")
    yield from desk.absent("sources", prop.source, path)
    source = desk.spec.sources.get(prop.source)
    if source is not None and source.many:
        message = f'source "{prop.source}" holds many rows a person; aggregates over it are not supported yet'
        yield Problem(f"{called(path)}: {message}", where, "Aggregate in the source's own query, and drop many.")


_FITS: Mapping[ValueType, tuple[type, ...]] = {
    ValueType.STRING: (str,),
    ValueType.INTEGER: (int,),
    ValueType.FLOAT: (int, float),
    ValueType.BOOLEAN: (bool,),
    ValueType.DATE: (str,),
    ValueType.DATETIME: (str,),
}


def _default(name: str, prop: Property, desk: Desk) -> Iterator[Problem]:
    if prop.default is None or prop.type is None:
        return
    fits = isinstance(prop.default, _FITS[prop.type])
    fits &= isinstance(prop.default, bool) == (prop.type is ValueType.BOOLEAN)
    if prop.type in (ValueType.DATE, ValueType.DATETIME):
        fits = fits and conditions.is_iso(str(prop.default))
    if not fits:
        path = ("properties", name, "default")
        yield Problem(f"{called(path)} is no {prop.type}", desk.places.value(*path))


def _template(path: Path, text: str, desk: Desk) -> Iterator[Problem]:
    try:
        names = templates.variables(text)
    except SpecInvalid as error:
        where = desk.places.value(*path)
        yield from (Problem(f"{called(path)}: {one.message}", where, one.hint) for one in error.problems)
        return
    yield from _exist(names, path, text, desk)


def _formula(path: Path, text: str, desk: Desk) -> Iterator[Problem]:
    from reconcile.spec import fitting, rules

    try:
        formula = rules.parse(text)
    except SpecInvalid as error:
        for one in error.problems:
            where = desk.places.inside(path, text, one.where)
            yield Problem(f"{called(path)}: {one.message}", where, one.hint)
        return
    yield from _exist(formula.properties, path, text, desk)
    if path[0] == "properties":
        yield from fitting.expression(path, formula, kinds.declared(desk.spec), desk.places)


def _exist(names: Iterable[str], path: Path, text: str, desk: Desk) -> Iterator[Problem]:
    for name in sorted(names):
        found = re.search(rf"\b{re.escape(name)}\b", text)
        at = spot(text, found.start()) if found else None
        yield from desk.absent("properties", name, path, desk.places.inside(path, text, at))


def _circles(desk: Desk) -> Iterator[Problem]:
    for way in links.cycles(links.links(desk.spec)):
        message = f"properties go in a circle: {' -> '.join(way)}"
        yield Problem(message, desk.places.key("properties", way[0]), "One of them must stand on its own.")


# What leaves the house


def _vars(desk: Desk) -> Iterator[Problem]:
    yield from _near("vars", desk)
    graph = links.flows(desk.spec)
    private = {name for name, prop in desk.spec.properties.items() if prop.private}
    for name, var in desk.spec.vars.items():
        yield from desk.absent("properties", var.property, ("vars", name, "property"))
        way = links.leak(graph, private, var.property)
        if way is not None:
            path = " <- ".join((f'var "{name}"', f"property {way[0]}", *way[1:]))
            hint = "A private property may be used in groups only."
            yield Problem(f"{path} (private)", desk.places.value("vars", name), hint)


def _near(section: str, desk: Desk) -> Iterator[Problem]:
    """Names that differ only in case: the engine (properties) and people (vars) take one for the other."""
    seen: dict[str, str] = {}
    for name in desk.declared.get(section, ()):
        first = seen.setdefault(name.casefold(), name)
        if first != name:
            where = desk.places.key(section, name)
            yield Problem(
                f'{called((section, name))} differs from "{first}" only in case', where, _stands(first, section, desk)
            )


def _stands(name: str, section: str, desk: Desk) -> str:
    return f"The other stands at {desk.places.key(section, name)}."


# Groups and their lists


def _groups(desk: Desk) -> Iterator[Problem]:
    for name, group in desk.spec.groups.items():
        if group.where is not None:
            found = list(_formula(("groups", name, "where"), group.where, desk))
            yield from found
            if found:
                continue
        for path, condition in conditions.parts(group.rules) if group.rules is not None else ():
            yield from desk.absent("properties", condition.property, ("groups", name, "rules", *path, "property"))
        yield from _fits(name, group, desk)


def _fits(name: str, group: Group, desk: Desk) -> Iterator[Problem]:
    from reconcile.spec import fitting

    yield from fitting.group(name, group, kinds.declared(desk.spec), desk.places)


def _lists(desk: Desk) -> Iterator[Problem]:
    """Sailthru's rules for list names, and no two that it or a person could take for one (SAILTHRU.md §8.4, §15)."""
    named: list[tuple[Path, str]] = [(("account", "registry"), desk.spec.account.registry)]
    named += [(("groups", name, "list"), group.list) for name, group in desk.spec.groups.items()]
    exact: dict[str, Path] = {}
    near: dict[str, Path] = {}
    for path, name in named:
        where = desk.places.value(*path)
        yield from (Problem(f"{called(path)} {wrong}", where) for wrong in _misnamed(name))
        same = exact.setdefault(name, path)
        like = near.setdefault(unicodedata.normalize("NFC", name).strip().casefold(), path)
        if same != path:
            yield Problem(f"{called(path)} is the same as {called(same)}", where)
        elif like != path:
            yield Problem(f"{called(path)} differs only in case or outer space from {called(like)}", where)


def _misnamed(name: str) -> Iterator[str]:
    if "$" in name:
        yield "holds a $, which Sailthru does not take in names of lists"
    if len(name) > LONGEST_LIST:
        yield f"is longer than {LONGEST_LIST} characters"
    if name != name.strip():
        yield "begins or ends with a space"
    if not name.isprintable():
        yield "holds a character that cannot be seen"


# What a plan may do


def _guards(desk: Desk) -> Iterator[Problem]:
    """Limits for single lists name lists that there are, by group or by name."""
    spec = desk.spec
    known = {*desk.declared.get("groups", ()), *(group.list for group in spec.groups.values()), spec.account.registry}
    for rule in ("removals", "opted_out_joins"):
        for name in getattr(spec.policy.guards, rule).lists:
            if name not in known:
                where = desk.places.key("policy", "guards", rule, "lists", name)
                yield Problem(f'policy.guards.{rule} names no list: "{name}"', where, meant(name, known))

"""What must hold of the properties of a spec. Every finding is said, each with its place."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Mapping

from reconcile.errors import Problem, SpecInvalid
from reconcile.spec import aggregates, conditions, kinds, links, phones, scalars, templates
from reconcile.spec.desk import Desk
from reconcile.spec.model import Path
from reconcile.spec.places import called, meant, spot
from reconcile.spec.property import Property, ValueType

RESERVED = frozenset({"and", "else", "false", "if", "in", "is", "loop", "none", "not", "null", "or", "self", "true"})
"""Words of templates or SQL, where a property of this name could not be read."""


def _properties(desk: Desk) -> Iterator[Problem]:
    yield from desk.near("properties")
    for name, prop in desk.spec.properties.items():
        if name.lower() in RESERVED:
            yield Problem(f'property "{name}" is a word of templates or SQL', desk.places.key("properties", name))
        yield from _column(name, prop, desk)
        yield from _default(name, prop, desk)
        yield from _region(name, prop, desk)
        yield from _needed(name, prop, desk)
        if prop.template is not None:
            yield from _template(("properties", name, "template"), prop.template, desk)
        if prop.sql is not None:
            yield from formula(("properties", name, "sql"), prop.sql, desk)


def _column(name: str, prop: Property, desk: Desk) -> Iterator[Problem]:
    yield from aggregates.problems(name, prop, desk)
    if prop.source is None:
        return
    path = ("properties", name, "source")
    if prop.column is None and prop.aggregate is None:
        where = desk.places.value(*path)
        yield Problem(f'property "{name}" has a source, but no column of it', where, "A source goes with a column.")
    yield from desk.absent("sources", prop.source, path)


_KINDS: Mapping[ValueType, tuple[type, ...]] = {
    ValueType.INTEGER: (int,),
    ValueType.FLOAT: (int, float),
    ValueType.BOOLEAN: (bool,),
    ValueType.LIST: (list,),
}
"""What a default is in YAML, where it is no text."""

_LOOKS: Mapping[ValueType, Callable[[str], bool]] = {
    ValueType.DATE: conditions.is_iso,
    ValueType.DATETIME: conditions.is_iso,
    ValueType.EMAIL: lambda text: re.fullmatch(r"[^@\s]+@[^@\s]+\.[^@\s]+", text) is not None,
    ValueType.URL: lambda text: re.fullmatch(r"https?://\S+", text, re.IGNORECASE) is not None,
    ValueType.PHONE: phones.is_international,
    ValueType.JSON: scalars.is_nested,
}
"""What a default that is a text has to look like."""


def _default(name: str, prop: Property, desk: Desk) -> Iterator[Problem]:
    if prop.default is None or prop.type is None:
        return
    fits = isinstance(prop.default, _KINDS.get(prop.type, (str,)))
    fits &= isinstance(prop.default, bool) == (prop.type is ValueType.BOOLEAN)
    if prop.type in _LOOKS:
        fits = fits and _LOOKS[prop.type](str(prop.default))
    if not fits:
        path = ("properties", name, "default")
        yield Problem(f"{called(path)} is no {prop.type}", desk.places.value(*path))


def _region(name: str, prop: Property, desk: Desk) -> Iterator[Problem]:
    if prop.region is None:
        return
    path = ("properties", name, "region")
    where = desk.places.value(*path)
    if prop.type is not ValueType.PHONE:
        yield Problem(f"{called(path)}: only phone numbers have one", where, "Say type: phone.")
    elif prop.region not in (regions := phones.regions()):
        hint = "Two letters by ISO 3166, such as GB." if len(prop.region) != 2 else meant(prop.region.upper(), regions)
        yield Problem(f'{called(path)}: "{prop.region}" is no region with phone numbers', where, hint)


def _needed(name: str, prop: Property, desk: Desk) -> Iterator[Problem]:
    """Keys that mean nothing without another."""
    pairs = (("hash", "salt"), ("salt", "hash"), ("strict", "type"))
    for key, other in pairs:
        if getattr(prop, key) and getattr(prop, other) is None:
            path = ("properties", name, key)
            hint = "By reference: salt: \"{{ env('SALT') }}\"" if other == "salt" else None
            yield Problem(f'{called(path)} needs "{other}"', desk.places.key(*path), hint)


def _template(path: Path, text: str, desk: Desk) -> Iterator[Problem]:
    try:
        names = templates.variables(text)
        templates.check_output(text)
    except SpecInvalid as error:
        where = desk.places.value(*path)
        yield from (Problem(f"{called(path)}: {one.message}", where, one.hint) for one in error.problems)
        return
    yield from _exist(names, path, text, desk)


def formula(path: Path, text: str, desk: Desk) -> Iterator[Problem]:
    """What is wrong with an expression over properties."""
    from reconcile.spec import expressions, rules

    try:
        formula = rules.parse(text)
    except SpecInvalid as error:
        for one in error.problems:
            where = desk.places.inside(path, text, one.where)
            yield Problem(f"{called(path)}: {one.message}", where, one.hint)
        return
    yield from _exist(formula.properties, path, text, desk)
    if path[0] == "properties":
        yield from expressions.misfits(path, formula, kinds.declared(desk.spec), desk.places)


def _exist(names: Iterable[str], path: Path, text: str, desk: Desk) -> Iterator[Problem]:
    for name in sorted(names):
        found = re.search(rf"\b{re.escape(name)}\b", text)
        at = spot(text, found.start()) if found else None
        yield from desk.absent("properties", name, path, desk.places.inside(path, text, at))


def _circles(desk: Desk) -> Iterator[Problem]:
    for way in links.cycles(links.links(desk.spec)):
        message = f"properties go in a circle: {' -> '.join(way)}"
        yield Problem(message, desk.places.key("properties", way[0]), "One of them must stand on its own.")


CHECKS = (_properties, _circles)
"""All of them."""

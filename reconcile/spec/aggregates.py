"""What must hold of properties that are aggregates over many rows of a person, and what they read."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING

from reconcile.errors import Problem, SpecInvalid
from reconcile.spec import kinds, untyped
from reconcile.spec.desk import Desk
from reconcile.spec.kinds import Kinds
from reconcile.spec.model import Path
from reconcile.spec.places import Places, called
from reconcile.spec.property import BARE, ORDERED, Aggregate, Property, ValueType

if TYPE_CHECKING:
    from reconcile.spec.rules import Formula

_TYPES = {Aggregate.LIST: ValueType.LIST, Aggregate.EXISTS: ValueType.BOOLEAN}
"""What some aggregates give, whatever they look at."""

ROWS = "*"
"""Stands for the column of an aggregate that looks at no column, but at rows."""


def columns(prop: Property) -> Mapping[str, str]:
    """The columns of its source that a property reads, and the key in the property that names each (the first)."""
    found: dict[str, str] = {}
    for key in ("column", "by"):
        if (name := getattr(prop, key)) is not None:
            found.setdefault(name, key)
    if prop.where is not None:
        from reconcile.spec import rules

        for name in sorted(rules.parse(prop.where).properties):
            found.setdefault(name, "where")
    return found


def problems(name: str, prop: Property, desk: Desk) -> Iterator[Problem]:
    """What is wrong with a property as an aggregate, or with one that should be one."""
    source = desk.spec.sources.get(prop.source or desk.spec.profiles.from_)
    many = source is not None and source.many
    if prop.aggregate is not None:
        yield from _aggregate(name, prop, prop.aggregate, desk)
        if source is not None and not many:
            message = "has one row a person, and nothing to aggregate"
            hint = "Take the aggregate out, or say many: true at the source."
            yield _problem(
                name, "aggregate", f'source "{prop.source or desk.spec.profiles.from_}" {message}', desk, hint
            )
        return
    if many and prop.source is not None:
        hint = f"Say what they come to: aggregate: {', '.join(Aggregate)}."
        yield _problem(name, "source", f'source "{prop.source}" has many rows a person', desk, hint)
    for key in ("by", "where"):
        if getattr(prop, key) is not None:
            yield _problem(name, key, "this belongs to an aggregate, and there is none", desk)


def _aggregate(name: str, prop: Property, aggregate: Aggregate, desk: Desk) -> Iterator[Problem]:
    way = next((way for way in ("template", "value", "sql") if getattr(prop, way) is not None), None)
    if way is not None:
        yield _problem(name, "aggregate", f"an aggregate is over rows of a source, and has no use for {way}", desk)
        return
    if prop.column is None and aggregate not in BARE:
        yield _problem(name, "aggregate", f"{aggregate} needs a column", desk)
    if prop.by is None and aggregate in ORDERED:
        hint = "Name the column that puts the rows in order, such as by: placed_at."
        yield _problem(name, "aggregate", f'{aggregate} needs "by"', desk, hint)
    if prop.by is not None and aggregate not in ORDERED:
        yield _problem(name, "by", f"{aggregate} does not depend on an order", desk, "Only first and last do.")
    if aggregate in _TYPES and prop.type not in (None, _TYPES[aggregate]):
        yield _problem(name, "type", f"{aggregate} gives a {_TYPES[aggregate]}", desk)
    yield from _untyped(name, prop, aggregate, desk)
    yield from _filter(name, prop, desk)


_MEASURED = frozenset({Aggregate.SUM, Aggregate.AVG, Aggregate.MIN, Aggregate.MAX})


def _untyped(name: str, prop: Property, aggregate: Aggregate, desk: Desk) -> Iterator[Problem]:
    """A column of a CSV that is measured, of which nobody says what it holds."""
    source_name = prop.source or desk.spec.profiles.from_
    source = desk.spec.sources.get(source_name)
    if source is None or not source.is_untyped:
        return
    if prop.column is not None and prop.type is None and prop.column not in source.columns and aggregate in _MEASURED:
        said = f'the column "{prop.column}" of a CSV is text, and {aggregate} has to know what it holds'
        hint = f'Add "columns: {{{prop.column}: number}}" to source "{source_name}" (or date, ..., or string for text).'
        yield _problem(name, "column", said, desk, hint)


def _filter(name: str, prop: Property, desk: Desk) -> Iterator[Problem]:
    if prop.where is None:
        return
    from reconcile.spec import rules

    path = ("properties", name, "where")
    try:
        formula = rules.parse(prop.where)
    except SpecInvalid as error:
        for one in error.problems:
            where = desk.places.inside(path, prop.where, one.where)
            yield Problem(f"{called(path)}: {one.message}", where, one.hint)
        return
    source_name = prop.source or desk.spec.profiles.from_
    source = desk.spec.sources.get(source_name)
    if source is not None and source.file is not None:
        found = {column.casefold(): kinds.of_column(source, column) for column in formula.properties}
        yield from misfits(path, formula, {one: kind for one, kind in found.items() if kind}, source_name, desk.places)


def misfits(path: Path, formula: Formula, known: Kinds, source: str, places: Places) -> Iterator[Problem]:
    """What of a filter does not fit the columns of a file."""
    from reconcile.spec import expressions

    yield from expressions.misfits(path, formula, known, places, untyped.for_column(source))


def _problem(name: str, key: str, message: str, desk: Desk, hint: str | None = None) -> Problem:
    path = ("properties", name, key)
    return Problem(f"{called(path)}: {message}", desk.places.value(*path), hint)

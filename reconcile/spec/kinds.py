"""What kinds of values there are, as far as a comparison cares: a number is never compared with a text."""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum

from reconcile.spec.model import Spec
from reconcile.spec.part import Scalar
from reconcile.spec.property import Aggregate, Property, ValueType
from reconcile.spec.source import SourceSpec


class Kind(StrEnum):
    """A kind of values, in the words in which it is told."""

    TEXT = "text"
    NUMBER = "number"
    BOOLEAN = "true or false"
    TIME = "date or time"
    LIST = "list of texts"
    JSON = "JSON"


_KINDS: Mapping[str, Kind] = {
    "string": Kind.TEXT,
    "email": Kind.TEXT,
    "phone": Kind.TEXT,
    "url": Kind.TEXT,
    "integer": Kind.NUMBER,
    "float": Kind.NUMBER,
    "boolean": Kind.BOOLEAN,
    "date": Kind.TIME,
    "datetime": Kind.TIME,
    "list": Kind.LIST,
    "json": Kind.JSON,
}

Kinds = Mapping[str, Kind]
"""Properties, by their ids in small letters (SQL does not tell case apart), to their kinds where these are known."""


def of_type(kind: ValueType) -> Kind:
    """The kind of a property's type."""
    return _KINDS[kind]


def types(kind: Kind) -> tuple[ValueType, ...]:
    """The types of a kind."""
    return tuple(one for one in ValueType if _KINDS[one] is kind)


def of_scalar(value: Scalar) -> Kind | None:
    """The kind of a value as it is written in a spec; None for null."""
    match value:
        case None:
            return None
        case bool():
            return Kind.BOOLEAN
        case str():
            return Kind.TEXT
        case _:
            return Kind.NUMBER


def declared(spec: Spec) -> Kinds:
    """What is known of properties before any data is read."""
    found = {name.casefold(): _of(prop, spec) for name, prop in spec.properties.items()}
    return {name: kind for name, kind in found.items() if kind is not None}


_KEPT = (None, Aggregate.MIN, Aggregate.MAX, Aggregate.FIRST, Aggregate.LAST)
"""Aggregates that give a value of their column, and what is none."""


def of_column(source: SourceSpec, column: str) -> Kind | None:
    """What a column holds, as far as the spec tells: that of a CSV is text until it says another type."""
    declared = source.columns.get(column)
    if declared is not None:
        return of_type(declared.value_type)
    return Kind.TEXT if source.is_untyped else None


def _of(prop: Property, spec: Spec) -> Kind | None:
    if prop.hash is not None:
        return Kind.TEXT
    if prop.type is not None:
        return of_type(prop.type)
    source = spec.sources.get(prop.source or spec.profiles.from_)
    if prop.column is not None and source is not None and prop.aggregate in _KEPT:
        return of_column(source, prop.column)
    return Kind.TEXT if prop.template is not None else of_scalar(prop.value)

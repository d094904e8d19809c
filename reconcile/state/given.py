"""Rows that a spec's test gives, as sources: typed as they are written, and as the spec's properties say."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import pyarrow as pa

from reconcile.errors import Problem
from reconcile.spec import expressions, fitting, grammar, kinds, rules
from reconcile.spec.case import Case, Row
from reconcile.spec.kinds import Kinds
from reconcile.spec.model import Spec
from reconcile.spec.places import Places
from reconcile.spec.property import Aggregate, Property, ValueType
from reconcile.state.model import Demand

_TYPES: Mapping[ValueType | None, pa.DataType] = {
    ValueType.INTEGER: pa.int64(),
    ValueType.FLOAT: pa.float64(),
    ValueType.BOOLEAN: pa.bool_(),
    ValueType.DATE: pa.date32(),
    ValueType.DATETIME: pa.timestamp("us"),
}
"""What a column is that no row has a value for, by the type of the property that reads it; text otherwise."""


_SUMS = frozenset({Aggregate.SUM, Aggregate.AVG})


@dataclass(frozen=True, slots=True)
class Given:
    """A source of rows that are there already. Satisfies `state.model.Source`.

    Args:
        others: rows of the same source in other tests: they say what a column is that is null in these.
        declared: column -> the type of the property that reads it.
    """

    name: str
    rows: Sequence[Row]
    others: Sequence[Row]
    declared: Mapping[str, ValueType]
    misfits: Mapping[str, int] = field(default_factory=dict)
    mixed: Collection[str] = ()

    @contextmanager
    def read(self, demand: Demand) -> Iterator[pa.RecordBatchReader]:
        """The demanded columns. Where no row is given there is nobody's: a row of nulls, as none is a broken source."""
        table = pa.table({name: self._column(name) for name in demand.columns})
        yield pa.RecordBatchReader.from_batches(table.schema, table.to_batches())

    def _column(self, name: str) -> pa.Array:
        text = self.declared.get(name) is ValueType.STRING
        own = _array([row.get(name) for row in self.rows] or [None], text=text)
        if not pa.types.is_null(own.type):
            return own
        elsewhere = _array((row.get(name) for row in self.others), text=text).type
        return own.cast(_TYPES.get(self.declared.get(name), pa.string()) if pa.types.is_null(elsewhere) else elsewhere)


def fitted(spec: Spec) -> Spec:
    """The spec as its tests can be run: without contracts, which are about real rows.

    A property whose column has no value in any test, and so no type that anybody could know, is a null of whatever
    type fits what it is compared with.
    """
    bare = {name: source.model_copy(update={"contract": None}) for name, source in spec.sources.items()}
    properties = {
        name: prop.model_copy(update={"column": None, "source": None, "type": _fitting(spec, name)})
        if _unknown(spec, prop)
        else prop
        for name, prop in spec.properties.items()
    }
    return spec.model_copy(update={"sources": bare, "properties": properties})


def _unknown(spec: Spec, prop: Property) -> bool:
    rows = _all(spec, prop.source or spec.profiles.from_)
    plain = prop.column is not None and prop.aggregate is None and prop.type is None
    return plain and all(row.get(str(prop.column)) is None for row in rows)


def _fitting(spec: Spec, name: str) -> ValueType:
    """The first type that nothing in the spec objects to."""
    kinds_ = ((kind, {name.casefold(): kinds.of_type(kind)}) for kind in ValueType)
    return next((kind for kind, known in kinds_ if not any(_objections(spec, known))), ValueType.STRING)


def _objections(spec: Spec, known: Kinds) -> Iterator[Problem]:
    places = Places()
    for name, group in spec.groups.items():
        yield from fitting.group(name, group, known, places)
    for name, prop in spec.properties.items():
        if prop.sql is not None:
            yield from expressions.misfits(("properties", name, "sql"), rules.parse(prop.sql), known, places)


def sources(spec: Spec, case: Case) -> Mapping[str, Given]:
    """All sources of a spec, with the rows of a test."""
    return {
        name: Given(name, case.given.get(name, ()), _all(spec, name), _declared(spec, name)) for name in spec.sources
    }


def _all(spec: Spec, source: str) -> list[Row]:
    return [row for case in spec.tests.values() for row in case.given.get(source, ())]


def _declared(spec: Spec, source: str) -> Mapping[str, ValueType]:
    """The types of columns, by the properties that read them: whatever is summed up is a number."""
    home = spec.profiles.from_
    read = [prop for prop in spec.properties.values() if prop.column and (prop.source or home) == source]
    summed = {str(prop.column): ValueType.FLOAT for prop in read if prop.aggregate in _SUMS}
    return summed | {str(prop.column): prop.type for prop in read if prop.type and prop.aggregate is None}


def _array(given: Iterable[Any], *, text: bool) -> pa.Array:
    """A column of values as YAML has them: texts that are all dates are dates, and values of many kinds are texts.

    Args:
        text: texts stay as they are written.
    """
    values = list(given)
    kinds = {type(value) for value in values if value is not None}
    if kinds == {str}:
        return pa.array(values, pa.string()) if text else _dated(values)
    if kinds <= {int, float} or len(kinds) == 1:
        return pa.array(values)
    return pa.array([None if value is None else _text(value) for value in values], pa.string())


def _text(value: Any) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)


def _dated(texts: list[str | None]) -> pa.Array:
    for read, kind in ((grammar.read_date, pa.date32()), (grammar.read_moment, pa.timestamp("us"))):
        found = [None if text is None else read(text) for text in texts]
        if all(text is None or one is not None for text, one in zip(texts, found, strict=True)):
            return pa.array(found, kind)
    return pa.array(texts, pa.string())

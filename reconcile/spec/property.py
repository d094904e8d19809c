"""The nouns of a property: its types, and how it comes to its value."""

from __future__ import annotations

from enum import StrEnum
from typing import Self

from pydantic import StrictBool, model_validator

from reconcile.spec.part import Part, Scalar


class ValueType(StrEnum):
    """The type of a property, and so of the var that carries it."""

    STRING = "string"
    INTEGER = "integer"
    FLOAT = "float"
    BOOLEAN = "boolean"
    DATE = "date"
    DATETIME = "datetime"


class Aggregate(StrEnum):
    """What a person's rows in a `many` source come to."""

    COUNT = "count"
    COUNT_DISTINCT = "count_distinct"
    SUM = "sum"
    AVG = "avg"
    MIN = "min"
    MAX = "max"
    FIRST = "first"
    LAST = "last"
    LIST = "list"
    EXISTS = "exists"


BARE = frozenset({Aggregate.COUNT, Aggregate.EXISTS})
"""Aggregates that look at rows, and need no column."""

ORDERED = frozenset({Aggregate.FIRST, Aggregate.LAST})
"""Aggregates that need an order of rows."""


class Property(Part):
    """A value of a profile, from exactly one of `column`, `template`, `value`, `sql`; see [values.md](values.md)."""

    column: str | None = None
    """A column of the source."""
    source: str | None = None
    """The source of `column`; that of `profiles` when absent."""
    aggregate: Aggregate | None = None
    """What a person's rows in a source with `many: true` come to; `count` and `exists` need no `column`."""
    by: str | None = None
    """The column whose least or greatest value says which row is the `first` or `last`."""
    where: str | None = None
    """The rows that an aggregate looks at: a boolean SQL expression over the source's columns."""
    template: str | None = None
    """A Jinja template over other properties."""
    value: Scalar = None
    """The same value for everybody."""
    sql: str | None = None
    """An SQL expression over other properties."""
    type: ValueType | None = None
    """The type to convert to; that of the column or expression when absent."""
    default: Scalar = None
    """What a null becomes."""
    private: StrictBool = False
    """Must not leave the house: refused in vars, directly or through other properties; allowed in groups."""
    description: str | None = None
    """For people."""

    @model_validator(mode="after")
    def _one_way(self) -> Self:
        ways = [way for way in ("column", "template", "value", "sql") if getattr(self, way) is not None]
        if len(ways) != 1 and (ways or self.aggregate is None):
            found = " and ".join(ways) or "none"
            raise ValueError(f"needs exactly one of column, template, value, sql; found {found}")
        return self

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


class Property(Part):
    """A named, typed value of a profile: exactly one of `column`, `template`, `value`, `sql`."""

    column: str | None = None
    """A column of the source."""
    source: str | None = None
    """The source of `column`; that of `profiles` when absent."""
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
        if len(ways) != 1:
            found = " and ".join(ways) or "none"
            raise ValueError(f"needs exactly one of column, template, value, sql; found {found}")
        return self

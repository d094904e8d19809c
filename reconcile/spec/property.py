"""The nouns of a property: its types, and how it comes to its value."""

from __future__ import annotations

from enum import StrEnum
from typing import Self

from pydantic import StrictBool, field_validator, model_validator

from reconcile.spec.part import Part, Scalar


class ValueType(StrEnum):
    """The type of a property, and so of the var that carries it."""

    STRING = "string"
    INTEGER = "integer"
    FLOAT = "float"
    BOOLEAN = "boolean"
    DATE = "date"
    DATETIME = "datetime"
    EMAIL = "email"
    PHONE = "phone"
    URL = "url"
    LIST = "list"
    JSON = "json"


TEXTS = frozenset({ValueType.EMAIL, ValueType.PHONE, ValueType.URL, ValueType.JSON})
"""Types whose values are texts to the engine: only the spec says what they are."""


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


class Hash(StrEnum):
    """How a value is made unreadable."""

    SHA256 = "sha256"


class OnMisfit(StrEnum):
    """What becomes of a value that does not fit: nothing changes at Sailthru, or it is taken as null."""

    KEEP = "keep"
    NULL = "null"


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
    region: str | None = None
    """Where phone numbers without a country belong: two letters, such as `GB`."""
    strict: StrictBool = False
    """A value that does not fit the type stops the plan, instead of being left out of it."""
    on_misfit: OnMisfit | None = OnMisfit.KEEP
    """A value that does not fit: `keep` leaves the var and its lists as Sailthru has them, `null` takes it as null."""
    default: Scalar | list[str] = None
    """What a null becomes."""
    hash: Hash | None = None
    """`sha256`: the value becomes the hash of salt and value, 64 hex digits."""
    salt: str | None = None
    """What is hashed before the value, by reference only: `{{ env('SALT') }}`."""
    private: StrictBool = False
    """Must not leave the house: refused in vars, through others and hashed too, and as identity; allowed in groups."""
    pii: StrictBool = False
    """Says something of a person that nobody needs to see: its values stay masked, even where people are revealed."""
    description: str | None = None
    """For people."""
    owner: str | None = None
    """Who answers for it: a team or a person."""

    @field_validator("on_misfit", mode="before")
    @classmethod
    def _null_is_a_word(cls, value: object) -> object:
        return OnMisfit.NULL if value is None else value

    @model_validator(mode="after")
    def _one_way(self) -> Self:
        ways = [way for way in ("column", "template", "value", "sql") if getattr(self, way) is not None]
        if len(ways) != 1 and (ways or self.aggregate is None):
            found = " and ".join(ways) or "none"
            raise ValueError(f"needs exactly one of column, template, value, sql; found {found}")
        return self

"""The nouns of groups: what a rule asks of a person. What each operator means stands in `spec.operators`."""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum
from typing import Annotated, Any, Self, TypeAlias

from pydantic import Discriminator, Field, Tag, model_validator

from reconcile.spec.part import Part, Scalar


class Op(StrEnum):
    """What a condition asks of a property."""

    EXISTS = "exists"
    EQ = "eq"
    NE = "ne"
    GT = "gt"
    GTE = "gte"
    LT = "lt"
    LTE = "lte"
    BETWEEN = "between"
    IN = "in"
    NOT_IN = "not_in"
    CONTAINS = "contains"
    STARTS_WITH = "starts_with"
    ENDS_WITH = "ends_with"
    LIKE = "like"
    ILIKE = "ilike"
    MATCHES = "matches"
    BEFORE = "before"
    AFTER = "after"
    IN_PAST = "in_past"
    IN_NEXT = "in_next"
    LENGTH = "length"
    INCLUDES_ANY = "includes_any"
    INCLUDES_ALL = "includes_all"


class Condition(Part):
    """One comparison. A property that is null fits no condition but `exists: false`, `ne` included, as in SQL."""

    property: str
    """The property that is asked about."""
    op: Op
    """What is asked, such as `gte`. What each means, and which types it fits: [operators.md](operators.md)."""
    value: Scalar | list[Scalar] = None
    """What to compare with, of the property's type; see [operators.md](operators.md#values)."""


class All(Part):
    """Every one of these holds."""

    all: list[Rule] = Field(min_length=1)
    """Conditions, or further `all`, `any` and `none`."""


class Any_(Part):  # noqa: N801 -- `Any` is typing's
    """At least one of these holds."""

    any: list[Rule] = Field(min_length=1)
    """Conditions, or further `all`, `any` and `none`."""


class None_(Part):  # noqa: N801 -- `None` is Python's
    """Not one of these holds, and of each it is known that it does not: null is neither."""

    none: list[Rule] = Field(min_length=1)
    """Conditions, or further `all`, `any` and `none`."""


def kind_of(rule: Any) -> str:
    """Which kind of rule something is that was written as one."""
    keys = rule if isinstance(rule, Mapping) else getattr(rule, "model_fields_set", ())
    return next((kind for kind in KINDS if kind in keys), "condition")


Rule: TypeAlias = Annotated[
    Annotated[Condition, Tag("condition")]
    | Annotated[All, Tag("all")]
    | Annotated[Any_, Tag("any")]
    | Annotated[None_, Tag("none")],
    Discriminator(kind_of),
]
"""`{all: [...]}`, `{any: [...]}`, `{none: [...]}`, or one condition."""

KINDS: Mapping[str, type[Part]] = {"all": All, "any": Any_, "none": None_}
"""The kinds of rules but the condition, by the key that tells them."""


class Group(Part):
    """An audience: a rule over properties, mapped to a natural list. Exactly one of `where` and `rules`."""

    list: str
    """The Sailthru list."""
    where: str | None = None
    """A boolean SQL expression over properties."""
    rules: Rule | None = None
    """The same for people who do not write SQL: `all`, `any`, `none`, or one condition."""
    description: str | None = None
    """For people."""

    @model_validator(mode="after")
    def _one_rule(self) -> Self:
        if (self.where is None) == (self.rules is None):
            raise ValueError("needs exactly one of where, rules")
        return self

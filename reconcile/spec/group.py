"""The nouns of groups: what a rule asks of a person. What each operator means stands in `spec.operators`."""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum
from typing import Annotated, Any, Self, TypeAlias

from pydantic import BeforeValidator, Discriminator, Field, StrictFloat, Tag, model_validator

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
    """Conditions, `in` and `not_in`, or further `all`, `any` and `none`."""


class Any_(Part):  # noqa: N801 -- `Any` is typing's
    """At least one of these holds."""

    any: list[Rule] = Field(min_length=1)
    """Conditions, `in` and `not_in`, or further `all`, `any` and `none`."""


class None_(Part):  # noqa: N801 -- `None` is Python's
    """Not one of these holds, and of each it is known that it does not: null is neither."""

    none: list[Rule] = Field(min_length=1)
    """Conditions, `in` and `not_in`, or further `all`, `any` and `none`."""


def several(short: Any) -> Any:
    """One, or several: a text alone is short for a list of it."""
    return [short] if isinstance(short, str) else short


Names: TypeAlias = Annotated[
    list[str], BeforeValidator(several, json_schema_input_type=str | list[str]), Field(min_length=1)
]
"""One id, or several."""


class In(Part):
    """Somebody is in another group."""

    in_: Names = Field(alias="in")
    """The id of a group; of several: at least one of them."""


class NotIn(Part):
    """Somebody is in no such group. It is always known who is in a group."""

    not_in: Names
    """The id of a group; of several: none of them."""


def kind_of(rule: Any) -> str:
    """Which kind of rule something is that was written as one."""
    keys = rule if isinstance(rule, Mapping) else [key.rstrip("_") for key in getattr(rule, "model_fields_set", ())]
    return next((kind for kind in KINDS if kind in keys), "condition")


Rule: TypeAlias = Annotated[
    Annotated[Condition, Tag("condition")]
    | Annotated[All, Tag("all")]
    | Annotated[Any_, Tag("any")]
    | Annotated[None_, Tag("none")]
    | Annotated[In, Tag("in")]
    | Annotated[NotIn, Tag("not_in")],
    Discriminator(kind_of),
]
"""`{all: [...]}`, `{any: [...]}`, `{none: [...]}`, `{in: group}`, `{not_in: group}`, or one condition."""

KINDS: Mapping[str, type[Part]] = {"all": All, "any": Any_, "none": None_, "in": In, "not_in": NotIn}
"""The kinds of rules but the condition, by the key that tells them."""


class Sample(Part):
    """A share of all people, drawn by a hash of the source's own id and a salt: see [groups.md](groups.md#samples)."""

    percent: Annotated[StrictFloat, Field(gt=0, le=100)]
    """How many of a hundred people, on average. Growing it only adds people."""
    salt: str
    """Any text. The same salt draws the same people, in every group; another one draws anew."""


class Members(Part):
    """People by a list of their own."""

    source: str
    """The source whose keys are the members; a key may come more than once."""


WAYS = ("where", "rules", "members")
"""What says who belongs to a group; at most one of these."""
BASES = (*WAYS, "in", "not_in", "sample")
"""What a group may rest on; at least one of these."""


class Group(Part):
    """An audience: whoever fits all that is said here, mapped to a natural list.

    It has at most one of `where`, `rules` and `members`, and at least one of these, `in`, `not_in` and `sample`.
    """

    list: str | None = None
    """The Sailthru list. Without one the group is there for other groups only."""
    where: str | None = None
    """A boolean SQL expression over properties."""
    rules: Rule | None = None
    """The same for people who do not write SQL: `all`, `any`, `none`, `in`, `not_in`, or one condition."""
    members: Members | None = None
    """The keys of a source, in place of a rule."""
    in_: Names | None = Field(default=None, alias="in")
    """Only who is in this other group; of several: in at least one of them."""
    not_in: Names | None = None
    """Nobody who is in this other group, or in one of several."""
    sample: Sample | None = None
    """Only this share of the people."""
    holdout: Sample | None = None
    """All but this share of the people."""
    description: str | None = None
    """For people."""

    @model_validator(mode="after")
    def _one_way(self) -> Self:
        said = {key for key in BASES if getattr(self, "in_" if key == "in" else key) is not None}
        ways = [way for way in WAYS if way in said]
        if len(ways) > 1:
            raise ValueError(f"needs at most one of {', '.join(WAYS)}; found {' and '.join(ways)}")
        if not said:
            raise ValueError(f"says nobody: it needs one of {', '.join(BASES)}")
        return self

"""The nouns of a spec's own tests: rows that are given, and what is expected of the people in them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Self, TypeAlias

from pydantic import Field, model_validator

from reconcile.spec.part import Part, Scalar

NO_KEY, NO_ADDRESS, MALFORMED = "no key", "no e-mail address", "malformed e-mail address"
TWICE, SHARED = "duplicate key", "address shared by several people"
REASONS = (NO_KEY, NO_ADDRESS, MALFORMED, TWICE, SHARED)
"""Why a row of the source of profiles cannot be used, whatever the spec."""

Row: TypeAlias = Mapping[str, Scalar | list[Scalar]]
"""A row of a source: column to value."""


def several(source: str) -> str:
    """Why a person cannot be used who has more than one row in a further source."""
    return f"several rows in source {source}"


class Expected(Part):
    """What must come of one person: only what is named here is looked at."""

    vars: Mapping[str, Scalar | list[Scalar]] = Field(default_factory=dict)
    """Sailthru vars and their values, as they would be sent."""
    in_: list[str] = Field(default_factory=list, alias="in")
    """Groups that the person belongs to."""
    not_in: list[str] = Field(default_factory=list)
    """Groups that the person does not belong to."""
    invalid: str | None = None
    """Why the row cannot be used, in the words of a plan: `malformed e-mail address`. It goes with nothing else."""

    @model_validator(mode="after")
    def _something(self) -> Self:
        wanted = bool(self.vars or self.in_ or self.not_in)
        if self.invalid is not None and wanted:
            raise ValueError("is invalid, and so in no group and without vars: leave one of them out")
        if self.invalid is None and not wanted:
            raise ValueError("expects nothing: name vars, in, not_in or invalid")
        return self


class Case(Part):
    """A test of this spec: rows, and the vars and groups they lead to. See [testing.md](testing.md)."""

    description: str | None = None
    """For people."""
    as_of: str | None = None
    """The clock of relative dates, `2026-03-01` or `2026-03-01T12:00:00Z`; now when absent."""
    given: Mapping[str, list[Row]] = Field(min_length=1)
    """Rows by source. A column that a row leaves out is null; a source that is left out has nobody's row."""
    expect: Mapping[str, Expected] = Field(min_length=1)
    """What is expected, by a person's key or address."""

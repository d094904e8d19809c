"""Where nobody knows what the real API does, what ours does: one knob each.

So that a client can be tried with all.

Every default here is a guess (SAILTHRU.md §15); `docs/simulator.md` says so too.
"""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field

Seconds = Annotated[float, Field(ge=0)]


class Guesses(BaseModel):
    """The unknown, settled for one simulator."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    empty_vars: Literal["null", "[]", "{}", "missing"] = Field(
        default="{}",
        description="What `vars` is for a profile without any (SAILTHRU.md §7.2: all four are possible).",
    )
    keysconflict: Literal["error", "merge"] = Field(
        default="error", description="What a write with a conflicting key and no `keysconflict` does."
    )
    extid_lookup: bool = Field(
        default=True, description="Whether support has enabled the look-up by extid for this account."
    )
    recount_seconds: Seconds = Field(
        default=24 * 3600.0,
        description="How long after a user's deletion the counts of lists come right again.",
    )
    import_empty: Literal["skip", "store"] = Field(
        default="skip", description="What an empty cell of an import file does: nothing, or stores empty text."
    )
    export_true: str = Field(default="true", description="How an export prints the boolean true.")
    export_false: str = Field(default="false", description="How an export prints the boolean false.")
    export_quotes: Literal["doubled", "php"] = Field(
        default="doubled",
        description="Quotes in an exported cell: always doubled, or, as in PHP, not after a backslash.",
    )

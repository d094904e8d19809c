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
    flows_by_jobs: tuple[Literal["removed", "changed"], ...] = Field(
        default=(),
        description="What starts a flow where a job does it, besides `/user`: removals from lists, changed vars.",
    )
    recount_seconds: Seconds = Field(
        default=24 * 3600.0,
        description="How long after a user's deletion the counts of lists come right again.",
    )
    unknown_job: Literal[400, 401] = Field(
        default=401, description="The status of `GET /job` for an unknown id; 401 in a client's mock of 2015."
    )
    not_permitted: dict[str, tuple[str, ...]] = Field(
        default={"*": ("user_sync",)},
        description="Kinds of job that a key may not run, by api_key; `*` is every key.",
    )
    not_permitted_status: int = Field(
        default=403, ge=200, le=499, description="The status of `You are not permitted to perform a <job>.`"
    )
    unknown_template: Literal[200, 400, 404] = Field(
        default=404, description="The status of error 14 for an unknown template."
    )
    query_without_source: Literal["everybody", "nobody", "error"] = Field(
        default="everybody", description="Whom a job's query without `source_list` means."
    )
    import_empty: Literal["skip", "store"] = Field(
        default="skip", description="What an empty cell of an import file does: nothing, or stores empty text."
    )
    export_extid: bool = Field(default=False, description="Whether exports have a column `Extid`, after the hash.")
    export_lists: Literal["all", "exported"] = Field(
        default="all", description="What stands in an export's `Lists`: all lists of the person, or the exported one."
    )
    export_fields: Literal["honoured", "ignored", "refused"] = Field(
        default="honoured", description="What an export makes of `fields`."
    )
    export_true: str = Field(default="true", description="How an export prints the boolean true.")
    export_false: str = Field(default="false", description="How an export prints the boolean false.")
    export_quotes: Literal["doubled", "php"] = Field(
        default="doubled",
        description="Quotes in an exported cell: always doubled, or, as in PHP, not after a backslash.",
    )

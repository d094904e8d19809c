"""What shall go wrong: data only, from YAML or by name; `mischief` decides who is hit.

`reconcile/simulator/faults.schema.json` is made from these classes, for editors.
"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any, Final, Literal

from pydantic import BaseModel, ConfigDict, Field

from reconcile.simulator.guesses import Guesses, Seconds

Rate = Annotated[float, Field(ge=0, le=1)]
Kind = Literal[
    "unresolved",
    "connect-timeout",
    "read-timeout",
    "reset",
    "timeout-after-commit",
    "html",
    "gateway",
    "error-9",
    "error-9-saved",
    "ok-with-error",
    "rate-limited",
]

Day = Literal["mon", "tue", "wed", "thu", "fri", "sat", "sun"]
_CLOCK: Final = r"^([01][0-9]|2[0-3]):[0-5][0-9]$"

PRESETS: Final = ("none", "field-report", "bad-day", "maintenance", "hostile")
_PRESET_FOLDER: Final = Path(__file__).parent / "presets"


class _Part(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class CallFault(_Part):
    """One way for calls to fail, and which calls it hits."""

    fault: Kind = Field(description="What happens instead of the right answer.")
    rate: Rate = Field(default=1.0, description="The share of the matching calls that is hit.")
    methods: tuple[Literal["GET", "POST", "DELETE"], ...] = Field(default=(), description="Empty: all.")
    endpoints: tuple[str, ...] = Field(default=(), description="Such as `user`; empty: all.")
    ids: tuple[str, ...] = Field(
        default=(), description="Only calls about these: the `id` of a user, or a list's name."
    )
    times: int | None = Field(default=None, ge=1, description="At most so many hits in all; absent: no limit.")
    between: tuple[Seconds, Seconds] | None = Field(
        default=None, description="Only so many seconds after the start: from, to."
    )
    status: int = Field(default=503, ge=500, le=599, description="The HTTP status of `html`.")


class Deletes(_Part):
    """`DELETE /user` that answers 200 and does nothing (SAILTHRU.md §20)."""

    lie: Rate = Field(default=0.0, description="The share of profiles whose first delete lies.")
    lie_twice: Rate = Field(default=0.0, description="The share of profiles whose second delete lies as well.")
    ids: dict[str, Annotated[int, Field(ge=0)]] = Field(
        default_factory=dict, description="Exact e-mails, and how often a delete of each lies."
    )


class Lists(_Part):
    """Lists that are made twice (SAILTHRU.md §14, 8)."""

    twins: bool = Field(default=False, description="Two writes that miss one list at the same time both make it.")
    window: Seconds = Field(default=0.01, description="Seconds between the look and the making.")


class Latency(_Part):
    """How long every answer takes, in seconds: between the two, evenly."""

    least: Seconds = 0.0
    most: Seconds = 0.0


class Reads(_Part):
    """How far `GET /user` may be behind the writes, in seconds (SAILTHRU.md §6)."""

    least: Seconds = 0.0
    most: Seconds = 0.0
    lists: bool = Field(default=False, description="Whether `GET /list` misses lists that were just made, as well.")
    counts: Seconds = Field(default=0.0, description="How far the counts of lists are behind the writes, in seconds.")


class Wire(_Part):
    """How answers go over the wire; what they say stays the same (SAILTHRU.md §2, §4.1)."""

    gzip: bool = Field(default=False, description="Whether 200s are packed for callers who accept that, and chunked.")
    chunked: bool = Field(default=False, description="Whether 200s are chunked as well, without a length.")
    close: bool = Field(default=False, description="Whether each answer closes its connection: `Connection: close`.")


class Jobs(_Part):
    """How slow jobs are, and how they fail (SAILTHRU.md §9)."""

    start: tuple[Seconds, Seconds] = Field(
        default=(0.0, 0.0), description="Seconds until a job starts: from, to. A span makes the queue unordered."
    )
    rows_per_second: dict[str, Annotated[float, Field(gt=0)]] = Field(
        default_factory=dict, description="Speed by kind of job, such as `update: 500`; absent: at once."
    )
    parallel: int | None = Field(default=None, ge=1, description="How many run at a time; absent: all.")
    stall: Rate = Field(default=0.0, description="The share of jobs that never end.")
    fail: Rate = Field(default=0.0, description="The share of jobs that end in error, with nothing done.")
    skip_lines: Rate = Field(default=0.0, description="The share of lines that a job leaves out in silence.")
    export_lag: Seconds = Field(default=0.0, description="How far exports are behind the writes, in seconds.")
    truncate: Rate = Field(default=0.0, description="The share of downloads that break off.")


class Weekly(_Part):
    """A planned downtime that comes back every week; it may run past midnight."""

    model_config = ConfigDict(extra="forbid", frozen=True, populate_by_name=True)

    days: tuple[Day, ...] = Field(description="The days on which it begins.")
    begins: str = Field(alias="from", pattern=_CLOCK, description="Such as 23:00.")
    hours: float = Field(gt=0, le=168, description="How long it takes.")


class Maintenance(_Part):
    """Planned downtime; what the real API answers then is not known (SAILTHRU.md §6)."""

    weekly: tuple[Weekly, ...] = ()
    between: tuple[tuple[Seconds, Seconds], ...] = Field(
        default=(), description="Downtimes in seconds after the start: from, to."
    )
    zone: str = Field(default="America/New_York", description="In which the weekly times are told.")
    answer: Literal["html", "error-9", "reset", "mixed"] = Field(
        default="html", description="What calls meet meanwhile; `mixed` is one of the others, call by call."
    )


class Faults(_Part):
    """All that shall go wrong in one simulator, and what it does where the real API is unknown."""

    version: Literal[1] = 1
    description: str = Field(default="", description="What this is for, in a sentence.")
    latency: Latency = Latency()
    calls: tuple[CallFault, ...] = Field(default=(), description="Ways for calls to fail; the first that hits wins.")
    deletes: Deletes = Deletes()
    lists: Lists = Lists()
    reads: Reads = Reads()
    wire: Wire = Wire()
    jobs: Jobs = Jobs()
    maintenance: Maintenance = Maintenance()
    reset_skew: float = Field(
        default=0.0, ge=-5, le=5, description="Seconds that `X-Rate-Limit-Reset` is off the minute."
    )
    hang_seconds: Seconds = Field(
        default=120.0,
        description="How long a timeout keeps a caller over HTTP waiting before the connection is cut.",
    )
    guesses: Guesses = Guesses()

    @classmethod
    def named(cls, name: str) -> Faults:
        """A preset: none, field-report, bad-day, maintenance, hostile.

        Raises:
            ValueError: there is no such preset.
        """
        if name not in PRESETS:
            raise ValueError(f"no preset named {name!r}; there are {', '.join(PRESETS)}")
        return cls() if name == "none" else cls.load(_PRESET_FOLDER / f"{name}.yaml")

    @classmethod
    def chosen(cls, choice: str) -> Faults:
        """A preset by its name, else the file of this path; what `--faults` means.

        Raises:
            ValueError: neither a preset nor a file, or the file is wrong.
        """
        if choice in PRESETS:
            return cls.named(choice)
        if not Path(choice).is_file():
            raise ValueError(f"{choice!r} is neither a file nor a preset; presets are {', '.join(PRESETS)}")
        return cls.load(choice)

    @classmethod
    def load(cls, path: str | Path) -> Faults:
        """Faults from a YAML file.

        Raises:
            ValueError: the file says something that is not in the schema; the message says where and what.
            OSError: the file cannot be read.
        """
        from ruamel.yaml import YAML
        from ruamel.yaml.error import YAMLError

        try:
            content: Any = YAML(typ="safe", pure=True).load(Path(path).read_text(encoding="utf-8"))
        except YAMLError as error:
            raise ValueError(f"{path}: {error}") from error
        return cls.model_validate(content or {})


def schema() -> dict[str, Any]:
    """The JSON Schema of a faults file, as in `faults.schema.json`."""
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "Faults of the reconcile simulator",
        **Faults.model_json_schema(by_alias=True),
    }

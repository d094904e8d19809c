"""The nouns of a spec: frozen, checked by pydantic, and the single source of the JSON Schema and the reference."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from enum import StrEnum
from typing import TYPE_CHECKING, Annotated, Any, Literal, Self, TypeAlias

from pydantic import (
    BeforeValidator,
    Field,
    PrivateAttr,
    StrictFloat,
    StrictInt,
    StringConstraints,
    model_validator,
)

from reconcile.errors import Where
from reconcile.spec.case import Case
from reconcile.spec.conduct import GiveUp
from reconcile.spec.group import Group, Names, several
from reconcile.spec.guards import Guards
from reconcile.spec.part import Part
from reconcile.spec.property import Property
from reconcile.spec.source import SourceSpec

if TYPE_CHECKING:
    from reconcile.spec.places import Places

Path: TypeAlias = tuple[str | int, ...]
"""Where in the merged spec: `("groups", "high_value", "where")`."""

REGISTRY = "reconcile: managed"
_AROUND = ("tests", "state", "seal", "engine")
"""Sections that say nothing of what is wanted."""


class Account(Part):
    """The Sailthru account that the spec is about."""

    name: str
    """A short name for the account, shown in every plan and report; a plan is bound to it."""
    api_key: str
    """The API key, by reference only: `{{ env('SAILTHRU_API_KEY') }}` or `{{ file('/run/secrets/key') }}`."""
    api_secret: str
    """The shared secret, by reference only."""
    url: str = "https://api.sailthru.com"
    """Where the API answers. Set it to the simulator's address to try things. A reference is the whole of it, never a
    part."""
    registry: str = REGISTRY
    """The natural list that holds every profile we manage, so that one export shows all of them."""


Recipients: TypeAlias = Annotated[
    list[Annotated[str, StringConstraints(pattern=r"^age1[02-9ac-hj-np-z]{58}$")]],
    BeforeValidator(several, json_schema_input_type=str | list[str]),
]
"""One public key of age (32 bytes as Bech32), or several."""


VarName: TypeAlias = Annotated[str, StringConstraints(pattern=r"^[A-Za-z_][A-Za-z0-9_]{0,31}$")]
"""What Sailthru keeps as it is; everything else it rewrites silently (SAILTHRU.md §7.3)."""


class Identity(Part):
    """Where the account keeps the source's own id of a person."""

    var: VarName
    """The Sailthru var that holds the id, so that a changed e-mail address is an update and not a stranger, and nobody
    gets another person's profile with their address."""

    @model_validator(mode="before")
    @classmethod
    def _no_extid(cls, given: Any) -> Any:
        # Exports are how everybody is read, and they have no such column (SAILTHRU.md §9.3).
        if given == "extid" or (isinstance(given, Mapping) and "extid" in given):
            raise ValueError(
                "cannot be an extid: Sailthru's exports leave it out, so nobody could be found by it; "
                "keep the id in a var, as identity: {var: customer_id}"
            )
        return given


class Profiles(Part):
    """Which rows are people, and what identifies them."""

    from_: str = Field(alias="from")
    """The source with one row a person."""
    email: str
    """The column with the e-mail address, the key at Sailthru."""
    id: str | None = None
    """The column with the source's own id; the source's key when absent. Other sources are joined on it."""
    identity: Identity | None = None
    """Keep the id at Sailthru too, see [identity.md](identity.md)."""


class Nulls(StrEnum):
    """What a null means for a var: set it to null, or leave what is there."""

    CLEAR = "clear"
    SKIP = "skip"


def _long_var(short: Any) -> Any:
    return {"property": short} if isinstance(short, str) else short


class VarSpec(Part):
    """A Sailthru var and the property that fills it. Short form: the property's name."""

    property: str
    """The property to send."""
    nulls: Nulls = Nulls.CLEAR
    """`clear` sends null; `skip` leaves what is there."""


class Mode(StrEnum):
    """What a plan may do."""

    SYNC = "sync"
    ADDITIVE = "additive"
    ENRICH = "enrich"
    OBSERVE = "observe"


class OnLeave(StrEnum):
    """What becomes of a managed profile that left the source."""

    UNLIST = "unlist"
    CLEAR = "clear"
    DELETE = "delete"


class Routing(StrEnum):
    """How upserts go to the account."""

    AUTO = "auto"
    USER = "user"
    JOBS = "jobs"


class Policy(Part):
    """What plans may do, and how hard they may work the account."""

    mode: Mode = Mode.SYNC
    """`sync`: create, update, take away | `additive`: create, update, nobody leaves a list and nothing is deleted |
    `enrich`: as `additive`, and existing profiles only | `observe`: plan only."""
    on_leave: OnLeave = OnLeave.UNLIST
    """A managed profile that left: off our lists | and our vars nulled, but for the identity | or deleted for good."""
    at_once: StrictInt = Field(default=20, ge=1, le=200)
    """How many calls of a kind (writes, looks) may be under way side by side."""
    share: Annotated[StrictFloat | StrictInt, Field(gt=0, le=1)] = 0.75
    """How much of the account's rate limits a run may use; the rest is for the company's own traffic."""
    route: Routing = Routing.AUTO
    """How upserts go: one by one through `/user`, in bulk `jobs`, or `auto`: jobs above `bulk_from`."""
    bulk_from: StrictInt = Field(default=13_500, ge=0)
    """With `route: auto`, more upserts than this go as jobs (a minute of our share of the published limit)."""
    lookups: StrictInt = Field(default=15_000, ge=0)
    """How many profiles a plan may read one by one, where no export can tell (about a minute of quota)."""
    guards: Guards = Guards()
    """How much a plan may do before apply refuses it."""
    expires_hours: StrictInt = Field(default=24, ge=1, le=720)
    """How long after it was made a plan may be applied: the account it saw moves on."""
    give_up: GiveUp = GiveUp()
    """When an apply stops itself, because too much of it fails."""
    downtime_hours: StrictInt = Field(default=3, ge=0, le=72)
    """How long an apply waits for Sailthru to come back; its weeknight maintenance takes two hours, a weekend's 50."""
    job_hours: StrictInt = Field(default=6, ge=1, le=72)
    """How long a plan or an apply waits for one of Sailthru's jobs to end; there is no promise how long they take."""
    export_again: Annotated[StrictFloat | StrictInt, Field(gt=0, le=1)] = 0.25
    """After this share of `job_hours` an export that has not ended is asked for once more; whichever ends first is
    taken."""


class Engine(Part):
    """Where the rows of a plan are worked on. `engine: duckdb`, embedded, is the default; see docs/engines.md."""

    spark: str | None = None
    """A Spark to plan on: `sc://host` (Spark Connect) or `local[*]` to try it; may use `env()` and `file()`."""


def _long_engine(short: Any) -> Any:
    return {} if short == "duckdb" else short


PropertyName: TypeAlias = Annotated[str, StringConstraints(pattern=r"^[A-Za-z_][A-Za-z0-9_]{0,62}$")]
"""Properties are called by their ids in templates and SQL, so an id is a plain word there."""

PartName: TypeAlias = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9_][A-Za-z0-9_.-]{0,99}$")]


class Spec(Part):
    """A whole spec, merged over its files."""

    version: Literal[1]
    """The version of the spec's language; every file says it."""
    account: Account
    """The Sailthru account."""
    sources: Mapping[PartName, SourceSpec] = Field(min_length=1)
    """Where rows come from, by id."""
    profiles: Profiles
    """Which rows are people."""
    properties: Mapping[PropertyName, Property] = Field(default_factory=dict)
    """What is known about each person, by id."""
    vars: Mapping[VarName, Annotated[VarSpec, BeforeValidator(_long_var, json_schema_input_type=str | VarSpec)]] = (
        Field(default_factory=dict)
    )
    """What leaves the house: Sailthru var <- property. Short form `firstName: first_name`."""
    groups: Mapping[PartName, Group] = Field(default_factory=dict)
    """Audiences, by id."""
    exclude_from_all: Names | None = None
    """Groups whose people are on none of our lists but the registry and the lists of these very groups."""
    policy: Policy = Policy()
    """What plans may do."""
    engine: Annotated[Engine, BeforeValidator(_long_engine, json_schema_input_type=Literal["duckdb"] | Engine)] = (
        Engine()
    )
    """Where the rows are worked on."""
    state: str | None = None
    """Where runs leave what later ones have to know: a folder (`.reconcile` when absent), or `s3://bucket/prefix`,
    `gs://bucket/prefix`, `az://account/container/prefix`; may use `env()` and `file()`. See [state.md](state.md)."""
    seal: Recipients | None = None
    """Public keys of age, `age1…`. Every plan that is kept with `--out` or made by `apply SPEC` is sealed to them,
    unless `--seal` names others. See [approvals.md](approvals.md#sealed-plans)."""
    tests: Mapping[PartName, Case] = Field(default_factory=dict)
    """Tests of this spec, by id, which `reconcile test` runs offline."""

    @model_validator(mode="after")
    def _typed(self) -> Self:
        """A property of a column has the type that its source says of it, unless it says another."""
        self.__dict__["properties"] = {name: self._declared(prop) for name, prop in self.properties.items()}
        return self

    def _declared(self, prop: Property) -> Property:
        source = self.sources.get(prop.source or self.profiles.from_)
        said = source.columns.get(prop.column or "") if source is not None else None
        if said is None or prop.type is not None or prop.aggregate is not None:
            return prop
        return prop.model_copy(update={"type": said.value_type})

    _places: Places | None = PrivateAttr(default=None)
    _folder: str = PrivateAttr(default=".")
    _environment: str | None = PrivateAttr(default=None)
    _variables: Mapping[str, str | int | float | bool] = PrivateAttr(default_factory=dict)

    @property
    def environment(self) -> str | None:
        """The environment that was laid over it; None for the spec by itself."""
        return self._environment

    @property
    def variables(self) -> Mapping[str, str | int | float | bool]:
        """The variables that were filled in, as a plan may show them."""
        return self._variables

    def where(self, *path: str | int) -> Where | None:
        """The place of a part in its file, or of its nearest parent that has one."""
        return self._places.key(*path) if self._places else None

    @property
    def places(self) -> Places | None:
        """All places of a spec that was read from files."""
        return self._places

    @property
    def lists(self) -> Mapping[str, str]:
        """List -> the group that is mapped to it."""
        return {group.list: name for name, group in self.groups.items() if group.list is not None}

    def content(self) -> dict[str, Any]:
        """What the spec says, as plain data without what is left at its default."""
        return {"version": 1} | self.model_dump(mode="json", by_alias=True, exclude_defaults=True)

    @property
    def digest(self) -> str:
        """SHA-256 (hex) of what the spec says: the same after reformatting, reordering, or moving between files.

        What its tests say of it changes nothing, nor does where its state is kept and who may read plans
        there, nor which engine works it out.
        """
        said = {section: part for section, part in self.content().items() if section not in _AROUND}
        text = json.dumps(said, sort_keys=True, separators=(",", ":"), allow_nan=False)
        return hashlib.sha256(text.encode()).hexdigest()

    def __eq__(self, other: object) -> bool:
        """Two specs are equal when they say the same, wherever it is written."""
        return isinstance(other, Spec) and self.content() == other.content()

    def __hash__(self) -> int:
        """Equal specs have equal digests."""
        return hash(self.digest)

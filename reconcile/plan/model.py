"""The nouns of a plan: actions, stages, and the face that people read. Frozen, no I/O.

The family of actions is closed: whoever handles one, handles all (`match` + `assert_never`).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import IntEnum, StrEnum
from pathlib import Path
from typing import NamedTuple, TypeAlias

from pydantic import BaseModel, ConfigDict

from reconcile.plan.mac import FORMAT
from reconcile.plan.openfile import Content
from reconcile.spec.guards import Guard
from reconcile.spec.model import Mode, OnLeave
from reconcile.spec.property import ValueType
from reconcile.state.keys import Keys
from reconcile.state.model import Invalid, Membership, Shape, SourceFacts, Var, Violation


class Stage(IntEnum):
    """Actions of one stage may run side by side; stages run in the order of `STAGES`.

    The numbers are those of plan files.
    """

    LISTS = 1
    """One at a time: lists that are created side by side become twins (SAILTHRU.md §14.8)."""
    ROOM = 5
    """Profiles leave addresses that others are to have."""
    UPSERTS = 2
    REMOVALS = 3
    DELETIONS = 4


STAGES = (Stage.LISTS, Stage.ROOM, Stage.UPSERTS, Stage.REMOVALS, Stage.DELETIONS)


class Route(StrEnum):
    """How upserts go to the account."""

    USER = "user"
    JOBS = "jobs"


class Cause(StrEnum):
    """Why something differs, where it can be told."""

    NEW = "new"
    DATA = "data"
    SPEC = "spec"
    DRIFT = "drift"


class RunKind(StrEnum):
    """Whether the spec is another than was last applied, or only the data may be."""

    CONFIG = "config"
    DATA = "data"


@dataclass(frozen=True, slots=True)
class CreateList:
    """Create a natural list."""

    list: str


@dataclass(frozen=True, slots=True)
class MakeRoom:
    """See that a profile does not have an address any more that another person is to have.

    Args:
        hash: MD5 of that address.
        sid: the profile.
        to: the address it goes to, if it is still there.
    """

    hash: str
    sid: str
    to: str


UNSEEN = "unseen"
"""In place of a holder's sid: whether another person's profile has the address is not known to the plan."""


@dataclass(frozen=True, slots=True)
class Upsert:
    """Say what one profile is to be: absolute, so that twice is once.

    Args:
        hash: MD5 of the address it is found by.
        email, sid: who, as far as known; the address wins unless it is to change.
        new: the profile was not seen at the account.
        moves_to: the new address of a profile known by `sid`.
        vars: name -> canonical text to set, None for null.
        was: name -> canonical text seen before.
        lists: name -> True to join, False to leave.
        holder: sid of another person's profile that had the address: nothing is written while it has. `UNSEEN` where
            nobody looked whether there is one: nothing is written where a profile keeps another key.
    """

    hash: str
    email: str | None
    sid: str | None
    new: bool = False
    moves_to: str | None = None
    vars: Mapping[str, str | None] = field(default_factory=dict)
    was: Mapping[str, str | None] = field(default_factory=dict)
    lists: Mapping[str, bool] = field(default_factory=dict)
    cause: Cause | None = None
    holder: str | None = None


@dataclass(frozen=True, slots=True)
class Delete:
    """Delete one profile for good, and look that it is gone.

    Args:
        lists: name -> False: those of ours that it is on, and leaves by being deleted.
    """

    hash: str
    email: str | None
    sid: str | None
    lists: Mapping[str, bool] = field(default_factory=dict)
    cause: Cause | None = None


Action: TypeAlias = CreateList | MakeRoom | Upsert | Delete


class _Face(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class AccountIds(NamedTuple):
    """What Sailthru itself calls an account, whichever key is used; empty where it is not known."""

    id: str = ""
    customer_id: str = ""


NO_IDS = AccountIds()
"""Of an account that nobody asked, or whose key may not ask."""


class AccountFace(_Face):
    """Which account a plan is for. Credentials by reference, as in the spec; of the key itself a digest.

    `id` and `customer_id` are Sailthru's own, empty where the key may not ask for them.
    """

    name: str
    url: str
    api_key: str
    api_secret: str
    fingerprint: str = ""
    id: str = ""
    customer_id: str = ""

    @property
    def ids(self) -> AccountIds:
        """Sailthru's own ids of it."""
        return AccountIds(self.id, self.customer_id)


class Conduct(_Face):
    """How an apply of this plan is to behave, see the spec's policy: when it gives up, and what it sits out."""

    give_up_share: float = 0.2
    give_up_after: int = 50
    downtime_hours: float = 3


class Counts(_Face):
    """Profiles by what is to be done with them; `update` includes `moved` and `unlist`.

    `room` counts profiles that make room first, `temporary` of them at a temporary address; they are counted again by
    what becomes of them. `adopted`: people whose new address has a profile already, which becomes theirs. `duplicates`:
    second profiles of people, which are only taken off lists. `unseen`: people counted as new whom an apply looks for
    before it writes, as the plan did not.
    """

    create: int = 0
    update: int = 0
    moved: int = 0
    unlist: int = 0
    delete: int = 0
    unchanged: int = 0
    room: int = 0
    temporary: int = 0
    adopted: int = 0
    duplicates: int = 0
    unseen: int = 0

    @property
    def total(self) -> int:
        """Actions on profiles."""
        return self.room + self.create + self.update + self.delete


class ListFace(_Face):
    """What becomes of one list, in members. `before` is what was observed, never Sailthru's own count (§8.1).

    `change` counts members who stay and whose vars change; `fields` the same by var.
    """

    name: str
    new: bool
    before: int
    join: int
    leave: int
    change: int = 0
    fields: Mapping[str, int] = {}
    causes: Mapping[str, int] = {}

    @property
    def after(self) -> int:
        """Members when all is done."""
        return self.before + self.join - self.leave


class Transition(_Face):
    """So many profiles go from one value of a var to another; None is nothing.

    Where `small` is more than 0 it stands for so many pairs of values, each of too few people to be shown.
    """

    old: str | None = None
    new: str | None = None
    count: int
    small: int = 0


class VarFace(_Face):
    """What becomes of one var: profiles that get a value, profiles that lose theirs, and whether values are masked.

    `transitions` are there for vars with a few values, see `plan.details`.
    """

    name: str
    type: ValueType
    set: int
    cleared: int
    skip_nulls: bool = False
    pii: bool = False
    transitions: tuple[Transition, ...] = ()
    causes: Mapping[str, int] = {}


class Retyped(_Face):
    """A managed var whose values are of another JSON type than the account has.

    `before` is the type that was last applied, None where that is not known or the same; `found` counts the profiles
    of the plan that were seen to have a value of another type, which is written anew.
    """

    name: str
    before: ValueType | None
    type: ValueType
    found: int


class SpecChange(_Face):
    """A line of the spec that was changed since it was last applied, and how many profiles that changes.

    `place` is `file:line`, `what` the key there; `vars` and `lists` are what hangs on it.
    """

    place: str
    what: str
    changes: int
    vars: tuple[str, ...] = ()
    lists: tuple[str, ...] = ()


class LedgerFace(_Face):
    """The ledger that causes were told by: of which run, when that ended, and how many profiles it knows."""

    run: str
    at: str
    profiles: int


class Sample(_Face):
    """One action, without the person: the glyph, a mask, which fields are touched, and why."""

    glyph: str
    who: str
    sets: tuple[str, ...] = ()
    joins: tuple[str, ...] = ()
    leaves: tuple[str, ...] = ()
    moved: bool = False
    cause: Cause | None = None


class Allowance(_Face):
    """A limit raised for once: `--allow RULE[:SCOPE]=MAX`. Without a scope it holds for every scope of the rule."""

    guard: Guard
    scope: str = ""
    most: int

    def __str__(self) -> str:
        """As it was given."""
        return f"{self.guard}{f':{self.scope}' if self.scope else ''}={self.most}"


class Breach(_Face):
    """A guard that a plan exceeds: apply refuses it.

    `scope` is a list, var or source; empty where the rule is about the whole plan. `where` is the place of the limit in
    the spec, empty where the spec says nothing and the default holds. `way_out` is what lets exactly this through.
    """

    guard: Guard
    scope: str = ""
    figure: int
    limit: int
    where: str = ""
    told: str
    way_out: str


class Consent(_Face):
    """Profiles of the plan that are known to have opted out, and what becomes of them.

    `joins` counts them by the list that they join, the registry excepted; `joining` counts each of them once.
    """

    touched: int = 0
    joining: int = 0
    joins: Mapping[str, int] = {}
    deleted: int = 0


class ReferenceFace(_Face):
    """A secret that the spec refers to by name, and the key of the spec where it does; never its value."""

    name: str
    key: str


class ObservationFace(_Face):
    """The kept observation that a plan was made from: when it was taken, and how old it was then, in seconds."""

    taken_at: str
    age: int

    @property
    def hours(self) -> int:
        """Its age in hours, rounded up."""
        return -(-self.age // 3600)


class UndoFace(_Face):
    """What a plan takes back that was made by `rollback`: of which run, and what of it cannot be undone.

    Counts of profiles, but `foreign`: of values. Of `people`, whom the run is known to have written to, `changed` since
    are left alone, `gone` are no longer there, `unlooked` are on none of our lists and were too many to look up. Of the
    others, the `created` stay and keep what is not ours, the `moved` keep their address. `unverified`: actions of the
    plan that nobody knows to have been done. `unseen`: people whom the plan counted as new without a look.
    """

    run: str
    plan_id: str
    people: int = 0
    changed: int = 0
    gone: int = 0
    unlooked: int = 0
    created: int = 0
    moved: int = 0
    foreign: int = 0
    deleted: int = 0
    lists: tuple[str, ...] = ()
    unverified: int = 0
    unseen: int = 0


class Cost(_Face):
    """What an apply will ask of the account, at least: calls by method and endpoint, and minutes at its limits."""

    calls: Mapping[str, int]
    minutes: float


def about(account: str, environment: str | None) -> str:
    """An account and its environment, for people; empty where neither is known."""
    return " / ".join(filter(None, (account, environment)))


class Face(_Face):
    """All of a plan but its actions, without personal data: what a pull request may show."""

    format: int = FORMAT
    plan_id: str = ""
    body_digest: str = ""
    tool: str
    created_at: str
    expires_at: str
    as_of: str
    account: AccountFace
    state: str | None = None
    environment: str | None = None
    variables: Mapping[str, str | int | float | bool] = {}
    references: tuple[ReferenceFace, ...] = ()
    spec_digest: str
    mode: Mode
    on_leave: OnLeave
    at_once: int
    share: float = 0.75
    job_hours: float = 6
    export_again: float = 0.25
    conduct: Conduct = Conduct()
    route: Route = Route.USER
    registry: str
    identity: str | None
    counts: Counts
    joining: int = 0
    """People who join a list, the registry excepted; who joins several counts once."""
    causes: Mapping[str, int]
    strangers: int = 0
    causes_by_op: Mapping[str, Mapping[str, int]] = {}
    spec_changes: tuple[SpecChange, ...] = ()
    kind: RunKind = RunKind.CONFIG
    ledger: LedgerFace | None = None
    no_ledger: str = ""
    another_account: str = ""
    """What is to be said where the account is not the one that the last run was applied to, or may not be."""
    rekeyed: str = ""
    """What opens the ledger with the secret of today, where it was made with an earlier one; see `state.ledger`."""
    definitions: Mapping[str, str] = {}
    lists: tuple[ListFace, ...]
    vars: tuple[VarFace, ...]
    retyped: tuple[Retyped, ...] = ()
    held_by_mode: Mapping[str, int]
    held_by_contract: Mapping[str, int] = {}
    unlooked: int
    unconfirmed: int
    invalid: tuple[Invalid, ...]
    sources: tuple[SourceFacts, ...]
    violations: tuple[Violation, ...] = ()
    desired: int
    observed: int
    cost: Cost
    samples: tuple[Sample, ...]
    consent: Consent = Consent()
    observation: ObservationFace | None = None
    undoes: UndoFace | None = None
    breaches: tuple[Breach, ...] = ()
    allowed: tuple[Allowance, ...] = ()

    @property
    def about(self) -> str:
        """The account and environment, for people."""
        return about(self.account.name, self.environment)

    @property
    def new_lists(self) -> tuple[str, ...]:
        """Lists to create, in the order of creation."""
        return tuple(one.name for one in self.lists if one.new)

    @property
    def empty(self) -> bool:
        """Nothing to do."""
        return not self.counts.total and not self.new_lists

    def span(self, stage: Stage) -> tuple[int, int]:
        """The numbers of a stage's actions in the walk of the plan: the first, and the one after the last."""
        counts = self.counts
        sizes = {
            Stage.LISTS: len(self.new_lists),
            Stage.ROOM: counts.room,
            Stage.UPSERTS: counts.create + counts.update - counts.unlist,
            Stage.REMOVALS: counts.unlist,
            Stage.DELETIONS: counts.delete,
        }
        first = sum(sizes[one] for one in STAGES[: STAGES.index(stage)])
        return first, first + sizes[stage]

    @property
    def shape(self) -> Shape:
        """The shape that both sides had."""
        return Shape(
            vars=tuple(Var(one.name, one.type, one.skip_nulls, one.pii) for one in self.vars),
            lists=tuple(Membership(one.name) for one in self.lists if one.name != self.registry),
            registry=Membership(self.registry),
            identity=self.identity,
        )


@dataclass(frozen=True, slots=True)
class CheckedFile:
    """A plan file that was checked, and what it takes to read exactly that again.

    Args:
        content: what was in it.
        member: the part of it that holds the body, see `plan.archive`.
        face: the part that holds the face.
        keys: those that authenticate it; None where it was not verified.
    """

    content: Content
    member: str
    face: bytes
    keys: Keys | None


@dataclass(frozen=True, slots=True)
class Plan:
    """A plan: its face, and the file that holds its actions (None when nobody asked to keep them).

    Args:
        sealed: the file of the same plan with its body sealed, where there is one: what the state keeps of it.
        file: the file as it was made or checked; whatever is at `path` by now, this is what is read.
    """

    face: Face
    path: Path | None = None
    sealed: Path | None = None
    file: CheckedFile | None = field(default=None, repr=False, compare=False)

    @property
    def id(self) -> str:
        """A keyed digest of the content: equal inputs give an equal id."""
        return self.face.plan_id

    @property
    def verified(self) -> bool:
        """Whether its file is known to be made by somebody who has the account's secret; True where it has none."""
        return self.file is None or self.file.keys is not None

    def face_only(self) -> Plan:
        """The plan without its file: what is left when the file was only made to be weighed."""
        return Plan(self.face)

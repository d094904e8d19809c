"""The nouns of state: the shape both sides share, and what may bring rows in. Frozen, no I/O."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Protocol, TypeAlias, runtime_checkable

from reconcile.errors import ReconcileError
from reconcile.spec.property import ValueType

Rows: TypeAlias = Any
"""An Ibis table expression. Ibis ships no types; the name says what is meant."""

Batches: TypeAlias = Any
"""A `pyarrow.RecordBatchReader`: rows on their way, a batch at a time."""

Arrived: TypeAlias = Callable[[int], object]
"""Is told of every so many bytes of a file as they come, those of broken tries included."""


@dataclass(frozen=True, slots=True)
class Var:
    """A managed Sailthru var: its name there, the type we send, whether a null is left alone, whether it is masked."""

    name: str
    type: ValueType
    skip_nulls: bool = False
    pii: bool = False

    @property
    def column(self) -> str:
        """Its column in a state table."""
        return f"var:{self.name}"


@dataclass(frozen=True, slots=True)
class Membership:
    """A managed list, by its name at Sailthru. The registry is one of them."""

    list: str

    @property
    def column(self) -> str:
        """Its column in a state table."""
        return f"list:{self.list}"


VARS_AT_ONCE = 8
"""Vars that one statement compares where there are many: each may take 7 MiB, however few the rows."""


@dataclass(frozen=True, slots=True)
class Shape:
    """What we manage: the columns that both states have. What is not named here is never read in.

    A *desired* table has `hash, email`, then a canonical text column for every var and a boolean one for every list.
    An *observed* table has `hash, email, sid, optout` and the same var and list columns: `hash` is the MD5 of the
    normalised address in lower-case hex (SAILTHRU.md §9.3), `email` is null where only the hash is known, `optout` is
    Sailthru's word for what was opted out of where we know it, `some` where an export only says that it was, and null
    where nothing is known of an opt-out. The registry is one of the lists, so who is on it is who we manage.
    """

    vars: tuple[Var, ...]
    lists: tuple[Membership, ...]
    registry: Membership
    identity: str | None = None
    """The name of the var that keeps the source's own id, so that a changed address is still the same person."""

    @property
    def memberships(self) -> tuple[Membership, ...]:
        """All managed lists, the registry last."""
        return (*self.lists, self.registry)

    def split_by_vars(self) -> list[Shape]:
        """The same with a few of the vars each: what an engine takes for one statement grows with the vars in it."""
        parts = [self.vars[at : at + VARS_AT_ONCE] for at in range(0, len(self.vars), VARS_AT_ONCE)]
        return [replace(self, vars=part) for part in parts or [()]]


@dataclass(frozen=True, slots=True)
class Loan:
    """What an engine that a source is read with may use, while it is read.

    Args:
        memory: bytes of its tables.
        threads: of the engine.
        folder: where it puts what is larger; gone when the run ends.
    """

    memory: int
    threads: int
    folder: Path


MISFIT = "misfit:"
"""Leads the name of the column that says of which rows of a column the value did not fit its type."""


@dataclass(frozen=True, slots=True)
class Demand:
    """What is asked of a source: rows with these columns.

    Args:
        columns: names of columns, each once; an empty tuple asks for all.
        required_by: column -> where in the spec it is named, for the error that says it is not there.
        loan: what it may take to read them; whatever the machine has when None.
        flagged: a boolean column led by `MISFIT` is asked for, too, for every column that may hold values which do not
            fit its type: true where the value is null for that reason.
        numbers: columns that the spec reads as numbers or texts, so that `TINYINT(1)`, which may hold 5, is no boolean.
        texts: columns that the spec reads as texts only, so that a `NUMERIC` of unknown size keeps all of its digits.
    """

    columns: tuple[str, ...]
    required_by: Mapping[str, str] = field(default_factory=dict)
    loan: Loan | None = None
    flagged: bool = False
    numbers: frozenset[str] = frozenset()
    texts: frozenset[str] = frozenset()


class Source(Protocol):
    """A table, query or file that yields rows. Made by the wing `sources`; read once by `state.desired`."""

    @property
    def name(self) -> str:
        """The id in the spec."""
        ...

    @property
    def misfits(self) -> Mapping[str, int]:
        """After a read: column -> values that did not fit its type and were taken as null."""
        ...

    @property
    def mixed(self) -> Collection[str]:
        """After a read: columns of texts among which are JSON values, led by `values.FOREIGN`."""
        ...

    def read(self, demand: Demand) -> AbstractContextManager[Batches]:
        """Open the rows as a stream of Arrow batches.

        Raises:
            SourceUnavailable: unreachable, no such table or file, or refused.
            SpecInvalid: a demanded column is not there (with the columns that are, and what was meant).
        """
        ...


@runtime_checkable
class Scannable(Protocol):
    """A source whose files an engine of some reach may read by itself: then its rows need not pass through here."""

    @property
    def name(self) -> str:
        """The id in the spec."""
        ...

    def scan(self, demand: Demand, parquet: Callable[[Sequence[str]], Rows | None]) -> Rows | None:
        """The demanded columns as `Source.read` would type them; None where the rows have to be streamed.

        Args:
            parquet: the engine's own reader, of paths or URLs of files; None where it cannot reach them.

        Raises: as `Source.read`.
        """
        ...

    def failure(self, error: Exception) -> ReconcileError:
        """The error to raise for one of the engine's that came up while it read the files."""
        ...


@dataclass(frozen=True, slots=True)
class RemoteList:
    """A list as the account has it. `type` is `natural` or `smart` (`normal` is read as natural, SAILTHRU.md §14.5)."""

    list_id: str
    name: str
    type: str


_SUBSCRIBED = frozenset({None, "", "none", "valid"})
"""Words of a look-up for nobody who opted out."""


@dataclass(frozen=True, slots=True)
class Sighting:
    """One profile read one by one, typed. `vars` holds only those asked for; a missing var is absent, null is None."""

    email: str | None
    sid: str
    vars: Mapping[str, Any]
    lists: frozenset[str]
    optout: str | None = None

    @property
    def opted_out(self) -> str | None:
        """Sailthru's word for what was opted out of; None for who is subscribed (SAILTHRU.md §7.3)."""
        return None if self.optout in _SUBSCRIBED else self.optout


@dataclass(frozen=True, slots=True)
class Ref:
    """Names one profile at the account: by address where we know it, by sid where we do not."""

    email: str | None = None
    sid: str | None = None


class Export(Protocol):
    """The members of one list, as a file on this machine that the workspace can read as CSV records."""

    # Properties, so that frozen classes fit.
    @property
    def list(self) -> str:
        """The list's name."""

    @property
    def path(self) -> str:
        """The file: UTF-8, with a header record."""

    @property
    def columns(self) -> tuple[str, ...]:
        """A unique name for every column of the file, by position: the header itself may hold twins."""

    @property
    def sid_column(self) -> str:
        """The column of the sid."""

    @property
    def hash_column(self) -> str:
        """The column of the MD5 of the address, in hex."""

    @property
    def optout_column(self) -> str | None:
        """The column of the time of the opt-out, empty where there was none; None where the file has no such column."""

    @property
    def status_column(self) -> str | None:
        """The column of the address's status, in Sailthru's words; None where the file has no such column."""

    @property
    def var_columns(self) -> Mapping[str, str]:
        """Var name -> column of the file; vars the account has never seen are absent."""


class Exporter(Protocol):
    """An account whose lists can be had in bulk."""

    async def export(self, list_name: str, vars: Sequence[str], arrived: Arrived | None = None) -> Export:
        """The members of one list. Complete or an error, never a smaller list."""
        ...


class Observable(Exporter, Protocol):
    """An account that can be looked at. Satisfied by `sailthru.target`, and by `sailthru.observation`."""

    @property
    def hash_checked(self) -> bool:
        """Whether it is known already that its exports hash addresses as we do (SAILTHRU.md §15)."""
        ...

    async def lists(self) -> Sequence[RemoteList]:
        """All lists of the account, twins included."""
        ...

    async def look(self, ref: Ref, vars: Sequence[str], *, most: int | None = None) -> Sighting | None:
        """One profile, typed; None when the account says that it does not exist.

        Args:
            most: tries at most; None for as many as any call is worth.
        """
        ...


class Progress(Protocol):
    """Is told how far a long step is. The roof draws bars or prints events; the default does nothing.

    Steps come and go by `steps.step`. It may be told from any thread, and must cost next to nothing.
    """

    def start(self, step: str, total: int | None = None, unit: str = "rows") -> None:
        """A step begins; `total` is in the step's own unit (rows, lists, actions), None when it cannot be known."""
        ...

    def advance(self, step: str, by: int = 1, *, size: int = 0) -> None:
        """So much more of a step is done; `size` is in bytes."""
        ...

    def finish(self, step: str) -> None:
        """A step has ended."""
        ...


class Silent:
    """A `Progress` that says nothing."""

    def start(self, step: str, total: int | None = None, unit: str = "rows") -> None:
        """Nothing."""

    def advance(self, step: str, by: int = 1, *, size: int = 0) -> None:
        """Nothing."""

    def finish(self, step: str) -> None:
        """Nothing."""


@dataclass(frozen=True, slots=True)
class Invalid:
    """Rows of the desired side that are left out, by reason: how many, and a few keys, masked."""

    reason: str
    source: str
    count: int
    samples: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Violation:
    """A term of a source's contract that does not hold.

    Args:
        term: its key, and the column that it is about: `unique email`.
        figure, limit: rows; minutes for `max_age`.
        told: the figure and the limit in words.
        where: the term's place in the spec.
    """

    source: str
    term: str
    figure: int
    limit: int
    told: str
    where: str = ""

    @property
    def sentence(self) -> str:
        """The violation in one line."""
        place = f" ({self.where})" if self.where else ""
        return f'the contract of source "{self.source}" does not hold: {self.told}{place}'


@dataclass(frozen=True, slots=True)
class SourceFacts:
    """What was read of one source."""

    name: str
    rows: int
    columns: tuple[str, ...] = ()

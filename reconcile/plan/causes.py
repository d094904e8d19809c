"""Why something differs, from three states: what is wanted, what is there, and what was last applied (the ledger).

    new     first seen: nothing of it was ever applied
    drift   what is wanted was applied before, and is no longer there: somebody changed the account
    data    what is wanted has changed, and its definition in the spec has not: the source did, or the clock
    spec    what is wanted has changed, and so has its definition: the line of the spec is told

Where both the spec and the source have changed, nobody can tell which of them it was, and the spec is named. Where
nothing was applied and nothing else tells, the cause is not known, and is said to be so. It is one join and digests of
what differs; without a ledger it is nothing at all.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import ibis

from reconcile.plan.model import UNSEEN, Cause, LedgerFace, RunKind, SpecChange
from reconcile.spec import definitions
from reconcile.spec.definitions import Changed
from reconcile.spec.model import Path, Spec
from reconcile.spec.property import ValueType
from reconcile.state import ledger as ledgers
from reconcile.state.keys import Keys
from reconcile.state.ledger import Ledger
from reconcile.state.model import Rows, Shape
from reconcile.state.workspace import Workspace

UNKNOWN = "unknown"
PLACES = 3
"""Places of the spec that are named; the plan's own face has all."""

_STRONGEST = (Cause.SPEC, Cause.DATA, Cause.DRIFT, Cause.NEW)
"""Of a profile with several: what somebody reviews first."""


@dataclass(frozen=True, slots=True)
class Memory:
    """What is known of last time.

    Args:
        ledger: None where there is none.
        lacking: why there is none, as a sentence for people.
        another: that the account is another one than last time, or may be, as a sentence for people.
        rekeyed: what opens the ledger with the secret of today, where it was made with an earlier one.
        types: of the vars that were last applied in full; empty where that is not known.
        salt: of the digests of the account's ledger; empty where there is none that can be opened.
        previous: the keys of the secret of before, where it was given.
    """

    ledger: Ledger | None = None
    lacking: str = ""
    another: str = ""
    rekeyed: str = ""
    types: Mapping[str, ValueType] = field(default_factory=dict)
    salt: str = ""
    previous: Keys | None = None


@dataclass(frozen=True, slots=True)
class Lines:
    """Which line of the spec has changed for each var and list, and for who is managed at all; None where none has."""

    vars: Mapping[str, Changed | None]
    lists: Mapping[str, Changed | None]
    people: Changed | None

    @classmethod
    def of(cls, spec: Spec, ledger: Ledger) -> Lines:
        """By the definitions that were last applied."""
        made_of, changed = definitions.MadeOf.of(spec), _changed(spec, ledger)

        def first(fields: Mapping[str, tuple[Path, ...]]) -> dict[str, Changed | None]:
            return {name: definitions.first(parts, changed) for name, parts in fields.items()}

        return cls(first(made_of.vars), first(made_of.lists), definitions.first(made_of.people, changed))

    def fields(self) -> Iterator[tuple[str, str, Changed]]:
        """`why:` column, name and line of everything that has changed."""
        for name, line in self.vars.items():
            if line is not None:
                yield f"why:var:{name}", name, line
        for name, line in self.lists.items():
            if line is not None:
                yield f"why:list:{name}", name, line


@dataclass(frozen=True, slots=True)
class Why:
    """What tells causes, for one plan: nothing is told, and nothing done, without a ledger."""

    ledger: Ledger | None
    lines: Lines
    shape: Shape
    workspace: Workspace

    @classmethod
    def of(cls, memory: Memory, spec: Spec, shape: Shape, workspace: Workspace) -> Why:
        """By what was last applied."""
        lines = Lines.of(spec, memory.ledger) if memory.ledger else Lines({}, {}, None)
        return cls(memory.ledger, lines, shape, workspace)

    def traced(self, decided: Rows) -> Rows:
        """The changes with their causes."""
        if self.ledger is None:
            return decided
        return traced(decided, self.ledger, self.lines, self.shape, self.workspace)

    def told(self, decided: Rows) -> Told | None:
        """What traced changes come to."""
        return told(decided, self.lines, self.shape, self.workspace) if self.ledger is not None else None


def traced(decided: Rows, ledger: Ledger, lines: Lines, shape: Shape, workspace: Workspace) -> Rows:
    """The changes with `why:var:x` and `why:list:L`, and from these their own `cause`.

    Args:
        decided: see `planner.decide`.
    """
    rows = ledgers.salted(decided, workspace, ledger.salt)
    before = ledgers.fitted(ledger.rows, shape)
    rows = _with_past(rows, before, shape, moving=_any_moved(decided, shape, workspace))
    ours = rows[f"leave:{shape.registry.list}"] | ~rows[f"join:{shape.registry.list}"]
    case = _Case(rows, rows["b:key"].notnull(), ours & (rows.kind == "update"), lines.people)
    why: dict[str, Rows] = {}
    for var in shape.vars:
        new = ibis.ifelse(rows.kind == "leave", ibis.null("string"), rows[f"new:{var.name}"])
        wanted = ledgers.digest(rows, var.name, new)
        why[f"why:var:{var.name}"] = case.cause(
            rows[f"set:{var.name}"], rows[f"b:v:{var.name}"], wanted, lines.vars.get(var.name)
        )
    for one in shape.memberships:
        flag = rows[f"join:{one.list}"] | rows[f"leave:{one.list}"]
        why[f"why:list:{one.list}"] = case.cause(
            flag, rows[f"b:l:{one.list}"], rows[f"join:{one.list}"], lines.lists.get(one.list)
        )
    rows = rows.mutate(**why)
    columns = [*decided.columns, *why]
    return rows.mutate(cause=_strongest(rows, list(why), case)).select(*columns)


def _any_moved(decided: Rows, shape: Shape, workspace: Workspace) -> bool:
    return shape.identity is not None and workspace.count(decided.filter(decided.moved).limit(1)) > 0


def _with_past(rows: Rows, before: Rows, shape: Shape, *, moving: bool) -> Rows:
    """The rows with their own row of the ledger (`b:`), and `returned`: whether it is of the address they are to have.

    A ledger goes by address, so what it has of one may be another person's by now: their keys tell.

    Args:
        before: the ledger, of the shape.
        moving: whether anybody has another address than they are to have.
    """
    rows = rows.mutate(at=ledgers.key(rows, rows["from"].fill_null(rows["hash"])))
    last = before.rename("b:{name}")
    found = rows.left_join(last, rows["at"] == last["b:key"])
    if shape.identity is None:
        return found.mutate(returned=ibis.literal(value=False))
    kept = f"b:v:{shape.identity}"
    key = ledgers.digest(found, shape.identity, found[f"new:{shape.identity}"])
    # Without a key in the ledger, the past of an address that another person's profile has is theirs.
    holder = found.holder.notnull() & (found.holder != UNSEEN) & ~found.moved
    own = (found.kind == "leave") | ibis.ifelse(found[kept].isnull(), ~holder, found[kept] == key)
    columns = {name: name[2:] for name in found.columns if name.startswith("b:")}
    found = found.mutate(
        returned=ibis.literal(value=False),
        **{name: ibis.ifelse(own, found[name], ibis.null(found[name].type())) for name in columns},
    )
    if not moving:
        return found
    # Whoever changed the address of a profile, its past is where it is to be again.
    earlier = before.rename("h:{name}")
    aim = ibis.ifelse(found.moved & found["b:key"].isnull(), ledgers.key(found, found["hash"]), ibis.null("string"))
    found = found.mutate(aim=aim)
    both = found.left_join(earlier, found.aim == earlier["h:key"])
    wanted = ledgers.digest(both, shape.identity, both[f"new:{shape.identity}"])
    back = (both[f"h:v:{shape.identity}"] == wanted).fill_null(False)  # noqa: FBT003 -- Ibis's own signature
    return both.mutate(
        returned=back, **{name: ibis.ifelse(back, both[f"h:{bare}"], both[name]) for name, bare in columns.items()}
    )


@dataclass(frozen=True, slots=True)
class _Case:
    """What holds of a whole change: whether the ledger knows the profile, and whether it was ours before."""

    rows: Rows
    known: Rows
    ours: Rows
    people: Changed | None

    def cause(self, flag: Rows, before: Rows, wanted: Rows, line: Changed | None) -> Rows:
        """Of one field that differs where `flag` is true."""
        moved = "spec" if line is not None else "data"
        unknown = ibis.literal("spec") if line is not None else ibis.ifelse(self.ours, ibis.null("string"), "new")
        return ibis.cases(
            (~flag, ibis.null("string")),
            (self.rows.kind == "create", ibis.ifelse(self.known, "drift", "new")),
            (self.rows.kind == "leave", self.leaving()),
            (before.isnull(), unknown),
            (before == wanted, "drift"),
            else_=moved,
        )

    def leaving(self) -> Rows:
        """Somebody on our lists who is not wanted: a stranger was put there by hand, everybody else has left."""
        return ibis.ifelse(self.rows.cause.notnull(), "drift", "spec" if self.people is not None else "data")

    def whole(self) -> Rows:
        """Of a change in which no field tells: an address that is another, a deletion."""
        return ibis.cases(
            (self.rows.kind == "create", ibis.ifelse(self.known, "drift", "new")),
            (self.rows.kind == "leave", self.leaving()),
            else_=self.address(),
        )

    def address(self) -> Rows:
        """Of an address that is another: the source's is new, or somebody changed that of the profile."""
        changed = ibis.ifelse(self.rows.returned, "drift", "data")
        return ibis.ifelse(self.rows.moved, changed, ibis.null("string"))


def _strongest(rows: Rows, fields: list[str], case: _Case) -> Rows:
    parts = [*(rows[name] for name in fields), case.address()]
    told = [(ledgers.any_of([part == cause.value for part in parts]), cause.value) for cause in _STRONGEST]
    return ibis.cases(*told, else_=case.whole())


def sums(rows: Rows, shape: Shape) -> dict[str, Rows]:
    """Aggregates of a table of traced changes: rows by cause and kind of action, and fields by cause."""
    op = ibis.cases((rows["op"] == "delete", "delete"), (rows.kind == "create", "create"), else_="update")
    cause = rows.cause.fill_null(UNKNOWN)
    found = {
        f"op:{kind}:{one}": ((op == kind) & (cause == one)).sum()
        for kind in ("create", "update", "delete")
        for one in (*(cause.value for cause in Cause), UNKNOWN)
    }
    for kind, name, flag in _flags(rows, shape):
        why = rows[f"why:{kind}:{name}"].fill_null(UNKNOWN)
        for one in (*(cause.value for cause in Cause), UNKNOWN):
            found[f"{kind}:{one}:{name}"] = (flag & (why == one)).sum()
    return found


def _flags(rows: Rows, shape: Shape) -> Iterator[tuple[str, str, Rows]]:
    for var in shape.vars:
        yield "var", var.name, rows[f"set:{var.name}"]
    for one in shape.memberships:
        yield "list", one.list, rows[f"join:{one.list}"] | rows[f"leave:{one.list}"]


@dataclass(frozen=True, slots=True)
class Told:
    """Counts by cause: of changes, of these by kind of action, and of each var and list; and the lines of the spec."""

    causes: Mapping[str, int]
    by_op: Mapping[str, Mapping[str, int]]
    vars: Mapping[str, Mapping[str, int]]
    lists: Mapping[str, Mapping[str, int]]
    lines: tuple[SpecChange, ...]


def told(decided: Rows, lines: Lines, shape: Shape, workspace: Workspace) -> Told:
    """What a table of traced changes comes to."""
    found = workspace.one(decided.aggregate(**sums(decided, shape)))
    counts: dict[str, dict[str, dict[str, int]]] = {"op": {}, "var": {}, "list": {}}
    total: dict[str, int] = defaultdict(int)
    for column, count in found.items():
        kind, first, second = column.split(":", 2)
        name, cause = (first, second) if kind == "op" else (second, first)
        if count:
            counts[kind].setdefault(name, {})[cause] = int(count)
            total[cause] += int(count) if kind == "op" else 0
    return Told(dict(total), counts["op"], counts["var"], counts["list"], tuple(_lines(decided, lines, workspace)))


def _lines(decided: Rows, lines: Lines, workspace: Workspace) -> Iterator[SpecChange]:
    """The lines of the spec that changes come from, and how many profiles each has changed, the most first."""
    by_line: dict[Changed, list[tuple[str, str]]] = {}
    for column, name, line in lines.fields():
        if column in decided.columns:
            by_line.setdefault(line, []).append((column, name))
    aggregates: dict[str, Any] = {}
    for at, (line, fields) in enumerate(by_line.items()):
        flags = [decided[column] == "spec" for column, _ in fields]
        if line == lines.people:
            flags.append((decided.kind == "leave") & (decided.cause == "spec"))
        aggregates[str(at)] = ledgers.any_of(flags).sum()
    counts = workspace.one(decided.aggregate(**aggregates)) if aggregates else {}
    made = [
        SpecChange(
            place=line.place,
            what=line.what,
            changes=int(counts[str(at)] or 0),
            vars=tuple(name for column, name in fields if column.startswith("why:var:")),
            lists=tuple(name for column, name in fields if column.startswith("why:list:")),
        )
        for at, (line, fields) in enumerate(by_line.items())
    ]
    yield from sorted((one for one in made if one.changes), key=lambda one: (-one.changes, one.place, one.what))


def kind_of(spec: Spec, memory: Memory, keys: Keys) -> RunKind:
    """Whether the spec has changed since it was last applied in full, or only the data may have."""
    # Versions before did not key the digest, and a secret of before keyed it in another way.
    same = {spec.digest, *(one.spec_digest(spec.digest) for one in (keys, memory.previous) if one is not None)}
    ledger = memory.ledger
    return RunKind.DATA if ledger is not None and ledger.spec_digest in same else RunKind.CONFIG


def _changed(spec: Spec, ledger: Ledger) -> dict[Path, Changed]:
    """The parts of the spec that are not as they were last applied."""
    now: Mapping[str, str] = definitions.of(spec)
    return definitions.changed(
        spec, ledger.definitions, ledgers.key_definitions(now, ledger.salt) if ledger.keyed else now
    )


def face_of(ledger: Ledger | None) -> LedgerFace | None:
    """The ledger as a plan tells of it."""
    return LedgerFace(run=ledger.run, at=ledger.at, profiles=ledger.profiles) if ledger else None


def rank(
    causes: Mapping[str, int], lines: Sequence[SpecChange], total: int, *, undoes: bool = False
) -> list[tuple[str, int, str]]:
    """Cause, profiles, and its places in the spec where it has some; the most first, the rest as not told apart."""
    places = list(dict.fromkeys(one.place for one in lines))
    more = f" and {len(places) - PLACES} more" if len(places) > PLACES else ""
    where = {Cause.SPEC.value: ", ".join(places[:PLACES]) + more}
    found = [("not known" if name == UNKNOWN else name, count, where.get(name, "")) for name, count in causes.items()]
    told = sorted((one for one in found if one[1]), key=lambda one: (-one[1], one[0]))
    rest = total - sum(count for _, count, _ in told)
    return [*told, ("rollback" if undoes else "data or spec, not told apart", rest, "")] if rest > 0 else told


def sentence(found: Iterable[tuple[str, int, str]], total: int) -> str:
    """Ranked causes in one line: `98 % spec: specs/groups.yaml:14; 2 % data`. Empty where there is nothing to say."""
    told = (f"{tell_share(count, total)} {name}{f': {place}' if place else ''}" for name, count, place in found)
    return "; ".join(told) if total else ""


def tell_share(count: int, whole: int) -> str:
    """A share in whole percent, the same in every form of a plan; empty where there is no whole.

    Neither nothing nor all is said of what is only nearly so.
    """
    if not whole:
        return ""
    percent = 100 * count / whole
    if 0 < percent < 1:
        return "< 1 %"
    return f"{min(99, round(percent)) if count < whole else round(percent)} %"

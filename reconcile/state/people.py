"""Who is a person: rows of the sources, joined by key into one row each, and which of them cannot be used.

A row is left out, and counted by reason, when nobody could say whom it is about. Those people are *held*: what
Sailthru has of them is neither changed nor taken for somebody who left.

Only those who cannot be used are worked out here, and who they are is found over their keys alone; everybody else
stays an expression over the sources, for whoever needs all of them, or a few.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime

import ibis

from reconcile.errors import SourceEmpty
from reconcile.spec import aggregates as aggregated
from reconcile.spec import case
from reconcile.spec.model import Spec
from reconcile.spec.property import ValueType
from reconcile.state import aggregates, contracts, conversions, declared, groups, steps, values
from reconcile.state.masks import Masks
from reconcile.state.model import MISFIT, Demand, Invalid, Progress, Rows, Source, SourceFacts, Violation
from reconcile.state.workspace import Workspace

KEY, EMAIL, REASON = "k:id", "k:email", "k:reason"
"""Columns of the table of people beside those of the sources, which are named by `column`."""

SAMPLES = 3


@dataclass(frozen=True, slots=True)
class People:
    """Everybody who can be used, those held, and the facts to show.

    Args:
        home: a row a person: `k:id`, `k:email` and the columns of the source of profiles.
        others: further sources with a `k:id` each, at most one row a person: of many rows, what they come to.
        held: `hash, identity` of people whose rows cannot be used.
        refused: the same people, with `k:id`, `k:email` and `k:reason`, why.
        total: people who can be used.
    """

    home: Rows
    others: tuple[Rows, ...]
    held: Rows
    refused: Rows
    invalid: tuple[Invalid, ...]
    sources: tuple[SourceFacts, ...]
    key_column: Rows
    total: int
    violations: tuple[Violation, ...] = ()
    odd: frozenset[str] = frozenset()
    """Columns that hold NaN, an infinity or a year beyond 9999."""

    @property
    def rows(self) -> Rows:
        """One row a person: `k:id`, `k:email` and the demanded columns of all sources."""
        return self._joined(self.home)

    def among(self, keys: Rows) -> Rows:
        """The rows of those whose address is among these keys, see `values.keys`."""
        own = self.home.mutate(**values.keys(values.md5(self.home[EMAIL])))
        return self._joined(own.semi_join(keys, list(values.KEYS)).drop(*values.KEYS))

    def _joined(self, rows: Rows) -> Rows:
        for other in self.others:
            rows = rows.left_join(other, KEY).drop(f"{KEY}_right")
        return rows


def column(source: str, name: str) -> str:
    """The name of a source's column in the table of people."""
    return f"c:{source}:{name}"


def gather(
    spec: Spec,
    sources: Mapping[str, Source],
    workspace: Workspace,
    masks: Masks,
    progress: Progress,
    as_of: datetime,
) -> People:
    """Read what the spec needs of every source it uses, and say who is there.

    Raises:
        SourceBroken: a contract is violated that says stop.
        SourceEmpty: a source has no rows: a broken export looks just like that.
        SourceUnavailable, SpecInvalid: see `Source.read`, `aggregates.of`.
    """
    demands = _demands(spec)
    tables = {name: _read(sources[name], demands[name], workspace, progress) for name in demands}
    looked = {name: _looked_at(rows, sources[name], workspace) for name, rows in tables.items()}
    tables = {name: rows.drop(*_idle_flags(rows, looked[name][1])) for name, rows in tables.items()}
    facts = [SourceFacts(name, count, demands[name].columns) for name, (count, _) in looked.items()]
    _not_empty(facts)
    typed = {name: declared.typed(spec.sources[name], rows) for name, rows in tables.items()}
    violations = contracts.check(spec, typed, workspace, as_of)
    home = spec.profiles.from_
    used = {home, *(prop.source for prop in spec.properties.values() if prop.source)}
    many = {name for name in used if spec.sources[name].many}
    keyed = {
        name: _named(spec, name, rows, spec.sources[name].key if name != home else _key(spec))
        for name, rows in tables.items()
        if name in used - many
    }
    members = {name: _members(name, spec, tables[name], workspace) for name in _lists_of_members(spec)}
    addressed = _addressed(spec, keyed[home])
    with steps.step(progress, "checking rows") as step:
        several = {name: _repeated(rows, KEY, workspace, f"several in {name}") for name, rows in keyed.items()}
        judged = _judged(addressed, several, home, workspace)
        bad = workspace.keep("bad", judged.filter(judged[REASON].notnull()).select(KEY, EMAIL, REASON))
        step.advance(facts[0].rows)
    return People(
        # Whose rows can be used is told by their keys from here on: to judge all rows anew would cost each pass more.
        home=addressed.filter(addressed[KEY].notnull()).anti_join(bad, KEY),
        others=(
            *(_once(rows, several[name]) for name, rows in keyed.items() if name != home),
            *(_summed(spec, tables[name], name, workspace, as_of, progress, looked[name][1]) for name in sorted(many)),
            *(rows.mutate(**{groups.listed(name): True}) for name, rows in members.items()),
        ),
        held=bad.select(hash=values.md5(bad[EMAIL]), identity=bad[KEY]),
        refused=bad,
        invalid=(
            *_invalid(bad, home, workspace, masks),
            *_strangers(members, keyed[home], workspace, masks),
            *_misfits(spec, (sources[name] for name in tables)),
        ),
        sources=tuple(facts),
        key_column=typed[home][_key(spec)],
        total=facts[0].rows - workspace.count(bad),
        violations=violations,
        odd=frozenset(column(name, one) for name, (_, odd) in looked.items() for one in odd),
    )


def _looked_at(rows: Rows, source: Source, workspace: Workspace) -> tuple[int, frozenset[str]]:
    """How many rows, and the columns that hold what is none of their type's values.

    That is what a flag says, NaN, an infinity, a year beyond 9999, and a JSON value among texts.
    """
    tests = [(name, values.odd(rows[name])) for name in rows.columns if values.may_be_odd(rows[name])]
    tests += [(name.removeprefix(MISFIT), rows[name]) for name in rows.columns if name.startswith(MISFIT)]
    found = workspace.one(
        rows.aggregate(rows=rows.count(), **{str(at): odd.any() for at, (_, odd) in enumerate(tests)})
    )
    odd = {name for at, (name, _) in enumerate(tests) if found[str(at)]}
    return int(found["rows"]), frozenset({*odd, *source.mixed} & {*rows.columns})


def _idle_flags(rows: Rows, odd: Collection[str]) -> list[str]:
    """The flags of columns in which every value fits."""
    return [name for name in rows.columns if name.startswith(MISFIT) and name.removeprefix(MISFIT) not in odd]


def _not_empty(facts: Iterable[SourceFacts]) -> None:
    for fact in facts:
        if not fact.rows:
            raise SourceEmpty(
                f'Source "{fact.name}" has no rows.',
                hint="An empty source would empty every list, so nothing was planned. Check the table or query.",
            )


def _key(spec: Spec) -> str:
    return spec.profiles.id or spec.sources[spec.profiles.from_].key


def _demands(spec: Spec) -> dict[str, Demand]:
    """What each used source must yield; that of the profiles first."""
    home = spec.profiles.from_
    wanted: dict[str, dict[str, str]] = {home: {}}
    _require(wanted[home], _key(spec), spec.where("profiles", "id"))
    _require(wanted[home], spec.profiles.email, spec.where("profiles", "email"))
    for name, prop in spec.properties.items():
        if prop.column is not None or prop.aggregate is not None:
            source = prop.source or home
            columns = wanted.setdefault(source, {})
            if source != home:
                _require(columns, spec.sources[source].key, spec.where("sources", source, "key"))
            for read, key in aggregated.columns(prop).items():
                _require(columns, read, spec.where("properties", name, key))
    for source in _lists_of_members(spec):
        _require(wanted.setdefault(source, {}), spec.sources[source].key, spec.where("sources", source, "key"))
    for source, columns in wanted.items():
        contract = spec.sources[source].contract
        for name, path in (contract.columns if contract else {}).items():
            _require(columns, name, spec.where("sources", source, "contract", *path))
    numbers, texts = _read_as_numbers(spec), _read_as_texts(spec)
    return {
        source: Demand(tuple(columns), columns, flagged=True, numbers=numbers[source], texts=texts[source])
        for source, columns in wanted.items()
    }


def _read_as_numbers(spec: Spec) -> dict[str, frozenset[str]]:
    """By source, the columns that a property declares to be no boolean."""
    found: dict[str, set[str]] = {name: set() for name in spec.sources}
    for prop in spec.properties.values():
        if prop.column is not None and prop.type not in {None, ValueType.BOOLEAN}:
            found[prop.source or spec.profiles.from_].add(prop.column)
    return {name: frozenset(columns) for name, columns in found.items()}


def _read_as_texts(spec: Spec) -> dict[str, frozenset[str]]:
    """By source, the columns that are read as texts only: keys, and those of properties that are strings.

    A key that is kept at Sailthru is of the type that its column has.
    """
    home = spec.profiles.from_
    texts = {name: {source.key} for name, source in spec.sources.items()}
    texts[home].add(_key(spec))
    if spec.profiles.identity is not None:
        texts[home].discard(_key(spec))
    others: dict[str, set[str]] = {name: set() for name in spec.sources}
    for prop in spec.properties.values():
        read = prop.source or home
        if prop.column is not None and prop.type is ValueType.STRING and prop.aggregate is None:
            texts[read].add(prop.column)
        elif prop.column is not None or prop.aggregate is not None:
            others[read].update(aggregated.columns(prop))
    for name, source in spec.sources.items():
        others[name].update(source.contract.columns if source.contract else ())
    return {name: frozenset(columns - others[name]) for name, columns in texts.items()}


def _require(columns: dict[str, str], name: str, where: object) -> None:
    columns.setdefault(name, str(where or ""))


def _read(source: Source, demand: Demand, workspace: Workspace, progress: Progress) -> Rows:
    with steps.step(progress, f"reading {source.name}") as step:
        rows = workspace.take(source, demand, step.counted)
        if not step.streamed:
            step.advance(workspace.count(rows))
        return rows


def _addressed(spec: Spec, rows: Rows) -> Rows:
    """The rows of the source of profiles, with the address of each."""
    address = rows[column(spec.profiles.from_, spec.profiles.email)]
    return rows.mutate(**{EMAIL: values.address(address.cast("string"))})


def _once(rows: Rows, several: Rows) -> Rows:
    """A further source without those who have several rows in it: they are held, and so every other has one."""
    return rows.filter(rows[KEY].notnull()).anti_join(several, KEY)


def _summed(
    spec: Spec,
    rows: Rows,
    source: str,
    workspace: Workspace,
    as_of: datetime,
    progress: Progress,
    odd: Collection[str],
) -> Rows:
    """A source of many rows a person, as one row each."""
    with steps.step(progress, f"aggregating {source}") as step:
        from_ = spec.sources[source]
        keyed = rows.mutate(**{KEY: _canonical(declared.column(from_, from_.key, rows))})
        found = aggregates.of(spec, source, keyed, KEY, workspace, as_of, odd)
        step.advance(workspace.count(found))
    return found


def _named(spec: Spec, source: str, rows: Rows, key: str) -> Rows:
    keyed = rows.mutate(**{KEY: _canonical(declared.column(spec.sources[source], key, rows))})
    return keyed.rename({column(source, name): name for name in rows.columns})


_EMPTY_FRACTION = r"^-?[0-9]+\.0+$"


def _canonical(key: Rows) -> Rows:
    """A source's key: sources are joined on it whatever number type each has, and people are held by it.

    A text stays as it is, but for the empty fraction that spreadsheets write behind whole numbers.
    """
    kind = values.kind_of(key) or ValueType.STRING
    if kind is not ValueType.STRING:
        return values.text_of(values.received(key)) if key.type().is_numeric() else values.of(key, kind)
    text = values.canonical(values.literal(values.text_of(key)).strip(), kind)
    whole = ibis.ifelse(text.re_search(_EMPTY_FRACTION), text.re_extract("^-?[0-9]+", 0), text)
    return ibis.ifelse(text.contains("."), whole, text)


def _lists_of_members(spec: Spec) -> list[str]:
    """The sources whose keys are the members of groups."""
    return sorted({group.members.source for group in spec.groups.values() if group.members is not None})


def _members(source: str, spec: Spec, rows: Rows, workspace: Workspace) -> Rows:
    """The keys of a source, each once."""
    keyed = _named(spec, source, rows, spec.sources[source].key)
    return workspace.keep(f"members of {source}", keyed.filter(keyed[KEY].notnull()).select(KEY).distinct())


def _strangers(members: Mapping[str, Rows], home: Rows, workspace: Workspace, masks: Masks) -> Iterator[Invalid]:
    """Members whom the source of profiles does not have: they can be on no list."""
    for source, keys in members.items():
        unknown = workspace.keep(f"strangers of {source}", keys.anti_join(home, KEY))
        if count := workspace.count(unknown):
            some = workspace.dicts(unknown.order_by(KEY), limit=SAMPLES)
            shown = tuple(masks.person(row[KEY]) for row in some)
            yield Invalid("member whom the source of profiles does not have", source, count, shown)


def _judged(rows: Rows, several: Mapping[str, Rows], home: str, workspace: Workspace) -> Rows:
    """The rows with the reason why each cannot be used, null where it can.

    Args:
        several: by source, the keys that it has more than once.
    """
    address = rows[EMAIL]
    reasons = [
        (rows[KEY].isnull(), case.NO_KEY),
        (address.isnull(), case.NO_ADDRESS),
        (~conversions.well_formed(address), case.MALFORMED),
        (rows[KEY].isin(several[home][KEY]), case.TWICE),
        (
            address.isin(_repeated(rows, EMAIL, workspace, "several addresses")[EMAIL]),
            case.SHARED,
        ),
    ]
    for name, keys in several.items():
        if name != home:
            reasons.append((rows[KEY].isin(keys[KEY]), case.several(name)))
    return rows.mutate(**{REASON: ibis.cases(*reasons, else_=ibis.null("string"))})


def _repeated(rows: Rows, name: str, workspace: Workspace, table: str) -> Rows:
    """The values that a column has more than once, as a column of that name, kept as a table.

    Suspects are found by a number each, which needs a fraction of the room that their texts would take; only they are
    compared in full.
    """
    known = rows.filter(rows[name].notnull()).select(name, number=values.number(rows[name]))
    groups = known.group_by("number").aggregate(times=known.count())
    suspects = workspace.keep("suspects", groups.filter(groups.times > 1).select("number"))
    if not workspace.count(suspects):
        return workspace.keep(table, suspects.select(**{name: ibis.null(known[name].type())}))
    exact = known.semi_join(suspects, "number")
    found = exact.group_by(name).aggregate(times=exact.count())
    return workspace.keep(table, found.filter(found.times > 1).select(name))


def _invalid(bad: Rows, source: str, workspace: Workspace, masks: Masks) -> tuple[Invalid, ...]:
    counted = workspace.dicts(bad.group_by(REASON).aggregate(count=bad.count()).order_by(REASON), limit=100)
    return tuple(
        Invalid(row[REASON], source, row["count"], _samples(bad, row[REASON], workspace, masks)) for row in counted
    )


def _misfits(spec: Spec, sources: Iterable[Source]) -> Iterator[Invalid]:
    """What does not fit in columns that no property reads: of properties it is told by their names."""
    told = {
        (prop.source or spec.profiles.from_, name)
        for prop in spec.properties.values()
        for name in aggregated.columns(prop)
    }
    for source in sources:
        for name, count in sorted(source.misfits.items()):
            if (source.name, name) in told:
                continue
            yield Invalid("value does not fit its type (taken as null)", f"{source.name}.{name}", count)


def _samples(bad: Rows, reason: str, workspace: Workspace, masks: Masks) -> tuple[str, ...]:
    """A few keys, masked; where it is people together who cannot be told apart, each with another of them."""
    some = bad.filter((bad[REASON] == reason) & bad[KEY].notnull())
    by = EMAIL if reason == case.SHARED else KEY
    keys = some.group_by(by).aggregate(one=some[KEY].min(), another=some[KEY].max()).order_by("one", by)
    return tuple(
        " with ".join(dict.fromkeys(masks.person(row[name]) for name in ("one", "another")))
        for row in workspace.dicts(keys.select("one", "another"), limit=SAMPLES)
    )

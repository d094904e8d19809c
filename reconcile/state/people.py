"""Who is a person: rows of the sources, joined by key into one row each, and which of them cannot be used.

A row is left out, and counted by reason, when nobody could say whom it is about. Those people are *held*: what
Sailthru has of them is neither changed nor taken for somebody who left.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass

import ibis

from reconcile.errors import SourceEmpty
from reconcile.spec.model import Spec, ValueType
from reconcile.state import values
from reconcile.state.masks import Masks
from reconcile.state.model import Demand, Invalid, Progress, Rows, Source, SourceFacts
from reconcile.state.workspace import Workspace

KEY, EMAIL, REASON = "k:id", "k:email", "k:reason"
"""Columns of the table of people beside those of the sources, which are named by `column`."""

# PHP's FILTER_VALIDATE_EMAIL, which Sailthru's own validator calls after trim and lower-case (SAILTHRU.md §7.3):
# dot-separated ASCII atoms, no leading hyphen, a host of labels that neither start nor end with a hyphen.
_ATOM = r"[a-z0-9!#$%&'*+/=?^_`{|}~-]+"
_LABEL = r"[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?"
ADDRESS = rf"^{_ATOM}(\.{_ATOM})*@({_LABEL}\.)+{_LABEL}$"
SAMPLES = 3
LONGEST = 254
LONGEST_LOCAL = 64


@dataclass(frozen=True, slots=True)
class People:
    """One row a person (`k:id`, `k:email` and the demanded columns), those held, and the facts to show."""

    rows: Rows
    held: Rows
    invalid: tuple[Invalid, ...]
    sources: tuple[SourceFacts, ...]
    key_column: Rows


def column(source: str, name: str) -> str:
    """The name of a source's column in the table of people."""
    return f"c:{source}:{name}"


def gather(spec: Spec, sources: Mapping[str, Source], workspace: Workspace, masks: Masks, progress: Progress) -> People:
    """Read what the spec needs of every source it uses, and say who is there.

    Raises:
        SourceEmpty: a source has no rows: a broken export looks just like that.
        SourceUnavailable, SpecInvalid: see `Source.read`.
    """
    demands = _demands(spec)
    tables = {name: _read(sources[name], demands[name], workspace, progress) for name in demands}
    facts = [SourceFacts(name, workspace.count(rows), demands[name].columns) for name, rows in tables.items()]
    for fact in facts:
        if not fact.rows:
            raise SourceEmpty(
                f'Source "{fact.name}" has no rows.',
                hint="An empty source would empty every list, so nothing was planned. Check the table or query.",
            )
    key = tables[spec.profiles.from_][_key(spec)]
    rows = workspace.keep("people", _judged(_joined(spec, tables), spec, tables))
    bad = rows.filter(rows[REASON].notnull())
    held = bad.select(hash=values.md5(bad[EMAIL]), identity=bad[KEY])
    good = rows.filter(rows[REASON].isnull()).drop(REASON)
    invalid = (*_invalid(bad, spec.profiles.from_, workspace, masks), *_misfits(sources[name] for name in tables))
    return People(good, held, invalid, tuple(facts), key)


def _key(spec: Spec) -> str:
    return spec.profiles.id or spec.sources[spec.profiles.from_].key


def _demands(spec: Spec) -> dict[str, Demand]:
    """What each used source must yield; that of the profiles first."""
    home = spec.profiles.from_
    wanted: dict[str, dict[str, str]] = {home: {}}
    _require(wanted[home], _key(spec), spec.where("profiles", "id"))
    _require(wanted[home], spec.profiles.email, spec.where("profiles", "email"))
    for name, prop in spec.properties.items():
        if prop.column is not None:
            source = prop.source or home
            columns = wanted.setdefault(source, {})
            if source != home:
                _require(columns, spec.sources[source].key, spec.where("sources", source, "key"))
            _require(columns, prop.column, spec.where("properties", name, "column"))
    return {source: Demand(tuple(columns), columns) for source, columns in wanted.items()}


def _require(columns: dict[str, str], name: str, where: object) -> None:
    columns.setdefault(name, str(where or ""))


def _read(source: Source, demand: Demand, workspace: Workspace, progress: Progress) -> Rows:
    step = f"reading {source.name}"
    progress.start(step)
    with source.read(demand) as batches:
        rows = workspace.store(f"source:{source.name}", batches)
    progress.finish(step)
    return rows


def _joined(spec: Spec, tables: Mapping[str, Rows]) -> Rows:
    home = spec.profiles.from_
    rows = _named(home, tables[home], _key(spec))
    rows = rows.mutate(**{EMAIL: values.address(rows[column(home, spec.profiles.email)].cast("string"))})
    for name in tables:
        if name != home:
            once = _named(name, tables[name], spec.sources[name].key).distinct(on=KEY, keep="first")
            rows = rows.left_join(once, KEY).drop(f"{KEY}_right")
    return rows


def _named(source: str, rows: Rows, key: str) -> Rows:
    named = rows.rename({column(source, name): name for name in rows.columns})
    own = named[column(source, key)]
    # In canonical form: sources are joined on it whatever number type each has, and people are held by it.
    kind = values.kind_of(own) or ValueType.STRING
    return named.mutate(**{KEY: values.canonical(values.text_of(own).strip(), kind)})


def _judged(rows: Rows, spec: Spec, tables: Mapping[str, Rows]) -> Rows:
    """The rows with the reason why each cannot be used, null where it can."""
    address = rows[EMAIL]
    well_formed = (
        address.re_search(ADDRESS)
        & (address.length() <= LONGEST)
        & (address.find("@") <= LONGEST_LOCAL)
        & ~address.startswith("-")
    )
    reasons = [
        (rows[KEY].isnull(), "no key"),
        (address.isnull(), "no e-mail address"),
        (~well_formed, "malformed e-mail address"),
        (rows[KEY].isin(_repeated(rows, KEY)), "duplicate key"),
        (address.isin(_repeated(rows, EMAIL)), "address shared by several people"),
    ]
    for name, table in tables.items():
        if name != spec.profiles.from_:
            several = _repeated(_named(name, table, spec.sources[name].key), KEY)
            reasons.append((rows[KEY].isin(several), f"several rows in source {name}"))
    return rows.mutate(**{REASON: ibis.cases(*reasons, else_=ibis.null("string"))})


def _repeated(rows: Rows, name: str) -> Rows:
    known = rows.filter(rows[name].notnull())
    groups = known.group_by(name).aggregate(times=known.count())
    return groups.filter(groups.times > 1)[name]


def _invalid(bad: Rows, source: str, workspace: Workspace, masks: Masks) -> tuple[Invalid, ...]:
    counted = workspace.dicts(bad.group_by(REASON).aggregate(count=bad.count()).order_by(REASON), limit=100)
    return tuple(
        Invalid(row[REASON], source, row["count"], _samples(bad, row[REASON], workspace, masks)) for row in counted
    )


def _misfits(sources: Iterable[Source]) -> Iterator[Invalid]:
    for source in sources:
        for name, count in sorted(source.misfits.items()):
            yield Invalid("value does not fit its type (taken as null)", f"{source.name}.{name}", count)


def _samples(bad: Rows, reason: str, workspace: Workspace, masks: Masks) -> tuple[str, ...]:
    some = bad.filter((bad[REASON] == reason) & bad[KEY].notnull()).select(KEY).distinct().order_by(KEY)
    return tuple(masks.person(row[KEY]) for row in workspace.dicts(some, limit=SAMPLES))

"""A group or a property over everybody: how many, why, and a few of them to look at; the account is not asked."""

from __future__ import annotations

import functools
import operator
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import ibis

from reconcile.errors import NameUnknown
from reconcile.spec import links, privacy, ways
from reconcile.spec.clauses import Clause
from reconcile.spec.model import Spec
from reconcile.spec.places import meant
from reconcile.state import people, reasons, steps, values
from reconcile.state.gathering import Gathering
from reconcile.state.model import Invalid, Rows
from reconcile.state.people import People
from reconcile.state.properties import Known
from reconcile.state.reasons import Reasons

FEW, MANY = 5, 20
"""Values that fewer people have might name one of them; of a property with more than so many, none is a category."""

TOP = 10
"""Values that are shown where people are revealed."""

_TIMES, _ORDER = "n:times", "n:order"
"""Columns beside those of properties."""


@dataclass(frozen=True, slots=True)
class Field:
    """A property of the people who are shown; `pii`: nobody is shown its values."""

    name: str
    type: str
    pii: bool


@dataclass(frozen=True, slots=True)
class Samples:
    """A few people: of each the masked name, and the values of the fields, null being None."""

    fields: tuple[Field, ...]
    rows: tuple[tuple[str, tuple[Any, ...]], ...]


@dataclass(frozen=True, slots=True)
class Ask:
    """Something that a group asks, and of how many people that is true, false and null.

    Args:
        depth: how deep in the rule it stands, outermost 0.
        alone: how many people it keeps out whom all the rest lets in; None where that cannot be said.
    """

    told: str
    depth: int
    true: int
    false: int
    null: int
    alone: int | None


@dataclass(frozen=True, slots=True)
class GroupPreview:
    """Who is in a group, and why no more."""

    name: str
    list: str | None
    people: int
    members: int
    asks: tuple[Ask, ...]
    samples: Samples


@dataclass(frozen=True, slots=True)
class PropertyPreview:
    """What a property comes to.

    Args:
        people: everybody; `filled` and `null` of them together.
        invalid: how many values did not fit their type, and are null or the default for that.
        distinct: how many different values there are.
        frequent: values with how many people have each, most frequent first; empty where they are not to be shown.
        untold: why that is.
        vars, groups: which leave the house with it, and which ask about it.
    """

    name: str
    how: str
    type: str
    people: int
    filled: int
    null: int
    invalid: int
    distinct: int
    frequent: tuple[tuple[Any, int], ...]
    untold: str | None
    vars: tuple[str, ...]
    groups: tuple[str, ...]
    samples: Samples


@dataclass(frozen=True, slots=True)
class Preview:
    """What a name stands for: a group, a property, or one of each; and the rows that cannot be used."""

    group: GroupPreview | None
    property: PropertyPreview | None
    invalid: tuple[Invalid, ...]


def of(gathering: Gathering, name: str, *, limit: int) -> Preview:
    """Preview what is called so in the spec: one of its groups, one of its properties, or both.

    Args:
        limit: people to look at.

    Raises:
        NameUnknown: nothing is.
        see `desired.build`.
    """
    spec = gathering.spec
    if not {name} & {*spec.groups, *spec.properties}:
        hint = meant(name, {*spec.groups, *spec.properties})
        raise NameUnknown(f'The spec has neither a group nor a property "{name}".', hint=hint)
    found, known = gathering.everybody()
    with steps.step(gathering.progress, f"looking at {name}") as step:
        preview = Preview(
            _group(name, gathering, found, known, limit) if name in spec.groups else None,
            _property(name, gathering, found, known, limit) if name in spec.properties else None,
            found.invalid,
        )
        step.advance(found.total)
    return preview


def _group(name: str, gathering: Gathering, found: People, known: Known, limit: int) -> GroupPreview:
    spec, workspace = gathering.spec, gathering.workspace
    asked = reasons.of(name, spec, known.rows, workspace, gathering.as_of)
    fields = tuple(_fields(links.asked(spec.groups[name], spec), spec, known))
    rows = known.settle("previewed", asked.rows.select(people.EMAIL, *asked.columns, *(one.name for one in fields)))
    members = rows.filter(rows[reasons.MEMBER])
    return GroupPreview(
        name=name,
        list=spec.groups[name].list,
        people=found.total,
        members=workspace.count(members),
        asks=tuple(_asks(asked, rows, gathering)),
        samples=_samples(members, fields, gathering, limit),
    )


def _asks(asked: Reasons, rows: Rows, gathering: Gathering) -> Iterator[Ask]:
    """Everything that a group asks, counted in one pass."""
    lines = [(clause.word or clause.text, depth) for clause, depth in _deep(asked.rule)] if asked.rule else []
    lines += [(told, 0) for told, _ in asked.terms]
    columns = [*asked.clauses, *(column for _, column in asked.terms)]
    needs = _needs(asked, lines)
    sums: dict[str, Rows] = {}
    for at, column in enumerate(columns):
        sums |= {
            f"true {at}": rows[column].sum(),
            f"false {at}": (~rows[column]).sum(),
            f"null {at}": rows[column].isnull().sum(),
        }
        if column in needs and len(needs) > 1:
            others = functools.reduce(operator.and_, (rows[other] for other in needs if other != column))
            sums[f"alone {at}"] = (others & ~rows[column].fill_null(False)).sum()  # noqa: FBT003 -- Ibis's own signature
    counts = gathering.workspace.one(rows.aggregate(**sums)) if sums else {}
    for at, (told, depth) in enumerate(lines):
        true, false, null = (int(counts[f"{word} {at}"] or 0) for word in ("true", "false", "null"))
        alone = int(counts[f"alone {at}"] or 0) if f"alone {at}" in counts else None
        yield Ask(told, depth, true, false, null, alone)


def _deep(clause: Clause, depth: int = 0) -> Iterator[tuple[Clause, int]]:
    yield clause, depth
    for part in clause.parts:
        yield from _deep(part, depth + 1)


def _needs(asked: Reasons, lines: Sequence[tuple[str, int]]) -> list[str]:
    """The columns all of which have to be true: the rule, or the clauses that it joins by `and`, and the terms."""
    rule, terms = asked.rule, [column for _, column in asked.terms]
    if rule is None:
        return terms
    depth = 1 if rule.word == "all of" else 0
    return [*(column for column, (_, deep) in zip(asked.clauses, lines, strict=False) if deep == depth), *terms]


def _property(name: str, gathering: Gathering, found: People, known: Known, limit: int) -> PropertyPreview:
    spec, workspace = gathering.spec, gathering.workspace
    fields = tuple(_fields((*links.links(spec)[name], name), spec, known))
    rows = known.settle("previewed", known.rows.select(people.EMAIL, *(one.name for one in fields)))
    filled = rows.filter(rows[name].notnull())
    counts = workspace.one(filled.aggregate(filled=filled.count(), distinct=filled[name].nunique()))
    untold = _untold(name, spec, counts["distinct"], reveal=gathering.masks.reveal)
    return PropertyPreview(
        name=name,
        how=ways.told(spec, spec.properties[name]),
        type=fields[-1].type,
        people=found.total,
        filled=int(counts["filled"]),
        null=found.total - int(counts["filled"]),
        invalid=_invalid(name, spec, found, known),
        distinct=int(counts["distinct"]),
        frequent=() if untold else tuple(_frequent(filled, name, gathering)),
        untold=untold,
        vars=tuple(var for var, one in spec.vars.items() if one.property == name),
        groups=tuple(group for group in spec.groups if name in links.asked(spec.groups[group], spec)),
        samples=_samples(filled, fields, gathering, limit),
    )


def _untold(name: str, spec: Spec, distinct: int, *, reveal: bool) -> str | None:
    """Why the values of a property are not to be shown."""
    if name in privacy.find_pii(spec):
        return "pii"
    if reveal:
        return None
    if name in privacy.find_private(spec):
        return "private"
    return "too many different ones" if distinct > MANY else None


def _frequent(filled: Rows, name: str, gathering: Gathering) -> Iterator[tuple[Any, int]]:
    reveal = gathering.masks.reveal
    counted = filled.group_by(name).aggregate(**{_TIMES: filled.count()})
    shown = counted if reveal else counted.filter(counted[_TIMES] >= FEW)
    ordered = shown.order_by(ibis.desc(_TIMES), name)
    for row in gathering.workspace.dicts(ordered, limit=TOP if reveal else MANY):
        yield row[name], int(row[_TIMES])


def _invalid(name: str, spec: Spec, found: People, known: Known) -> int:
    """Values that did not fit the property's type, or its column's in a file."""
    prop = spec.properties[name]
    told = {f"property {name}", f"{prop.source or spec.profiles.from_}.{prop.column}"}
    return sum(one.count for one in (*found.invalid, *known.unconverted) if one.source in told)


def _fields(names: Sequence[str], spec: Spec, known: Known) -> Iterator[Field]:
    pii = privacy.find_pii(spec)
    for name in names:
        kind = values.kind_of(known.rows[name])
        yield Field(name, str(kind or known.rows[name].type()), name in pii)


def _samples(rows: Rows, fields: tuple[Field, ...], gathering: Gathering, limit: int) -> Samples:
    """The same people every time, and no particular ones."""
    some = rows.mutate(**{_ORDER: values.md5(rows[people.EMAIL])}).order_by(_ORDER)
    found = gathering.workspace.dicts(some, limit=limit) if limit else []
    mask = gathering.masks.person
    return Samples(
        fields, tuple((mask(row[people.EMAIL]), tuple(row[field.name] for field in fields)) for row in found)
    )

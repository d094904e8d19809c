"""One person, from the rows of the sources through properties and rules to what is desired."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from reconcile.spec import aggregates, cases, privacy, ways
from reconcile.spec.clauses import Clause
from reconcile.spec.model import Spec
from reconcile.spec.property import Property
from reconcile.state import desired, people, reasons, values
from reconcile.state.gathering import Gathering
from reconcile.state.masks import Masks
from reconcile.state.model import Rows, Shape
from reconcile.state.people import People
from reconcile.state.properties import Known
from reconcile.state.workspace import Workspace

_MASK = re.compile(r"u:[0-9a-f]{8}")

SEVERAL = 10
"""Rows that one address or key may have before it is enough of them."""


@dataclass(frozen=True, slots=True)
class Fact:
    """A value, and how it came about.

    Args:
        how: in words: `column city of customers`.
        type: the engine's; None where nobody needs it.
        value: null is None.
        pii: nobody is shown the value.
    """

    name: str
    how: str
    type: str | None
    value: Any
    pii: bool = False


@dataclass(frozen=True, slots=True)
class Decision:
    """Whether the person is in a group, and what each clause of its rule comes to: true, false or null, in order.

    Args:
        member: None where a value does not fit, so that the membership is left as Sailthru has it.
    """

    group: str
    list: str | None
    member: bool | None
    rule: Clause | None
    truths: tuple[bool | None, ...]
    terms: tuple[tuple[str, bool | None], ...] = ()
    """What else the group asks (members, other groups, a share of people, exclusion), and whether that holds."""


@dataclass(frozen=True, slots=True)
class Trace:
    """What is known of one person.

    Args:
        key, email: null where the row has none.
        refused: why the row cannot be used; all else is empty then.
        vars: var -> canonical text.
        lists: list -> whether the person belongs on it; None where that is left as Sailthru has it.
        kept: vars that are left as Sailthru has them, because a value does not fit.
    """

    key: str | None
    email: str | None
    refused: str | None = None
    columns: tuple[Fact, ...] = ()
    properties: tuple[Fact, ...] = ()
    groups: tuple[Decision, ...] = ()
    shape: Shape | None = None
    vars: Mapping[str, str | None] | None = None
    lists: Mapping[str, bool | None] | None = None
    kept: frozenset[str] = frozenset()


def trace(gathering: Gathering, found: People, known: Known, name: str) -> list[Trace]:
    """Everybody of this key or address, those whose rows cannot be used among them; empty where there is nobody.

    Raises:
        see `desired.build`.
    """
    spec, workspace, as_of = gathering.spec, gathering.workspace, gathering.as_of
    held = workspace.dicts(found.refused.filter(_is(found.refused, name)), limit=SEVERAL)
    refused = [Trace(row[people.KEY], row[people.EMAIL], row[people.REASON]) for row in held]
    rows = known.settle("traced", _rows(found, known, name, workspace))
    if workspace.count(rows) == 0:
        return refused
    return [*refused, _traced(spec, found, known, rows, workspace, as_of)]


def unmasked(found: People, name: str, masks: Masks, workspace: Workspace) -> str:
    """The key or address that a mask of a plan or an error stands for; any other name as it is."""
    if not _MASK.fullmatch(name):
        return name
    hidden = Masks(masks.key)
    for rows in (found.home, found.refused):
        for page in workspace.stream(rows.select(people.EMAIL, people.KEY)):
            for column in (people.EMAIL, people.KEY):
                for text in page.column(column).to_pylist():
                    if text is not None and hidden.person(str(text)) == name:
                        return str(text)
    return name


def address(traces: Sequence[Trace], name: str) -> str | None:
    """Where to look for the person at the account: no place where their rows cannot be used, or nobody has the key."""
    if traces:
        return next((one.email for one in traces if one.email and not one.refused), None)
    return cases.known_as(name) if "@" in name else None


def _is(rows: Rows, name: str) -> Rows:
    return (rows[people.KEY] == name.strip()) | (rows[people.EMAIL] == cases.known_as(name))


def _rows(found: People, known: Known, name: str, workspace: Workspace) -> Rows:
    """Their row of the table of people. Found by the address first, so that only one row is worked on."""
    addresses = found.home.filter(_is(found.home, name)).select(people.EMAIL)
    keys = workspace.keep("traced keys", addresses.select(**values.keys(values.md5(addresses[people.EMAIL]))))
    return known.over(found.among(keys)).limit(1)


def _traced(spec: Spec, found: People, known: Known, rows: Rows, workspace: Workspace, as_of: datetime) -> Trace:
    row = workspace.one(rows)
    shape = desired.shape_of(spec, rows, found.key_column)
    wanted = workspace.one(known.settle("traced desired", desired.table(spec, rows, shape)))
    texts: Mapping[str, str | None] = {var.name: wanted[var.column] for var in shape.vars}
    kept = frozenset(name for name, text in texts.items() if text is not None and text.startswith(values.KEPT))
    return Trace(
        row[people.KEY],
        row[people.EMAIL],
        columns=tuple(_columns(spec, row, rows)),
        properties=tuple(_properties(spec, row, rows)),
        groups=tuple(_decisions(spec, known, rows, workspace, as_of)),
        shape=shape,
        vars={name: None if name in kept else text for name, text in texts.items()},
        lists={one.list: wanted[one.column] for one in shape.memberships},
        kept=kept,
    )


def _properties(spec: Spec, row: Mapping[str, Any], rows: Rows) -> Iterator[Fact]:
    pii = privacy.find_pii(spec)
    for name, prop in spec.properties.items():
        kind = values.kind_of(rows[name]) or rows[name].type()
        yield Fact(name, _how(spec, prop, row, name), str(kind), row[name], name in pii)


def _columns(spec: Spec, row: Mapping[str, Any], rows: Rows) -> Iterator[Fact]:
    marked = (spec.properties[name] for name in privacy.find_pii(spec))
    read = ((prop.source or spec.profiles.from_, prop) for prop in marked)
    pii = {people.column(source, column) for source, prop in read for column in aggregates.columns(prop)}
    for name, value in row.items():
        if name.startswith("c:"):
            _, source, column = name.split(":", 2)
            yield Fact(column, source, str(rows[name].type()), value, name in pii)


def _how(spec: Spec, prop: Property, row: Mapping[str, Any], name: str) -> str:
    """How a property came to its value, in words."""
    told = ways.told(spec, prop)
    left_open = bool(row.get(f"u:{name}"))
    if prop.column is None or prop.aggregate is not None:
        return f"{told}: a value does not fit, so it is left as Sailthru has it" if left_open else told
    raw = row.get(people.column(prop.source or spec.profiles.from_, prop.column))
    if left_open:
        fit = f" type {prop.type}" if prop.type is not None else ""
        return f"{told} does not fit{fit}: left as Sailthru has it"
    if raw in (None, "") and prop.default is not None:
        return f"{told} is null: the default"
    if raw not in (None, "") and prop.type is not None and row[name] is None:
        return f"{told} does not fit type {prop.type}: null"
    return told


def _decisions(spec: Spec, known: Known, rows: Rows, workspace: Workspace, as_of: datetime) -> Iterator[Decision]:
    for name, group in spec.groups.items():
        asked = reasons.of(name, spec, rows, workspace, as_of)
        answers = workspace.one(known.settle("reasons", asked.rows.select(people.KEY, *asked.columns)))
        truths = tuple(answers[column] for column in asked.clauses)
        terms = tuple((told, answers[column]) for told, column in asked.terms)
        yield Decision(name, group.list, answers[reasons.MEMBER], asked.rule, truths, terms)

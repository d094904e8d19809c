"""Why people are in a group or not: each clause of its rule, and whatever else it asks, as a column of its own."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime

from reconcile.spec import clauses, kinds, rules
from reconcile.spec.clauses import Clause
from reconcile.spec.group import Group
from reconcile.spec.model import Spec
from reconcile.state import groups, people, values
from reconcile.state.model import Rows
from reconcile.state.workspace import Workspace

MEMBER = "w:member"
"""The column of what all reasons of a group come to. No property's name has a colon in it."""


@dataclass(frozen=True, slots=True)
class Reasons:
    """What a group asks.

    Args:
        rows: the people, with the columns `clauses` and `terms`, and `MEMBER`, what all that comes to.
        rule: what `where` or `rules` ask; None where there is neither.
        clauses: a column for each clause of the rule, as `Clause.walk` has them: true, false or null.
        terms: what else it asks (members, other groups, a share of people, exclusion) in words, and whether that holds.
    """

    rows: Rows
    rule: Clause | None
    clauses: tuple[str, ...]
    terms: tuple[tuple[str, str], ...]

    @property
    def columns(self) -> tuple[str, ...]:
        """All of these columns."""
        return (MEMBER, *self.clauses, *(column for _, column in self.terms))


def of(name: str, spec: Spec, rows: Rows, workspace: Workspace, as_of: datetime) -> Reasons:
    """The reasons of a group.

    Args:
        rows: people with their properties and groups.
    """
    group = spec.groups[name]
    asking = groups.before_exclusion(rows.mutate(**{MEMBER: rows[rules.member(name)]}), spec)
    rule = clauses.of(group, _kinds(spec, rows), as_of)
    asked = {f"t:{at}": _guarded(workspace, clause.sql) for at, clause in enumerate(rule.walk() if rule else ())}
    terms = [*_terms(group, asking), *_exclusion(name, spec, asking)]
    derived = asking.mutate(**{f"w:{at}": holds for at, (_, holds) in enumerate(terms)}) if terms else asking
    return Reasons(
        rows=workspace.derive(derived, asked) if asked else derived,
        rule=rule,
        clauses=tuple(asked),
        terms=tuple((told, f"w:{at}") for at, (told, _) in enumerate(terms)),
    )


def _guarded(workspace: Workspace, sql: str) -> str:
    """A clause that is null where it fails on a row, on engines that can say so."""
    guarded = workspace.guard(sql)
    return sql if guarded is None else guarded[0]


def _kinds(spec: Spec, rows: Rows) -> kinds.Kinds:
    found = {name.casefold(): values.kind_of(rows[name]) for name in spec.properties}
    return {name: kinds.of_type(kind) for name, kind in found.items() if kind is not None}


def _terms(group: Group, rows: Rows) -> Iterator[tuple[str, Rows]]:
    if group.members is not None:
        yield f"a member in source {group.members.source}", rows[groups.listed(group.members.source)].notnull()
    if group.in_ is not None:
        yield f"in {' or '.join(group.in_)}", groups.any_of(rows, group.in_)
    if group.not_in is not None:
        yield f"not in {' or '.join(group.not_in)}", ~groups.any_of(rows, group.not_in)
    if group.sample is not None:
        yield f"in the sample of {group.sample.percent:g} percent", groups.drawn(rows[people.KEY], group.sample)
    if group.holdout is not None:
        drawn = groups.drawn(rows[people.KEY], group.holdout)
        yield f"outside the holdout of {group.holdout.percent:g} percent", ~drawn


def _exclusion(name: str, spec: Spec, rows: Rows) -> Iterator[tuple[str, Rows]]:
    out = spec.exclude_from_all
    if out is not None and name not in out:
        yield f"not in {' or '.join(out)} (exclude_from_all)", ~groups.any_of(rows, out)

"""What is let through for once: `--allow RULE[:SCOPE]=MAX`, read, and held against what there is to allow."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from typing import TypeAlias

from reconcile.errors import AllowanceUnfit
from reconcile.plan.model import Allowance, Face
from reconcile.spec import managed, references
from reconcile.spec.guards import PER_LIST, Guard
from reconcile.spec.model import Spec
from reconcile.spec.places import meant

Scopes: TypeAlias = Mapping[Guard, Collection[str]]
"""What a rule can be about; a rule about the whole plan is not in it."""


def covers(one: Allowance, guard: Guard, scope: str) -> bool:
    """Whether an allowance is about this rule and scope; without a scope it is about all of them."""
    return one.guard is guard and one.scope in ("", scope)


def read(text: str) -> Allowance:
    """`RULE[:SCOPE]=MAX` read.

    Raises:
        AllowanceUnfit: it is not of that form, or there is no such rule.
    """
    head, _, most = text.rpartition("=")
    name, _, scope = head.partition(":")
    if not most.strip().isdecimal():
        raise AllowanceUnfit(f'--allow "{text}" is not RULE[:SCOPE]=MAX.', hint="For example: --allow deletions=5")
    if name.strip() not in set(Guard):
        raise AllowanceUnfit(f'--allow "{text}": there is no rule "{name}".', hint=meant(name, set(Guard)))
    return Allowance(guard=Guard(name.strip()), scope=scope.strip(), most=int(most))


def check(allowed: Iterable[Allowance], scopes: Scopes) -> None:
    """Make sure that every scope is one of its rule's.

    Raises:
        AllowanceUnfit: one is not.
    """
    for one in allowed:
        known = scopes.get(one.guard, ())
        if one.scope and one.scope not in known:
            hint = meant(one.scope, known) if known else f"It is about the whole plan: --allow {one.guard}={one.most}"
            raise AllowanceUnfit(f'--allow "{one}": the rule {one.guard} knows no scope "{one.scope}".', hint=hint)


def scopes_of_spec(spec: Spec) -> Scopes:
    """The scopes that plans of a spec can have."""
    home = spec.profiles.from_
    columns = {f"{one.source or home}.{one.column}" for one in spec.properties.values() if one.column}
    return _scopes(
        lists=set(managed.lists(spec)),
        vars=set(managed.vars(spec)),
        sources=set(spec.sources),
        secrets={one.reference.told for one in references.find_references(spec)},
        parts={*spec.sources, *columns, *(f"property {name}" for name in spec.properties)},
    )


def scopes_of_face(face: Face) -> Scopes:
    """The scopes of a plan that is made."""
    sources = {one.name for one in face.sources}
    return _scopes(
        lists={one.name for one in face.lists},
        vars={one.name for one in face.vars},
        sources=sources,
        secrets={one.name for one in face.references},
        parts=sources | {one.source for one in face.invalid},
    )


def _scopes(*, lists: set[str], vars: set[str], sources: set[str], secrets: set[str], parts: set[str]) -> Scopes:
    return {
        **dict.fromkeys(map(Guard, PER_LIST), lists),
        Guard.NULLED: vars,
        Guard.SAME_VALUE: vars,
        Guard.SOURCE_ROWS: sources,
        Guard.INVALID_ROWS: parts,
        Guard.NEW_REFERENCES: secrets,
    }

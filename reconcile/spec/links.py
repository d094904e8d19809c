"""How properties and groups hang together: what each is made of, circles, and ways from one to another."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Mapping
from contextlib import suppress

from reconcile.errors import SpecInvalid
from reconcile.spec import conditions, templates
from reconcile.spec.group import Group
from reconcile.spec.model import Spec
from reconcile.spec.property import Property

Links = Mapping[str, tuple[str, ...]]


def needs(prop: Property) -> frozenset[str]:
    """The properties that this one is made of.

    Raises:
        SpecInvalid: its template or expression cannot be read.
    """
    if prop.template is not None:
        return templates.variables(prop.template)
    if prop.sql is not None:
        from reconcile.spec import rules

        return rules.parse(prop.sql).properties
    return frozenset()


def links(spec: Spec) -> Links:
    """Each property's own properties, sorted; those that cannot be read are made of nothing."""
    return {name: _links(prop, spec) for name, prop in spec.properties.items()}


def asked(group: Group, spec: Spec) -> list[str]:
    """The properties that a group's own rule asks about, in the order of the spec."""
    found = {one.property for _, one in conditions.parts(group.rules)} if group.rules is not None else set()
    if group.where is not None:
        from reconcile.spec import rules

        with suppress(SpecInvalid):  # told where it stands
            found |= rules.parse(group.where).properties
    return [name for name in spec.properties if name in found]


def kin(spec: Spec) -> Links:
    """Each group's own groups, sorted."""
    return {
        name: tuple(sorted({other for _, other in conditions.groups(group)} & spec.groups.keys()))
        for name, group in spec.groups.items()
    }


def _links(prop: Property, spec: Spec) -> tuple[str, ...]:
    try:
        return tuple(sorted(needs(prop) & spec.properties.keys()))
    except SpecInvalid:
        return ()


def cycles(graph: Links) -> list[tuple[str, ...]]:
    """Every circle once, as the way around it: `(a, b, a)`, begun at its first member by name."""
    found = []
    for start in sorted(graph):
        way = _way(graph, start, {start})
        if way is not None and min(way) == start:
            found.append(way)
    return found


def find_way(graph: Links, start: str, goals: Iterable[str]) -> tuple[str, ...] | None:
    """The shortest way from a property to a goal, both named; None when there is none."""
    found = set(goals)
    return (start,) if start in found else _way(graph, start, found)


def _way(graph: Links, start: str, goals: set[str]) -> tuple[str, ...] | None:
    """The shortest way of at least one step from `start` to a goal."""
    waiting: deque[tuple[str, ...]] = deque([(start,)])
    seen: set[str] = set()
    while waiting:
        way = waiting.popleft()
        for step in graph.get(way[-1], ()):
            if step in goals:
                return (*way, step)
            if step not in seen:
                seen.add(step)
                waiting.append((*way, step))
    return None

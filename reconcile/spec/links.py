"""How properties hang together: what each is made of, where they go in circles, and where private ones would leak."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Mapping

from reconcile.errors import SpecInvalid
from reconcile.spec import templates
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


def flows(spec: Spec) -> Links:
    """`links`, and from each column to the private properties that read the same one: a value by another name."""
    private = [(name, prop) for name, prop in sorted(spec.properties.items()) if prop.private and prop.column]
    home = spec.profiles.from_
    return {
        name: (*made_of, *(other for other, one in private if _same_column(spec.properties[name], one, home)))
        for name, made_of in links(spec).items()
    }


def _same_column(prop: Property, other: Property, home: str) -> bool:
    if prop.private or prop.column is None or other.column is None:
        return False
    # Databases differ on whether case tells columns apart; a secret does not.
    here, there = ((one.source or home, str(one.column).casefold()) for one in (prop, other))
    return here == there


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


def leak(graph: Links, private: Iterable[str], start: str) -> tuple[str, ...] | None:
    """The shortest way from a property to a private one, both named; None when there is none."""
    goals = set(private)
    return (start,) if start in goals else _way(graph, start, goals)


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

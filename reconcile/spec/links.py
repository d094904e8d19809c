"""How properties and groups hang together: what each is made of, circles, and where private properties would leak."""

from __future__ import annotations

from collections import deque
from collections.abc import Collection, Iterable, Mapping
from contextlib import suppress

from reconcile.errors import SpecInvalid
from reconcile.spec import aggregates, conditions, templates
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


def flows(spec: Spec) -> Links:
    """`links`, and from each property to the private ones whose column it reads: a value by another name."""
    return _flows(spec, {name for name, prop in spec.properties.items() if prop.private})


def _flows(spec: Spec, marked: Collection[str]) -> Links:
    """`links`, and from each property to the marked ones whose column it reads."""
    hidden = {_column(spec.properties[name], spec): name for name in sorted(marked)}
    found = {}
    for name, made_of in links(spec).items():
        read = () if name in marked else _read(spec.properties[name], spec)
        found[name] = (*made_of, *sorted({hidden[one] for one in read if one in hidden}))
    return found


def pii(spec: Spec) -> frozenset[str]:
    """The vars whose values are to be masked: those that a `pii` property reaches, through others or by its column."""
    reached = reached_by_pii(spec)
    return frozenset(name for name, var in spec.vars.items() if var.property in reached)


def reached_by_pii(spec: Spec) -> frozenset[str]:
    """The properties whose values are to be masked: the marked ones, and those that these reach."""
    return _reached(spec, {name for name, prop in spec.properties.items() if prop.pii})


def reached_by_private(spec: Spec) -> frozenset[str]:
    """The properties whose values must not leave the house: the marked ones, and those that these reach."""
    return _reached(spec, {name for name, prop in spec.properties.items() if prop.private})


def _reached(spec: Spec, marked: Collection[str]) -> frozenset[str]:
    graph = _flows(spec, marked)
    return frozenset(name for name in spec.properties if leak(graph, marked, name) is not None)


def _read(prop: Property, spec: Spec) -> list[tuple[str, str]]:
    """The columns whose values a property tells of. A filter only tells whether rows fit, as a group's rule does."""
    own = _column(prop, spec)
    return [*([own] if own else []), *([_named(prop.by, prop, spec)] if prop.by else [])]


def _column(prop: Property, spec: Spec) -> tuple[str, str] | None:
    """The column whose values a property has; None where it has none of its own."""
    name = prop.column or (aggregates.ROWS if prop.aggregate else None)
    return _named(name, prop, spec) if name else None


def _named(name: str, prop: Property, spec: Spec) -> tuple[str, str]:
    # Databases differ on whether case tells columns apart; a secret does not.
    return prop.source or spec.profiles.from_, name.casefold()


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

"""Whether a plan does more than its spec lets through: figures against limits, pure arithmetic over heads.

A guard never hides or shrinks a plan. It says what is too much, where the limit stands, and what lets it through once.
"""

from __future__ import annotations

import dataclasses
import shlex
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from reconcile.errors import GuardBreached, Where
from reconcile.plan import allowances
from reconcile.plan.model import Allowance, Breach, Counts, Face, ListFace
from reconcile.spec import guards
from reconcile.spec.guards import Guard, Guards, PerList
from reconcile.spec.model import Mode


@dataclass(frozen=True, slots=True)
class Part:
    """A figure and what it is a part of: so many of so many."""

    figure: int
    whole: int


@dataclass(frozen=True, slots=True)
class Heads:
    """What a plan comes to, as far as guards ask.

    Args:
        observed: profiles that were there.
        managed: members of the registry.
        nulled, same_value: var -> list -> members of the list.
        sources: rows of each source; `last_good` at the last apply that converged, None where nobody remembers.
        invalid: source, `source.column` or `property name` -> what of it cannot be used.
        opted_out: list -> those of the joining that are known to have opted out.
        groups: list -> the group that is mapped to it.
        registry: the list of everybody who is managed.
        new_references: secret -> where the spec refers to it and the base spec does not: the keys, and the first place.
        observation_hours: age of the kept observation that the plan is made from, rounded up; None for a fresh look.
    """

    counts: Counts = field(default_factory=Counts)
    lists: Sequence[ListFace] = ()
    observed: int = 0
    managed: int = 0
    nulled: Mapping[str, Mapping[str, Part]] = field(default_factory=dict)
    same_value: Mapping[str, Mapping[str, Part]] = field(default_factory=dict)
    sources: Mapping[str, int] = field(default_factory=dict)
    last_good: Mapping[str, int] | None = None
    invalid: Mapping[str, Part] = field(default_factory=dict)
    opted_out: Mapping[str, Part] = field(default_factory=dict)
    groups: Mapping[str, str] = field(default_factory=dict)
    registry: str = ""
    observation_hours: int | None = None
    new_references: Mapping[str, tuple[Sequence[str], str]] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class _Finding:
    """A figure beside its limit, whether it is too much or not; `path` leads to the limit below `policy.guards`.

    `where` is what it is about, for a rule without a limit in the spec.
    """

    guard: Guard
    scope: str
    figure: int
    limit: int
    told: str
    path: tuple[str, ...] = ()
    where: str = ""


def breaches(
    heads: Heads,
    limits: Guards,
    allowed: Iterable[Allowance] = (),
    place: Callable[..., Where | None] = lambda *_: None,
) -> tuple[Breach, ...]:
    """Every limit that is exceeded, in the order of rules and scopes.

    Args:
        allowed: limits that are raised for once.
        place: where a part of the spec stands, as `Spec.where`.
    """
    raised = tuple(allowed)
    found = (_raised(finding, raised) for rule in _RULES for finding in rule(heads, limits))
    return tuple(_breach(finding, place) for finding in found if finding.figure > finding.limit)


def stricter(one: Iterable[Breach], other: Iterable[Breach]) -> tuple[Breach, ...]:
    """The breaches of either of two specs, of each rule and scope that with the lower limit."""
    found: dict[tuple[Guard, str], Breach] = {}
    for breach in (*one, *other):
        known = found.setdefault((breach.guard, breach.scope), breach)
        if breach.limit < known.limit:
            found[breach.guard, breach.scope] = breach
    order = list(Guard)
    return tuple(sorted(found.values(), key=lambda breach: (order.index(breach.guard), breach.scope)))


def _raised(finding: _Finding, allowed: Iterable[Allowance]) -> _Finding:
    limit = max([finding.limit, *(one.most for one in allowed if allowances.covers(one, finding.guard, finding.scope))])
    return dataclasses.replace(finding, limit=limit)


def _breach(finding: _Finding, place: Callable[..., Where | None]) -> Breach:
    where = place("policy", "guards", finding.guard.value, *finding.path)
    way_out = Allowance(guard=finding.guard, scope=finding.scope, most=finding.figure)
    return Breach(
        guard=finding.guard,
        scope=finding.scope,
        figure=finding.figure,
        limit=finding.limit,
        where=finding.where or str(where or ""),
        told=f"{finding.told}; {f'at most {finding.limit:,}' if finding.limit else 'none'} may",
        way_out=f"--allow {shlex.quote(str(way_out))}",
    )


def _profiles(count: int) -> str:
    return f"{count:,} {'profile' if count == 1 else 'profiles'}"


# The rules, each with its figure and limit


def _removals(heads: Heads, limits: Guards) -> Iterator[_Finding]:
    for one in heads.lists:
        told = f'{one.leave:,} of {one.before:,} members would leave the list "{one.name}"'
        path, own = _own(limits.removals, one.name, heads)
        limit = guards.graded(one.before, limits.at_least)
        if own is not None:
            limit = guards.bound(own, one.before, limits.at_least)
        yield _Finding(Guard.REMOVALS, one.name, one.leave, limit, told, path)


def _joins(heads: Heads, limits: Guards) -> Iterator[_Finding]:
    """The registry only where the spec names it: how it grows is what `additions` and `updates` are about."""
    for one in heads.lists:
        path, own = _own(limits.joins, one.name, heads)
        if one.name != heads.registry or path[:1] == ("lists",):
            limit = guards.joining(own, one.before, limits.at_least)
            yield _Finding(Guard.JOINS, one.name, one.join - one.leave, limit, _gained(one), path)


def _gained(one: ListFace) -> str:
    people = f"{one.join - one.leave:,} {'person' if one.join - one.leave == 1 else 'people'}"
    whole = f"of {one.before:,} {'member' if one.before == 1 else 'members'}" if one.before else "which has no members"
    if not one.leave:
        return f'{people} would join the list "{one.name}"{" " if one.before else ", "}{whole}'
    leaving = f"{one.leave:,} {'leaves' if one.leave == 1 else 'leave'}"
    return f'{people} more would be on the list "{one.name}" {whole} ({one.join:,} join, {leaving})'


def _own(rule: PerList, name: str, heads: Heads) -> tuple[tuple[str, ...], guards.Limit | None]:
    """What the spec says for this list, with the way there: by its name, by its group, or for all."""
    for key in (name, heads.groups.get(name, "")):
        if key in rule.lists:
            return ("lists", key), rule.lists[key]
    return (("default",) if rule.default is not None else ()), rule.default


def _deletions(heads: Heads, limits: Guards) -> Iterator[_Finding]:
    deleted = heads.counts.delete
    yield _Finding(Guard.DELETIONS, "", deleted, limits.deletions, f"{_profiles(deleted)} would be deleted for good")


def _updates(heads: Heads, limits: Guards) -> Iterator[_Finding]:
    updated = heads.counts.update
    limit = guards.bound(limits.updates, heads.observed, limits.at_least)
    yield _Finding(Guard.UPDATES, "", updated, limit, f"{updated:,} of {_profiles(heads.observed)} would be changed")


def _additions(heads: Heads, limits: Guards) -> Iterator[_Finding]:
    """None on the first fill: where nobody is managed yet, there is nothing to be out of proportion to."""
    if heads.managed:
        added = heads.counts.create
        limit = guards.bound(limits.additions, heads.managed, limits.at_least)
        told = f"{_profiles(added)} would be created beside the {heads.managed:,} that are managed"
        yield _Finding(Guard.ADDITIONS, "", added, limit, told)


def _nulled(heads: Heads, limits: Guards) -> Iterator[_Finding]:
    told = 'the var "{var}" would lose its value for {part.figure:,} of {part.whole:,} members of "{name}"'
    yield from _worst(Guard.NULLED, heads.nulled, limits.nulled, limits.at_least, told)


def _same_value(heads: Heads, limits: Guards) -> Iterator[_Finding]:
    told = 'the var "{var}" would get one and the same value for {part.figure:,} of {part.whole:,} members of "{name}"'
    yield from _worst(Guard.SAME_VALUE, heads.same_value, limits.same_value, limits.at_least, told)


def _worst(
    guard: Guard, found: Mapping[str, Mapping[str, Part]], limit: guards.Limit, at_least: int, told: str
) -> Iterator[_Finding]:
    """One finding a var: of the lists where it is too much, that with the most people."""
    for var in sorted(found):
        bounds = {name: guards.bound(limit, part.whole, at_least) for name, part in found[var].items()}
        over = [name for name in bounds if found[var][name].figure > bounds[name]]
        if over:
            name = max(sorted(over), key=lambda name: found[var][name].figure)
            part = found[var][name]
            yield _Finding(guard, var, part.figure, bounds[name], told.format(var=var, part=part, name=name))


def _source_rows(heads: Heads, limits: Guards) -> Iterator[_Finding]:
    for name, now in sorted(heads.sources.items()):
        before = (heads.last_good or {}).get(name, 0)
        told = f'{before - now:,} of the {before:,} rows that the source "{name}" had at the last good run are missing'
        limit = guards.bound(limits.source_rows, before, limits.at_least)
        yield _Finding(Guard.SOURCE_ROWS, name, before - now, limit, told)


def _invalid_rows(heads: Heads, limits: Guards) -> Iterator[_Finding]:
    for name, part in sorted(heads.invalid.items()):
        told = f'{part.figure:,} of {part.whole:,} rows of "{name}" cannot be used'
        limit = guards.bound(limits.invalid_rows, part.whole, limits.at_least)
        yield _Finding(Guard.INVALID_ROWS, name, part.figure, limit, told)


def _opted_out_joins(heads: Heads, limits: Guards) -> Iterator[_Finding]:
    for name, part in sorted(heads.opted_out.items()):
        path, own = _own(limits.opted_out_joins, name, heads)
        told = f'{_profiles(part.figure)} known to have opted out would join the list "{name}"'
        limit = guards.bound(own or 0, part.whole, limits.at_least)
        yield _Finding(Guard.OPTED_OUT_JOINS, name, part.figure, limit, told, path)


def _observation_age(heads: Heads, limits: Guards) -> Iterator[_Finding]:
    hours = heads.observation_hours
    if hours is not None:
        told = f"{hours:,} {'hour has' if hours == 1 else 'hours have'} passed since the account was observed"
        yield _Finding(Guard.OBSERVATION_AGE, "", hours, limits.observation_age, told)


def _new_references(heads: Heads, _: Guards) -> Iterator[_Finding]:
    """A secret that the base spec does not read there: none is let through, whatever the spec says."""
    for name, (keys, where) in sorted(heads.new_references.items()):
        told = f"{name} is read at {', '.join(keys)}, and not in the base spec"
        yield _Finding(Guard.NEW_REFERENCES, name, len(keys), 0, told, where=where)


_RULES: tuple[Callable[[Heads, Guards], Iterator[_Finding]], ...] = (
    _removals,
    _joins,
    _deletions,
    _updates,
    _additions,
    _nulled,
    _same_value,
    _source_rows,
    _invalid_rows,
    _opted_out_joins,
    _observation_age,
    _new_references,
)


# What apply asks


def enforce(face: Face, allowed: Sequence[Allowance] = ()) -> None:
    """Make sure that nothing stands between a plan and its apply; one that only observes has no apply at all.

    Raises:
        GuardBreached: with every breach that is not allowed.
        AllowanceUnfit: an allowance names a scope that the plan has not.
    """
    allowances.check(allowed, allowances.scopes_of_face(face))
    left = () if face.mode is Mode.OBSERVE else [one for one in face.breaches if not _allows(allowed, one)]
    if left:
        raise GuardBreached([sentence(one) for one in left])


def _allows(allowed: Iterable[Allowance], breach: Breach) -> bool:
    return any(allowances.covers(one, breach.guard, breach.scope) and one.most >= breach.figure for one in allowed)


def sentence(breach: Breach) -> str:
    """A breach in one line: rule, figure, limit, place, and the way out."""
    return f"{reason(breach)} To let it through once: {breach.way_out}"


def reason(breach: Breach) -> str:
    """The same without the way out."""
    place = breach.where or f"the default of policy.guards.{breach.guard}"
    return f"{breach.guard}: {breach.told} ({place})."

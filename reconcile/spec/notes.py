"""What is right in a spec, but may not be meant: told by `validate`, and no error."""

from __future__ import annotations

from collections.abc import Iterator

from reconcile.errors import Problem, Where
from reconcile.spec import conditions
from reconcile.spec.group import Condition, Group, None_, Op, Rule
from reconcile.spec.model import Path, Spec
from reconcile.spec.places import Places, called, spot

Denied = dict[str, Problem]
"""Properties that something is denied of, by their ids, with what to say about the first time."""


def of(spec: Spec) -> list[Problem]:
    """All notes on a spec that is sound, in the order of its groups."""
    places = spec.places or Places()
    kinds = (_nulls, _idle)
    return [one for name, group in spec.groups.items() for kind in kinds for one in kind(name, group, spec, places)]


# Nulls that fit neither a rule nor its opposite


def _nulls(name: str, group: Group, spec: Spec, places: Places) -> Iterator[Problem]:
    """Where people without a value are left out by a rule that denies something of them."""
    nullable = {one.casefold() for one in spec.properties if _may_be_null(one, spec)}
    denied = _in_rules(name, group, places) if group.rules is not None else _in_where(name, group, places)
    yield from (problem for one, problem in denied.items() if one.casefold() in nullable)


def _may_be_null(name: str, spec: Spec) -> bool:
    prop = spec.properties[name]
    if prop.default is not None or prop.value is not None:
        return False
    home = spec.sources.get(spec.profiles.from_)
    sure = home.contract.not_null if home and home.contract else []
    return not (prop.column in sure and prop.source in {None, spec.profiles.from_})


def _note(where: Where | None, path: Path, prop: str, word: str, remedy: str) -> Problem:
    told = f'{called(path[:2])}: whoever has no "{prop}" is left out: null fits neither {word} nor its opposite'
    hint = f"To have them too: {remedy}; or give the property a default."
    return Problem(told, where, hint)


def _in_rules(name: str, group: Group, places: Places) -> Denied:
    found: Denied = {}
    if group.rules is None:
        return found
    asked = {one.property for _, one in conditions.parts(group.rules) if one.op is Op.EXISTS}
    for inner, condition, word in _denied(group.rules, (), none=False):
        prop = condition.property
        if prop not in asked:
            path = ("groups", name, "rules", *inner, "op")
            remedy = f"any: [..., {{property: {prop}, op: exists, value: false}}]"
            found.setdefault(prop, _note(places.value(*path), path, prop, word, remedy))
    return found


def _denied(rule: Rule, path: Path, *, none: bool) -> Iterator[tuple[Path, Condition, str]]:
    """The conditions that deny something, by themselves or because they stand under `none`."""
    match rule:
        case Condition(op=Op.EXISTS):
            return
        case Condition():
            if none or rule.op in {Op.NE, Op.NOT_IN}:
                yield path, rule, '"none"' if none else f'"{rule.op}"'
        case _:
            for key in ("all", "any", "none"):
                for at, one in enumerate(getattr(rule, key, ())):
                    yield from _denied(one, (*path, key, at), none=none or isinstance(rule, None_))


def _in_where(name: str, group: Group, places: Places) -> Denied:
    found: Denied = {}
    if group.where is None:
        return found
    from reconcile.spec import denials, rules

    path, formula = ("groups", name, "where"), rules.parse(group.where)
    for prop, word, start in denials.of(formula):
        at = places.inside(path, formula.text, spot(formula.text, start))
        found.setdefault(prop, _note(at, path, prop, word, f"or {prop} is null"))
    return found


# Groups that do nothing


def _idle(name: str, group: Group, spec: Spec, places: Places) -> Iterator[Problem]:
    out = set(spec.exclude_from_all or ())
    asked = {other for one in spec.groups.values() for _, other in conditions.groups(one)} | out
    where = places.key("groups", name)
    if group.list is None and name not in asked:
        yield Problem(f'group "{name}" has no list, and no other group asks for it', where, "Give it a list.")
    if group.list is not None and name not in out and group.in_ is not None and set(group.in_) <= out:
        told = f'nobody is on the list of group "{name}": exclude_from_all takes off whom it asks for'
        yield Problem(told, places.key("groups", name, "in"), "Take the group out of exclude_from_all, or out of in.")

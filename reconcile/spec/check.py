"""What must hold between the parts of a spec. Every finding is said, each with its place."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator, Mapping
from typing import Any

from reconcile.errors import Problem, SpecInvalid, Where
from reconcile.spec import (
    cases,
    conditions,
    fitting,
    guards,
    kinds,
    links,
    origins,
    privacy,
    properties,
    templates,
    urls,
)
from reconcile.spec.desk import STUB, Desk
from reconcile.spec.folding import fold_list
from reconcile.spec.group import Group
from reconcile.spec.model import Path, Spec
from reconcile.spec.places import Places, called, meant

LONGEST_LIST = 100
SECRET = ("api_key", "api_secret")
"""Keys of an account that are there by reference only."""
STORES = ("s3://", "gs://", "az://")
"""What a store that is not a folder begins with."""
_PASSWORD = re.compile(r"://[^:/@]*:(?!\d+/)([^@]+)@|(?:password|passwd|pwd|secret|token)=([^&\s]+)", re.IGNORECASE)


def problems(spec: Spec, places: Places, declared: Mapping[str, Collection[str]]) -> list[Problem]:
    """Everything that does not fit together.

    Args:
        spec: the parts that are sound by themselves.
        places: where they stand.
        declared: section -> all ids that are there, also of parts that are not sound.
    """
    desk = Desk(spec, places, declared)
    checks = (_secrets, _origins, _profiles, *properties.CHECKS, _vars, _groups, _lists, _guards, cases.problems)
    return [problem for check in checks for problem in check(desk)]


# What is sound

_STUBS: Mapping[str, Mapping[str, Any]] = {
    "account": {"name": STUB, "api_key": "{{ env('_') }}", "api_secret": "{{ env('_') }}"},
    "profiles": {"from": STUB, "email": STUB},
    "sources": {STUB: {"file": STUB, "key": STUB}},
}


def sound(data: Mapping[str, Any], bad: Collection[Path]) -> dict[str, Any]:
    """The data without its bad parts: what must be there is replaced by a stub, so that the rest can be checked."""
    known = _STUBS.keys() | {"properties", "vars", "groups", "policy", "engine", "tests"}
    kept = {section: {**_STUBS.get(section, {}), **_kept(section, data.get(section), bad)} for section in sorted(known)}
    whole = {
        key: data[key]
        for key in ("exclude_from_all", "state", "seal")
        if key in data and (key,) not in {path[:1] for path in bad}
    }
    return kept | whole


def _kept(section: str, part: Any, bad: Collection[Path]) -> dict[str, Any]:
    if not isinstance(part, Mapping):
        return {}
    wrong = {path[1] for path in bad if path[:1] == (section,) and len(path) > 1}
    return {name: value for name, value in part.items() if name not in wrong}


# Secrets


def references(spec: Spec) -> Iterator[tuple[Path, str]]:
    """The texts that may hold references, but for queries, with their paths."""
    for key in ("api_key", "api_secret", "url"):
        yield ("account", key), getattr(spec.account, key)
    for name, source in spec.sources.items():
        if source.connect is not None:
            yield ("sources", name, "connect"), source.connect
        if source.file is not None:
            yield ("sources", name, "file"), source.file
        for key, value in source.parameters.items():
            if isinstance(value, str):
                yield ("sources", name, "parameters", key), value
    for name, prop in spec.properties.items():
        if prop.salt is not None:
            yield ("properties", name, "salt"), prop.salt
    single: Mapping[Path, str | None] = {("engine", "spark"): spec.engine.spark, ("state",): spec.state}
    yield from ((path, text) for path, text in single.items() if text is not None)


def _secrets(desk: Desk) -> Iterator[Problem]:
    for path, text in references(desk.spec):
        where = desk.places.value(*path)
        if path[-1] in SECRET:
            yield from secret(path, text, where)
        elif path[0] == "properties":
            if not templates.is_reference(text):
                hint = "Write \"{{ env('SALT') }}\", and set that variable."
                yield Problem(f"{called(path)} must be a reference, never the salt itself", where, hint)
        elif path[-1] == "url":
            yield from _account_url(path, text, where)
        elif path[-1] == "spark" and not text.startswith(("sc://", "local", "{{")):
            hint = "Write sc://host of a Spark Connect server, or local[*] to try it on this machine."
            yield Problem(f"{called(path)} is no Spark that we can reach", where, hint)
        elif path[-1] == "state" and "://" in text and not text.startswith((*STORES, "{{")):
            hint = f"There are: {', '.join(STORES)}, and folders of this machine."
            yield Problem(f"{called(path)} is no store that we can reach", where, hint)
        elif _holds_password(text):
            yield Problem(f"{called(path)} holds a password", where, "Write {{ env('NAME') }} in its place.")
        else:
            yield from _unread(path, text, where)


def _account_url(path: Path, text: str, where: Where | None) -> Iterator[Problem]:
    """Where a part is a reference, what the rest holds is all that can be said."""
    literal = templates.literal(text)
    refers = literal != text
    fault = urls.find_fault(text) if not refers else None
    if refers and set("@?#") & set(literal):
        fault = "holds a user, a password or a query"
    elif refers and not text.startswith(("http://", "https://", "{{")):
        fault = "is no web address"
    if fault is not None:
        hint = "It begins with https:// (or http:// here)."
        if not fault.startswith("is "):
            hint = "It is https://HOST or https://HOST/PATH and holds nothing else; the secret goes into api_secret."
        yield Problem(f"{called(path)} {fault}", where, hint)
    elif templates.has_marks(text) and not templates.is_one_reference(text):
        hint = "A part of it would be sent to whatever host the rest names. Write \"{{ env('SAILTHRU_URL') }}\"."
        yield Problem(f"{called(path)} refers to something for a part of it", where, hint)
    else:
        yield from _unread(path, text, where)


def secret(path: Path, text: str, where: Where | None) -> Iterator[Problem]:
    """A problem where a secret is written down."""
    if not templates.is_reference(text):
        hint = f"Write \"{{{{ env('SAILTHRU_{str(path[-1]).upper()}') }}}}\", and set that variable."
        yield Problem(f"{called(path)} must be a reference, never the secret itself", where, hint)


def _holds_password(text: str) -> bool:
    # What is left without its references is literal.
    return _PASSWORD.search(templates.literal(text)) is not None


def _unread(path: Path, text: str, where: Where | None) -> Iterator[Problem]:
    try:
        templates.references(text)
    except SpecInvalid as error:
        yield from (Problem(f"{called(path)}: {one.message}", where, one.hint) for one in error.problems)


# Sources and profiles


def _origins(desk: Desk) -> Iterator[Problem]:
    return origins.problems(desk.spec, desk.places)


def _profiles(desk: Desk) -> Iterator[Problem]:
    profiles, path = desk.spec.profiles, ("profiles", "from")
    yield from desk.absent("sources", profiles.from_, path)
    source = desk.spec.sources.get(profiles.from_)
    if source is not None and source.many:
        where = desk.places.value(*path)
        yield Problem(
            f'profiles.from: source "{profiles.from_}" holds many rows a person',
            where,
            "Name a source with one row a person.",
        )
    if profiles.identity is not None:
        yield from _identified(profiles.identity.var, desk)


def _identified(var: str, desk: Desk) -> Iterator[Problem]:
    for name in desk.declared.get("vars", ()):
        if name.casefold() == var.casefold():
            message = f"{called(('vars', name))} is also profiles.identity.var"
            hint = "The identity's var is sent by itself: take it out of vars."
            yield Problem(message, desk.places.key("vars", name), hint)


# What leaves the house


def _vars(desk: Desk) -> Iterator[Problem]:
    yield from desk.near("vars")
    for name, var in desk.spec.vars.items():
        yield from desk.absent("properties", var.property, ("vars", name, "property"))
    yield from privacy.find_leaks(desk.spec, desk.places)


# Groups and their lists


def _groups(desk: Desk) -> Iterator[Problem]:
    for name, group in desk.spec.groups.items():
        if group.where is not None:
            found = list(properties.formula(("groups", name, "where"), group.where, desk))
            yield from found
            if found:
                continue
        for path, condition in conditions.parts(group.rules) if group.rules is not None else ():
            yield from desk.absent("properties", condition.property, ("groups", name, "rules", *path, "property"))
        yield from _fits(name, group, desk)
    yield from _kin(desk)


def _kin(desk: Desk) -> Iterator[Problem]:
    """Groups that are named, and the sources of members."""
    spec, home = desk.spec, desk.spec.profiles.from_
    for name, group in spec.groups.items():
        for path, other in conditions.groups(group):
            yield from desk.absent("groups", other, ("groups", name, *path))
        if group.members is not None:
            path = ("groups", name, "members", "source")
            yield from desk.absent("sources", group.members.source, path)
            if group.members.source == home:
                yield Problem(f'{called(path)}: "{home}" is the source of everybody', desk.places.value(*path))
    for at, name in enumerate(spec.exclude_from_all or ()):
        yield from desk.absent("groups", name, ("exclude_from_all", at))
    for way in links.cycles(links.kin(spec)):
        stand = ", ".join(f"{name} at {desk.places.key('groups', name)}" for name in way[:-1])
        message = f"groups go in a circle: {' -> '.join(way)}"
        yield Problem(message, desk.places.key("groups", way[0]), f"One of them must stand on its own: {stand}.")


def _fits(name: str, group: Group, desk: Desk) -> Iterator[Problem]:
    yield from fitting.group(name, group, kinds.declared(desk.spec), desk.places)


def _lists(desk: Desk) -> Iterator[Problem]:
    """Sailthru's rules for list names, and no two that it or a person could take for one (SAILTHRU.md §8.4, §15)."""
    named: list[tuple[Path, str]] = [(("account", "registry"), desk.spec.account.registry)]
    named += [
        (("groups", name, "list"), group.list) for name, group in desk.spec.groups.items() if group.list is not None
    ]
    exact: dict[str, Path] = {}
    near: dict[str, Path] = {}
    for path, name in named:
        where = desk.places.value(*path)
        yield from (Problem(f"{called(path)} {wrong}", where) for wrong in misnamed(name))
        same = exact.setdefault(name, path)
        like = near.setdefault(fold_list(name), path)
        if same != path:
            yield Problem(f"{called(path)} is the same as {called(same)}", where)
        elif like != path:
            yield Problem(f"{called(path)} differs only in case or outer space from {called(like)}", where)


def misnamed(name: str) -> Iterator[str]:
    """What is wrong with the name of a list: Sailthru would refuse or silently rewrite it (SAILTHRU.md §8)."""
    if "$" in name:
        yield "holds a $, which Sailthru does not take in names of lists"
    if len(name) > LONGEST_LIST:
        yield f"is longer than {LONGEST_LIST} characters"
    if name != name.strip():
        yield "begins or ends with a space"
    if not name.isprintable():
        yield "holds a character that cannot be seen"


# What a plan may do


def _guards(desk: Desk) -> Iterator[Problem]:
    """Limits for single lists name lists that there are, by group or by name."""
    spec = desk.spec
    known = {*desk.declared.get("groups", ()), *spec.lists, spec.account.registry}
    for rule in guards.PER_LIST:
        for name in getattr(spec.policy.guards, rule).lists:
            if name not in known:
                where = desk.places.key("policy", "guards", rule, "lists", name)
                yield Problem(f'policy.guards.{rule} names no list: "{name}"', where, meant(name, known))
        yield from _limited_twice(rule, desk)


def _limited_twice(rule: str, desk: Desk) -> Iterator[Problem]:
    """Lists that have a limit by their own name and another by that of their group: nobody knows which one is meant."""
    given = list(getattr(desk.spec.policy.guards, rule).lists)
    for name, group in desk.spec.lists.items():
        if group != name and group in given and name in given:
            places = {key: desk.places.key("policy", "guards", rule, "lists", key) for key in (name, group)}
            what = {name: f'"{name}" (its name)', group: f'"{group}" (its group)'}
            first, second = sorted((name, group), key=given.index)
            hint = f"{what[second]} and {what[first]} are one list; the other stands at {places[first]}."
            message = f'policy.guards.{rule} gives the list "{name}" two limits'
            yield Problem(message, places[second], f"{hint} Take one of them out.")

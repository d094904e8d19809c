"""What pydantic and YAML find, in our words and with our places."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from pydantic import BaseModel, ValidationError
from pydantic_core import ErrorDetails

from reconcile.errors import Problem
from reconcile.spec import conduct, docstrings, environment, group, guards, model
from reconcile.spec.case import Case, Expected
from reconcile.spec.model import Path
from reconcile.spec.places import Places, called, meant
from reconcile.spec.property import Property
from reconcile.spec.source import Contract, SourceSpec

_KINDS = {
    "string_type": "a text",
    "bool_type": "true or false",
    "int_type": "a whole number",
    "float_type": "a number",
    "list_type": "a list",
    "model_type": "a mapping (key: value)",
    "mapping_type": "a mapping (key: value)",
    "dict_type": "a mapping (key: value)",
}
_SINGLE = "one value: a text, a number, true or false"
_SINGLES = ("string_type", "bool_type", "int_type", "float_type", "list_type")
_NEEDED = {
    "account": "account: {name: …, api_key: \"{{ env('SAILTHRU_API_KEY') }}\", api_secret: \"{{ env('…') }}\"}",
    "sources": "sources: {customers: {file: customers.csv, key: id}}",
    "profiles": "profiles: {from: customers, email: email}",
}
_NAMES = {
    "vars": "Sailthru keeps letters, digits and _, no digit first, at most 32 characters; it rewrites all else.",
    "properties": "Letters, digits and _, no digit first, at most 63 characters: templates and SQL call it so.",
}
_PLAIN_NAME = "Letters, digits, _, - and ., at most 100 characters."


def translate(error: ValidationError, data: Mapping[str, Any], places: Places) -> list[tuple[Path, Problem]]:
    """Every finding once, with the path of the part that it is about."""
    found: dict[tuple[Path, str], Problem] = {}
    for detail in error.errors(include_url=False):
        path, inside = _path(detail, data)
        problem = _problem(detail, path, data, places, single=inside)
        found.setdefault((path, problem.message), problem)
    return [(path, problem) for (path, _), problem in found.items()]


def _path(detail: ErrorDetails, data: Mapping[str, Any]) -> tuple[Path, bool]:
    """The finding's path in the spec, and whether it lies inside a choice of kinds.

    Pydantic's own path also names the members of unions: steps that the data cannot take are left out.
    """
    missing = detail["type"] == "missing"
    path: list[str | int] = []
    here: Any = data
    skipped = False
    for step in _untagged(detail["loc"][:-1] if missing else detail["loc"]):
        skipped = not _leads(here, step)
        if not skipped:
            path.append(step)
            here = here[step]
    return tuple(path) + (detail["loc"][-1:] if missing else ()), skipped


def _untagged(loc: Path) -> Path:
    """Pydantic's path without the kinds of rules (`all`, `condition`, …) that it puts before each rule's keys."""
    if loc[:1] != ("groups",) or loc[2:3] != ("rules",):
        return loc
    path, before = list(loc[:3]), True
    for step in loc[3:]:
        if not before:
            path.append(step)
        before = not before and isinstance(step, int)
    return tuple(path)


def _leads(here: Any, step: str | int) -> bool:
    if isinstance(here, Mapping):
        return step in here
    return isinstance(here, list) and isinstance(step, int)


def _problem(detail: ErrorDetails, path: Path, data: Mapping[str, Any], places: Places, *, single: bool) -> Problem:
    match detail["type"]:
        case "extra_forbidden":
            return _unknown(path, data, places)
        case "missing":
            return _missing(path, places)
        case "enum":
            return _no_choice(path, _value(data, path), detail["ctx"]["expected"], places)
        case "string_pattern_mismatch":
            return _misnamed(path, places)
        case "value_error":
            return Problem(f"{called(path)} {detail['ctx']['error']}", places.key(*path))
    said, hint = _unfit(detail, _value(data, path), single=single)
    return Problem(f"{called(path)} {said}", places.value(*path), hint)


def _misnamed(path: Path, places: Places) -> Problem:
    if path == ("profiles", "identity", "var"):
        return Problem(f"{called(path)} cannot be the name of a var", places.value(*path), _NAMES["vars"])
    if path[-1] == "list_prefix":
        hint = "No $, no space at its start; at most 50 characters."
        return Problem(f"{called(path)} cannot begin the name of a list", places.value(*path), hint)
    if "seal" in path[:3:2]:  # the spec's, or an environment's
        hint = "It is age1 and 58 more characters, the public one of the two keys that age-keygen makes."
        return Problem(f"{called(path)} is no key to seal plans to", places.value(*path), hint)
    return Problem(f"{called(path)} cannot be called so", places.key(*path), _NAMES.get(str(path[0]), _PLAIN_NAME))


def _unfit(detail: ErrorDetails, value: Any, *, single: bool) -> tuple[str, str | None]:
    """What is wrong with a value, as the end of a sentence, and a hint."""
    kind, context = detail["type"], detail.get("ctx", {})
    if kind in ("too_short", "string_too_short"):
        return "is empty", None
    if kind in ("greater_than_equal", "less_than_equal"):
        return f"must be {'at least' if 'ge' in context else 'at most'} {context.get('ge', context.get('le')):g}", None
    if kind == "greater_than":
        return f"must be more than {context['gt']:g}", None
    wanted = _SINGLE if single and kind in _SINGLES else _KINDS.get(kind, "something else")
    hint = "Put it in quotes." if kind == "string_type" and isinstance(value, int | float) else None
    return f"must be {wanted}, not {_kind(value)}", hint


def _unknown(path: Path, data: Mapping[str, Any], places: Places) -> Problem:
    *parent, key = path
    known = [name for name in _known(tuple(parent), data) if name not in _keys(_value(data, tuple(parent)))]
    whole = f"there is no section {key}" if not parent else f'{called(tuple(parent))} knows no key "{key}"'
    if parent[:1] == ["environments"] and len(parent) == 2 and key in environment.File.model_fields:
        shared = "It stands in the spec itself: it is the same in every environment."
        return Problem(whole, places.key(*path), shared)
    hint = "Put one inside the other." if len(group.KINDS.keys() & _keys(_value(data, tuple(parent)))) > 1 else None
    return Problem(whole, places.key(*path), hint or meant(str(key), known))


def _missing(path: Path, places: Places) -> Problem:
    *parent, key = path
    if not parent:
        return Problem(f"the spec has no section {key}", places.key(), f"Add {_NEEDED.get(str(key), key)}")
    hint = _meaning(tuple(parent), str(key))
    return Problem(f'{called(tuple(parent))} has no "{key}"', places.key(*parent), hint)


def _no_choice(path: Path, value: Any, expected: str, places: Places) -> Problem:
    choices = expected.replace(" or ", ", ").replace("'", "").split(", ")
    close = meant(value, choices) if isinstance(value, str) else None
    every = f"There are: {', '.join(choices)}."
    # What looks alike need not mean the same: "greater" looks like "after".
    hint = f"{close} {every}" if close and path[-1] == "op" and close != every else close or every
    said = f'"{value}"' if isinstance(value, str) else _kind(value)
    return Problem(f"{called(path)} cannot be {said}", places.value(*path), hint)


def _value(data: Any, path: Path) -> Any:
    for step in path:
        if not _leads(data, step):
            return None
        data = data[step]
    return data


def _keys(value: Any) -> set[str]:
    return set(value) if isinstance(value, Mapping) else set()


def _kind(value: Any) -> str:
    match value:
        case None:
            return "nothing"
        case bool():
            return "true or false"
        case int() | float():
            return "a number"
        case str():
            return "a text"
        case list():
            return "a list"
    return "a mapping"


# Which keys there are


_PARTS: Mapping[str, type[BaseModel]] = {
    "account": model.Account,
    "sources": SourceSpec,
    "profiles": model.Profiles,
    "properties": Property,
    "vars": model.VarSpec,
    "groups": group.Group,
    "policy": model.Policy,
    "engine": model.Engine,
    "tests": Case,
}

_INNER: Mapping[str, type[BaseModel]] = {
    "contract": Contract,
    "give_up": conduct.GiveUp,
    "identity": model.Identity,
    "members": group.Members,
    "sample": group.Sample,
    "holdout": group.Sample,
    "expect": Expected,
}


def _part(path: Path, data: Mapping[str, Any]) -> type[BaseModel]:
    """The noun that stands at a path."""
    match path:
        case ():
            return environment.File
        case ("environments", _, *rest):
            return _overlaid(tuple(rest), data)
        case (
            ("sources", _, ("contract" as inner), *_)
            | ("policy" | "profiles", ("give_up" | "identity" as inner), *_)
            | ("groups", _, ("members" | "sample" | "holdout" as inner))
            | ("tests", _, ("expect" as inner), _, *_)
        ):
            return _INNER[inner]
        case ("policy", "guards", *rest):
            return guards.PerList if rest and rest[0] in guards.PER_LIST else guards.Guards
        case ("groups", _, "rules", *_):
            return group.KINDS.get(group.kind_of(_value(data, path)), group.Condition)
    return _PARTS[str(path[0])]


def _overlaid(path: Path, data: Mapping[str, Any]) -> type[BaseModel]:
    """The noun that stands at a path in an environment."""
    match path:
        case ():
            return environment.Environment
        case ("account", *_):
            return environment.EnvironmentAccount
        case ("sources", _):
            return environment.EnvironmentSource
    return _part(path, data)


def _known(path: Path, data: Mapping[str, Any]) -> Iterator[str]:
    for name, field in _part(path, data).model_fields.items():
        if name != "version":
            yield field.alias or name


def _meaning(path: Path, key: str) -> str | None:
    """What a key is for: the first sentence of its description."""
    part = _part(path, {})
    field = next((name for name, field in part.model_fields.items() if (field.alias or name) == key), "")
    said = docstrings.of(part).get(field)
    return f"{said.partition('. ')[0].rstrip('.')}." if said else None


# What YAML finds


_SAID: Mapping[str, tuple[str, str | None]] = {
    "'\\t'": ("a tab, where YAML wants spaces", "Indent with spaces."),
    "cannot start any token": ("a value cannot start with this character", "Put the value in quotes."),
    "mapping values are not allowed": ("a second colon, or a wrong indent", "Put a value with a colon in quotes."),
    "could not find expected ':'": ("a key without its colon", None),
    "unexpected end of stream": ("a quote is not closed", None),
    "expected alphabetic": ("a value cannot start with this character", "Put the value in quotes."),
    "undefined alias": ("an alias (*name) for which there is no anchor (&name)", "Put a value with a star in quotes."),
    "expected <block end>": ("the indent does not fit what stands above", None),
    "',' or '}'": ("a brace or comma is missing", None),
    "',' or ']'": ("a bracket or comma is missing", None),
    "expected the node content": ("a value is missing", None),
    "another document": ("a second document (---)", "One file holds one."),
}


def misread(complaint: str) -> tuple[str, str | None]:
    """YAML's complaint about a file in our words, and a hint. Its own words may quote the file, secrets included."""
    return next((words for key, words in _SAID.items() if key in complaint), ("this is no YAML", None))

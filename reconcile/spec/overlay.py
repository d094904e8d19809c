"""One spec, many accounts: the spec with an environment laid over it, places kept."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, TypeAlias

from pydantic import ValidationError

from reconcile.errors import Problem
from reconcile.spec import check
from reconcile.spec.model import REGISTRY, Path
from reconcile.spec.places import Places, called, meant
from reconcile.spec.source import WAYS

Data: TypeAlias = dict[str, Any]
NEEDED = ("name", "api_key", "api_secret")
"""What an account must say, in the spec or in an environment."""


def unfit(chosen: str | None, declared: Data, data: Data) -> Problem | None:
    """Why this choice of an environment (None: of none) cannot be made."""
    if chosen is not None and chosen not in declared:
        hint = meant(chosen, declared) or "The spec has no environments; leave --env (RECONCILE_ENV) out."
        return Problem(f'there is no environment "{chosen}"', None, hint)
    account = data.get("account", {})
    if chosen is None and declared and not set(NEEDED) <= mapping(account).keys():
        options = ", ".join(f"--env {name}" for name in sorted(declared))
        return Problem(
            "the spec has no account of its own, so an environment must be chosen", None, f"One of: {options}."
        )
    return None


def findings(declared: Any, data: Data, places: Places, *, chosen: str | None) -> list[tuple[Path, Problem]]:
    """What is wrong with the environments as written, each with its path; data are those of the spec by itself."""
    found: list[tuple[Path, Problem]] = []
    if declared is None:
        return found
    from reconcile.spec import messages
    from reconcile.spec.environment import Environments

    try:
        Environments.model_validate({"environments": declared})
    except ValidationError as error:
        found += messages.translate(error, {"environments": declared}, places)
    overlays = mapping(declared)
    return [*found, *_strangers(overlays, data, places), *_secrets(overlays, chosen, places)]


def _secrets(overlays: Data, chosen: str | None, places: Places) -> Iterator[tuple[Path, Problem]]:
    """Secrets written down in environments; in the one that was chosen they are found with all else."""
    for name, overlay in overlays.items():
        for key, text in mapping(mapping(overlay).get("account")).items():
            if name != chosen and key in check.SECRET and isinstance(text, str):
                path = ("environments", name, "account", key)
                yield from ((path, problem) for problem in check.secret(path, text, places.value(*path)))


def _strangers(overlays: Data, data: Data, places: Places) -> Iterator[tuple[Path, Problem]]:
    """Sources of environments that the spec does not have."""
    known = mapping(data.get("sources"))
    for name, overlay in overlays.items():
        for source in mapping(mapping(overlay).get("sources")):
            if source not in known:
                path = ("environments", name, "sources", source)
                message = f'{called(path)}: there is no source "{source}"'
                yield path, Problem(message, places.key(*path), meant(source, known))


def laid(data: Data, name: str, overlay: Data, places: Places) -> Data:
    """The spec's data with an environment laid over them; places inside the environment go with what it changes."""
    over = {section: part for section, part in overlay.items() if section not in ("list_prefix", "variables")}
    if isinstance(data.get("sources"), dict) and "sources" in over:
        known = data["sources"]
        data = data | {"sources": known | {one: _rerouted(known[one], part) for one, part in over["sources"].items()}}
    for where in (places.keys, places.values):
        for path in [path for path in where if path[:2] == ("environments", name) and len(path) > 3]:
            where[path[2:]] = where[path]
    prefix = overlay.get("list_prefix")
    if isinstance(prefix, str):
        for where in (places.keys, places.values):
            for path in [path for path in where if path[:2] == ("policy", "guards") and path[3:4] == ("lists",)]:
                where.setdefault((*path[:4], *(f"{prefix}{name}" for name in path[4:])), where[path])
    return _prefixed(_merged(data, over), prefix)


def without(data: Any, path: Path) -> Any:
    """Data without what stands at a path."""
    if not isinstance(data, dict) or not path or path[0] not in data:
        return data
    first, *rest = path
    if not rest or not isinstance(data[first], dict):
        return {name: value for name, value in data.items() if name != first}
    return data | {first: without(data[first], tuple(rest))}


def _rerouted(source: Any, over: Any) -> Any:
    """A source without its way of being read, where the environment has another."""
    ways = [way for way in WAYS if way in over]
    if not ways or not isinstance(source, dict):
        return source
    gone = {*WAYS, *(() if "query" in ways else ("parameters",)), *(("connect",) if "file" in ways else ())}
    return {key: value for key, value in source.items() if key not in gone}


def _merged(base: Any, over: Any, path: Path = ()) -> Any:
    """Mappings key by key; anything else is replaced."""
    short = isinstance(base, dict) != isinstance(over, dict)
    if short and path[:2] == ("policy", "guards") and len(path) == 3:  # a limit alone is short for `default`
        base, over = (one if isinstance(one, dict) else {"default": one} for one in (base, over))
    if not isinstance(base, dict) or not isinstance(over, dict):
        return over
    return base | {
        name: _merged(base[name], value, (*path, name)) if name in base else value for name, value in over.items()
    }


def _prefixed(data: Data, prefix: str | None) -> Data:
    """The data with every list called by its name in the environment, also where guards name it."""
    if prefix is None:
        return data
    account, groups, policy = (mapping(data.get(name)) for name in ("account", "groups", "policy"))
    registry = account.get("registry", REGISTRY)
    names = {registry, *(mapping(group).get("list") for group in groups.values())}
    known = {name for name in names if isinstance(name, str)} - groups.keys()  # guards go by ids of groups too
    guards = {rule: _renamed(limits, known, prefix) for rule, limits in mapping(policy.get("guards")).items()}
    found = {
        "account": account | {"registry": f"{prefix}{registry}"},
        "groups": {name: _prefixed_group(group, prefix) for name, group in groups.items()},
        "policy": policy | ({"guards": guards} if guards else {}),
    }
    return data | {section: part for section, part in found.items() if isinstance(data.get(section), dict)}


def _prefixed_group(group: Any, prefix: str) -> Any:
    name = mapping(group).get("list")
    return group | {"list": prefix + name} if isinstance(name, str) and name else group


def _renamed(limits: Any, names: set[str], prefix: str) -> Any:
    lists = mapping(limits).get("lists")
    if not isinstance(lists, dict):
        return limits
    return limits | {"lists": {prefix + name if name in names else name: limit for name, limit in lists.items()}}


def mapping(part: Any) -> Data:
    """The part, where it is a mapping; else an empty one."""
    return part if isinstance(part, dict) else {}

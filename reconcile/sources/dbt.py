"""Models of dbt: from `ref('orders')` and dbt's manifest to the table that the model was built as."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from reconcile.sources import columns
from reconcile.sources.origin import Origin
from reconcile.spec.source import ModelReference

HINT = "Let dbt write it (`dbt parse` or `dbt build`), and name it by `manifest`, from the spec's folder."
_KINDS = frozenset({"model", "seed", "snapshot"})


def located(origin: Origin) -> Origin:
    """The source with the table of its model.

    Raises:
        SourceUnavailable: no manifest, no such model in it, several, or one that is no table.
    """
    asked = origin.spec.model
    if asked is None:
        raise origin.failed("`dbt` is not ref('model')")
    node = _find_node(origin, asked)
    if node.get("config", {}).get("materialized") == "ephemeral":
        raise origin.failed(f"the model `{asked.name}` is ephemeral: dbt makes no table of it")
    # The database is the one that `connect` leads to; where one connection sees several, its name is needed too.
    parts = (node.get("database") if origin.engine == "remote" else None, node.get("schema"), node.get("alias"))
    return replace(origin, table=".".join(part for part in parts if part))


def _find_node(origin: Origin, asked: ModelReference) -> Mapping[str, Any]:
    built: list[Mapping[str, Any]] = [
        node for node in _manifest(origin).values() if node.get("resource_type") in _KINDS
    ]
    found = [
        node for node in built if node.get("name") == asked.name and asked.package in (None, node.get("package_name"))
    ]
    if not found:
        guess = columns.meant(asked.name, tuple(sorted({str(node.get("name")) for node in built})))
        told = f"there is no model `{asked.name}` in dbt's manifest" + (f"; {guess}" if guess else "")
        raise origin.failed(told, hint="Let dbt write its manifest anew if the model is new.")
    packages = sorted({str(node.get("package_name")) for node in found})
    if len(packages) > 1:
        hint = f"Name the package: ref('package', '{asked.name}'). There are: {', '.join(packages)}."
        raise origin.failed(f"{len(packages)} packages have a model `{asked.name}` in dbt's manifest", hint=hint)
    return _find_version(origin, asked, found)


def _find_version(origin: Origin, asked: ModelReference, found: Sequence[Mapping[str, Any]]) -> Mapping[str, Any]:
    """The version that is asked for; without one, the latest, as dbt's own `ref` has it."""
    versions = [str(node["version"]) for node in found if node.get("version") is not None]
    wanted = asked.version or next((str(node["latest_version"]) for node in found if node.get("latest_version")), None)
    matching = [node for node in found if wanted is None or str(node.get("version")) == wanted]
    if len(matching) == 1:
        return matching[0]
    if not versions:
        raise origin.failed(f"the model `{asked.name}` has no versions", hint=f"Write ref('{asked.name}').")
    hint = f"Write one of its versions: ref('{asked.name}', v={versions[0]}). There are: {', '.join(sorted(versions))}."
    raise origin.failed(f"there is no version {wanted or 'without a number'} of the model `{asked.name}`", hint=hint)


def _manifest(origin: Origin) -> Mapping[str, Any]:
    path = origin.path(origin.spec.manifest)
    try:
        nodes: dict[str, Mapping[str, Any]] = dict(json.loads(path.read_bytes())["nodes"])
    except OSError:
        raise origin.failed(f"there is no manifest of dbt at {path}", hint=HINT) from None
    except (ValueError, KeyError, TypeError):
        raise origin.failed(f"{path} is no manifest of dbt", hint=HINT) from None
    return nodes

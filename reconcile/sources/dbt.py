"""Models of dbt: from `ref('orders')` and dbt's manifest to the table that the model was built as."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from reconcile.sources import columns
from reconcile.sources.origin import Origin

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
    node = _node(origin, *asked)
    if node.get("config", {}).get("materialized") == "ephemeral":
        raise origin.failed(f"the model `{asked[1]}` is ephemeral: dbt makes no table of it")
    # The database is the one that `connect` leads to; where one connection sees several, its name is needed too.
    parts = (node.get("database") if origin.engine == "remote" else None, node.get("schema"), node.get("alias"))
    return replace(origin, table=".".join(part for part in parts if part))


def _node(origin: Origin, package: str | None, name: str) -> Mapping[str, Any]:
    built: list[Mapping[str, Any]] = [
        node for node in _manifest(origin).values() if node.get("resource_type") in _KINDS
    ]
    found = [node for node in built if node.get("name") == name and package in (None, node.get("package_name"))]
    if len(found) > 1:
        packages = ", ".join(sorted(str(node.get("package_name")) for node in found))
        hint = f"Name the package: ref('package', '{name}'). There are: {packages}."
        raise origin.failed(f"there are {len(found)} models `{name}` in dbt's manifest", hint=hint)
    if not found:
        guess = columns.meant(name, tuple(sorted(str(node.get("name")) for node in built)))
        told = f"there is no model `{name}` in dbt's manifest" + (f"; {guess}" if guess else "")
        raise origin.failed(told, hint="Let dbt write its manifest anew if the model is new.")
    (node,) = found
    return node


def _manifest(origin: Origin) -> Mapping[str, Any]:
    path = origin.path(origin.spec.manifest)
    try:
        nodes: dict[str, Mapping[str, Any]] = dict(json.loads(path.read_bytes())["nodes"])
    except OSError:
        raise origin.failed(f"there is no manifest of dbt at {path}", hint=HINT) from None
    except (ValueError, KeyError, TypeError):
        raise origin.failed(f"{path} is no manifest of dbt", hint=HINT) from None
    return nodes

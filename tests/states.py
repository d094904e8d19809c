"""States for tests: people as small dicts, and as the tables that the engine sees."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from reconcile.spec.property import ValueType
from reconcile.state import arrows, values
from reconcile.state.model import Membership, Rows, Shape, Var
from reconcile.state.workspace import Workspace

SHAPE = Shape(
    vars=(Var("city", ValueType.STRING), Var("spent", ValueType.FLOAT), Var("tier", ValueType.STRING, skip_nulls=True)),
    lists=(Membership("Big"), Membership("News")),
    registry=Membership("reconcile: managed"),
)


@dataclass(frozen=True)
class Person:
    """A profile in a test: canonical texts by var, and names of lists."""

    email: str
    vars: Mapping[str, str] = field(default_factory=dict)
    lists: frozenset[str] = frozenset()
    optout: str | None = None


def table(workspace: Workspace, name: str, people: Iterable[Person], shape: Shape = SHAPE) -> Rows:
    """People as an observed table (a desired one has no use for its `sid`, and does not mind it)."""
    rows = list(people)
    columns: dict[str, list[Any]] = {
        "hash": [values.hash_of(one.email) for one in rows],
        "email": [one.email for one in rows],
        "sid": [f"sid of {one.email}" for one in rows],
        "optout": [one.optout for one in rows],
    }
    types = dict.fromkeys(columns, "string")
    for var in shape.vars:
        columns[var.column], types[var.column] = [one.vars.get(var.name) for one in rows], "string"
    for member in shape.memberships:
        columns[member.column], types[member.column] = [member.list in one.lists for one in rows], "bool"
    return workspace.store(name, arrows.table(columns, types))

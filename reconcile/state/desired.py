"""What is wanted: from the rows of the sources to one table of profiles, vars and memberships."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

import ibis

from reconcile.errors import Problem, SpecInvalid
from reconcile.spec.model import Nulls, Spec, ValueType
from reconcile.state import people, properties, values
from reconcile.state.masks import Masks
from reconcile.state.model import Invalid, Membership, Progress, Rows, Shape, Silent, Source, SourceFacts, Var
from reconcile.state.workspace import Workspace


@dataclass(frozen=True, slots=True)
class Desired:
    """The desired state.

    Args:
        rows: a desired table of `shape`.
        held: `hash, identity` of people whose rows cannot be used: hands off.
        invalid: rows and values left out, by reason.
        sources: what was read.
    """

    rows: Rows
    shape: Shape
    held: Rows
    invalid: tuple[Invalid, ...]
    sources: tuple[SourceFacts, ...]
    total: int


def build(
    spec: Spec,
    sources: Mapping[str, Source],
    workspace: Workspace,
    *,
    as_of: datetime,
    masks: Masks,
    progress: Progress | None = None,
) -> Desired:
    """Read the sources and work out who should be what at Sailthru.

    Raises:
        SpecInvalid: a column, expression, template or type that does not work out, with its place.
        SourceUnavailable, SourceEmpty: a source cannot be read, or has no rows.
    """
    found = people.gather(spec, sources, workspace, masks, progress or Silent())
    known = properties.evaluate(spec, found.rows, workspace, as_of)
    shape = _shape(spec, known.rows, found.key_column)
    rows = workspace.keep("desired", _table(spec, known.rows, shape))
    invalid = (*found.invalid, *known.unconverted)
    return Desired(rows, shape, found.held, invalid, found.sources, workspace.count(rows))


def _shape(spec: Spec, rows: Rows, key: Rows) -> Shape:
    managed = [
        Var(name, _type(spec, name, rows[var.property]), var.nulls is Nulls.SKIP) for name, var in spec.vars.items()
    ]
    identity = spec.profiles.identity
    if identity is not None:
        managed.append(Var(identity.var, values.kind_of(key) or ValueType.STRING))
    return Shape(
        vars=tuple(sorted(managed, key=lambda var: var.name)),
        lists=tuple(sorted((Membership(group.list) for group in spec.groups.values()), key=lambda one: one.list)),
        registry=Membership(spec.account.registry),
        identity=identity.var if identity else None,
    )


def _type(spec: Spec, name: str, column: Rows) -> ValueType:
    kind = values.kind_of(column)
    if kind is None:
        message = f'var "{name}" cannot be a {column.type()}: its property needs a type that Sailthru takes'
        raise SpecInvalid([Problem(message, spec.where("vars", name), "Declare a type, or convert it with sql.")])
    return kind


def _table(spec: Spec, rows: Rows, shape: Shape) -> Rows:
    email = rows[people.EMAIL]
    columns = {"hash": values.md5(email), "email": email}
    for var in shape.vars:
        origin = people.KEY if var.name == shape.identity else spec.vars[var.name].property
        columns[var.column] = values.of(rows[origin], var.type)
    groups = {group.list: name for name, group in spec.groups.items()}
    for membership in shape.lists:
        columns[membership.column] = rows[f"g:{groups[membership.list]}"]
    columns[shape.registry.column] = ibis.literal(value=True)
    return rows.select(**columns)

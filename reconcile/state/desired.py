"""What is wanted: from the rows of the sources to one table of profiles, vars and memberships."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime

import ibis

from reconcile.errors import Problem, SpecInvalid
from reconcile.spec import privacy, rules
from reconcile.spec.model import Nulls, Spec
from reconcile.spec.property import TEXTS, Property, ValueType
from reconcile.state import people, properties, values
from reconcile.state.gathering import Gathering
from reconcile.state.masks import Masks
from reconcile.state.model import (
    Invalid,
    Membership,
    Progress,
    Rows,
    Shape,
    Silent,
    Source,
    SourceFacts,
    Var,
    Violation,
)
from reconcile.state.people import People
from reconcile.state.properties import Known
from reconcile.state.workspace import Workspace


@dataclass(frozen=True, slots=True)
class Desired:
    """The desired state.

    Args:
        rows: a desired table of `shape`: of everybody an expression that nobody has worked out yet.
        held: `hash, identity` of people whose rows cannot be used: hands off.
        invalid: rows and values left out, by reason.
        sources: what was read.
        total: everybody, however few are in `rows`.
        settle: see `properties.Known`.
        violations: terms of contracts that do not hold, for which removals and deletions are held back.
        left_open: vars that may be left as they are for somebody; any of them when None.
    """

    rows: Rows
    shape: Shape
    held: Rows
    invalid: tuple[Invalid, ...]
    sources: tuple[SourceFacts, ...]
    total: int
    settle: Callable[[str, Rows], Rows]
    _among: Callable[[Rows], Rows]
    _owned: Callable[[Rows], Rows]
    violations: tuple[Violation, ...] = ()
    left_open: frozenset[str] | None = None

    def among(self, keys: Rows) -> Desired:
        """The same with the rows of those alone whose address is among these keys (see `values.keys`), kept.

        Raises:
            SpecInvalid: an expression fails on their values.
        """
        return replace(self, rows=self.settle("desired", self._among(keys)))

    def owned(self, ids: Rows) -> Rows:
        """Those of these ids (column `id`) that somebody has whose row can be used."""
        return self._owned(ids)

    def whole(self) -> Desired:
        """The same with everybody's rows, worked out and kept.

        Raises:
            SpecInvalid: an expression fails on their values.
        """
        return replace(self, rows=self.settle("desired", self.rows))


def build(
    spec: Spec,
    sources: Mapping[str, Source],
    workspace: Workspace,
    *,
    as_of: datetime,
    masks: Masks,
    progress: Progress | None = None,
    environ: Mapping[str, str] | None = None,
) -> Desired:
    """Read the sources and say who should be what at Sailthru.

    Args:
        environ: where `env()` looks for salts.

    Raises:
        SpecInvalid: a column, expression, template or type that does not work out, with its place.
        SourceUnavailable, SourceEmpty: a source cannot be read, or has no rows.
        ValuesUnfit, CredentialsRefused: see `properties.evaluate`.
    """
    given = Gathering(spec, sources, workspace, as_of, masks, environ or {}, progress or Silent())
    return of(spec, *given.everybody())


def of(spec: Spec, found: People, known: Known) -> Desired:
    """The desired state of people of whom all is known.

    Raises:
        SpecInvalid: see `shape_of`.
    """
    shape = shape_of(spec, known.rows, found.key_column)
    return Desired(
        rows=table(spec, known.rows, shape),
        shape=shape,
        held=found.held,
        invalid=(*found.invalid, *known.unconverted),
        sources=found.sources,
        total=found.total,
        settle=known.settle,
        violations=found.violations,
        left_open=frozenset(name for name, var in spec.vars.items() if f"u:{var.property}" in known.rows.columns),
        _among=lambda keys: table(spec, known.over(found.among(keys)), shape),
        _owned=lambda ids: ids.semi_join(found.home.select(id=found.home[people.KEY]), "id"),
    )


def shape_of(spec: Spec, rows: Rows, key: Rows) -> Shape:
    """What is managed.

    Args:
        rows: people with their properties.
        key: the column of the source's key, as it was read.

    Raises:
        SpecInvalid: a property has no type that a var can have.
    """
    pii = privacy.find_pii_vars(spec)
    managed = [
        Var(name, _type(spec, name, rows[var.property]), var.nulls is Nulls.SKIP, name in pii)
        for name, var in spec.vars.items()
    ]
    identity = spec.profiles.identity
    if identity is not None:
        kind = values.kind_of(key) or ValueType.STRING
        managed.append(Var(identity.var, kind, pii=identity.var in pii))
    return Shape(
        vars=tuple(sorted(managed, key=lambda var: var.name)),
        lists=tuple(Membership(name) for name in sorted(spec.lists)),
        registry=Membership(spec.account.registry),
        identity=identity.var if identity else None,
    )


def _type(spec: Spec, name: str, column: Rows) -> ValueType:
    prop = spec.properties[spec.vars[name].property]
    kind = prop.type if prop.type in TEXTS and prop.hash is None else values.kind_of(column)
    if kind is None:
        message = f'var "{name}" cannot be a {column.type()}: its property needs a type that Sailthru takes'
        raise SpecInvalid([Problem(message, spec.where("vars", name), "Declare a type, or convert it with sql.")])
    return kind


def table(spec: Spec, rows: Rows, shape: Shape) -> Rows:
    """A desired table, of people with their properties and groups.

    A membership that is null, and a var that begins with `values.KEPT`, are left as they are at Sailthru.
    """
    email = rows[people.EMAIL]
    columns = {"hash": values.md5(email), "email": email}
    for var in shape.vars:
        # The key is in canonical form already.
        columns[var.column] = rows[people.KEY] if var.name == shape.identity else _told(spec, rows, var)
    for membership in shape.lists:
        columns[membership.column] = rows[rules.member(spec.lists[membership.list])]
    columns[shape.registry.column] = ibis.literal(value=True)
    return rows.select(**columns)


def _told(spec: Spec, rows: Rows, var: Var) -> Rows:
    """The canonical text of a var, or that it is left as it is at Sailthru."""
    name = spec.vars[var.name].property
    text = rows[name] if _is_canonical(spec.properties[name], rows[name]) else values.of(rows[name], var.type)
    if (flag := properties.by_row(name)) in rows.columns:
        text = ibis.ifelse(rows[flag], ibis.literal(values.FOREIGN) + text, text)
    left_open = f"u:{name}"
    if left_open not in rows.columns:
        return text
    # What is left of an aggregate is good enough for somebody of whom nothing is known.
    new = text.fill_null("") if spec.properties[name].aggregate is not None else ibis.literal("")
    return ibis.ifelse(rows[left_open], ibis.literal(values.KEPT) + new, text)


def _is_canonical(prop: Property, column: Rows) -> bool:
    """Whether a text is in canonical form as it was received."""
    received = prop.column is not None and prop.aggregate is None and prop.type in {None, ValueType.STRING}
    return bool(received and column.type().is_string())

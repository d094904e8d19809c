"""What is known about each person: every property as a typed column, in the order in which they need each other."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from graphlib import TopologicalSorter

import ibis
import pyarrow as pa

from reconcile.errors import Problem, SpecInvalid, TemplateFailed, Where
from reconcile.spec import conditions, links, rules, templates
from reconcile.spec.model import Property, Spec, ValueType
from reconcile.spec.part import Scalar
from reconcile.state import people, values
from reconcile.state.model import Invalid, Rows
from reconcile.state.workspace import FormulaRefused, Workspace


@dataclass(frozen=True, slots=True)
class Known:
    """People with a column for each property (by its id) and for each group (`g:<id>`, boolean)."""

    rows: Rows
    unconverted: tuple[Invalid, ...]


def evaluate(spec: Spec, rows: Rows, workspace: Workspace, as_of: datetime) -> Known:
    """Work out all properties and groups over the table of people.

    Args:
        as_of: the one clock of relative dates in this run.

    Raises:
        SpecInvalid: an expression or template cannot be worked out, with its place and no value.
    """
    desk = _Desk(spec, workspace, as_of)
    for name in TopologicalSorter(links.links(spec)).static_order():
        rows = desk.add(rows, name, spec.properties[name])
    for name, group in spec.groups.items():
        rows = desk.decide(rows, name, rules.of(group).sql(as_of))
    rows = desk.settle(rows, "properties")
    return Known(rows.drop(*desk.checks.values()), _unconverted(rows, desk.checks, workspace))


@dataclass(slots=True)
class _Desk:
    """Adds one column at a time; remembers which conversions are to be counted."""

    spec: Spec
    workspace: Workspace
    as_of: datetime
    checks: dict[str, str] = field(default_factory=dict)
    formulas: dict[str, tuple[Where | None, Callable[[], Rows]]] = field(default_factory=dict)

    def add(self, rows: Rows, name: str, prop: Property) -> Rows:
        if prop.template is not None:
            rows = self._render(rows, name, prop.template)
        elif prop.sql is not None:
            rows = self._derive(rows, name, rules.parse(prop.sql).sql(self.as_of), ("properties", name, "sql"))
        elif prop.column is not None:
            source = prop.source or self.spec.profiles.from_
            rows = rows.mutate(**{name: rows[people.column(source, prop.column)]})
        else:
            rows = rows.mutate(**{name: ibis.literal(prop.value)})
        return self._finish(rows, name, prop)

    def decide(self, rows: Rows, name: str, sql: str) -> Rows:
        """Whether each person belongs to a group; a rule that comes out null says no."""
        column, part = f"g:{name}", "where" if self.spec.groups[name].where is not None else "rules"
        rows = self._derive(rows, column, sql, ("groups", name, part))
        if not rows[column].type().is_boolean():
            kind = str(rows[column].type())
            raise _refused(f'group "{name}" is not a yes or no: its rule gives {kind}', self._at("groups", name, part))
        return rows.mutate(**{column: rows[column].fill_null(False)})  # noqa: FBT003 -- Ibis's own signature

    def settle(self, rows: Rows, name: str) -> Rows:
        """Work out what was said so far. Only here do values meet expressions, so only here can they fail."""
        try:
            return self.workspace.keep(name, rows)
        except FormulaRefused as refused:
            self._blame()
            raise _refused(f"an expression fails on the data: {refused.reason}", None) from None

    def _derive(self, rows: Rows, name: str, sql: str, path: tuple[str, ...]) -> Rows:
        where = self._at(*path)
        try:
            derived = self.workspace.derive(rows, {name: sql})
        except FormulaRefused as refused:
            raise _refused(f'{path[0]} "{path[1]}": {refused.reason}', where) from None
        self.formulas[" ".join(path[:2])] = (where, lambda: derived.select(name))
        return derived

    def _blame(self) -> None:
        """Find the expression that fails on the data, by working each out alone."""
        for name, (where, column) in self.formulas.items():
            try:
                self.workspace.keep("blame", column())
            except FormulaRefused as refused:
                hint = "Some value does not fit. TRY_CAST gives null instead of failing."
                raise _refused(f"{name} fails on the data: {refused.reason}", where, hint) from None

    def _finish(self, rows: Rows, name: str, prop: Property) -> Rows:
        raw, check = rows[name], f"x:{name}"
        if prop.type is not None:
            typed = values.converted(raw, prop.type)
            rows = rows.mutate(**{check: raw.notnull() & typed.isnull(), name: typed})
            self.checks[name] = check
        if prop.default is not None:
            rows = rows.mutate(**{name: rows[name].fill_null(self._default(name, rows[name], prop.default))})
        return rows

    def _default(self, name: str, column: Rows, default: Scalar) -> Rows:
        """The default as a value of the column's own type, which only now is known."""
        literal = ibis.literal(default)
        kind, given = values.kind_of(column), values.kind_of(literal)
        if column.type().is_null() or kind is given or {kind, given} <= {ValueType.INTEGER, ValueType.FLOAT}:
            return literal
        if kind in {ValueType.DATE, ValueType.DATETIME} and isinstance(default, str) and conditions.is_iso(default):
            return values.converted(literal, kind)
        hint = "Declare the property's type, or another default."
        told = f'property "{name}": its default is no {kind or column.type()}'
        raise _refused(told, self._at("properties", name, "default"), hint)

    def _render(self, rows: Rows, name: str, text: str) -> Rows:
        """A template, on distinct inputs only: a greeting is rendered once a first name, not once a person."""
        inputs = sorted(templates.variables(text))
        if not inputs:
            return rows.mutate(**{name: ibis.literal(self._batch(name, text, {"": [None]})[0])})
        rows = self.settle(rows, f"before {name}")
        distinct = rows.select(inputs).distinct()
        schema = pa.schema([*distinct.schema().to_pyarrow(), pa.field(name, pa.string())])
        stream = pa.RecordBatchReader.from_batches(schema, self._rendered(distinct, name, text))
        rendered = self.workspace.store(f"rendered {name}", stream)
        same = [rows[column].identical_to(rendered[column]) for column in inputs]
        joined = rows.left_join(rendered, same)
        return joined.select(*rows.columns, name)

    def _rendered(self, distinct: Rows, name: str, text: str) -> Iterator[pa.RecordBatch]:
        for batch in self.workspace.stream(distinct):
            made = pa.array(self._batch(name, text, batch.to_pydict()), pa.string())
            yield batch.append_column(pa.field(name, pa.string()), made)

    def _batch(self, name: str, text: str, columns: Mapping[str, list[object]]) -> list[str | None]:
        try:
            return templates.compile(text).render(columns)
        except TemplateFailed as failed:
            message = f'template of property "{name}" failed: {failed.message}'
            raise _refused(message, self._at("properties", name, "template"), failed.hint) from None

    def _at(self, *path: str) -> Where | None:
        return self.spec.where(*path)


def _refused(message: str, where: Where | None, hint: str | None = None) -> SpecInvalid:
    return SpecInvalid([Problem(message, where, hint)])


def _unconverted(rows: Rows, checks: Mapping[str, str], workspace: Workspace) -> tuple[Invalid, ...]:
    if not checks:
        return ()
    counts = workspace.one(rows.aggregate(**{name: rows[check].sum() for name, check in checks.items()}))
    return tuple(
        Invalid("value does not fit its type (taken as null)", f"property {name}", int(count))
        for name, count in counts.items()
        if count
    )

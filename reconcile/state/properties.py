"""What is known about each person: every property as a typed column, in the order in which they need each other."""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from graphlib import TopologicalSorter

import ibis
import pyarrow as pa

from reconcile.errors import Problem, SpecInvalid, TemplateFailed, Where
from reconcile.spec import conditions, fitting, kinds, links, rules, templates
from reconcile.spec.kinds import Kind, Kinds
from reconcile.spec.model import Spec
from reconcile.spec.part import Scalar
from reconcile.spec.places import Places
from reconcile.spec.property import Property, ValueType
from reconcile.state import aggregates, people, values, wording
from reconcile.state.model import Invalid, Rows
from reconcile.state.workspace import FormulaRefused, Workspace


@dataclass(frozen=True, slots=True)
class Known:
    """What is known of people, said but not yet worked out for anybody.

    Args:
        rows: everybody, with a column for each property (by its id) and for each group (`g:<id>`, boolean).
        over: the same for other rows of the table of people, such as a few of them.
        settle: works out rows made of these and keeps them as a table of this name; only here do values meet
            expressions, so only here can an expression fail on them: `SpecInvalid`, with its place and no value.
        unconverted: values that did not fit their declared types.
    """

    rows: Rows
    over: Callable[[Rows], Rows]
    settle: Callable[[str, Rows], Rows]
    unconverted: tuple[Invalid, ...]


def evaluate(spec: Spec, rows: Rows, workspace: Workspace, as_of: datetime) -> Known:
    """Say all properties and groups over the table of people. Templates are rendered, on their distinct inputs.

    Args:
        as_of: the one clock of relative dates in this run.

    Raises:
        SpecInvalid: an expression or template cannot be worked out, with its place and no value.
    """
    desk = _Desk(spec, workspace, as_of)
    everybody = desk.over(rows)
    unconverted = _unconverted(everybody, desk)
    return Known(everybody.drop(*desk.checks.values()), desk.over_some, desk.settle, unconverted)


@dataclass(frozen=True, slots=True)
class _Formula:
    """Scalar SQL, and where in the spec it stands."""

    sql: str
    path: tuple[str, ...]


@dataclass(slots=True)
class _Desk:
    """Adds one column at a time; remembers which conversions are to be counted, and what templates came to."""

    spec: Spec
    workspace: Workspace
    as_of: datetime
    checks: dict[str, str] = field(default_factory=dict)
    formulas: dict[str, tuple[Where | None, Callable[[], Rows]]] = field(default_factory=dict)
    rendered: dict[str, Rows] = field(default_factory=dict)

    def over(self, rows: Rows) -> Rows:
        """These people with all their properties and groups, and the columns of `checks`."""
        for name in TopologicalSorter(links.links(self.spec)).static_order():
            rows = self.add(rows, name, self.spec.properties[name])
        return self.decide(rows)

    def over_some(self, rows: Rows) -> Rows:
        """The same for people among those for whom it was said already."""
        return self.over(rows).drop(*self.checks.values())

    def add(self, rows: Rows, name: str, prop: Property) -> Rows:
        if prop.template is not None:
            rows = self._render(rows, name, prop.template)
        elif prop.sql is not None:
            rows = self._derive(rows, {name: self._expression(name, prop.sql, rows)})
        elif prop.aggregate is not None:
            rows = rows.mutate(**{name: aggregates.value(rows, name, prop)})
        elif prop.column is not None:
            source = prop.source or self.spec.profiles.from_
            rows = rows.mutate(**{name: rows[people.column(source, prop.column)]})
        else:
            rows = rows.mutate(**{name: ibis.literal(prop.value)})
        return self._finish(rows, name, prop)

    def _expression(self, name: str, text: str, rows: Rows) -> _Formula:
        formula, path = rules.parse(text), ("properties", name, "sql")
        known = _kinds(formula.properties & self.spec.properties.keys(), rows)
        if misfits := list(fitting.expression(path, formula, known, self.places)):
            raise SpecInvalid(misfits)
        return _Formula(formula.sql(self.as_of), path)

    @property
    def places(self) -> Places:
        return self.spec.places or Places()

    def decide(self, rows: Rows) -> Rows:
        """Whether each person belongs to each group; a rule that comes out null says no."""
        known = _kinds(self.spec.properties, rows)
        formulas = {f"g:{name}": self._rule(name, known) for name in self.spec.groups}
        derived = self._derive(rows, formulas) if formulas else rows
        for column, formula in formulas.items():
            if not derived[column].type().is_boolean():
                kind = str(derived[column].type())
                told = f'group "{formula.path[1]}" is not a yes or no: its rule gives {kind}'
                raise _refused(told, self._at(*formula.path))
        decided = {column: derived[column].fill_null(False) for column in formulas}  # noqa: FBT003 -- Ibis's own signature
        return derived.mutate(**decided)

    def _rule(self, name: str, known: Kinds) -> _Formula:
        group = self.spec.groups[name]
        if misfits := list(fitting.group(name, group, known, self.places)):
            raise SpecInvalid(misfits)
        part = "where" if group.where is not None else "rules"
        return _Formula(rules.of(group, known).sql(self.as_of), ("groups", name, part))

    def settle(self, name: str, rows: Rows) -> Rows:
        """See `Known.settle`."""
        try:
            return self.workspace.keep(name, rows)
        except FormulaRefused as refused:
            self._blame()
            raise _refused(f"an expression fails on the data: {refused.reason}", None) from None

    def _derive(self, rows: Rows, formulas: Mapping[str, _Formula]) -> Rows:
        """The rows with a column for each formula, none of which needs another."""
        try:
            derived = self.workspace.derive(rows, {name: one.sql for name, one in formulas.items()})
        except FormulaRefused as refused:
            path = formulas[refused.name].path
            raise _refused(f'{path[0]} "{path[1]}": {refused.reason}', self._at(*path)) from None
        for name, one in formulas.items():
            self.formulas[" ".join(one.path[:2])] = (self._at(*one.path), functools.partial(derived.select, name))
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
        typed = values.converted(raw, prop.type) if prop.type is not None else raw
        if aggregates.misfits(name) in rows.columns:
            rows = rows.mutate(**{check: rows[aggregates.misfits(name)], name: typed})
            self.checks[name] = check
        elif typed.type() != raw.type():
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
        """A template: an expression where it is plain, and else on distinct inputs only, once a first name."""
        inputs = sorted(templates.variables(text))
        if not inputs:
            return rows.mutate(**{name: ibis.literal(self._batch(name, text, {"": [None]})[0])})
        plain = wording.plain(rows, text)
        if plain is not None and plain.all:
            return rows.mutate(**{name: plain.text})
        if name not in self.rendered:
            others = rows if plain is None else rows.filter(~plain.fits)
            self.rendered[name] = self._worked_out(others, name, text, inputs)
        rendered = self.rendered[name]
        same = [rows[column].identical_to(rendered[column]) for column in inputs]
        joined = rows.left_join(rendered, same)
        made = rendered[name] if plain is None else ibis.ifelse(plain.fits, plain.text, rendered[name])
        return joined.select(*rows.columns, **{name: made})

    def _worked_out(self, rows: Rows, name: str, text: str, inputs: list[str]) -> Rows:
        """What a template comes to, by its distinct inputs."""
        distinct = self.settle(f"inputs of {name}", rows.select(inputs).distinct())
        schema = pa.schema([*distinct.schema().to_pyarrow(), pa.field(name, pa.string())])
        stream = pa.RecordBatchReader.from_batches(schema, self._rendered(distinct, name, text))
        return self.workspace.store(f"rendered {name}", stream)

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


def _kinds(names: Iterable[str], rows: Rows) -> Kinds:
    """The kinds of columns, as far as they have one."""
    found = {name.casefold(): _kind(rows[name]) for name in names}
    return {name: kind for name, kind in found.items() if kind is not None}


def _kind(column: Rows) -> Kind | None:
    found, kind = column.type(), values.kind_of(column)
    if found.is_null():
        return None
    if kind is None:
        return Kind.LIST if found.is_array() and found.value_type.is_string() else None
    return kinds.of_type(kind)


def _refused(message: str, where: Where | None, hint: str | None = None) -> SpecInvalid:
    return SpecInvalid([Problem(message, where, hint)])


def _unconverted(rows: Rows, desk: _Desk) -> tuple[Invalid, ...]:
    if not desk.checks:
        return ()
    counts = rows.aggregate(**{name: rows[check].sum() for name, check in desk.checks.items()})
    return tuple(
        Invalid("value does not fit its type (taken as null)", f"property {name}", int(count))
        for name, count in desk.workspace.one(desk.settle("unconverted", counts)).items()
        if count
    )

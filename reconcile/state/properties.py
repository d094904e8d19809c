"""What is known about each person: every property as a typed column, in the order in which they need each other."""

from __future__ import annotations

import functools
import operator
import unicodedata
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal
from graphlib import TopologicalSorter
from typing import Any, TypeAlias

import ibis
import pyarrow as pa

from reconcile.errors import Problem, SpecInvalid, TemplateFailed, Where
from reconcile.spec import conditions, expressions, fitting, grammar, kinds, links, phones, rules, templates
from reconcile.spec.kinds import Kind, Kinds
from reconcile.spec.model import Spec
from reconcile.spec.part import Scalar
from reconcile.spec.places import Places
from reconcile.spec.property import Aggregate, OnMisfit, Property, ValueType
from reconcile.state import (
    aggregates,
    arrows,
    conversions,
    groups,
    hashing,
    nested,
    people,
    reading,
    strictness,
    values,
    wording,
)
from reconcile.state.model import MISFIT, Invalid, Rows
from reconcile.state.workspace import FormulaRefused, Workspace


@dataclass(frozen=True, slots=True)
class Known:
    """What is known of people, said but not yet worked out for anybody.

    Args:
        rows: everybody, with a column for each property (by its id) and for each group (`g:<id>`, boolean; null where a
            value that does not fit leaves it open). `u:<id>` says whether a property is left open, where any may be.
        over: the same for other rows of the table of people, such as a few of them.
        settle: works out rows made of these and keeps them as a table of this name; only here do values meet
            expressions, so only here can an expression fail on them: `SpecInvalid`, with its place and no value.
        unconverted: values that did not fit their declared types.
    """

    rows: Rows
    over: Callable[[Rows], Rows]
    settle: Callable[[str, Rows], Rows]
    unconverted: tuple[Invalid, ...]


def evaluate(
    spec: Spec,
    rows: Rows,
    workspace: Workspace,
    as_of: datetime,
    environ: Mapping[str, str] | None = None,
    odd: Collection[str] | None = None,
) -> Known:
    """Say all properties and groups over the table of people. Templates are rendered, on their distinct inputs.

    Args:
        as_of: the one clock of relative dates in this run.
        environ: where `env()` looks for salts.
        odd: the columns that hold NaN, an infinity or a year beyond 9999; None where nobody has looked.

    Raises:
        SpecInvalid: an expression or template cannot be worked out, with its place and no value.
        ValuesUnfit: values do not fit a strict property.
        CredentialsRefused: the variable of a salt is not set.
    """
    desk = _Desk(spec, workspace, as_of, hashing.Salts(spec, workspace, environ or {}), odd)
    everybody = desk.worked_out(rows)
    unconverted = _unconverted(everybody, desk)
    if desk.checks:  # what has no misfits needs nobody's attention any more
        everybody = desk.worked_out(rows)
    decided = desk.decide(everybody)
    if left_open := _rules_left_open(decided, desk):
        unconverted += left_open
    elif desk.fine_groups:
        desk.undecided.clear()
        decided = desk.decide(everybody)
    return Known(desk.bare(decided), desk.over_some, desk.settle, unconverted)


Work: TypeAlias = Callable[[Mapping[str, list[Any]]], list[str | None]]
"""Makes a column of a batch of columns."""

Reader: TypeAlias = Callable[[list[str | None], str | None], list[str | None]]
"""Makes texts regular; None of those that cannot be read. Is told the property's `region`."""

_READ: Mapping[ValueType | None, Reader] = {
    ValueType.PHONE: phones.e164,
    ValueType.JSON: lambda texts, _: nested.regular(texts),
}
"""Types whose values take Python to read: of distinct texts only."""


@dataclass(frozen=True, slots=True)
class _Formula:
    """Scalar SQL, and where in the spec it stands.

    Args:
        finite: the same with null for what is no value, see `Formula.finite_sql`; None where that cannot differ.
        may_fail: it may fail on a row, see `Formula.may_fail`.
    """

    sql: str
    path: tuple[str, ...]
    finite: str | None = None
    may_fail: bool = False


@dataclass(slots=True)
class _Desk:
    """Adds one column at a time; remembers which conversions are to be counted, and what templates came to."""

    spec: Spec
    workspace: Workspace
    as_of: datetime
    salts: hashing.Salts
    odd: Collection[str] | None = None
    checks: dict[str, list[str]] = field(default_factory=dict)
    fine: set[str] = field(default_factory=set)
    formulas: dict[str, tuple[Where | None, Callable[[], Rows]]] = field(default_factory=dict)
    rendered: dict[str, Rows] = field(default_factory=dict)
    misrendered: dict[str, bool] = field(default_factory=dict)
    fine_groups: set[str] = field(default_factory=set)
    """Groups whose rules go by no NaN or infinity for anybody."""
    undecided: set[str] = field(default_factory=set)
    """Groups that may be null for somebody."""

    def worked_out(self, rows: Rows) -> Rows:
        """These people with all their properties, and the columns of `checks`."""
        given = {name: one for name, one in self.spec.properties.items() if one.template is None and one.sql is None}
        # All at once: a step over many columns takes Ibis its time, for whatever it has to say that is made of it.
        rows = rows.mutate(**{name: self._given(rows, name, prop) for name, prop in given.items()})
        rows = self._finish(rows, given)
        for name in TopologicalSorter(links.links(self.spec)).static_order():
            if name not in given:
                rows = self._finish(self._made(rows, name), [name])
        return rows

    def over_some(self, rows: Rows) -> Rows:
        """The same, and their groups, for people among those for whom it was said already."""
        return self.bare(self.decide(self.worked_out(rows)))

    def bare(self, rows: Rows) -> Rows:
        """The rows without what is only there to be counted or told."""
        extra = {name for columns in self.checks.values() for name in columns if not name.startswith("x:a:")}
        for name in self.spec.groups:
            extra |= {_endless(name), _finite(rules.member(name)), _failing(rules.member(name))}
        return rows.drop(*sorted(extra & {*rows.columns}))

    def _given(self, rows: Rows, name: str, prop: Property) -> Rows:
        """The column of a property that needs no other."""
        if prop.aggregate is not None:
            return aggregates.value(rows, name, prop)
        if prop.column is not None:
            return rows[people.column(prop.source or self.spec.profiles.from_, prop.column)]
        return ibis.literal(prop.value)

    def _made(self, rows: Rows, name: str) -> Rows:
        """The rows with a property that is made of others."""
        prop = self.spec.properties[name]
        if prop.template is not None:
            return self._render(rows, name, prop.template)
        made = self._derive(rows, {name: self._expression(name, prop.sql or "", rows)})
        return self._without_failures(self._without_endless(made, name), name)

    def _without_failures(self, rows: Rows, name: str) -> Rows:
        """The rows where an expression that fails on a row comes to a misfit."""
        if _failing(name) not in rows.columns:
            return rows
        before, fails = strictness.why_column(name), rows[_failing(name)]
        why = conversions.code_where(fails, conversions.Misfit.FORMULA)
        if before in rows.columns:
            why = ibis.ifelse(fails, why, rows[before])
        self.checks[name] = [before]
        return rows.mutate(**{before: why}).drop(_failing(name))

    def _without_endless(self, rows: Rows, name: str) -> Rows:
        """The rows where an expression that goes by NaN or an infinity comes to a misfit."""
        if _finite(name) not in rows.columns:
            return rows
        endless = ~rows[name].identical_to(rows[_finite(name)])
        why = (
            {}
            if name in self.fine
            else {strictness.why_column(name): conversions.code_where(endless, conversions.Misfit.ENDLESS)}
        )
        return rows.mutate(**{name: ibis.ifelse(endless, ibis.null(rows[name].type()), rows[name])}, **why).drop(
            _finite(name)
        )

    def _expression(self, name: str, text: str, rows: Rows) -> _Formula:
        formula, path = rules.parse(text), ("properties", name, "sql")
        known = _kinds(formula.properties & self.spec.properties.keys(), rows)
        if misfits := list(expressions.misfits(path, formula, known, self.places)):
            raise SpecInvalid(misfits)
        finite = formula.finite_sql(self.as_of) if formula.may_overflow and name not in self.fine else None
        return _Formula(formula.sql(self.as_of), path, finite, formula.may_fail and name not in self.fine)

    @property
    def places(self) -> Places:
        return self.spec.places or Places()

    def decide(self, rows: Rows) -> Rows:
        """Whether each person belongs to each group; a rule that comes out null says no."""
        known = _kinds(self.spec.properties, rows)
        order = TopologicalSorter(links.kin(self.spec))
        order.prepare()
        while ready := sorted(order.get_ready()):
            rows = self._decide(rows, ready, known)
            order.done(*ready)
        suppressed = groups.suppressed(rows, self.spec)
        return rows.mutate(**suppressed) if suppressed else rows

    def _decide(self, rows: Rows, names: Sequence[str], known: Kinds) -> Rows:
        """The same for groups none of which asks for another."""
        formulas = {rules.member(name): self._rule(name, known) for name in names}
        derived = self._derive(rows, formulas)
        for column, formula in formulas.items():
            if not derived[column].type().is_boolean():
                kind = str(derived[column].type())
                told = f'group "{formula.path[1]}" is not a yes or no: its rule gives {kind}'
                raise _refused(told, self._at(*formula.path))
        looked = {
            _endless(name): ~derived[column].identical_to(derived[_finite(column)])
            for name, column in zip(names, formulas, strict=True)
            if _finite(column) in derived.columns
        }
        derived = derived.mutate(**looked) if looked else derived
        decided = {rules.member(name): self._belongs(derived, name) for name in names}
        return derived.mutate(**decided)

    def _belongs(self, rows: Rows, name: str) -> Rows:
        group, fits = self.spec.groups[name], rows[rules.member(name)].fill_null(False)  # noqa: FBT003 -- Ibis's own signature
        asked = [rows[_open(one)] for one in links.asked(group, self.spec) if _open(one) in rows.columns]
        if group.rules is not None:
            named = {one for _, one in conditions.groups(group)}
            asked += [rows[rules.member(one)].isnull() for one in sorted(named & self.undecided)]
        if _finite(rules.member(name)) in rows.columns:
            asked.append(rows[_endless(name)])
        if _failing(rules.member(name)) in rows.columns:
            asked.append(rows[_failing(rules.member(name))])
        if asked:
            fits = ibis.ifelse(functools.reduce(operator.or_, asked), ibis.null("boolean"), fits)
        if asked or {*(group.in_ or ()), *(group.not_in or ())} & self.undecided:
            self.undecided.add(name)
        return groups.belongs(rows, group, fits, rows[people.KEY])

    def _rule(self, name: str, known: Kinds) -> _Formula:
        group = self.spec.groups[name]
        if misfits := list(fitting.group(name, group, known, self.places)):
            raise SpecInvalid(misfits)
        part = "where" if group.where is not None else "rules"
        formula = rules.of(group, known)
        finite = formula.finite_sql(self.as_of) if formula.may_overflow and name not in self.fine_groups else None
        may_fail = group.where is not None and formula.may_fail and name not in self.fine_groups
        return _Formula(formula.sql(self.as_of), ("groups", name, part), finite, may_fail)

    def settle(self, name: str, rows: Rows) -> Rows:
        """See `Known.settle`."""
        try:
            return self.workspace.keep(name, rows)
        except FormulaRefused as refused:
            self._blame()
            raise _refused(f"an expression fails on the data: {refused.reason}", None) from None

    def _derive(self, rows: Rows, formulas: Mapping[str, _Formula]) -> Rows:
        """The rows with a column for each formula, none of which needs another."""
        texts = {name: one.sql for name, one in formulas.items()}
        texts |= {_finite(name): one.finite for name, one in formulas.items() if one.finite is not None}
        for name in [name for name, one in formulas.items() if one.may_fail]:
            if (guarded := self.workspace.guard(texts[name])) is not None:
                texts[name], texts[_failing(name)] = guarded
            if _finite(name) in texts and (guarded := self.workspace.guard(texts[_finite(name)])) is not None:
                texts[_finite(name)] = guarded[0]
        try:
            derived = self.workspace.derive(rows, texts)
        except FormulaRefused as refused:
            path = formulas[refused.name.removeprefix(_finite("")).removeprefix(_failing(""))].path
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

    def _finish(self, rows: Rows, names: Iterable[str]) -> Rows:
        """The columns in their types, then with their defaults, then hashed."""
        props = {name: self.spec.properties[name] for name in names}
        for name, prop in props.items():
            if prop.type in _READ:
                rows = self._read(rows, name, prop, _READ[prop.type])
        rows = _with(rows, (self._converted(rows, name, prop) for name, prop in props.items()))
        rows = _with(rows, (self._left_open(rows, name, prop) for name, prop in props.items()))
        rows = _with(rows, (self._filled(rows, name, prop) for name, prop in props.items()))
        for name, prop in props.items():
            if prop.hash is not None:
                rows = self.salts.hashed(rows, name, prop)
        return rows

    def _filled(self, rows: Rows, name: str, prop: Property) -> dict[str, Rows]:
        if prop.default is None:
            return {}
        filled = rows[name].fill_null(self._default(name, rows[name], prop.default))
        known = _open(name) not in rows.columns
        return {name: filled if known else ibis.ifelse(rows[_open(name)], rows[name], filled)}

    def _converted(self, rows: Rows, name: str, prop: Property) -> dict[str, Rows]:
        if prop.type in _READ:
            return {}
        raw = rows[name]
        before = self._misfits_before(rows, name, prop)
        odd = before is not None or (values.may_be_odd(raw) and self._may_be_odd(prop))
        received = conversions.received(raw, prop.type, odd=odd)
        typed = conversions.limited(received) if prop.type is None else conversions.converted(received, prop.type)
        odd = odd or (prop.type is None and conversions.may_be_too_large(received))
        made = {} if typed is raw else {name: typed}
        if raw.type().is_string() and self._typed_by_row(prop):
            # A row that holds another JSON type than the others is sent as what it is, and is its text to all else.
            made[by_row(name)] = json = values.is_marked(raw)
            whole = conversions.limited(reading.read_exact(received))
            number = ibis.ifelse(
                received.re_search("^-?[0-9]+$"), whole.isnull(), reading.read_number(received).isnull()
            )
            large = json & received.re_search("^-?[0-9]") & number
            too_large = conversions.code_where(large.fill_null(False), conversions.Misfit.RANGE)  # noqa: FBT003 -- Ibis's
            fits = conversions.Misfit.NONE
            before = too_large if before is None else ibis.ifelse(before == fits, too_large, before)
            odd, typed = True, ibis.ifelse(large, ibis.null("string"), received)
        if not (odd or (prop.type is not None and conversions.changes(received, prop.type))):
            return self._counted(rows, name, made)
        given = received if raw.type().is_string() else raw
        return self._counted(rows, name, {**made, name: typed, **self._checked(name, raw, given, typed, before)})

    def _typed_by_row(self, prop: Property) -> bool:
        """Whether each row says what its value is: that of a file, where nothing says a type for all."""
        if prop.column is None or prop.type is not None or prop.hash is not None:
            return False
        source = self.spec.sources[prop.source or self.spec.profiles.from_]
        plain = prop.aggregate in {None, Aggregate.FIRST, Aggregate.LAST}
        name = people.column(prop.source or self.spec.profiles.from_, prop.column)
        return plain and not source.is_untyped and (self.odd is None or name in self.odd)

    def _misfits_before(self, rows: Rows, name: str, prop: Property) -> Rows | None:
        """What is known not to fit before anything is converted, as a `Misfit`: in the source, or of a template."""
        if strictness.why_column(name) in rows.columns:
            return rows[strictness.why_column(name)]
        if prop.column is None or prop.aggregate is not None:
            return None
        flag = people.column(prop.source or self.spec.profiles.from_, f"{MISFIT}{prop.column}")
        return conversions.code_where(rows[flag], conversions.Misfit.COLUMN) if flag in rows.columns else None

    def _may_be_odd(self, prop: Property) -> bool:
        """Whether a value may be NaN, an infinity or a year beyond 9999."""
        if prop.aggregate is not None:
            return False  # the values were looked at before they were aggregated
        if prop.sql is not None:
            return rules.parse(prop.sql).may_overflow
        source = prop.source or self.spec.profiles.from_
        return self.odd is None or people.column(source, prop.column or "") in self.odd

    def _read(self, rows: Rows, name: str, prop: Property, read: Reader) -> Rows:
        """A type whose values take more than an expression to read."""
        given = f"given:{name}"
        texts = rows.mutate(**{given: values.text_of(conversions.received(rows[name], prop.type))})
        if name not in self.rendered:
            self.rendered[name] = self._worked_out(texts, name, [given], lambda one: read(one[given], prop.region))
        found = self.rendered[name]
        made = f"made:{name}"
        joined = texts.left_join(found, texts[given] == found[given]).select(*texts.columns, **{made: found[name]})
        before = self._misfits_before(joined, name, prop)
        checked = self._checked(name, joined[given], joined[given], joined[made], before)
        return joined.mutate(**self._counted(rows, name, {name: joined[made], **checked})).drop(given, made)

    def _checked(self, name: str, raw: Rows, given: Rows, typed: Rows, before: Rows | None = None) -> dict[str, Rows]:
        """Why each value does not fit, and what those look like that do not."""
        if name in self.fine:
            return {}
        why = conversions.misfit(given, typed, self.spec.properties[name].type, before)
        text = values.literal(raw) if raw.type().is_string() else values.text_of(raw)
        looks = ibis.ifelse(why != conversions.Misfit.NONE, text, ibis.null("string"))
        self.checks[name] = [strictness.why_column(name), strictness.raw_column(name)]
        return {strictness.why_column(name): why, strictness.raw_column(name): looks}

    def _counted(self, rows: Rows, name: str, made: dict[str, Rows]) -> dict[str, Rows]:
        """The same; values that were left out of an aggregate are to be counted too."""
        if aggregates.misfits(name) in rows.columns:
            self.checks.setdefault(name, []).append(aggregates.misfits(name))
        return made

    def _left_open(self, rows: Rows, name: str, prop: Property) -> dict[str, Rows]:
        """Whether a value is left as Sailthru has it: it does not fit, or what it is made of does not."""
        if prop.on_misfit is not OnMisfit.KEEP:
            return {}
        open_ = [rows[_open(one)] for one in links.links(self.spec)[name] if _open(one) in rows.columns]
        if name not in self.fine and not prop.strict:
            if strictness.why_column(name) in rows.columns:
                open_.append(rows[strictness.why_column(name)] != conversions.Misfit.NONE)
            if aggregates.misfits(name) in rows.columns:
                open_.append(rows[aggregates.misfits(name)].fill_null(0) > 0)
        return {_open(name): functools.reduce(operator.or_, open_)} if open_ else {}

    def _default(self, name: str, column: Rows, default: Scalar | list[str]) -> Rows:
        """The default as a value of the column's own type, which only now is known."""
        literal = ibis.literal(unicodedata.normalize("NFC", default) if isinstance(default, str) else default)
        kind, given = values.kind_of(column), values.kind_of(literal)
        if column.type().is_null() or kind is given or {kind, given} <= {ValueType.INTEGER, ValueType.FLOAT}:
            return literal
        if kind in {ValueType.DATE, ValueType.DATETIME} and isinstance(default, str) and conditions.is_iso(default):
            return conversions.converted(literal, kind)
        hint = "Declare the property's type, or another default."
        told = f'property "{name}": its default is no {kind or column.type()}'
        raise _refused(told, self._at("properties", name, "default"), hint)

    def _render(self, rows: Rows, name: str, text: str) -> Rows:
        """A template: an expression where it is plain, and else on distinct inputs only, once a first name."""
        inputs = sorted(templates.variables(text))
        if not inputs:
            made = self._batch(name, text, {"": [None]})[0]
            if made == grammar.MISFIT:
                return rows.mutate(**{name: ibis.null("string"), **self._rendered_why(name, ibis.literal(value=True))})
            return rows.mutate(**{name: ibis.literal(made)})
        plain = wording.plain(rows, text)
        if plain is not None and plain.all:
            return rows.mutate(**{name: plain.text})
        if name not in self.rendered:
            others = rows if plain is None else rows.filter(~plain.fits)
            self.rendered[name] = self._worked_out(others, name, inputs, functools.partial(self._batch, name, text))
        rendered = self.rendered[name]
        same = [rows[column].identical_to(rendered[column]) for column in inputs]
        joined = rows.left_join(rendered, same)
        made = rendered[name] if plain is None else ibis.ifelse(plain.fits, plain.text, rendered[name])
        found = joined.select(*rows.columns, **{name: made})
        if name in self.fine or not self._gives_misfits(name, rendered):
            return found
        wrong = (found[name] == grammar.MISFIT).fill_null(False)  # noqa: FBT003 -- Ibis's own signature
        return found.mutate(**{name: found[name].nullif(grammar.MISFIT), **self._rendered_why(name, wrong)})

    def _gives_misfits(self, name: str, rendered: Rows) -> bool:
        """Whether a template came to something that is no value for any of its inputs."""
        if name not in self.misrendered:
            found = self.workspace.one(rendered.aggregate(any=(rendered[name] == grammar.MISFIT).any()))
            self.misrendered[name] = bool(found["any"])
        return self.misrendered[name]

    def _rendered_why(self, name: str, wrong: Rows) -> dict[str, Rows]:
        """Where a template came to something that is no value."""
        if name in self.fine:
            return {}
        self.checks[name] = [strictness.why_column(name)]
        return {strictness.why_column(name): conversions.code_where(wrong, conversions.Misfit.VALUE)}

    def _worked_out(self, rows: Rows, name: str, inputs: list[str], work: Work) -> Rows:
        """What a property comes to that takes Python, by its distinct inputs."""
        distinct = self.settle(f"inputs of {name}", rows.select(inputs).distinct())
        schema = pa.schema([*distinct.schema().to_pyarrow(), pa.field(name, pa.string())])
        stream = pa.RecordBatchReader.from_batches(schema, self._batches(distinct, name, work))
        return self.workspace.store(f"rendered {name}", stream)

    def _batches(self, distinct: Rows, name: str, work: Work) -> Iterator[pa.RecordBatch]:
        for batch in self.workspace.stream(distinct):
            made = arrows.texts(
                work({name: [_plain(one) for one in found] for name, found in batch.to_pydict().items()})
            )
            yield batch.append_column(pa.field(name, pa.string()), made)

    def _batch(self, name: str, text: str, columns: Mapping[str, list[object]]) -> list[str | None]:
        try:
            return templates.compile(text).render(dict(columns))
        except TemplateFailed as failed:
            message = f'template of property "{name}" failed: {failed.message}'
            raise _refused(message, self._at("properties", name, "template"), failed.hint) from None

    def _at(self, *path: str) -> Where | None:
        return self.spec.where(*path)


def _with(rows: Rows, made: Iterable[Mapping[str, Rows]]) -> Rows:
    """The rows with these columns, all in one step."""
    columns = {name: column for some in made for name, column in some.items()}
    return rows.mutate(**columns) if columns else rows


def _kinds(names: Iterable[str], rows: Rows) -> Kinds:
    """The kinds of columns, as far as they have one."""
    found = {name.casefold(): _kind(rows[name]) for name in names}
    return {name: kind for name, kind in found.items() if kind is not None}


def _kind(column: Rows) -> Kind | None:
    kind = values.kind_of(column)
    return None if kind is None or column.type().is_null() else kinds.of_type(kind)


def _refused(message: str, where: Where | None, hint: str | None = None) -> SpecInvalid:
    return SpecInvalid([Problem(message, where, hint)])


def _plain(value: Any) -> Any:
    """A value as templates reckon with it."""
    if not isinstance(value, Decimal):
        return value
    return int(value) if value == value.to_integral_value() else float(value)


def by_row(name: str) -> str:
    """The column that says where a property that is a text holds a JSON value that is none."""
    return f"j:{name}"


def _finite(name: str) -> str:
    """The column of an expression with null for what is no value."""
    return f"f:{name}"


def _failing(name: str) -> str:
    """The column that says where an expression fails on a row."""
    return f"y:{name}"


def _endless(group: str) -> str:
    """The column that says whether a group's rule goes by NaN or an infinity."""
    return f"e:{group}"


def _open(name: str) -> str:
    """The column that says whether a property is left as Sailthru has it."""
    return f"u:{name}"


def _unconverted(rows: Rows, desk: _Desk) -> tuple[Invalid, ...]:
    """What does not fit, by property and by reason."""
    if not desk.checks:
        return ()
    sums: dict[tuple[str, int], Rows] = {}
    for name, columns in desk.checks.items():
        if (why := strictness.why_column(name)) in columns:
            sums |= {(name, code): (rows[why] == code).sum() for code in conversions.WORDS}
        if (left_out := aggregates.misfits(name)) in columns:
            sums[name, conversions.Misfit.NONE] = rows[left_out].sum()
    found = desk.settle("unconverted", rows.aggregate(**{str(at): one for at, one in enumerate(sums.values())}))
    counts = dict(zip(sums, desk.workspace.one(found).values(), strict=True))
    wrong = {key: int(count) for key, count in counts.items() if count}
    desk.fine |= desk.checks.keys() - {name for name, _ in wrong}
    return strictness.told(desk.spec, wrong, _keep_misfits(rows, desk, {name for name, _ in wrong}), desk.workspace)


def _rules_left_open(rows: Rows, desk: _Desk) -> tuple[Invalid, ...]:
    """Whose membership is left open: the rule of a group goes by NaN or an infinity, or its SQL fails."""
    looked = {(name, True): rows[_endless(name)] for name in desk.spec.groups if _endless(name) in rows.columns}
    for name in desk.spec.groups:
        if (fails := _failing(rules.member(name))) in rows.columns:
            looked[name, False] = rows[fails]
    if not looked:
        return ()
    counts = desk.settle("left open", rows.aggregate(**{str(at): one.sum() for at, one in enumerate(looked.values())}))
    found = dict(zip(looked, (int(one or 0) for one in desk.workspace.one(counts).values()), strict=True))
    wrong = {key: count for key, count in found.items() if count}
    desk.fine_groups |= {name for name, _ in found} - {name for name, _ in wrong}
    return tuple(
        Invalid(_why_open(desk, name, endless=endless), f"group {name}", count)
        for (name, endless), count in sorted(wrong.items())
    )


def _why_open(desk: _Desk, name: str, *, endless: bool) -> str:
    if endless:
        return "rule goes by NaN or an infinity (left as it is at Sailthru)"
    place = desk.spec.where("groups", name, "where")
    return f"its SQL{f' ({place})' if place else ''} fails on the row (left as it is at Sailthru)"


def _keep_misfits(rows: Rows, desk: _Desk, names: Collection[str]) -> Rows:
    """The values of these properties in rows of misfits, worked out once for all that is asked about them."""
    reasons = [why for name in sorted(names) if (why := strictness.why_column(name)) in rows.columns]
    if not reasons:
        return rows
    wrong = functools.reduce(operator.or_, (rows[why] != conversions.Misfit.NONE for why in reasons))
    looks = [raw for name in sorted(names) if (raw := strictness.raw_column(name)) in rows.columns]
    return desk.settle("misfits", rows.filter(wrong).select(*sorted(names), *reasons, *looks))

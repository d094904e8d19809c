"""What the many rows of a person come to: all aggregates of a source in one pass, one row a person.

A value that does not fit is left out, and counted for the person: what it came to is not all that it might be.

The answers do not depend on the order of rows, nor on the engine: sums are worked out in decimals, `first` and `last`
take the least and the greatest of pairs (what puts them in order, value), lists are sorted.
"""

from __future__ import annotations

import functools
import operator
from collections.abc import Callable, Collection, Iterable, Mapping
from datetime import datetime
from decimal import Decimal

import ibis
import ibis.expr.datatypes as dt

from reconcile.errors import Problem, SpecInvalid
from reconcile.spec import aggregates as aggregated
from reconcile.spec import kinds, rules
from reconcile.spec.model import Spec
from reconcile.spec.places import Places
from reconcile.spec.property import Aggregate, Property, ValueType
from reconcile.spec.source import SourceSpec
from reconcile.state import conversions, declared, reading, values
from reconcile.state.model import MISFIT, Rows
from reconcile.state.workspace import FormulaRefused, Workspace

PLACES = 12
"""Places after the point in which broken numbers are summed; what has no room in 38 digits then is no number."""

_WHOLE, _LARGE, _BROKEN = dt.Decimal(38, 0), dt.Decimal(37, 0), dt.Decimal(38, PLACES)
"""What is summed: whole numbers of 64 bits, larger ones, and fractions."""
_SHORT, _SHORT_SUM = 15, 28
"""Digits of a decimal that a double keeps, and of which a sum of some 10^10 has room in 38."""
_LEAST = 5e-13
"""Half of the last place of a sum: what is less comes to nothing."""
_CONVERTED = frozenset({Aggregate.MIN, Aggregate.MAX, Aggregate.FIRST, Aggregate.LAST})
_COUNTS = frozenset({Aggregate.COUNT, Aggregate.COUNT_DISTINCT})


def column(name: str) -> str:
    """The column of a property's aggregate in the table of people."""
    return f"a:{name}"


def misfits(name: str) -> str:
    """The column of how many of a person's values could not be used, where any could not."""
    return f"x:a:{name}"


def value(rows: Rows, name: str, prop: Property) -> Rows:
    """A property's aggregate for each person, those without a row included."""
    found = rows[column(name)]
    if prop.aggregate in _COUNTS:
        return found.fill_null(0)
    return found.fill_null(False) if prop.aggregate is Aggregate.EXISTS else found  # noqa: FBT003 -- Ibis's own


def of(
    spec: Spec,
    source: str,
    rows: Rows,
    key: str,
    workspace: Workspace,
    as_of: datetime,
    odd: Collection[str] | None = None,
) -> Rows:
    """A table of people by their key, with a column for each aggregate over this source.

    Args:
        rows: the source's, with a column `key`.
        as_of: the one clock of relative dates in this run.
        odd: the columns that hold NaN, an infinity or a year beyond 9999; None where nobody has looked.

    Raises:
        SpecInvalid: a filter or a column does not work out, with its place and no value.
    """
    props = {name: prop for name, prop in spec.properties.items() if prop.aggregate and prop.source == source}
    received = _received(rows.filter(rows[key].notnull()), props, odd, spec.sources[source])
    flagged = _flagged(spec, source, received, props, workspace, as_of)
    ready = _prepared(spec, flagged, props, workspace)
    made = {name: _columns(ready, name, prop) for name, prop in props.items()}
    people = ready.group_by(key)
    try:
        return workspace.keep(f"people of {source}", people.aggregate(**_merged(made)))
    except FormulaRefused:
        for name, columns in made.items():
            _blame(spec, name, people.aggregate(**columns), workspace)
        raise


def _merged(parts: Mapping[str, Mapping[str, Rows]]) -> dict[str, Rows]:
    return {name: one for part in parts.values() for name, one in part.items()}


def _blame(spec: Spec, name: str, rows: Rows, workspace: Workspace) -> None:
    try:
        workspace.keep("blame", rows)
    except FormulaRefused as refused:
        key = "where" if spec.properties[name].where is not None else "aggregate"
        hint = "Some value does not fit. TRY_CAST gives null instead of failing." if key == "where" else None
        raise _refused(spec, name, key, f"fails on the data: {refused.reason}", hint) from None


def _refused(spec: Spec, name: str, key: str, told: str, hint: str | None = None) -> SpecInvalid:
    return SpecInvalid([Problem(f'{key} of property "{name}": {told}', spec.where("properties", name, key), hint)])


# Which rows


def _received(rows: Rows, props: Mapping[str, Property], odd: Collection[str] | None, source: SourceSpec) -> Rows:
    """The rows with every column as all are to see it, and beside it that of the source where that tells more."""
    used = sorted({name for prop in props.values() for name in aggregated.columns(prop)} & {*rows.columns})
    flags = {name: rows[f"{MISFIT}{name}"] for name in used if f"{MISFIT}{name}" in rows.columns}
    made: dict[str, Rows] = {}
    for name in used:
        raw, may_be_odd = rows[name], values.may_be_odd(rows[name]) and (odd is None or name in odd)
        made[name] = values.received(raw, odd=may_be_odd)
        if may_be_odd or raw.type().is_decimal() or raw.type().is_string():
            made[_raw(name)] = raw
        wrong = [values.odd(raw)] if may_be_odd else []
        wrong += [flags[name]] if name in flags else []
        if raw.type().is_string() and name in source.columns:
            given, made[name] = made[name], declared.column(source, name, rows)
            wrong.append(given.notnull() & made[name].isnull())
        if wrong:
            made[_odd(name)] = functools.reduce(operator.or_, wrong)
    return rows.mutate(**made) if made else rows


def _raw(column: str) -> str:
    return f"r:{column}"


def _odd(column: str) -> str:
    return f"o:{column}"


def _flagged(
    spec: Spec, source: str, rows: Rows, props: Mapping[str, Property], workspace: Workspace, as_of: datetime
) -> Rows:
    """The rows with a yes or no for each filter; a filter that comes out null says no."""
    parsed = {_flag(name): rules.parse(prop.where) for name, prop in props.items() if prop.where}
    if not parsed:
        return rows
    formulas = {flag: one.sql(as_of) for flag, one in parsed.items()}
    formulas |= {_finite(flag): one.finite_sql(as_of) for flag, one in parsed.items() if one.may_overflow}
    for flag in [flag for flag, one in parsed.items() if one.may_fail]:
        if (guarded := workspace.guard(formulas[flag])) is not None:
            formulas[flag], formulas[_failing(flag)] = guarded
        if _finite(flag) in formulas and (guarded := workspace.guard(formulas[_finite(flag)])) is not None:
            formulas[_finite(flag)] = guarded[0]
    if spec.sources[source].file is not None:  # a database compares as it does; text of a file is no number
        _check_filters(spec, source, rows, props)
    try:
        flagged = workspace.derive(rows, formulas)
    except FormulaRefused as refused:
        name = refused.name.removeprefix("f:").removeprefix("y:").removeprefix("w:")
        raise _refused(spec, name, "where", refused.reason) from None
    for flag in parsed:
        if not (kind := flagged[flag].type()).is_boolean():
            raise _refused(spec, flag.removeprefix("w:"), "where", f"it is not a yes or no, but {kind}")
    return _without_endless(flagged, parsed)


def _without_endless(rows: Rows, flags: Iterable[str]) -> Rows:
    """The rows where a filter that goes by NaN or an infinity, or that fails, says no, and that is known."""
    made: dict[str, Rows] = {}
    for flag in flags:
        if _finite(flag) in rows.columns:
            made |= {flag: rows[_finite(flag)], _odd(flag): ~rows[flag].identical_to(rows[_finite(flag)])}
        if _failing(flag) in rows.columns:
            fails = rows[_failing(flag)]
            made[_odd(flag)] = made[_odd(flag)] | fails if _odd(flag) in made else fails
    return rows.mutate(**made) if made else rows


def _finite(flag: str) -> str:
    return f"f:{flag}"


def _failing(flag: str) -> str:
    """The column that says where a filter fails on a row."""
    return f"y:{flag}"


def _check_filters(spec: Spec, source: str, rows: Rows, props: Mapping[str, Property]) -> None:
    found = {column.casefold(): values.kind_of(rows[column]) for column in rows.columns}
    known = {name: kinds.of_type(kind) for name, kind in found.items() if kind is not None}
    for name, prop in props.items():
        if prop.where is not None:
            path = ("properties", name, "where")
            formula = rules.parse(prop.where)
            if wrong := list(aggregated.misfits(path, formula, known, source, spec.places or Places())):
                raise SpecInvalid(wrong)


def _flag(name: str) -> str:
    return f"w:{name}"


# What they come to


def _prepared(spec: Spec, rows: Rows, props: Mapping[str, Property], workspace: Workspace) -> Rows:
    """The rows with the values that are aggregated, typed, and where they could not be used.

    Beforehand, and not in the aggregate: not every engine takes there what makes a text of a number.
    """
    made: dict[str, Rows] = {}
    for name, prop in props.items():
        wrong = [rows[_odd(one)] for one in aggregated.columns(prop) if _odd(one) in rows.columns]
        wrong += [rows[_odd(_flag(name))]] if _odd(_flag(name)) in rows.columns else []
        if prop.column is not None:
            given = _given(rows, prop)
            made[_typed(name)] = typed = _values(spec, name, prop, given)
            _check_order(spec, name, prop, rows, workspace)
            if typed.type() != given.type() or (prop.type is not None and conversions.changes(given, prop.type)):
                wrong.append(conversions.misfit(given, typed, prop.type) != conversions.Misfit.NONE)
        if prop.by is not None:
            made[_order(name)] = _ordered(prop, rows, made[_typed(name)])
        if wrong:
            made[misfits(name)] = functools.reduce(operator.or_, wrong)
    return rows.mutate(**made)


def _check_order(spec: Spec, name: str, prop: Property, rows: Rows, workspace: Workspace) -> None:
    """Make sure that no least or greatest is asked for among texts and numbers: these have no order in common."""
    raw = _raw(str(prop.column))
    if prop.type is not None or prop.aggregate not in {Aggregate.MIN, Aggregate.MAX} or raw not in rows.columns:
        return
    if not spec.sources[str(prop.source)].is_typed_by_row or not rows[raw].type().is_string():
        return
    if workspace.one(rows.aggregate(any=values.is_marked(rows[raw]).any()))["any"]:
        hint = f'Say what it holds: add "type: float" (or another) to property "{name}".'
        told = f'{prop.aggregate} needs values of one type, and "{prop.column}" holds texts and others'
        raise _refused(spec, name, "column", told, hint)


def _given(rows: Rows, prop: Property) -> Rows:
    """The column that is aggregated: of decimals every digit, and of what is to be an address every letter."""
    column = str(prop.column)
    if _raw(column) in rows.columns:
        raw = rows[_raw(column)]
        if raw.type().is_decimal():
            return raw
        if prop.type is ValueType.EMAIL and prop.aggregate in _CONVERTED:
            return conversions.received(raw, prop.type)
        by_row = raw.type().is_string() and rows[column].type().is_string()
        if prop.type is None and prop.aggregate in {Aggregate.FIRST, Aggregate.LAST} and by_row:
            return ibis.ifelse(values.is_marked(raw), raw, rows[column])  # each row says what its value is
    return rows[column]


def _ordered(prop: Property, rows: Rows, typed: Rows) -> Rows:
    """What puts rows in order. Texts of times go by the moment, of numbers by the number, and all others behind."""
    by = rows[prop.by]
    if not by.type().is_string():
        return by
    if prop.by == prop.column:
        return typed
    order = ibis.struct({"at": reading.read_moment(by), "number": reading.read_number(by), "text": by})
    return ibis.ifelse(by.notnull(), order, ibis.null(order.type()))


def _columns(rows: Rows, name: str, prop: Property) -> dict[str, Rows]:
    """A property's aggregate, and how many values could not be used where some had to be converted."""
    flag = rows[_flag(name)] if prop.where else None
    if prop.column is None or prop.aggregate is None:
        count = rows.count(where=flag)
        made = {column(name): count > 0 if prop.aggregate is Aggregate.EXISTS else count}
        return made | ({misfits(name): rows[misfits(name)].sum()} if misfits(name) in rows.columns else {})
    by = rows[_order(name)] if prop.by else None
    found = {column(name): _aggregated(prop.aggregate, rows[_typed(name)], by, flag)}
    if misfits(name) in rows.columns:
        # A filter that reads what is no value says no; of those rows it cannot be known whether they count.
        counted = None if flag is None else flag | _unread(rows, name, prop)
        found[misfits(name)] = rows[misfits(name)].sum(where=counted)
    if prop.aggregate is Aggregate.SUM and rows[_typed(name)].type() != _BROKEN:
        # A sum that has no room is no value of a person, and nobody else's fault.
        some = rows[_typed(name)].count(where=flag) > 0
        large = (some & found[column(name)].isnull()).cast(dt.int64)
        found[misfits(name)] = found[misfits(name)].fill_null(0) + large if misfits(name) in found else large
    return found


def _unread(rows: Rows, name: str, prop: Property) -> Rows:
    """Where the filter reads what is no value."""
    read = rules.parse(prop.where or "").properties
    odd = [rows[_odd(one)] for one in (*sorted(read), _flag(name)) if _odd(one) in rows.columns]
    return functools.reduce(operator.or_, odd, ibis.literal(value=False))


def _order(name: str) -> str:
    return f"b:{name}"


def _typed(name: str) -> str:
    return f"t:{name}"


def _values(spec: Spec, name: str, prop: Property, raw: Rows) -> Rows:
    """The column's values as they are aggregated."""
    if prop.aggregate in _CONVERTED and prop.type is not None:
        return conversions.converted(raw, prop.type)
    if prop.aggregate in {Aggregate.SUM, Aggregate.AVG}:
        return _summable(spec, name, prop, raw)
    if prop.aggregate is Aggregate.LIST:
        # The short way for what is typed already: to read its text again takes the engine seconds to plan.
        given = values.literal(raw) if raw.type().is_string() else raw
        if raw.type().is_decimal():
            return values.text_of(raw)  # every digit, where the canonical form of a fraction is a double
        return values.of(given, values.kind_of(raw) or ValueType.STRING)
    return raw


def _summable(spec: Spec, name: str, prop: Property, raw: Rows) -> Rows:
    if raw.type().is_string() and prop.type in {ValueType.INTEGER, ValueType.FLOAT}:
        raw = conversions.converted(raw, prop.type)
    kind = raw.type()
    if kind.is_integer():
        return raw.cast(_WHOLE)
    if kind.is_decimal():
        return raw.try_cast(_LARGE) if kind.scale == 0 else raw
    if kind.is_floating():
        # By its text: the decimal that was meant, where a double of 0.1 is a little more. DuckDB 1.5 rounds what is too
        # small for a decimal by its first digit, wherever that stands: `9e-14` would be a whole last place.
        some = ibis.ifelse(raw.abs() < _LEAST, 0.0, raw)
        return some.cast(dt.string).try_cast(_BROKEN)
    hint = f'Add "type: float" to property "{name}", or convert it in the query of the source.'
    raise _refused(spec, name, "column", f'{prop.aggregate} needs numbers, and "{prop.column}" is {kind}', hint)


def _aggregated(aggregate: Aggregate, column: Rows, by: Rows, flag: Rows | None) -> Rows:
    match aggregate:
        case Aggregate.FIRST:
            return _pair(column, by).min(where=_both(column, by, flag))["value"]
        case Aggregate.LAST:
            return _pair(column, by).max(where=_both(column, by, flag))["value"]
        case _:
            return _PLAIN[aggregate](column, flag)


def _sum(column: Rows, flag: Rows | None) -> Rows:
    kind = column.type()
    if kind.is_decimal() and kind.scale and kind != _BROKEN:
        return _exact_sum(column, flag)
    total = column.sum(where=flag)
    if kind == _LARGE:
        return total.cast(reading.EXACT)
    return total.try_cast(dt.int64) if kind == _WHOLE else _double(total)


def _exact_sum(column: Rows, flag: Rows | None) -> Rows:
    """The sum of decimals, exact; null where it has no room.

    Short ones sum up to a double, which holds 15 digits of whatever it is.
    """
    places, digits = column.type().scale, column.type().precision or 38
    if digits <= _SHORT_SUM:
        total = column.sum(where=flag)
        if digits > _SHORT:
            return total.cast(dt.Decimal(38, places))
        most = ibis.literal(Decimal(10 ** (_SHORT - places)), dt.Decimal(38, places))
        return ibis.ifelse(total.abs() < most, _double(total), ibis.null(dt.float64))
    wholes, rests = _sums_apart(column, flag)
    room = wholes.abs() < ibis.literal(Decimal(10 ** (38 - places - 1)), reading.EXACT)
    kind = dt.Decimal(38, places)
    held = ibis.ifelse(room, wholes, ibis.null(reading.EXACT)).cast(kind)
    return (held + rests.cast(kind)).cast(kind)


def _sums_apart(column: Rows, flag: Rows | None) -> tuple[Rows, Rows]:
    """The sum of what is before the point, and of what is behind it: the engine fails where one sum has no room."""
    places = column.type().scale
    whole = column.cast(dt.string).re_extract(r"^-?[0-9]+", 0).cast(_LARGE)
    rest = (column - whole.cast(dt.Decimal(38, places))).cast(dt.Decimal(places + 1, places))
    return whole.sum(where=flag).cast(reading.EXACT), rest.sum(where=flag)


def _average(column: Rows, flag: Rows | None) -> Rows:
    kind = column.type()
    if kind.is_decimal() and kind.scale and kind != _BROKEN and (kind.precision or 38) > _SHORT_SUM:
        wholes, rests = _sums_apart(column, flag)
        total = _double(wholes) + _double(rests)
    else:
        total = _double(column.sum(where=flag))
    return total / column.count(where=flag)


def _double(exact: Rows) -> Rows:
    """The double next to a decimal, whichever engine it is: by its text."""
    return exact.cast(dt.string).cast(dt.float64)


def _pair(column: Rows, by: Rows) -> Rows:
    return ibis.struct({"by": by, "value": column})


def _both(column: Rows, by: Rows, flag: Rows | None) -> Rows:
    """A row without a value, or without its place in the order, is neither first nor last."""
    there = column.notnull() & by.notnull()
    return there if flag is None else there & flag


def _list(column: Rows, flag: Rows | None) -> Rows:
    there = column.notnull() if flag is None else column.notnull() & flag
    found = column.collect(where=there, distinct=True).sort()
    return ibis.ifelse(found.length() > 0, found, ibis.null(found.type()))


_PLAIN: Mapping[Aggregate, Callable[[Rows, Rows | None], Rows]] = {
    Aggregate.COUNT: lambda column, flag: column.count(where=flag),
    Aggregate.EXISTS: lambda column, flag: column.count(where=flag) > 0,
    Aggregate.COUNT_DISTINCT: lambda column, flag: column.nunique(where=flag),
    Aggregate.SUM: _sum,
    Aggregate.AVG: _average,
    Aggregate.MIN: lambda column, flag: column.min(where=flag),
    Aggregate.MAX: lambda column, flag: column.max(where=flag),
    Aggregate.LIST: _list,
}
"""Those that look at one column, and at no order."""

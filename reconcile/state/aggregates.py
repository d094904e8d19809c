"""What the many rows of a person come to: all aggregates of a source in one pass, one row a person.

The answers do not depend on the order of rows, nor on the engine: sums are worked out in decimals, `first` and `last`
take the least and the greatest of pairs (what puts them in order, value), lists are sorted.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import datetime

import ibis
import ibis.expr.datatypes as dt

from reconcile.errors import Problem, SpecInvalid
from reconcile.spec import rules
from reconcile.spec.model import Spec
from reconcile.spec.property import TEXTS, Aggregate, Property, ValueType
from reconcile.state import conversions, values
from reconcile.state.model import Rows
from reconcile.state.workspace import FormulaRefused, Workspace

PLACES = 12
"""Places after the point in which broken numbers are summed; what has no room in 38 digits then is no number."""

_WHOLE, _BROKEN = dt.Decimal(38, 0), dt.Decimal(38, PLACES)
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


def of(spec: Spec, source: str, rows: Rows, key: str, workspace: Workspace, as_of: datetime) -> Rows:
    """A table of people by their key, with a column for each aggregate over this source.

    Args:
        rows: the source's, with a column `key`.
        as_of: the one clock of relative dates in this run.

    Raises:
        SpecInvalid: a filter or a column does not work out, with its place and no value.
    """
    props = {name: prop for name, prop in spec.properties.items() if prop.aggregate and prop.source == source}
    flagged = _flagged(spec, rows.filter(rows[key].notnull()), props, workspace, as_of)
    ready = _prepared(spec, flagged, props)
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


def _flagged(spec: Spec, rows: Rows, props: Mapping[str, Property], workspace: Workspace, as_of: datetime) -> Rows:
    """The rows with a yes or no for each filter; a filter that comes out null says no."""
    formulas = {_flag(name): rules.parse(prop.where).sql(as_of) for name, prop in props.items() if prop.where}
    if not formulas:
        return rows
    try:
        flagged = workspace.derive(rows, formulas)
    except FormulaRefused as refused:
        raise _refused(spec, refused.name.removeprefix("w:"), "where", refused.reason) from None
    for flag in formulas:
        if not (kind := flagged[flag].type()).is_boolean():
            raise _refused(spec, flag.removeprefix("w:"), "where", f"it is not a yes or no, but {kind}")
    return flagged


def _flag(name: str) -> str:
    return f"w:{name}"


# What they come to


def _prepared(spec: Spec, rows: Rows, props: Mapping[str, Property]) -> Rows:
    """The rows with the values that are aggregated, typed, and where they could not be used.

    Beforehand, and not in the aggregate: not every engine takes there what makes a text of a number.
    """
    made: dict[str, Rows] = {}
    for name, prop in props.items():
        if prop.column is not None:
            raw = rows[prop.column]
            made[_typed(name)] = typed = _values(spec, name, prop, raw)
            if typed.type() != raw.type() or prop.type in TEXTS:
                made[misfits(name)] = conversions.misfits(raw, typed)
    return rows.mutate(**made)


def _columns(rows: Rows, name: str, prop: Property) -> dict[str, Rows]:
    """A property's aggregate, and how many values could not be used where some had to be converted."""
    flag = rows[_flag(name)] if prop.where else None
    if prop.column is None or prop.aggregate is None:
        count = rows.count(where=flag)
        return {column(name): count > 0 if prop.aggregate is Aggregate.EXISTS else count}
    by = rows[prop.by] if prop.by else None
    found = {column(name): _aggregated(prop.aggregate, rows[_typed(name)], by, flag)}
    if misfits(name) in rows.columns:
        found[misfits(name)] = rows[misfits(name)].sum(where=flag)
    return found


def _typed(name: str) -> str:
    return f"t:{name}"


def _values(spec: Spec, name: str, prop: Property, raw: Rows) -> Rows:
    """The column's values as they are aggregated."""
    if prop.aggregate in _CONVERTED and prop.type is not None:
        return conversions.converted(raw, prop.type)
    if prop.aggregate in {Aggregate.SUM, Aggregate.AVG}:
        return _summable(spec, name, prop, raw)
    if prop.aggregate is Aggregate.LIST:
        return values.canonical(values.text_of(raw), values.kind_of(raw) or ValueType.STRING)
    return raw


def _summable(spec: Spec, name: str, prop: Property, raw: Rows) -> Rows:
    if raw.type().is_string() and prop.type in {ValueType.INTEGER, ValueType.FLOAT}:
        raw = conversions.converted(raw, prop.type)
    kind = raw.type()
    if kind.is_integer():
        return raw.cast(_WHOLE)
    if kind.is_decimal():
        return raw
    if kind.is_floating():
        # By its text: the decimal that was meant, where a double of 0.1 is a little more. DuckDB 1.5 rounds what is too
        # small for a decimal by its first digit, wherever that stands: `9e-14` would be a whole last place.
        some = ibis.ifelse(raw.abs() < _LEAST, 0.0, raw)
        return some.cast(dt.string).try_cast(_BROKEN)
    hint = "Declare type: float, or convert it in the source's query."
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
    total = column.sum(where=flag)
    return total.cast(dt.int64) if column.type() == _WHOLE else _double(total)


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
    Aggregate.AVG: lambda column, flag: _double(column.sum(where=flag)) / column.count(where=flag),
    Aggregate.MIN: lambda column, flag: column.min(where=flag),
    Aggregate.MAX: lambda column, flag: column.max(where=flag),
    Aggregate.LIST: _list,
}
"""Those that look at one column, and at no order."""

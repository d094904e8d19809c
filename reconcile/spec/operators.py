"""The operators of structured rules: one table, from which the checks, the SQL, the schema and the docs are made.

Nothing here reads SQL: an operator writes it, in DuckDB's dialect, and `spec.rules` takes it in. Null is SQL's: nothing
but `exists: false` is true of it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import date, datetime
from functools import partial
from typing import Any

from reconcile.spec import conditions, kinds, takes, untyped
from reconcile.spec.conditions import Day, Now, Span
from reconcile.spec.group import Condition, Op
from reconcile.spec.kinds import Kind
from reconcile.spec.model import Path
from reconcile.spec.part import Scalar
from reconcile.spec.takes import FLAG, LENGTH, ONE, ORDER, PAIR, PATTERN, SOME, SPAN, TEXT, TEXTS, TIME, Takes

ANY = tuple(Kind)
ORDERED = (Kind.TEXT, Kind.NUMBER, Kind.TIME)
EQUAL = (*ORDERED, Kind.BOOLEAN)
TEXTUAL, TIMED, LISTED = (Kind.TEXT,), (Kind.TIME,), (Kind.LIST,)


@dataclass(frozen=True, slots=True)
class Operator:
    """One operator.

    Args:
        kinds: of the properties that it fits.
        sql: of the property's column in SQL, the value, and the property's kind where it is known.
        meaning: goes on with "it holds where the property …".
        example: a value.
    """

    kinds: tuple[Kind, ...]
    takes: Takes
    sql: Callable[[str, Any, Kind | None], str]
    meaning: str
    example: str


@dataclass(frozen=True, slots=True)
class Mismatch:
    """What of a condition does not fit, and where in it that stands."""

    path: Path
    message: str
    hint: str | None = None


def mismatches(condition: Condition, kind: Kind | None) -> Iterator[Mismatch]:
    """What does not fit in a condition, whose property is of this kind as far as that is known."""
    operator = TABLE[condition.op]
    wrong = operator.takes.wrong(condition.value)
    if wrong is not None:
        yield Mismatch(("value",), f'operator "{condition.op}" {wrong[0]}', wrong[1])
    if kind is None:
        return
    if kind not in operator.kinds:
        fitting = ", ".join(op for op, one in TABLE.items() if kind in one.kinds)
        said = f'operator "{condition.op}" does not fit property "{condition.property}", which is {called(kind)}'
        hint = f"It fits {_either(operator.kinds)}. For {called(kind)}: {fitting}."
        if kind is Kind.TEXT and operator.kinds == TIMED:
            hint = f"{untyped.for_property(condition.property, Kind.TIME)}. {hint}"
        yield Mismatch(("op",), said, hint)
    elif wrong is None and operator.takes.each:
        yield from _unlike(condition, kind)


def _unlike(condition: Condition, kind: Kind) -> Iterator[Mismatch]:
    several = isinstance(condition.value, list)
    for at, value in enumerate(scalars(condition.value)):
        path: Path = ("value", at) if several else ("value",)
        found = kinds.of_scalar(value)
        if kind is Kind.TIME:
            if not isinstance(value, str) or conditions.moment(value) is None:
                said = f'property "{condition.property}" is {called(kind)}, and the value is none'
                yield Mismatch(path, said, takes.TIMES)
        elif found is not None and found is not kind:
            said = f'property "{condition.property}" is {called(kind)}, and the value is {called(found)}'
            yield Mismatch(path, said, _hint(condition.property, kind, found))


_HINTS: Mapping[tuple[Kind, Kind], str] = {
    (Kind.NUMBER, Kind.TEXT): "Write the number without quotes, or give the property the type string.",
    (Kind.NUMBER, Kind.BOOLEAN): "Compare with 1 or 0, or give the property the type boolean.",
    (Kind.BOOLEAN, Kind.TEXT): "Write true or false, without quotes.",
    (Kind.BOOLEAN, Kind.NUMBER): "Write true or false.",
}


def _hint(name: str, kind: Kind, found: Kind) -> str | None:
    if kind is Kind.TEXT and (add := untyped.for_property(name, found)):
        return f"{add}, or put the value in quotes."
    return _HINTS.get((kind, found))


def called(kind: Kind) -> str:
    """A kind in a sentence: `a number`."""
    match kind:
        case Kind.BOOLEAN | Kind.JSON:
            return str(kind)
        case _:
            return f"a {kind}"


def _either(fitting: tuple[Kind, ...]) -> str:
    *most, last = fitting
    return f"{', '.join(most)} and {last}" if most else str(last)


def sql(condition: Condition, column: str, kind: Kind | None = None) -> str:
    """A condition in SQL; the clock is `CURRENT_DATE` and `CURRENT_TIMESTAMP`.

    Args:
        column: the property in SQL.
        kind: of the property, where it is known; the value must fit it.
    """
    return TABLE[condition.op].sql(column, condition.value, kind)


def scalars(value: takes.Value) -> list[Scalar]:
    """The values of a condition as a list."""
    return value if isinstance(value, list) else [value]


# How they become SQL


def _literal(value: Scalar) -> str:
    match value:
        case str():
            return "'" + value.replace("'", "''") + "'"
        case bool():
            return str(value).upper()
        case _:
            return repr(value)


def _compared(sign: str, column: str, value: Scalar, kind: Kind | None) -> str:
    if kind is Kind.TIME:
        return _timed(sign, column, value, kind)
    return f"{column} {sign} {_literal(value)}"


def _timed(sign: str, column: str, value: Scalar, _: Kind | None) -> str:
    """Whole days are compared as days, moments as moments; what is neither is null."""
    moment = conditions.moment(str(value))
    if moment is None:
        raise ValueError("no time")  # whoever asks has looked for mismatches before
    precise = "TIMESTAMP" if isinstance(moment, datetime | Now) else "DATE"
    return f"TRY_CAST({column} AS {precise}) {sign} {_moment(moment)}"


def _moment(moment: conditions.Moment) -> str:
    match moment:
        case Now():
            return "CURRENT_TIMESTAMP"
        case Day(Span(0, _)):
            return "CURRENT_DATE"
        case Day(Span(count, unit), ahead):
            return f"CAST(CURRENT_DATE {'+' if ahead else '-'} INTERVAL '{count}' {unit} AS DATE)"
        case datetime():
            return f"CAST('{moment.replace(tzinfo=None).isoformat(' ')}' AS TIMESTAMP)"
        case date():
            return f"CAST('{moment.isoformat()}' AS DATE)"


def _exists(column: str, value: Scalar, _: Kind | None) -> str:
    return f"{column} IS NULL" if value is False else f"NOT {column} IS NULL"


def _between(column: str, value: list[Scalar], kind: Kind | None) -> str:
    least, most = value
    return f"{_compared('>=', column, least, kind)} AND {_compared('<=', column, most, kind)}"


def _among(column: str, value: list[Scalar], kind: Kind | None) -> str:
    if kind is Kind.TIME:
        return " OR ".join(_timed("=", column, one, kind) for one in value)
    return f"{column} IN ({', '.join(map(_literal, value))})"


def _not_among(column: str, value: list[Scalar], kind: Kind | None) -> str:
    return f"NOT ({_among(column, value, kind)})"


def _call(name: str, column: str, value: Scalar, _: Kind | None) -> str:
    return f"{name}({column}, {_literal(value)})"


def _in_past(column: str, value: str, kind: Kind | None) -> str:
    return f"{_timed('>', column, f'{value} ago', kind)} AND {_timed('<=', column, 'today', kind)}"


def _in_next(column: str, value: str, kind: Kind | None) -> str:
    return f"{_timed('>=', column, 'today', kind)} AND {_timed('<', column, f'{value} from now', kind)}"


def _measured(column: str, value: int | str, _: Kind | None) -> str:
    found = takes.LENGTHS.fullmatch(str(value).strip())
    sign, count = (found[1], found[2]) if found else ("=", value)
    return f"LENGTH({column}) {'<>' if sign == '!=' else sign} {count}"


def _includes(joint: str, column: str, value: list[Scalar], kind: Kind | None) -> str:
    return f" {joint} ".join(_call("LIST_CONTAINS", column, one, kind) for one in value)


# The table

TABLE: Mapping[Op, Operator] = {
    Op.EXISTS: Operator(ANY, FLAG, _exists, "has a value; with false: is null", "true"),
    Op.EQ: Operator(EQUAL, ONE, partial(_compared, "="), "equals the value", "Rome"),
    Op.NE: Operator(EQUAL, ONE, partial(_compared, "<>"), "is another than the value", "Rome"),
    Op.GT: Operator(ORDERED, ORDER, partial(_compared, ">"), "is more than the value, or later", "100"),
    Op.GTE: Operator(ORDERED, ORDER, partial(_compared, ">="), "is the value or more, or later", "100"),
    Op.LT: Operator(ORDERED, ORDER, partial(_compared, "<"), "is less than the value, or earlier", "100"),
    Op.LTE: Operator(ORDERED, ORDER, partial(_compared, "<="), "is the value or less, or earlier", "100"),
    Op.BETWEEN: Operator(ORDERED, PAIR, _between, "lies between two values, or is one of them", "[10, 20]"),
    Op.IN: Operator(EQUAL, SOME, _among, "equals one of the values", "[Rome, Oslo]"),
    Op.NOT_IN: Operator(EQUAL, SOME, _not_among, "equals none of the values", "[Rome, Oslo]"),
    Op.CONTAINS: Operator(TEXTUAL, TEXT, partial(_call, "CONTAINS"), "holds the text; no wildcards", "50%"),
    Op.STARTS_WITH: Operator(TEXTUAL, TEXT, partial(_call, "STARTS_WITH"), "begins with the text; no wildcards", "Ro"),
    Op.ENDS_WITH: Operator(TEXTUAL, TEXT, partial(_call, "ENDS_WITH"), "ends with the text; no wildcards", "burg"),
    Op.LIKE: Operator(
        TEXTUAL, TEXT, partial(_compared, "LIKE"),
        "fits as a whole: `%` is any text, `_` any one letter, and nothing escapes them", '"R_m%"'),
    Op.ILIKE: Operator(
        TEXTUAL, TEXT, partial(_compared, "ILIKE"), "fits as with `like`, in capitals or small letters", '"r_m%"'),
    Op.MATCHES: Operator(
        TEXTUAL, PATTERN, partial(_call, "REGEXP_MATCHES"),
        "has a part that fits the regular expression; `^` and `$` are begin and end", "'^[A-Z]{2}[0-9]+$'"),
    Op.BEFORE: Operator(TIMED, TIME, partial(_timed, "<"), "is earlier than the time", "90 days ago"),
    Op.AFTER: Operator(TIMED, TIME, partial(_timed, ">"), "is later than the time", "2026-01-31"),
    Op.IN_PAST: Operator(TIMED, SPAN, _in_past, "lies in so many days (or weeks, …) that end with today", "90 days"),
    Op.IN_NEXT: Operator(TIMED, SPAN, _in_next, "lies in so many days (or weeks, …) that begin with today", "2 weeks"),
    Op.LENGTH: Operator((Kind.TEXT, Kind.LIST), LENGTH, _measured, "has so many characters, or members", '">= 3"'),
    Op.INCLUDES_ANY: Operator(
        LISTED, TEXTS, partial(_includes, "OR"), "has at least one of the texts among its members", "[Rock, Jazz]"),
    Op.INCLUDES_ALL: Operator(
        LISTED, TEXTS, partial(_includes, "AND"), "has every one of the texts among its members", "[Rock, Jazz]"),
}  # fmt: skip

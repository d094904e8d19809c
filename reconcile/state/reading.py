"""How texts become values in the engine: by the grammar of `spec.grammar`, null where a text is not in it.

The engine's own cast is never asked alone: it rounds `17.6`, reads `0x10` and `epoch`, and drops offsets.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import date, datetime

import ibis
import ibis.expr.datatypes as dt

from reconcile.spec import grammar
from reconcile.spec.property import ValueType
from reconcile.state.model import Rows

EXACT = dt.Decimal(38, 0)
"""Whole numbers beyond 64 bits."""

_SHORT = rf"^{grammar.GAP}[+-]?[0-9]{{1,15}}(?:\.[0-9]*)?{grammar.GAP}$"
"""Numbers whose whole part a double holds exactly."""
_ENTIRE = grammar.around(r"[+-]?[0-9]+(?:\.0*)?")


@ibis.udf.scalar.builtin  # type: ignore[untyped-decorator]  # Ibis ships no types
def shortest(number: float) -> str:  # type: ignore[empty-body]  # the engine has the body
    """The shortest text that reads back as the same double: not always the engine's own cast to text."""


def fits(text: Rows, kind: ValueType) -> Rows:
    """Whether texts are of the grammar of this type; a day that its month has not, and a number too large, fit too."""
    if kind is ValueType.BOOLEAN:
        return bare_word(text).isin((*grammar.TRUE, *grammar.FALSE))
    return text.re_search(grammar.around(grammar.EXPRESSIONS[kind]))


def bare_word(text: Rows) -> Rows:
    """A text in small letters, without white space around it."""
    return text.strip().lower()


def read_integer(text: Rows) -> Rows:
    """Whole numbers of 64 bits."""
    return _where(fits(text, ValueType.INTEGER), text.try_cast(dt.int64))


def read_exact(text: Rows) -> Rows:
    """Whole numbers of up to 38 digits, however they are written."""
    return _where(text.re_search(_ENTIRE), text.try_cast(EXACT))


def read_number(text: Rows) -> Rows:
    """Finite doubles; of whole numbers, those that a double holds exactly."""
    number = text.try_cast(dt.float64)
    exact = ~text.re_search(_ENTIRE) | held(number, text.try_cast(EXACT))
    return ibis.cases(
        (text.re_search(_SHORT), number),
        (fits(text, ValueType.FLOAT) & finite(number) & exact, number),
        else_=ibis.null(dt.float64),
    )


def held(number: Rows, exact: Rows) -> Rows:
    """Whether a double is this whole number, digit by digit."""
    return shortest(number).try_cast(EXACT) == exact


def finite(number: Rows) -> Rows:
    """Whether a floating number is one."""
    return ~(number.isnan() | number.isinf())


def read_boolean(text: Rows) -> Rows:
    """True and false."""
    # Word by word: the engine makes a join of a list with five or more, which takes twice as long.
    words = dict.fromkeys(sorted(grammar.TRUE), True) | dict.fromkeys(sorted(grammar.FALSE), False)
    return bare_word(text).cases(*words.items(), else_=ibis.null(dt.boolean))


def read_date(text: Rows) -> Rows:
    """Days; a time behind them is cut."""
    return _where(fits(text, ValueType.DATE), text.try_cast(dt.date))


_UTC, _ZONED = f"^(?:{grammar.UTC})$", f"^(?:{grammar.ZONED})$"


def read_moment(text: Rows) -> Rows:
    """Moments in UTC, to the microsecond."""
    # A short way for each of the usual forms; whatever is written otherwise is taken apart and put together.
    return ibis.cases(
        (text.re_search(_UTC), text.try_cast(dt.Timestamp())),
        (text.re_search(_ZONED), _zoned(text)),
        (fits(text, ValueType.DATETIME), _pieced(text)),
        else_=ibis.null(dt.Timestamp()),
    )


def _zoned(text: Rows) -> Rows:
    moment = text.try_cast(dt.Timestamp(timezone="UTC")).cast(dt.Timestamp())
    return _where(lasting(moment), moment)


def _pieced(text: Rows) -> Rows:
    """Moments of times that the engine does not read: with an offset and without seconds, or with spaces between."""
    bare = text.strip()
    day, minute, second, offset = (bare.re_extract(f"^{grammar.PARTS}$", at) for at in range(1, 5))
    offset = ibis.ifelse(offset.isin(("Z", "UTC")), "+00", offset)
    found = day + " " + minute + ibis.ifelse(second == "", ":00", second) + offset
    return ibis.ifelse(bare.re_search(_UTC), bare.try_cast(dt.Timestamp()), _zoned(found))


FIRST, LAST = datetime(1, 1, 1), datetime(9999, 12, 31, 23, 59, 59, 999999)  # noqa: DTZ001 -- moments of a column without a zone


def lasting(column: Rows) -> Rows:
    """Whether dates or moments are of the years 1 to 9999: engines know later ones, and endless ones."""
    if column.type().is_date():
        return column.between(ibis.literal(date.min), ibis.literal(date.max))
    return column.between(ibis.literal(FIRST), ibis.literal(LAST))


def _where(condition: Rows, value: Rows) -> Rows:
    return ibis.ifelse(condition, value, ibis.null(value.type()))


READ: Mapping[ValueType, Callable[[Rows], Rows]] = {
    ValueType.INTEGER: read_integer,
    ValueType.FLOAT: read_number,
    ValueType.BOOLEAN: read_boolean,
    ValueType.DATE: read_date,
    ValueType.DATETIME: read_moment,
}

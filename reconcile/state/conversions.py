"""Columns made into the type that a property declares: what does not fit becomes null, and why is said beside it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from decimal import Decimal
from enum import IntEnum

import ibis
import ibis.expr.datatypes as dt

from reconcile.spec.property import TEXTS, ValueType
from reconcile.state import nested, reading, values
from reconcile.state.model import Rows

# What PHP's FILTER_VALIDATE_EMAIL takes, which Sailthru's own validator calls after trim and lower-case (SAILTHRU.md
# §7.3): dot-separated ASCII atoms, no leading hyphen, a host of two labels or more that neither start nor end with a
# hyphen, the last of which starts with a letter. What it takes besides is left out, as nobody was seen to have it at
# Sailthru: quoted names ("a b"@x.y) and the addresses of machines ([10.0.0.1]).
_ATOM = r"[a-z0-9!#$%&'*+/=?^_`{|}~-]+"
_LABEL = r"[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?"
_LAST = r"[a-z]([a-z0-9-]{0,61}[a-z0-9])?"
ADDRESS = rf"^{_ATOM}(\.{_ATOM})*@({_LABEL}\.)+{_LAST}$"
LONGEST = 254
LONGEST_LOCAL = 64
URL = r"^[Hh][Tt][Tt][Pp][Ss]?://[^/?#@\x00-\x20<>\x22]+([/?#][^\x00-\x20<>\x22]*)?$"
"""A web address: http or https, a host, and no space in it."""


def well_formed(address: Rows) -> Rows:
    """Whether Sailthru takes these normalised addresses."""
    return (
        address.re_search(ADDRESS)
        & (address.length() <= LONGEST)
        & (address.find("@") <= LONGEST_LOCAL)
        & ~address.startswith("-")
    )


_DIGITS = 19
_LEAST, _GREATEST = (ibis.literal(Decimal(number), reading.EXACT) for number in (-(2**63), 2**64 - 1))
"""The numbers of 64 bits, with a sign or without, which have up to so many digits and one."""


class Misfit(IntEnum):
    """Why a value does not fit its type; nothing where it does."""

    NONE = 0
    OTHER = 1
    FRACTION = 2
    RANGE = 3
    ENDLESS = 4
    COLUMN = 5
    VALUE = 6
    FORMULA = 7


WORDS: Mapping[Misfit, str] = {
    Misfit.OTHER: "no {type}",
    Misfit.FRACTION: "a fraction",
    Misfit.RANGE: "beyond what the type holds",
    Misfit.ENDLESS: "NaN or infinite",
    Misfit.COLUMN: "nothing that its column can hold",
    Misfit.VALUE: "no text, number, truth or date",
    Misfit.FORMULA: "its SQL fails",
}
"""What a plan says of them."""


def received(column: Rows, kind: ValueType | None, *, odd: bool = True) -> Rows:
    """A column of a source as the conversion to this type is to see it; see `values.received`."""
    # Unicode's normal form makes a K of the Kelvin sign: of an address nothing is changed but what Sailthru changes.
    # And what is read by the grammar has nothing that it would change.
    if column.type().is_string() and (kind is ValueType.EMAIL or kind in reading.READ):
        return values.literal(column)
    return values.received(column, odd=odd)


def converted(column: Rows, kind: ValueType) -> Rows:
    """A received column as this type; what does not fit becomes null, see `misfit`.

    A phone number and JSON stay as they are: it takes more than an expression to read them.
    """
    return _CONVERSIONS[kind](column)


def changes(column: Rows, kind: ValueType) -> bool:
    """Whether a received column may have values that do not fit this type."""
    if kind in TEXTS:
        return True
    found = column.type()
    sure = kind is ValueType.FLOAT and found.is_integer() and found.nbytes <= 4  # a double holds them all
    other = values.kind_of(column) is not kind or may_be_too_large(column)
    return kind is not ValueType.STRING and other and not sure


def may_be_too_large(column: Rows) -> bool:
    """Whether a column can hold numbers that have more than 64 bits before the point."""
    kind = column.type()
    return bool(kind.is_decimal() and (kind.precision or 38) - (kind.scale or 0) >= _DIGITS)


def limited(column: Rows) -> Rows:
    """A column without the numbers that are too large for JSON as Sailthru takes it."""
    if not may_be_too_large(column):
        return column
    whole = column.cast(reading.EXACT)  # not all decimals have room for the limits
    return ibis.ifelse((whole >= _LEAST) & (whole <= _GREATEST), column, ibis.null(column.type()))


def misfit(given: Rows, typed: Rows, kind: ValueType | None, before: Rows | None = None) -> Rows:
    """Why each value does not fit, as a `Misfit`.

    Args:
        given: the received column, or that of the source where nothing was converted.
        typed: what became of it.
        before: what is known already not to fit, as a `Misfit`.
    """
    there = given.nullif("") if given.type().is_string() else given
    wrong = there.notnull() & typed.isnull()
    found = ibis.cases((wrong, _why(given, kind)), else_=_code(Misfit.NONE))
    return found if before is None else ibis.ifelse(before != int(Misfit.NONE), before, found)


def code_where(wrong: Rows, why: Misfit) -> Rows:
    """This reason where something is wrong, and none elsewhere."""
    return ibis.ifelse(wrong, _code(why), _code(Misfit.NONE))


def _code(why: Misfit) -> Rows:
    return ibis.literal(int(why), "int8")


_RANGED = (None, ValueType.INTEGER, ValueType.FLOAT)
"""Types of which a whole number can only be too large."""


def _why(given: Rows, kind: ValueType | None) -> Rows:
    found, codes = given.type(), {one: _code(one) for one in Misfit}
    if found.is_floating():
        beyond = codes[Misfit.FRACTION if kind is ValueType.INTEGER else Misfit.OTHER]
        large = ibis.ifelse(given.abs() >= 2.0**53, codes[Misfit.RANGE], beyond)
        return ibis.ifelse(reading.finite(given), large, codes[Misfit.ENDLESS])
    if found.is_decimal() and kind is ValueType.INTEGER and found.scale:
        whole = given.try_cast(reading.EXACT).cast(found) == given
        return ibis.ifelse(whole.fill_null(False), codes[Misfit.RANGE], codes[Misfit.FRACTION])  # noqa: FBT003 -- Ibis's own signature
    if found.is_timestamp() or found.is_date() or (found.is_numeric() and kind in _RANGED):
        return codes[Misfit.RANGE]
    if found.is_string() and kind in {ValueType.INTEGER, ValueType.FLOAT}:
        return ibis.cases(
            (~reading.fits(given, ValueType.FLOAT), codes[Misfit.OTHER]),
            (reading.fits(given, kind), codes[Misfit.RANGE]),
            else_=codes[Misfit.FRACTION],
        )
    if found.is_string() and kind is ValueType.JSON:  # it may hold a number that is out of range
        return ibis.ifelse(nested.is_json(given), codes[Misfit.RANGE], codes[Misfit.OTHER])
    return codes[Misfit.OTHER]


def _where(fits: Callable[[Rows], Rows], text: Rows) -> Rows:
    return ibis.ifelse(fits(text), text, ibis.null(dt.string))


def _integer(column: Rows) -> Rows:
    kind = column.type()
    if kind.is_string():
        return reading.read_integer(column)
    if values.kind_of(column) is ValueType.INTEGER:
        return limited(column)
    if kind.is_decimal():
        whole = column.cast(reading.EXACT)
        return limited(ibis.ifelse(whole.try_cast(kind) == column, whole, ibis.null(reading.EXACT)))
    if kind.is_floating():
        whole = (column % 1 == 0) & (column.abs() < 2.0**63)
        return ibis.ifelse(whole, column.try_cast(dt.int64), ibis.null(dt.int64))
    return column.try_cast(dt.int64)


def _float(column: Rows) -> Rows:
    """As doubles. A fraction is the double next to it; a whole number is that number or a misfit."""
    kind = column.type()
    if kind.is_string():
        return reading.read_number(column)
    if kind.is_floating():
        return column
    if kind.is_decimal() and kind.scale:
        return column.cast(dt.string).cast(dt.float64)  # by its text: the engine's own way ends beside the nearest
    if values.kind_of(column) is not ValueType.INTEGER:
        return column.try_cast(dt.float64)
    number = column.try_cast(dt.float64)
    exact = (column.abs() <= 2**53) | reading.held(number, column.cast(reading.EXACT))
    return ibis.ifelse(exact, number, ibis.null(dt.float64))


def _boolean(column: Rows) -> Rows:
    kind = column.type()
    if kind.is_string():
        return reading.read_boolean(column)
    if kind.is_numeric():
        return ibis.cases((column == 1, True), (column == 0, False), else_=ibis.null(dt.boolean))
    return column.try_cast(dt.boolean)


def _date(column: Rows) -> Rows:
    return reading.read_date(column) if column.type().is_string() else column.try_cast(dt.date)


def _moment(column: Rows) -> Rows:
    return reading.read_moment(column) if column.type().is_string() else column.try_cast(dt.Timestamp())


def _listed(column: Rows) -> Rows:
    if column.type().is_array():
        return column.map(values.text_of)
    return nested.texts(values.text_of(column)).map(values.composed)  # JSON may write letters as \u0301


_CONVERSIONS: Mapping[ValueType, Callable[[Rows], Rows]] = {
    ValueType.STRING: values.text_of,
    ValueType.INTEGER: _integer,
    ValueType.FLOAT: _float,
    ValueType.BOOLEAN: _boolean,
    ValueType.DATE: _date,
    ValueType.DATETIME: _moment,
    ValueType.EMAIL: lambda column: _where(well_formed, values.address(values.text_of(column))),
    ValueType.URL: lambda column: _where(lambda text: text.re_search(URL), values.text_of(column).strip()),
    ValueType.LIST: _listed,
    ValueType.PHONE: values.text_of,
    ValueType.JSON: values.text_of,
}

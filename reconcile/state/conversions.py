"""Columns made into the type that a property declares: what does not fit becomes null, and is counted by the caller."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import ibis
import ibis.expr.datatypes as dt

from reconcile.spec.property import ValueType
from reconcile.state import nested, values
from reconcile.state.model import Rows

# PHP's FILTER_VALIDATE_EMAIL, which Sailthru's own validator calls after trim and lower-case (SAILTHRU.md §7.3):
# dot-separated ASCII atoms, no leading hyphen, a host of labels that neither start nor end with a hyphen.
_ATOM = r"[a-z0-9!#$%&'*+/=?^_`{|}~-]+"
_LABEL = r"[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?"
ADDRESS = rf"^{_ATOM}(\.{_ATOM})*@({_LABEL}\.)+{_LABEL}$"
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


def converted(column: Rows, kind: ValueType) -> Rows:
    """A column as this type; what cannot be converted becomes null (the caller counts how many).

    A phone number and JSON stay as they are: it takes more than an expression to read them.
    """
    return _CONVERSIONS[kind](column)


def misfits(raw: Rows, typed: Rows) -> Rows:
    """Where a value could not be converted; an empty text is none."""
    there = raw.nullif("") if raw.type().is_string() else raw
    return there.notnull() & typed.isnull()


def _where(fits: Callable[[Rows], Rows], text: Rows) -> Rows:
    return ibis.ifelse(fits(text), text, ibis.null(dt.string))


def _listed(column: Rows) -> Rows:
    if column.type().is_array():
        return column.map(values.text_of)
    return nested.texts(values.text_of(column))


_CONVERSIONS: Mapping[ValueType, Callable[[Rows], Rows]] = {
    ValueType.STRING: values.text_of,
    ValueType.INTEGER: lambda column: column.try_cast(dt.int64),
    ValueType.FLOAT: lambda column: column.try_cast(dt.float64),
    ValueType.BOOLEAN: lambda column: column.try_cast(dt.boolean),
    ValueType.DATE: lambda column: column.try_cast(dt.date),
    ValueType.DATETIME: lambda column: column.try_cast(dt.Timestamp()),
    ValueType.EMAIL: lambda column: _where(well_formed, values.address(values.text_of(column))),
    ValueType.URL: lambda column: _where(lambda text: text.re_search(URL), values.text_of(column).strip()),
    ValueType.LIST: _listed,
    ValueType.PHONE: values.text_of,
    ValueType.JSON: values.text_of,
}

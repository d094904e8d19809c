"""The canonical form of values: both sides pass through it before they are compared, so that `1` is `1.0`.

Everything is text here, in one form per type; null stands for null, missing and empty alike, because an export cannot
tell them apart (SAILTHRU.md §9.3). What is not of the grammar of its type keeps its own text, and so differs from all
that is.

| type     | canonical text                                         | sent as          |
|----------|--------------------------------------------------------|------------------|
| string   | Unicode NFC                                            | string           |
| integer  | its digits; `1.0` is `1`                               | number           |
| float    | shortest decimal of the double; `1.0` is `1`           | number           |
| boolean  | `true`, `false`                                        | true, false      |
| date     | `YYYY-MM-DD`                                           | string           |
| datetime | `YYYY-MM-DDTHH:MM:SSZ`, UTC, whole seconds             | string           |
| email, phone, url | that of a string: only conversion makes them regular | string    |
| list     | compact JSON of the texts in their order               | list             |
| json     | compact JSON, its keys sorted by conversion            | object or list   |
"""

from __future__ import annotations

import functools
import hashlib
import json
import math
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import ibis
import ibis.expr.datatypes as dt
import orjson

from reconcile.spec import folding, grammar
from reconcile.spec.property import ValueType
from reconcile.state import nested, reading
from reconcile.state.model import Rows

FOREIGN = "\ufdd0"
"""Leads the text of a value whose JSON type is not the var's: the number 10 in a string var is not the string "10".

So do rows of a file whose column holds texts and other things: what is no text is led by it, and stands as its JSON.
Unicode keeps this character, and that of `KEPT`, for the inner use of programs: no text of a source begins with it.
"""

_SENT_AS_TEXT = frozenset(
    {ValueType.STRING, ValueType.DATE, ValueType.DATETIME, ValueType.EMAIL, ValueType.PHONE, ValueType.URL}
)

_NUMBERS = frozenset({ValueType.INTEGER, ValueType.FLOAT})


def json_type(kind: ValueType) -> str:
    """What values of a type are in JSON, as people call it."""
    return "text" if kind in _SENT_AS_TEXT else "number" if kind in _NUMBERS else str(kind)


KEPT = "\ufdd1"
"""Leads the text of a var that stays as the account has it; what follows it is for a profile that is created."""


@ibis.udf.scalar.builtin  # type: ignore[untyped-decorator]  # Ibis ships no types
def md5(text: str) -> str:  # type: ignore[empty-body]  # the engine has the body
    """The engine's MD5, lower-case hex."""


@ibis.udf.scalar.builtin  # type: ignore[untyped-decorator]  # Ibis ships no types
def nfc_normalize(text: str) -> str:  # type: ignore[empty-body]  # the engine has the body
    """The engine's Unicode NFC."""


@ibis.udf.scalar.builtin(name="chr")  # type: ignore[untyped-decorator]  # Ibis ships no types
def character(code: int) -> str:  # type: ignore[empty-body]  # the engine has the body
    """The engine's character of a code point: a text that holds a NUL cannot be written in every SQL."""


@ibis.udf.scalar.builtin(name="to_json")  # type: ignore[untyped-decorator]  # Ibis ships no types
def quoted(text: str) -> str:  # type: ignore[empty-body]  # the engine has the body
    """The engine's JSON string for a text, quotes and escapes included."""


def same(new: Rows, old: Rows, kind: ValueType) -> Rows:
    """Whether an account's value of a var is as wanted, both in canonical form.

    An export shows no types: a number that is wanted and one that is there are told by the same text, marked or not.
    """
    equal = new.identical_to(old)
    if kind is not ValueType.STRING:
        return equal
    bare = new.substr(1)
    true, false = (bare == "true") & old.isin(grammar.TRUE), (bare == "false") & old.isin(grammar.FALSE)
    return equal | (new.startswith(FOREIGN) & ((bare == old) | true | false)).fill_null(False)  # noqa: FBT003 -- Ibis's


def canonical(text: Rows, kind: ValueType) -> Rows:
    """The canonical text of a text column, for a var of this type. Idempotent."""
    return _CANONICAL[kind](text.nullif(""))


def composed(text: Rows) -> Rows:
    """A text in Unicode's form NFC."""
    # The engine's NFC takes a NUL for the end of the text, and would lose what follows.
    return ibis.ifelse(text.contains(character(0)), text, nfc_normalize(text))


def _date(text: Rows) -> Rows:
    return ibis.coalesce(reading.read_date(text).strftime("%Y-%m-%d"), text)


def _datetime(text: Rows) -> Rows:
    return ibis.coalesce(reading.read_moment(text).strftime("%Y-%m-%dT%H:%M:%SZ"), text)


def _strings(text: Rows) -> Rows:
    return ibis.ifelse(nested.is_list(text), _listed(nested.texts(text)), text)


def _listed(texts: Rows) -> Rows:
    """An array of texts as compact JSON, without the empty ones among them; null where nothing is left."""
    regular = texts.map(lambda text: canonical(text, ValueType.STRING)).filter(lambda text: text.notnull())
    return (ibis.literal("[") + regular.map(quoted).join(",").fill_null("") + "]").nullif("[]")


_DIGITS = r"^-?[1-9][0-9]{0,14}$"
"""Whole numbers in canonical form already, whatever their type."""


def _integer(text: Rows) -> Rows:
    whole = text.re_search(grammar.around(grammar.WHOLE))
    exact = ibis.ifelse(whole, text.try_cast(reading.EXACT), ibis.null(reading.EXACT))
    # An account may write a large whole number with an exponent.
    double = reading.read_number(text)
    large = ibis.ifelse(
        double.abs() >= 1e16, reading.shortest(double).try_cast(reading.EXACT), ibis.null(reading.EXACT)
    )
    return ibis.cases(
        (text.re_search(_DIGITS), text),
        (exact.notnull(), exact.cast(dt.string)),
        (~whole & large.notnull(), large.cast(dt.string)),
        else_=_number(text),
    )


def _number(text: Rows) -> Rows:
    number = reading.read_number(text)
    return ibis.cases(
        (text.re_search(_DIGITS), text),
        (number.notnull(), _shortest(number)),
        else_=ibis.coalesce(reading.read_exact(text).cast(dt.string), text),
    )


def _shortest(number: Rows) -> Rows:
    whole = (number % 1 == 0) & (number.abs() < 2.0**63)  # not floor(): Ibis casts it, and a large number fails
    return ibis.cases(
        (number.isnan() | number.isinf(), ibis.null(dt.string)),
        (whole, number.try_cast(dt.int64).cast(dt.string)),
        else_=reading.shortest(number),
    )


def _boolean(text: Rows) -> Rows:
    word = reading.bare_word(text)
    return ibis.cases((word.isin(grammar.TRUE), "true"), (word.isin(grammar.FALSE), "false"), else_=text)


_CANONICAL: Mapping[ValueType, Callable[[Rows], Rows]] = {
    ValueType.STRING: composed,
    ValueType.INTEGER: _integer,
    ValueType.FLOAT: _number,
    ValueType.BOOLEAN: _boolean,
    ValueType.DATE: _date,
    ValueType.DATETIME: _datetime,
    ValueType.EMAIL: composed,
    ValueType.PHONE: composed,
    ValueType.URL: composed,
    ValueType.LIST: _strings,
    ValueType.JSON: nested.canonical_json,
}


def of(column: Rows, kind: ValueType) -> Rows:
    """The canonical text of a typed column of the desired side; the short way where its type is the var's already."""
    found = column.type()
    match kind:
        case ValueType.INTEGER | ValueType.DATE | ValueType.DATETIME if kind_of(column) is kind:
            return text_of(column)
        case ValueType.FLOAT if found.is_floating():
            return text_of(column)
        case ValueType.BOOLEAN if found.is_boolean():
            return ibis.cases((column, "true"), (~column, "false"), else_=ibis.null(dt.string))
        case ValueType.LIST if found.is_array():
            return _listed(column)
        case _:
            return canonical(text_of(column), kind)


def text_of(column: Rows) -> Rows:
    """A typed column of the desired side as its own shortest text, ready for `canonical`."""
    kind = column.type()
    if kind.is_timestamp():
        return column.strftime("%Y-%m-%dT%H:%M:%SZ")
    if kind.is_date():
        return column.strftime("%Y-%m-%d")
    if kind.is_floating():
        return _shortest(_double(column))
    if kind.is_decimal() and kind.scale != 0:
        return column.cast(dt.string).re_replace(r"\.?0+$", "")
    return column.cast(dt.string)


def _double(column: Rows) -> Rows:
    """A floating column as doubles: a shorter one by its text, so that 19.9 stays 19.9."""
    return column if column.type().is_float64() else column.cast(dt.string).cast(dt.float64)


def received(column: Rows, *, odd: bool = True) -> Rows:
    """A column of a source as everybody else is to see it, without what is no value of its type.

    A text is in NFC, an empty one is no value, and one that stands for a JSON value is that value's text.

    Args:
        odd: whether the column may hold what `odd` finds.
    """
    kind = column.type()
    if kind.is_string():
        return composed(literal(column).nullif(""))
    if kind.is_array() and kind.value_type.is_string():
        return column.map(composed)
    if kind.is_floating():
        number = _double(column)
        return number if not odd else ibis.ifelse(reading.finite(number), number, ibis.null(dt.float64))
    if kind.is_timestamp() and kind.timezone is not None:
        return received(column.cast(dt.Timestamp(timezone="UTC")).cast(dt.Timestamp()), odd=odd)
    if odd and (kind.is_timestamp() or kind.is_date()):
        return ibis.ifelse(reading.lasting(column), column, ibis.null(kind))
    short = kind.is_decimal() and kind.scale != 0 and (kind.precision or 38) <= 15
    # A double holds every digit of these, and is what expressions and templates reckon with best.
    return column.cast(dt.float64) if short else column.cast(reading.EXACT) if kind.is_uint64() else column


def is_marked(column: Rows) -> Rows:
    """Where a column of texts holds a JSON value that is no text, see `FOREIGN`."""
    return (column.startswith(FOREIGN) & (literal(column) != column)).fill_null(False)  # noqa: FBT003 -- Ibis's own


@ibis.udf.scalar.builtin(name="literal_of")  # type: ignore[untyped-decorator]  # Ibis ships no types
def literal(text: str) -> str:  # type: ignore[empty-body]  # the engine has the body
    """A text without the mark of a JSON value, see `FOREIGN`."""


def may_be_odd(column: Rows) -> bool:
    """Whether a column's type can hold what is no value: NaN, an infinity, a year beyond 9999."""
    kind = column.type()
    return bool(kind.is_floating() or kind.is_timestamp() or kind.is_date())


def odd(column: Rows) -> Rows:
    """Where a column holds such a thing."""
    fine = reading.finite(column) if column.type().is_floating() else reading.lasting(column)
    return (~fine).fill_null(False)  # noqa: FBT003 -- Ibis's own signature


def seen(value: Any, kind: ValueType) -> str | None:
    """The text of one JSON value that the API gave for a var of this type; not yet canonical.

    A value of another JSON type is marked with `FOREIGN`, so that it differs from every value that fits.
    """
    match value:
        case None:
            return None
        case bool():
            fits, text = kind is ValueType.BOOLEAN, "true" if value else "false"
        case int() | float():
            fits, text = kind in {ValueType.INTEGER, ValueType.FLOAT}, str(value)
        case str():
            fits, text = kind in _SENT_AS_TEXT or not value or _is_large(value, kind), value
        case list() | dict() if kind in {ValueType.LIST, ValueType.JSON} and not value:
            fits, text = True, ""
        case list() if kind is ValueType.LIST:
            fits, text = all(isinstance(one, str) for one in value), orjson.dumps(value).decode()
        case list() | dict() if kind is ValueType.JSON:
            fits, text = True, nested.dumped(value)
        case _:
            fits, text = False, ""
    return text if fits else FOREIGN + orjson.dumps(value).decode()


def _is_large(text: str, kind: ValueType) -> bool:
    """Whether a text is a whole number beyond 64 bits, which is how a numeric var holds one, see `typed`."""
    return kind in _NUMBERS and text.isascii() and text.lstrip("-").isdigit() and not nested.is_in_range(int(text))


def typed(text: str | None, kind: ValueType) -> Any:
    """The JSON value to send for a canonical text. Text that does not fit its type is sent as it is."""
    if text is None:
        return None
    if text.startswith(FOREIGN):
        return _json(text)
    match kind:
        case ValueType.INTEGER | ValueType.FLOAT:
            return _as_number(text)
        case ValueType.BOOLEAN:
            return text == "true" if text in {"true", "false"} else text
        case ValueType.LIST | ValueType.JSON:
            return nested.loaded(text)
        case _:
            return text


def _json(text: str) -> Any:
    try:
        found = json.loads(text.removeprefix(FOREIGN))
    except ValueError:  # a text that begins so by itself
        return text
    # JSON has no room for it at Sailthru; as a text it keeps its digits.
    return str(found) if isinstance(found, int) and not nested.is_in_range(found) else found


def for_newcomers(text: str | None) -> str | None:
    """The canonical text of a var in a desired table, for a profile that is created."""
    return text if text is None or not text.startswith(KEPT) else text.removeprefix(KEPT) or None


def _as_number(text: str) -> int | float | str:
    if grammar.read(text, ValueType.FLOAT) is None:
        return text
    if grammar.read(text, ValueType.INTEGER) is not None:
        # A key may be larger than JSON has room for: as a text it keeps its digits.
        whole = int(text.partition(".")[0])
        return whole if nested.is_in_range(whole) else text
    number = float(text)
    return number if math.isfinite(number) else text


_SPACE = r"[ \t\n\x0b\f\r]+"
"""ASCII white space, as `folding.SPACE` has it."""

KEYS = ("key", "check")
"""The columns of a short key: two numbers, which take a third of the room of an MD5's text, and tell apart as well."""


def keys(hash_: Rows) -> dict[str, Rows]:
    """Columns `key, check` that stand for the MD5s of a column: equal ones have equal keys, others do not."""
    # Two numbers of two texts: a pair of people whom the one takes for one is told apart by the other.
    return {"key": number(hash_), "check": number(hash_.left(16))}


def fingerprint(texts: Sequence[Rows]) -> Rows:
    """A 64-bit number that stands for these texts, null and empty alike: equal texts give equal numbers."""
    columns = {str(at): text.fill_null("") for at, text in enumerate(texts)}
    return number(ibis.struct(columns)) if columns else ibis.literal(0, dt.uint64)


def number(value: Rows) -> Rows:
    """A 64-bit number that stands for a value: equal ones give equal numbers."""
    return _hash(value.type())(value)


@functools.cache
def _hash(kind: dt.DataType) -> Callable[[Rows], Rows]:
    """The engine's hash of values of a type."""

    def hash(value: Any) -> int:  # type: ignore[empty-body]  # noqa: A001 -- the engine's name of it
        """The engine has the body."""

    made: Callable[[Rows], Rows] = ibis.udf.scalar.builtin(hash, signature=((kind,), dt.uint64))
    return made


def address(text: Rows) -> Rows:
    """E-mail addresses as Sailthru keys them: trimmed and lower-cased (SAILTHRU.md §7.3), empty is null.

    The same as `folding.fold_address`: ASCII white space goes, A to Z become small, and nothing else changes.
    """
    # To strip costs more than all the rest, and hardly any address needs it; of ASCII the engine makes the same.
    bare = text.re_replace(rf"^{_SPACE}|{_SPACE}\z", "").translate(folding.CAPITALS, folding.SMALL)
    return ibis.ifelse(text.re_search(r"[^!-~]"), bare, text.lower()).nullif("")


def hash_of(address: str) -> str:
    """The MD5 of one normalised address, as an export shows it (SAILTHRU.md §9.3)."""
    return hashlib.md5(address.encode(), usedforsecurity=False).hexdigest()


def kind_of(column: Rows) -> ValueType | None:
    """The type of a column as a value type; None where there is none (arrays, structs, bytes)."""
    kind = column.type()
    if kind.is_timestamp():
        return ValueType.DATETIME
    if kind.is_array() and kind.value_type.is_string():
        return ValueType.LIST
    for test, found in (
        (kind.is_string, ValueType.STRING),
        (kind.is_integer, ValueType.INTEGER),
        (kind.is_floating, ValueType.FLOAT),
        (lambda: kind.is_decimal() and kind.scale == 0, ValueType.INTEGER),
        (kind.is_decimal, ValueType.FLOAT),
        (kind.is_boolean, ValueType.BOOLEAN),
        (kind.is_json, ValueType.JSON),
        (kind.is_date, ValueType.DATE),
        (kind.is_null, ValueType.STRING),
        (kind.is_uuid, ValueType.STRING),
    ):
        if test():
            return found
    return None

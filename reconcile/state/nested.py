"""Values with something inside, lists of texts and JSON, whose canonical text is compact JSON.

A list is an array of the engine among properties; JSON is text there, its keys sorted.
"""

from __future__ import annotations

import json
import math
import re
from collections.abc import Iterable
from typing import Any, NoReturn

import ibis
import ibis.expr.datatypes as dt
import orjson

from reconcile.state.model import Rows

EMPTY = frozenset({"[]", "{}"})
"""What is empty is null, as an empty text is."""

_TEXT = r'"[^"\\]*(?:\\.[^"\\]*)*"'
_GAP = r"[ \t\n\r]*"
_LIST = rf"^{_GAP}\[{_GAP}(?:{_TEXT}{_GAP}(?:,{_GAP}{_TEXT}{_GAP})*)?\]{_GAP}$"
_NESTED = rf"^{_GAP}[\[{{]"


@ibis.udf.scalar.builtin  # type: ignore[untyped-decorator]  # Ibis ships no types
def json_valid(text: str) -> bool:  # type: ignore[empty-body]  # the engine has the body
    """Whether the text is JSON."""


@ibis.udf.scalar.builtin(  # type: ignore[untyped-decorator]  # Ibis ships no types
    name="json", signature=((dt.string,), dt.json)
)
def _compact(text: Any) -> Any:
    """JSON without what only a reader needs."""


@ibis.udf.scalar.builtin(  # type: ignore[untyped-decorator]  # Ibis ships no types
    name="from_json", signature=((dt.string, dt.string), dt.Array(dt.string))
)
def _parsed(text: Any, structure: Any) -> Any:
    """The texts of a JSON list."""


def is_list(text: Rows) -> Rows:
    """Whether a text is a JSON list of texts."""
    return (text.re_search(_LIST) & json_valid(text)).fill_null(False)  # noqa: FBT003 -- Ibis's own signature


def is_json(text: Rows) -> Rows:
    """Whether a text is a JSON object or list."""
    return (text.re_search(_NESTED) & json_valid(text)).fill_null(False)  # noqa: FBT003 -- Ibis's own signature


def texts(text: Rows) -> Rows:
    """The texts of a JSON list as an array; null where the text is none."""
    return _parsed(ibis.ifelse(is_list(text), text, ibis.null(dt.string)), '["VARCHAR"]')


def canonical_json(text: Rows) -> Rows:
    """JSON in its compact form; what is none as it is."""
    fits = is_json(text)
    made = _compact(ibis.ifelse(fits, text, ibis.null(dt.string))).cast(dt.string)
    return ibis.ifelse(fits, _filled(made), text)


def _filled(text: Rows) -> Rows:
    for empty in sorted(EMPTY):
        text = text.nullif(empty)
    return text


def regular(texts: Iterable[str | None]) -> list[str | None]:
    """Each text of a JSON object or list with sorted keys, and whole numbers whole; None where it is none."""
    return [None if text is None else _regular(text) for text in texts]


def _regular(text: str) -> str | None:
    try:
        found = parse_exactly(text) if _LONG.search(text) else orjson.loads(text)
    except ValueError:
        return None
    return dumped(found) if isinstance(found, dict | list) else None


_LONG = re.compile("[0-9]{19}")
"""Of whole numbers that may have more than 64 bits, `orjson` makes doubles."""


def parse_exactly(text: str) -> Any:
    """The value of a JSON text.

    Raises:
        ValueError: it is no JSON, or holds a number that Sailthru's JSON has no room for: a whole one beyond 64 bits,
            or one that is no finite double.
    """
    return json.loads(text, parse_int=_parse_whole, parse_float=_parse_double, parse_constant=_refuse)


def is_in_range(number: int) -> bool:
    """Whether a whole number has 64 bits at most, with a sign or without."""
    return -(2**63) <= number < 2**64


def _parse_whole(digits: str) -> int:
    if not is_in_range(number := int(digits)):
        raise ValueError("a whole number beyond 64 bits")
    return number


def _parse_double(text: str) -> float:
    if not math.isfinite(number := float(text)):
        raise ValueError("a number beyond all doubles")
    return number


def _refuse(name: str) -> NoReturn:
    raise ValueError(f"{name} is no JSON")


def dumped(value: Any) -> str:
    """A value as JSON, as `regular` would have it."""
    return orjson.dumps(_whole(value), option=orjson.OPT_SORT_KEYS).decode()


def shortest(value: Any) -> str:
    """A value as JSON, its keys in their order."""
    return orjson.dumps(_whole(value)).decode()


def loaded(text: str) -> Any:
    """The object or list of a canonical text; any other text as it is."""
    try:
        found = orjson.loads(text)
    except orjson.JSONDecodeError:
        return text
    return found if isinstance(found, dict | list) else text


def _whole(value: Any) -> Any:
    match value:
        case float() if value.is_integer() and abs(value) < 2**53:
            return int(value)
        case dict():
            return {name: _whole(one) for name, one in value.items()}
        case list():
            return [_whole(one) for one in value]
    return value

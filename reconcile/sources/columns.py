"""Columns: which ones are asked for, and the few types that all databases' types come down to."""

from __future__ import annotations

import difflib
import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal, TypeAlias

from reconcile.errors import Problem, SpecInvalid, Where
from reconcile.sources.origin import Origin
from reconcile.state import nested
from reconcile.state.model import MISFIT, Demand
from reconcile.state.values import FOREIGN


@dataclass(frozen=True, slots=True)
class Decimal:
    """Numbers of which every digit is kept: so many digits, so many of them after the point."""

    digits: int
    places: int


Simple: TypeAlias = Literal["integer", "number", "single", "text", "timestamp", "date", "boolean", "list", "json"]
Kind: TypeAlias = Simple | Decimal
"""What a column holds; `single` are numbers of 32 bits, which have a shorter text than the same as `number`; a `list`
is one of texts; of `json` each row holds a text or the JSON of what else it is, see `mark_json`."""

WHOLE = Decimal(38, 0)
"""Whole numbers that may go beyond 64 bits."""

EXACT = Decimal(38, 18)
"""Decimals of which nobody says how many places they have: further places are cut."""

_SIMPLE: Mapping[Kind, str] = {
    "integer": "int64",
    "number": "float64",
    "single": "float32",
    "text": "string",
    "timestamp": "timestamp(6)",
    "date": "date",
    "boolean": "boolean",
    "list": "array<string>",
    "json": "string",
}


def ibis_type(kind: Kind) -> str:
    """A kind as Ibis writes it."""
    return f"decimal({kind.digits}, {kind.places})" if isinstance(kind, Decimal) else _SIMPLE[kind]


def kind_of(dtype: Any) -> Kind:
    """The kind that an Ibis type comes down to."""
    if dtype.is_decimal():
        unknown = dtype.precision is None or dtype.scale is None
        return EXACT if unknown else Decimal(dtype.precision, dtype.scale)
    tests: tuple[tuple[bool, Kind], ...] = (
        (dtype.is_boolean(), "boolean"),
        (dtype.is_unsigned_integer() and dtype.nbytes > 4, WHOLE),
        (dtype.is_integer(), "integer"),
        (dtype.is_floating() and dtype.nbytes < 8, "single"),
        (dtype.is_numeric(), "number"),
        (dtype.is_timestamp(), "timestamp"),
        (dtype.is_date(), "date"),
    )
    return next((kind for holds, kind in tests if holds), "text")


def kind_of_arrow(dtype: Any) -> Kind:
    """The kind of a column that was read."""
    import pyarrow as pa

    if pa.types.is_decimal(dtype):
        return Decimal(dtype.precision, dtype.scale)
    return next((kind for kind in _SIMPLE if arrow_type(kind) == dtype), "text")


def arrow_type(kind: Kind) -> Any:
    """The Arrow type of a kind."""
    import pyarrow as pa

    if isinstance(kind, Decimal):
        return pa.decimal128(kind.digits, kind.places)
    types: dict[Simple, Any] = {
        "integer": pa.int64(),
        "number": pa.float64(),
        "single": pa.float32(),
        "text": pa.string(),
        "timestamp": pa.timestamp("us"),
        "date": pa.date32(),
        "boolean": pa.bool_(),
        "list": pa.list_(pa.string()),
        "json": pa.string(),
    }
    return types[kind]


def mark_json(texts: Any) -> tuple[Any, Any]:
    """JSON texts as a column of `json`, and where they hold a number that is out of range (None: nowhere).

    A text is as it is, null is null, and all else is its JSON, led by `FOREIGN`.
    """
    import pyarrow as pa

    return shorten_json(pa.array([None if text is None else _marked(text) for text in texts.to_pylist()], pa.string()))


def _marked(text: str) -> str | None:
    return json.loads(text) if text.startswith('"') else None if text == "null" else FOREIGN + text


_NUMBERS = (
    rf"^{FOREIGN}(?:[\[{{]|-?[0-9]).*(?:[0-9]{{16}}|[0-9][.eE][-+0-9]|-0|[nN][aA][nN]|[iI]nf)|^{FOREIGN}[\[{{].*[:,] "
)
"""JSON in which a number may be written otherwise than shortest, or that has a space in it."""


def shorten_json(marked: Any) -> tuple[Any, Any]:
    """A column of `json` with each JSON as short as Sailthru's answers are told: to compare them then finds nothing.

    Returns:
        It, and where an object or list holds a number that is out of range, which has become null (None: nowhere). A
        number by itself that is out of range stays: it may be a key.
    """
    import pyarrow as pa
    import pyarrow.compute as pc

    odd = pc.match_substring_regex(marked, _NUMBERS)
    if not pc.any(odd).as_py():
        return marked, None
    texts = [
        _shortest(text) if is_odd else text for text, is_odd in zip(marked.to_pylist(), odd.to_pylist(), strict=True)
    ]
    made = pa.array(texts, pa.string())
    return made, pc.xor(pc.is_null(made), pc.is_null(marked))


def _shortest(marked: str) -> str | None:
    text = marked.removeprefix(FOREIGN)
    try:
        return FOREIGN + nested.shortest(nested.parse_exactly(text))
    except ValueError:
        return None if text.startswith(("{", "[")) else marked


def arrow_schema(kinds: Mapping[str, Kind], flagged: Sequence[str] = ()) -> Any:
    """The Arrow schema of columns by kind, and behind them a flag for each column that may hold what does not fit."""
    import pyarrow as pa

    fields = [(name, arrow_type(kind)) for name, kind in kinds.items()]
    return pa.schema([*fields, *((f"{MISFIT}{name}", pa.bool_()) for name in flagged)])


def wanted(origin: Origin, demand: Demand, available: Sequence[str]) -> tuple[str, ...]:
    """The columns to read: those demanded, or all.

    Raises:
        SpecInvalid: one problem for every demanded column that is not there.
    """
    problems = [_missing(origin, demand, name, available) for name in demand.columns if name not in available]
    if problems:
        raise SpecInvalid(problems)
    return demand.columns or tuple(available)


_DATUM = re.compile(r"[^\w@]*[\d][\d\s.,:/+()TZ-]*|.*\S@\S.*|\s*", re.DOTALL)
"""A number, a date, a phone number, an address, nothing: names of columns are none of these."""


def looks_like_data(names: Sequence[str]) -> bool:
    """Whether these are the values of a row and no names of columns."""
    data = sum(_DATUM.fullmatch(name) is not None for name in names)
    return any("@" in name for name in names) or 2 * data > len(names)


def list_names(names: Sequence[str]) -> str:
    """Names of columns, for people; what looks like somebody's data is not shown."""
    return ", ".join("…" if _DATUM.fullmatch(name) else name for name in names)


def meant(name: str, available: Sequence[str]) -> str:
    """`did you mean …?` for a name that is not there, or the empty string."""
    folded = {one.casefold(): one for one in reversed(available) if not _DATUM.fullmatch(one)}
    close = difflib.get_close_matches(name.casefold(), folded, n=1, cutoff=0.6)
    return f"did you mean `{folded[close[0]]}`?" if close else ""


def _missing(origin: Origin, demand: Demand, name: str, available: Sequence[str]) -> Problem:
    asker = demand.required_by.get(name, "")
    where = _place(origin, asker)
    by = f" (asked for by {asker})" if asker and (where is None or str(where) != asker) else ""
    guess = meant(name, available)
    columns = f"Its columns: {list_names(available)}."
    return Problem(
        f"Source `{origin.name}` has no column `{name}`{by}" + (f"; {guess}" if guess else "."),
        where or origin.place(f"sources.{origin.name}"),
        columns,
    )


def _place(origin: Origin, asker: str) -> Where | None:
    """`required_by` is a dotted path of the spec, or a place as an editor writes it."""
    if found := re.fullmatch(r"(.+):(\d+):(\d+)", asker):
        return Where(found[1], int(found[2]), int(found[3]))
    return origin.place(asker) if asker else None

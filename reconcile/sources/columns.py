"""Columns: which ones are asked for, and the six types that all databases' types come down to."""

from __future__ import annotations

import difflib
import re
from collections.abc import Mapping, Sequence
from typing import Any, Literal, TypeAlias

from reconcile.errors import Problem, SpecInvalid, Where
from reconcile.sources.origin import Origin
from reconcile.state.model import Demand

Kind: TypeAlias = Literal["integer", "number", "text", "timestamp", "date", "boolean"]

IBIS: Mapping[Kind, str] = {
    "integer": "int64",
    "number": "float64",
    "text": "string",
    "timestamp": "timestamp(6)",
    "date": "date",
    "boolean": "boolean",
}
"""Each kind as Ibis writes it."""


def kind_of(dtype: Any) -> Kind:
    """The kind that an Ibis type comes down to."""
    tests: tuple[tuple[bool, Kind], ...] = (
        (dtype.is_boolean(), "boolean"),
        (dtype.is_integer() and str(dtype).lstrip("!") != "uint64", "integer"),
        (dtype.is_numeric(), "number"),
        (dtype.is_timestamp(), "timestamp"),
        (dtype.is_date(), "date"),
    )
    return next((kind for holds, kind in tests if holds), "text")


def arrow_schema(kinds: Mapping[str, Kind]) -> Any:
    """The Arrow schema of columns by kind."""
    import pyarrow as pa

    types: dict[Kind, Any] = {
        "integer": pa.int64(),
        "number": pa.float64(),
        "text": pa.string(),
        "timestamp": pa.timestamp("us"),
        "date": pa.date32(),
        "boolean": pa.bool_(),
    }
    return pa.schema([(name, types[kind]) for name, kind in kinds.items()])


def wanted(origin: Origin, demand: Demand, available: Sequence[str]) -> tuple[str, ...]:
    """The columns to read: those demanded, or all.

    Raises:
        SpecInvalid: one problem for every demanded column that is not there.
    """
    problems = [_missing(origin, demand, name, available) for name in demand.columns if name not in available]
    if problems:
        raise SpecInvalid(problems)
    return demand.columns or tuple(available)


def meant(name: str, available: Sequence[str]) -> str:
    """`did you mean …?` for a name that is not there, or the empty string."""
    folded = {candidate.casefold(): candidate for candidate in reversed(available)}
    close = difflib.get_close_matches(name.casefold(), folded, n=1, cutoff=0.6)
    return f"did you mean `{folded[close[0]]}`?" if close else ""


def _missing(origin: Origin, demand: Demand, name: str, available: Sequence[str]) -> Problem:
    asker = demand.required_by.get(name, "")
    where = _place(origin, asker)
    by = f" (asked for by {asker})" if asker and (where is None or str(where) != asker) else ""
    guess = meant(name, available)
    columns = f"Its columns: {', '.join(available)}."
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

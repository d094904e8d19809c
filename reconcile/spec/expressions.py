"""Whether an expression fits the kinds of the properties that it reads, and which kind it gives. See `spec.fitting`."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from sqlglot import exp

from reconcile.errors import Problem
from reconcile.spec import conditions, operators, untyped
from reconcile.spec.kinds import Kind, Kinds
from reconcile.spec.model import Path
from reconcile.spec.places import Places, called, spot
from reconcile.spec.rules import Formula, Tree
from reconcile.spec.untyped import Line


def misfits(
    path: Path, formula: Formula, known: Kinds, places: Places, line: Line = untyped.for_property
) -> Iterator[Problem]:
    """What of it does not fit.

    Args:
        line: says what to add so that a name in it is of another kind.
    """
    for node in formula.tree.walk():
        for culprit, message, hint in _misfits(node, known, line):
            at = _start(culprit)
            where = places.inside(path, formula.text, spot(formula.text, at) if at is not None else None)
            yield Problem(f"{called(path)}: {message}", where, hint)


# What kind a node is

_GIVE: Mapping[Kind, tuple[type, ...]] = {
    Kind.BOOLEAN: (
        exp.Boolean, exp.Connector, exp.Not, exp.Predicate, exp.RegexpLike, exp.RegexpFullMatch, exp.StartsWith,
        exp.EndsWith, exp.Contains),
    Kind.TEXT: (
        exp.Lower, exp.Upper, exp.Trim, exp.Concat, exp.DPipe, exp.Substring, exp.Replace, exp.Reverse, exp.MD5),
    Kind.TIME: (exp.CurrentDate, exp.CurrentTimestamp),
    Kind.NUMBER: (exp.Length, exp.Abs, exp.Round, exp.Floor, exp.Ceil, exp.Year, exp.Month, exp.Day, exp.Quarter),
}  # fmt: skip
"""What kind some nodes give, whatever they are made of."""
_ARITHMETIC = (exp.Add, exp.Sub, exp.Mul, exp.Div, exp.Mod)
_CASTS: Mapping[Kind, Any] = {
    Kind.TEXT: exp.DataType.TEXT_TYPES,
    Kind.NUMBER: exp.DataType.NUMERIC_TYPES,
    Kind.TIME: exp.DataType.TEMPORAL_TYPES - {exp.DataType.Type.TIME, exp.DataType.Type.TIMETZ},
    Kind.BOOLEAN: {exp.DataType.Type.BOOLEAN},
}


def kind_of(node: Tree, known: Kinds) -> Kind | None:
    """The kind of what an expression gives, None where that is not known for sure."""
    match node:
        case exp.Column():
            return known.get(node.name.casefold())
        case exp.Literal():
            return Kind.TEXT if node.is_string else Kind.NUMBER
        case exp.Paren() | exp.Neg():
            return kind_of(node.this, known)
        case exp.Cast():
            return next((kind for kind, types in _CASTS.items() if node.to.this in types), None)
    return _first(node, known) or next((kind for kind, classes in _GIVE.items() if isinstance(node, classes)), None)


def _first(node: Tree, known: Kinds) -> Kind | None:
    """The kind of what chooses or reckons: that of its parts."""
    match node:
        case exp.Coalesce():
            parts = [node.this, *node.expressions]
        case exp.Case():
            parts = [one.args["true"] for one in node.args["ifs"]]
        case exp.Anonymous():
            return Kind.TIME if node.name.lower() == "now" else None
        case _ if isinstance(node, _ARITHMETIC):
            if isinstance(node.expression, exp.Interval):
                return Kind.TIME if kind_of(node.this, known) is Kind.TIME else None
            both = {kind_of(node.this, known), kind_of(node.expression, known)}
            return Kind.NUMBER if both == {Kind.NUMBER} else None
        case _:
            return None
    return next((kind for one in parts if (kind := kind_of(one, known)) is not None), None)


# What does not go together

Misfit = tuple[Tree, str, str | None]
"""The node to point at, a message, a hint."""

_COMPARISONS = (exp.EQ, exp.NEQ, exp.GT, exp.GTE, exp.LT, exp.LTE, exp.NullSafeEQ, exp.NullSafeNEQ)
_OF_TEXT = (exp.Like, exp.ILike, exp.SimilarTo, exp.RegexpLike, exp.RegexpFullMatch, exp.StartsWith, exp.EndsWith)


def _misfits(node: Tree, known: Kinds, line: Line) -> Iterator[Misfit]:
    for one, other in _compared(node):
        if (found := _unlike(one, other, known, line)) is not None:
            yield found
    if isinstance(node, (exp.Connector, exp.Not)):
        for part in (node.this, node.args.get("expression")):
            yield from _wants(part, (Kind.BOOLEAN,), "true or false stands", known, line)
    elif isinstance(node, _OF_TEXT):
        yield from _wants(node.this, (Kind.TEXT,), "a text stands", known, line)
    elif isinstance(node, _ARITHMETIC):
        for part in (node.this, node.expression):
            if not isinstance(part, exp.Literal):
                yield from _wants(part, (Kind.NUMBER, Kind.TIME), "a number stands", known, line)


def _compared(node: Tree) -> Iterator[tuple[Tree, Tree]]:
    match node:
        case exp.In():
            yield from ((node.this, one) for one in node.expressions)
        case exp.Between():
            yield from ((node.this, node.args[side]) for side in ("low", "high"))
        case _ if isinstance(node, _COMPARISONS):
            yield node.this, node.expression


def _unlike(one: Tree, other: Tree, known: Kinds, line: Line) -> Misfit | None:
    here, there = kind_of(one, known), kind_of(other, known)
    if here is None or there is None or here is there:
        return None
    # A text that is written out may be a time; it is the written one that is wrong, wherever it stands.
    if _written(one) and not _written(other):
        one, other, here, there = other, one, there, here
    if here is Kind.TIME and _written(other) and there is Kind.TEXT:
        return (
            None
            if conditions.is_iso(other.name)
            else (other, f"{_said(other)} is no date", "For example: '2026-01-31'.")
        )
    what = f"{operators.called(here)}, and {_said(other)} {operators.called(there)}"
    text = one if here is Kind.TEXT else other if there is Kind.TEXT else None
    add = _line(text, there if text is one else here, line) if text is not None else None
    if add is None:
        return other, f"{_said(one)} is {what}", _hint(here, there)
    quotes = ", or put the other in quotes" if _written(other) else ""
    return other, f"{_said(one)} is {what}", f"{add}{quotes}."


def _line(node: Tree, wanted: Kind, line: Line) -> str | None:
    return line(node.name, wanted) if isinstance(node, exp.Column) else None


def _hint(here: Kind, there: Kind) -> str | None:
    match here, there:
        case Kind.NUMBER, Kind.TEXT:
            return "Write the number without quotes, or convert: TRY_CAST(… AS DOUBLE)."
        case Kind.TEXT, Kind.NUMBER:
            return "Put it in quotes, or convert: TRY_CAST(… AS DOUBLE)."
        case Kind.TEXT, Kind.TIME:
            return "Give the property the type date or datetime, or convert: TRY_CAST(… AS DATE)."
        case Kind.BOOLEAN, _:
            return "Write true or false, or leave the comparison out."
    return None


def _wants(node: Tree, fine: tuple[Kind, ...], wanted: str, known: Kinds, line: Line) -> Iterator[Misfit]:
    kind = kind_of(node, known) if node is not None else None
    if kind is not None and kind not in fine:
        add = _line(node, fine[0], line) if kind is Kind.TEXT else None
        yield node, f"{_said(node)} is {operators.called(kind)}, where {wanted}", f"{add}." if add else None


def _written(node: Tree) -> bool:
    return isinstance(node, exp.Literal)


def _said(node: Tree) -> str:
    text = str(node.sql(dialect="duckdb"))
    return text if len(text) <= 40 else f"{text[:39]}…"


def _start(node: Tree) -> int | None:
    """Where in the text a node begins."""
    return min((one.meta["start"] for one in node.walk() if "start" in one.meta), default=None)

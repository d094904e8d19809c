"""Formulas as they read where NaN, infinities and days beyond the year 9999 are null.

Engines compare these with numbers: `1.0 / v > 0` is true of a `v` that is 0. Where a formula comes to something else
once they are null, it went by what is no value.
"""

from __future__ import annotations

from typing import Any, TypeAlias

from sqlglot import exp

Tree: TypeAlias = Any

_NUMBERS = (
    exp.Div, exp.IntDiv, exp.Mod, exp.Mul, exp.Pow, exp.Ln, exp.Log, exp.Sqrt, exp.Exp,
)  # fmt: skip
_FLOATING = frozenset({exp.DataType.Type.DOUBLE, exp.DataType.Type.FLOAT})
_MOMENTS = frozenset({exp.DataType.Type.TIMESTAMP, exp.DataType.Type.TIMESTAMPTZ, exp.DataType.Type.DATETIME})
_ASKING = (exp.IsNan, exp.IsInf)
_ASKING_NAMES = frozenset({"isfinite", "isnan", "isinf"})
_GREATEST = "1.7976931348623157e308"


def is_endless(tree: Tree) -> bool:
    """Whether something may come out of a formula, or of a part of it, that is no value."""
    return any(_test(node) is not None for node in tree.walk())


def without_endless(tree: Tree) -> Tree:
    """The formula with null for what is no value; a formula that asks `isfinite` and the like deals with it itself."""
    holder = exp.Paren(this=tree)
    found = [node for node in tree.walk() if _test(node) is not None and not _is_left_alone(node)]
    for node in reversed(found):  # from the inside out
        node.replace(exp.Case(ifs=[exp.If(this=_test(node), true=node.copy())]))
    return holder.this


def _test(node: Tree) -> Tree | None:
    """Whether the outcome of a node is a value, as a condition; None where it always is."""
    if isinstance(node, exp.Cast):  # TRY_CAST too
        kind = node.to.this
        if kind not in _FLOATING | _MOMENTS | {exp.DataType.Type.DATE} or node.find(exp.Column) is None:
            return None
        if kind in _FLOATING:
            return _finite(node)
        first, last = (exp.cast(exp.Literal.string(day), "date") for day in ("0001-01-01", "9999-12-31"))
        return exp.Between(this=exp.cast(node.copy(), "date"), low=first, high=last)
    if not isinstance(node, _NUMBERS) or node.find(exp.Column) is None or node.find(exp.Interval) is not None:
        return None
    return _finite(node)


def _finite(node: Tree) -> Tree:
    """NaN is greater than every number."""
    number = exp.Abs(this=exp.cast(exp.Paren(this=node.copy()), "double"))
    return exp.LTE(this=number, expression=exp.cast(exp.Literal.string(_GREATEST), "double"))


_CARRYING = (exp.Paren, exp.Neg, exp.Add, exp.Sub, exp.Mul, exp.Div)
"""Arithmetic of which NaN or an infinity comes out where one goes in; a division by an infinity is not."""


def _is_left_alone(node: Tree) -> bool:
    """Whether a node's outcome is looked at further out, or the formula itself asks whether it is finite."""
    parent = node.parent
    while isinstance(parent, _CARRYING):
        if isinstance(parent, exp.Div) and node.arg_key == "expression":
            return False
        if isinstance(parent, exp.Mul | exp.Div):
            return _test(parent) is not None
        node, parent = parent, parent.parent
    return isinstance(parent, _ASKING) or (isinstance(parent, exp.Anonymous) and parent.name.lower() in _ASKING_NAMES)

"""Where an expression denies something of a property, so that nulls fit neither it nor its opposite."""

from __future__ import annotations

from collections.abc import Iterator

from sqlglot import exp

from reconcile.spec.rules import Formula, Tree


def of(formula: Formula) -> Iterator[tuple[str, str, int]]:
    """The properties under something that denies, whose nulls nobody thought of.

    Each with the word that denies, and where in the text it stands.
    """
    cared_for = _cared_for(formula.tree)
    for column, word in _columns(formula.tree):
        if column.name.casefold() not in cared_for:
            yield column.name, word, column.this.meta.get("start", 0)


def _columns(tree: Tree) -> Iterator[tuple[Tree, str]]:
    """The columns under something that denies, and its word."""
    for node in tree.find_all(exp.NEQ, exp.Not, exp.Like, exp.ILike):
        if isinstance(node, (exp.Like, exp.ILike)) and not node.args.get("negate"):
            continue
        word = '"<>"' if isinstance(node, exp.NEQ) else '"not"'
        yield from ((column, word) for column in node.find_all(exp.Column))


def _cared_for(tree: Tree) -> set[str]:
    """The columns whose nulls somebody thought of."""
    nodes = tree.find_all(exp.Is, exp.Coalesce, exp.NullSafeEQ, exp.NullSafeNEQ)
    return {column.name.casefold() for node in nodes for column in node.find_all(exp.Column)}

"""A formula taken apart at its and, or and not, so that each clause can be asked by itself."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime

from sqlglot import exp

from reconcile.spec.rules import Formula, Tree

_WORDS = {exp.And: "all of", exp.Or: "any of", exp.Not: "not"}


@dataclass(frozen=True, slots=True)
class Clause:
    """A part of a formula.

    Args:
        text: the SQL that it means.
        sql: the same for the engine, with the run's clock in it.
        word: how its parts are joined: `all of`, `any of`, `not`; empty for a clause without parts.
    """

    text: str
    sql: str
    word: str = ""
    parts: tuple[Clause, ...] = ()

    def walk(self) -> Iterator[Clause]:
        """Itself and all below it, in the order in which they are shown."""
        yield self
        for part in self.parts:
            yield from part.walk()


def of(formula: Formula, as_of: datetime) -> Clause:
    """The clauses of a formula."""
    return _clause(formula.tree, as_of)


def _clause(tree: Tree, as_of: datetime) -> Clause:
    tree = tree.unnest()
    text = str(tree.sql(dialect="duckdb"))
    sql = Formula(text, frozenset(), tree).sql(as_of)
    word = _WORDS.get(type(tree), "")
    inner = (tree.this,) if isinstance(tree, exp.Not) else tree.flatten() if word else ()
    return Clause(text, sql, word, tuple(_clause(one, as_of) for one in inner))

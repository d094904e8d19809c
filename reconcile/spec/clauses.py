"""A group's rule taken apart at its and, or and not, so that each clause can be asked by itself."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime

from sqlglot import exp

from reconcile.spec import rules
from reconcile.spec.group import All, Any_, Condition, Group, In, None_, NotIn, Op, Rule, kind_of
from reconcile.spec.kinds import Kinds
from reconcile.spec.rules import Formula, Tree

_WORDS = {exp.And: "all of", exp.Or: "any of", exp.Not: "not"}


@dataclass(frozen=True, slots=True)
class Clause:
    """A part of a formula.

    Args:
        text: as it was written: SQL, or a condition in words.
        sql: the same for the engine, with the run's clock in it.
        word: how its parts are joined: `all of`, `any of`, `none of`, `not`; empty for a clause without parts.
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


def of(group: Group, known: Kinds, as_of: datetime) -> Clause | None:
    """The clauses of a group's `where` or `rules`; None where it has neither.

    Args:
        known: the kinds of the properties.
    """
    if group.rules is not None:
        return _ruled(group.rules, known, as_of)
    return _clause(rules.parse(group.where).tree, as_of) if group.where is not None else None


def _clause(tree: Tree, as_of: datetime) -> Clause:
    tree = tree.unnest()
    text = str(tree.sql(dialect="duckdb"))
    sql = Formula(text, frozenset(), tree).finite_sql(as_of)  # as the group itself is decided
    word = _WORDS.get(type(tree), "")
    inner = (tree.this,) if isinstance(tree, exp.Not) else tree.flatten() if word else ()
    return Clause(text, sql, word, tuple(_clause(one, as_of) for one in inner))


def _ruled(rule: Rule, known: Kinds, as_of: datetime) -> Clause:
    sql = rules.from_rules(rule, known).sql(as_of)
    match rule:
        case Condition():
            return Clause(_said(rule), sql)
        case In(in_=names):
            return Clause(f"in {' or '.join(names)}", sql)
        case NotIn(not_in=names):
            return Clause(f"not in {' or '.join(names)}", sql)
        case All(all=inner) | Any_(any=inner) | None_(none=inner):
            word = f"{kind_of(rule)} of"
            return Clause(word, sql, word, tuple(_ruled(one, known, as_of) for one in inner))


def _said(condition: Condition) -> str:
    """`last_order_at before 90 days ago`, `plan in plus, pro`, `city exists`."""
    if condition.op is Op.EXISTS:
        return f"{condition.property} {'exists' if condition.value else 'does not exist'}"
    given = condition.value if isinstance(condition.value, list) else [condition.value]
    told = ", ".join(str(one).lower() if isinstance(one, bool) else str(one) for one in given)
    return f"{condition.property} {condition.op.replace('_', ' ')} {told}"

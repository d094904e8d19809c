"""The door to SQL: expressions and structured rules, both read into one `Formula` for the engine.

A formula is one scalar expression over properties, in DuckDB's dialect. `now()`, `today()`, `current_date` and
`current_timestamp` mean the run's one clock, in UTC. Null is SQL's: a comparison with a null is not true, so `ne`
does not match a null, and the only condition that does is `exists: false`.
"""

from __future__ import annotations

import difflib
import re
import unicodedata
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, date, datetime
from functools import lru_cache
from itertools import pairwise
from typing import Any, TypeAlias

from sqlglot import Dialect, exp
from sqlglot.errors import ParseError, SqlglotError, TokenError

from reconcile.errors import Problem, SpecInvalid, Where
from reconcile.spec import conditions, finiteness, functions, operators
from reconcile.spec.group import All, Any_, Condition, Group, In, None_, NotIn, Rule
from reconcile.spec.kinds import Kinds
from reconcile.spec.places import spot

Tree: TypeAlias = Any
"""A node of sqlglot's syntax tree, whose base class has changed its name between releases."""

_DUCKDB = Dialect.get_or_raise("duckdb")


_NEVER_FAILING = (
    exp.Column, exp.Identifier, exp.Literal, exp.Boolean, exp.Null, exp.Paren, exp.Connector, exp.Not, exp.Neg, exp.EQ,
    exp.NEQ, exp.GT, exp.GTE, exp.LT, exp.LTE, exp.NullSafeEQ, exp.NullSafeNEQ, exp.Between, exp.In, exp.Is, exp.Like,
    exp.ILike, exp.Coalesce, exp.Nullif, exp.Case, exp.If, exp.DPipe, exp.Concat, exp.Lower, exp.Upper, exp.Trim,
    exp.Length, exp.TryCast, exp.DataType, exp.Add, exp.Sub, exp.Mul, exp.Div, exp.Interval, exp.Var, exp.CurrentDate,
    exp.CurrentTimestamp, exp.Year, exp.Month, exp.Day, exp.StartsWith, exp.EndsWith, exp.Round, exp.Abs,
)  # fmt: skip
"""Nodes on which DuckDB does not fail, whatever the values are; an overflow is told where it happens."""


@dataclass(frozen=True, slots=True)
class Formula:
    """One scalar expression over properties."""

    text: str
    """As it was written; for structured rules, the SQL they mean."""
    properties: frozenset[str]
    """The properties it reads, as written."""
    tree: Tree = field(repr=False, compare=False)
    """As sqlglot reads it; nobody may change it."""

    @property
    def may_overflow(self) -> bool:
        """Whether it or a part of it may come to what is no value: NaN, an infinity, a day beyond the year 9999."""
        return finiteness.is_endless(self.tree)

    @property
    def may_fail(self) -> bool:
        """Whether an engine may stop on a value: unless it only chooses, compares, joins texts and reckons.

        What reads no property is the same for all rows, so it fails for nobody or for all.
        """
        odd = (node for node in self.tree.walk() if not isinstance(node, _NEVER_FAILING))
        return any(node.find(exp.Column) is not None for node in odd)

    def sql(self, as_of: datetime) -> str:
        """Canonical DuckDB SQL: names in quotes, the clock as a literal in UTC.

        Args:
            as_of: the run's one clock; without an offset it is taken for UTC.
        """
        return _sql(self._stopped(as_of))

    def finite_sql(self, as_of: datetime) -> str:
        """The same with null for whatever `may_overflow`: where it differs, the formula went by what is no value."""
        return _sql(finiteness.without_endless(self._stopped(as_of)))

    def _stopped(self, as_of: datetime) -> Tree:
        moment = as_of.astimezone(UTC) if as_of.tzinfo else as_of
        return self.tree.copy().transform(lambda node: _stop(node, moment))


@lru_cache(maxsize=1024)
def parse(text: str) -> Formula:
    """Read a `where` or `sql` expression.

    Raises:
        SpecInvalid: it is not one scalar expression that may stand in a spec. Its only problem's place is inside the
            text itself (file "expression").
    """
    tree = _tree(text)
    for node in tree.walk():
        _check(node, text)
    _check_calls(text)
    return _formula(text, tree)


def member(group: str) -> str:
    """The column that tells who is in a group."""
    return f"g:{group}"


def of(group: Group, known: Kinds | None = None) -> Formula:
    """The formula of a group's `where` or `rules`.

    Args:
        known: the kinds of properties, as far as they are known.

    Raises:
        SpecInvalid: see `parse`.
    """
    if group.where is not None:
        return parse(group.where)
    if group.rules is None:
        return parse("true")
    return from_rules(group.rules, known)


def from_rules(rule: Rule, known: Kinds | None = None) -> Formula:
    """The formula that a structured rule means.

    Raises:
        SpecInvalid: something in it does not fit.
    """
    known = known or {}
    found = [one for _, condition in conditions.parts(rule) for one in _mismatches(condition, known)]
    if found:
        raise SpecInvalid(found)
    tree = _ruled(rule, known)
    asked = frozenset(condition.property for _, condition in conditions.parts(rule))
    return Formula(_sql(tree), asked, tree)


def _mismatches(condition: Condition, known: Kinds) -> Iterator[Problem]:
    for one in operators.mismatches(condition, known.get(condition.property.casefold())):
        yield Problem(one.message, None, one.hint)


def _formula(text: str, tree: Tree) -> Formula:
    return Formula(text, frozenset(column.name for column in tree.find_all(exp.Column)), tree)


def _sql(tree: Tree) -> str:
    return str(tree.sql(dialect=_DUCKDB, identify=True, comments=False))


# The clock


def _stop(node: Tree, moment: datetime) -> Tree:
    if isinstance(node, exp.Literal) and node.is_string and not node.name.isascii():
        return exp.Literal.string(unicodedata.normalize("NFC", node.name))  # as all values are
    if isinstance(node, exp.CurrentDate):
        return _day(moment.date())
    return _instant(moment) if _is_now(node) else node


def _is_now(node: Tree) -> bool:
    return isinstance(node, exp.CurrentTimestamp) or (isinstance(node, exp.Anonymous) and node.name.lower() == "now")


def _day(day: date) -> Tree:
    return exp.cast(exp.Literal.string(day.isoformat()), "date")


def _instant(moment: datetime) -> Tree:
    return exp.cast(exp.Literal.string(moment.replace(tzinfo=None).isoformat(" ")), "timestamp")


# Reading an expression


def _tree(text: str) -> Tree:
    try:
        trees = _DUCKDB.parse(text)
    except ParseError as error:
        raise _misread(text, error) from None
    except TokenError:
        raise _refused(text, "a quote or bracket is not closed") from None
    except (SqlglotError, RecursionError, ValueError, TypeError, AttributeError, IndexError, KeyError):
        raise _refused(text, "it cannot be read as SQL") from None
    if not trees or trees[0] is None:
        raise _refused(text, "there is nothing in it")
    if len(trees) > 1:
        raise _refused(text, "it is more than one expression", "Take out the semicolon.", near=";")
    return trees[0]


def _misread(text: str, error: ParseError) -> SpecInvalid:
    first = error.errors[0] if error.errors else {}
    near = str(first.get("highlight") or "").strip()
    said = str(first.get("description") or "")
    # sqlglot's column is that of the last character it read, 1-based.
    column = int(first.get("col") or 1) - max(len(near) - 1, 0)
    where = spot(text, _offset(text, int(first.get("line") or 1), column))
    if said.startswith("Required keyword"):
        message = f'something is missing around "{near}"'
    elif "number of provided arguments" in said:
        message = f'the call that ends near "{near}" has too many arguments'
    else:
        message = f'it cannot be read as SQL near "{near}"' if near else "it cannot be read as SQL"
    return SpecInvalid([Problem(message, where, _hint_syntax(text))])


def _hint_syntax(text: str) -> str | None:
    if "==" in text:
        return 'SQL compares with a single "=".'
    if "&&" in text:
        return 'SQL says "and".'
    return None


def _offset(text: str, line: int, column: int) -> int:
    """The offset of a 1-based line and column."""
    lines = text.split("\n")[: line - 1]
    return min(sum(map(len, lines)) + len(lines) + max(column, 1) - 1, len(text))


def _refused(text: str, message: str, hint: str | None = None, *, near: str = "") -> SpecInvalid:
    return SpecInvalid([Problem(message, spot(text, max(text.find(near), 0)), hint)])


_ONE_ROW = "It looks at one row. A property with an aggregate over a `many` source looks at all rows of a person."
_BARE = tuple(set(_DUCKDB.parser_class.NO_PAREN_FUNCTIONS.values()) - {exp.CurrentDate, exp.CurrentTimestamp})
_REFUSED: dict[tuple[type, ...], tuple[str, str | None]] = {
    (exp.Subquery, exp.Exists): ("it holds a query inside", "A formula is one expression over properties."),
    (exp.Query, exp.DDL, exp.DML, exp.Command, exp.Drop, exp.Alter, exp.Set, exp.Use, exp.Pragma, exp.Describe,
     exp.Transaction, exp.Commit, exp.Rollback, exp.Attach, exp.Detach, exp.Copy): (
        "it is a statement", "Write only the expression, as it would stand after WHERE."),
    (exp.Window,): ("it uses a window (over)", _ONE_ROW),
    (exp.AggFunc,): ("it uses an aggregate", _ONE_ROW),
    (exp.Star, exp.Columns): ("it uses *", "Name the properties."),
    (exp.Placeholder, exp.Parameter, exp.SessionParameter): ("it uses a parameter", "Write the value itself."),
    (exp.Alias, exp.Aliases): ("it gives a name with AS", "Leave the name out: the property's id is its name."),
    (exp.Lambda, exp.Comprehension): ("it uses a function of its own (lambda)", None),
    (exp.Dot,): ("it reaches into a value with a dot", "Write a function around the property: upper(city)."),
    (*_BARE, exp.NextValueFor): ("it asks the database's session or clock", "The run's clock is now() or today()."),
    (exp.Rand, exp.Randn, exp.Uuid): ("it gives something else every time", "A plan must be the same twice."),
}  # fmt: skip


def _check(node: Tree, text: str) -> None:
    for kinds, (message, hint) in _REFUSED.items():
        if isinstance(node, kinds):
            raise _refused(text, message, hint)
    if isinstance(node, exp.Column) and node.table:
        dotted = ".".join(part.name for part in node.parts)
        raise _refused(text, f"{dotted}: a formula knows no tables", "Write the name alone.", near=dotted)
    if not isinstance(node, _KNOWN):
        raise _refused(text, f"it uses SQL that has no place in a formula ({type(node).key})")


_KNOWN = (
    exp.Binary, exp.Unary, exp.Func, exp.Column, exp.Identifier, exp.Literal, exp.Null, exp.Boolean, exp.Var,
    exp.DataType, exp.DataTypeParam, exp.Interval, exp.IntervalSpan, exp.In, exp.Between, exp.If, exp.Tuple,
    exp.Bracket, exp.Slice, exp.Collate, exp.AtTimeZone, exp.Distinct, exp.Paren, exp.Escape, exp.IgnoreNulls,
    exp.JSONPath, exp.JSONPathPart,
)  # fmt: skip


# Functions, by the names that were written


def _check_calls(text: str) -> None:
    for token in _calls(text):
        name = token.text.lower()
        if name in functions.ALLOWED or name in functions.WORDS:
            continue
        raise SpecInvalid([Problem(*_unknown(name, token, text))])


def _calls(text: str) -> Iterator[Tree]:
    """The tokens that stand right before an opening bracket and look like a name."""
    for token, following in pairwise(_DUCKDB.tokenize(text)):
        if following.text == "(" and _NAME.fullmatch(token.text):
            yield token


def _unknown(name: str, token: Tree, text: str) -> tuple[str, Where, str | None]:
    where = spot(text, token.start)
    if name in functions.DICE:
        return f"{name}() gives something else every time", where, "A plan must be the same twice."
    close = difflib.get_close_matches(name, functions.ALLOWED, n=1, cutoff=0.75)
    return f"there is no function {name}() for formulas", where, f"Did you mean {close[0]}()?" if close else None


_NAME = re.compile(r"[^\W\d]\w*")


# Structured rules


def _ruled(rule: Rule, known: Kinds) -> Tree:
    match rule:
        case Condition():
            return _condition(rule, known)
        case All(all=rules):
            return exp.and_(*_all(rules, known), dialect=_DUCKDB)
        case Any_(any=rules):
            return exp.or_(*_all(rules, known), dialect=_DUCKDB)
        case None_(none=rules):
            return exp.not_(exp.or_(*_all(rules, known), dialect=_DUCKDB), dialect=_DUCKDB)
        case In(in_=names):
            return _any_of(names)
        case NotIn(not_in=names):
            return exp.not_(_any_of(names), dialect=_DUCKDB)


def _all(rules: list[Rule], known: Kinds) -> Iterator[Tree]:
    return (_ruled(rule, known) for rule in rules)


def _any_of(groups: list[str]) -> Tree:
    return exp.or_(*(exp.column(member(name), quoted=True) for name in groups), dialect=_DUCKDB)


def _condition(condition: Condition, known: Kinds) -> Tree:
    column = _sql(exp.column(condition.property, quoted=True))
    return _DUCKDB.parse(operators.sql(condition, column, known.get(condition.property.casefold())))[0]

"""Formulas of a spec, which speak DuckDB's SQL, translated for Spark: with the same answer, or refused by name.

Much that both engines can say they mean differently (`round(x, 2)`, `week`, `dayofweek`, `log`, `%`), so what is not
known to give the same is refused before anything runs, and the error says what it was.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import Any

import sqlglot
from ibis.backends.sql.datatypes import DuckDBType, PySparkType
from sqlglot import expressions as sge
from sqlglot.optimizer.annotate_types import annotate_types

from reconcile.spec import patterns
from reconcile.state.engines import spark_sql
from reconcile.state.engines.spark_sql import Tree, said
from reconcile.state.workspace import FormulaRefused

_Kind = sge.DataType.Type
_TEXT = sge.DataType.TEXT_TYPES
_WHOLE = sge.DataType.INTEGER_TYPES
_BROKEN = {_Kind.DOUBLE, _Kind.FLOAT}
_NUMERIC = sge.DataType.NUMERIC_TYPES
_TIMES = {_Kind.DATE, _Kind.TIMESTAMP, _Kind.TIMESTAMPNTZ}
_ISO = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}( [0-9]{2}:[0-9]{2}:[0-9]{2}(\.[0-9]{1,6})?)?")
"""A time that both engines read alike, written out: it need not be taken apart for every row."""

_SAME = (
    sge.Column, sge.Identifier, sge.Literal, sge.Null, sge.Boolean, sge.Var, sge.DataType, sge.DataTypeParam, sge.Paren,
    sge.And, sge.Or, sge.Not, sge.Is, sge.EQ, sge.NEQ, sge.GT, sge.GTE, sge.LT, sge.LTE, sge.NullSafeEQ,
    sge.NullSafeNEQ, sge.In, sge.Between, sge.Tuple, sge.Case, sge.If, sge.Coalesce, sge.Nullif, sge.Greatest,
    sge.Least, sge.Add, sge.Mul, sge.Neg, sge.Interval, sge.Abs, sge.Trim, sge.Replace, sge.Reverse,
    sge.StartsWith, sge.EndsWith, sge.Contains, sge.Year, sge.Month, sge.Day, sge.Quarter,
)  # fmt: skip
"""What means the same to both as it is."""

_BY_NAME = {"CONTAINS": "CONTAINS", "PREFIX": "STARTSWITH", "SUFFIX": "ENDSWITH"}

_UPPER = """IF(LENGTH(:x) = OCTET_LENGTH(:x), UPPER(:x), ARRAY_JOIN(TRANSFORM(
    REGEXP_EXTRACT_ALL(TRANSLATE(:x, 'ß', 'ẞ'), '(?s).', 0), c -> IF(LENGTH(UPPER(c)) = 1, UPPER(c), c)), ''))"""
_DIVIDED = """CASE WHEN CAST(:b AS DOUBLE) <> 0 THEN CAST(:a AS DOUBLE) / CAST(:b AS DOUBLE)
    WHEN CAST(:b AS DOUBLE) = 0 THEN CASE WHEN CAST(:a AS DOUBLE) > 0 AND NOT ISNAN(CAST(:a AS DOUBLE))
    THEN DOUBLE('Infinity') WHEN CAST(:a AS DOUBLE) < 0 THEN DOUBLE('-Infinity')
    WHEN NOT :a IS NULL THEN DOUBLE('NaN') END END"""
_STRICT = "IF(:x IS NULL, NULL, COALESCE(:found, RAISE_ERROR('conversion error')))"


def translated(name: str, sql: str, schema: Mapping[str, Any]) -> str:
    """A formula in Spark's SQL, with its name.

    Args:
        name: of the column that it makes.
        sql: one scalar expression in DuckDB's dialect, as `spec.rules` lets it through.
        schema: column -> Ibis type of the rows it looks at.

    Raises:
        FormulaRefused: Spark does not say this, or not the same way.
    """
    try:
        tree = _translated(_typed(sql, schema))
    except _Unlike as unlike:
        raise FormulaRefused(
            name, f"{unlike} is not known to mean the same on Spark; the engine duckdb has it"
        ) from None
    return str(sge.alias_(tree, name, quoted=True).sql(dialect="spark", identify=True))


class _Unlike(Exception):
    """Something that the engines do not share."""


def _typed(sql: str, schema: Mapping[str, Any]) -> Tree:
    """The expression's tree, every node with its type as DuckDB has it."""
    columns = {column.casefold(): column for column in schema}
    tree = sqlglot.parse_one(f"SELECT {sql} FROM properties", read="duckdb")  # noqa: S608 -- an expression, parsed
    for column in tree.find_all(sge.Column):
        known = columns.get(column.name.casefold(), column.name)
        column.replace(sge.column(known, table="properties", quoted=True))
    types = {column: DuckDBType.from_ibis(schema[column]) for column in schema}
    typed = annotate_types(tree, schema={"properties": types}, dialect="duckdb")
    for column in typed.find_all(sge.Column):
        column.set("table", None)
    return typed.expressions[0]


def _translated(node: Tree) -> Tree:
    way = _WAYS.get(type(node))
    if way is not None:
        return way(node)
    if isinstance(node, sge.Anonymous) and node.name.upper() in _BY_NAME:
        node.set("this", _BY_NAME[node.name.upper()])
    elif type(node) not in _SAME:
        raise _Unlike(_told(node))
    for part in list(node.iter_expressions()):
        if (said_so := _translated(part)) is not part:
            part.replace(said_so)
    return node


def _told(node: Tree) -> str:
    """What was written, as far as it can be told: `round()`, `//`."""
    name = (
        node.name
        if isinstance(node, sge.Anonymous)
        else node.sql_names()[0]
        if isinstance(node, sge.Func)
        else node.key
    )
    return f"{name.lower()}()" if isinstance(node, sge.Func) else f"the SQL for {name.lower()}"


def _is(node: Tree, kinds: Any) -> bool:
    return node.type is not None and node.type.this in kinds


def _sure(node: Tree) -> None:
    """Make sure that a fraction is a double: DuckDB takes `2.5` for a decimal, which has its own text and rounding."""
    if any(not one.is_string and not one.is_int for one in node.find_all(sge.Literal)):
        raise _Unlike("a fraction such as 2.5 made a text or a whole number")


def _template(template: str) -> Callable[[Tree], Tree]:
    return lambda node: said(template, x=_translated(node.this))


def _divide(node: Tree) -> Tree:
    """By IEEE, as DuckDB does it: a division by zero is infinite, and no error."""
    return said(_DIVIDED, a=_translated(node.this), b=_translated(node.expression))


def _modulo(node: Tree) -> Tree:
    divisor = node.expression
    if not (isinstance(divisor, sge.Literal) and not divisor.is_string and float(divisor.name) != 0):
        raise _Unlike("a remainder (%) by anything but a number")
    return said("(:a) % :b", a=_translated(node.this), b=divisor)


def _subtract(node: Tree) -> Tree:
    left, right = node.this, node.expression
    if _is(left, {_Kind.DATE}) and _is(right, {_Kind.DATE}):
        return said("DATEDIFF(:a, :b)", a=_translated(left), b=_translated(right))
    if _is(left, _TIMES) and not isinstance(right, sge.Interval):
        raise _Unlike("the time between two times")
    return said(":a - :b", a=_translated(left), b=_translated(right))


def _days(node: Tree) -> Tree:
    if node.unit.name.upper() not in {"DAY", "DAYS"}:
        raise _Unlike("date_diff() in anything but days")
    return said("DATEDIFF(:a, :b)", a=_translated(node.this), b=_translated(node.expression))


def _joined(node: Tree) -> Tree:
    return said(":a || :b", a=_text(node.this), b=_text(node.expression))


def _concatenated(node: Tree) -> Tree:
    """`concat()` leaves nulls out."""
    parts = [said("COALESCE(:x, '')", x=_text(part)) for part in node.expressions]
    return sge.Anonymous(this="CONCAT", expressions=parts)


def _text(node: Tree) -> Tree:
    """A node as text: a number in the form that DuckDB gives it."""
    if node.type is None or node.type.this in {_Kind.UNKNOWN, _Kind.NULL} or _is(node, _TEXT):
        return _translated(node)
    if _is(node, _BROKEN):
        _sure(node)
        return spark_sql.text_of_number(sge.cast(_translated(node), "double"))
    return said("CAST(:x AS STRING)", x=_translated(node))


def _cast(node: Tree) -> Tree:
    """From text by DuckDB's rules of what fits; between numbers with its rounding."""
    strict, subject, to = type(node) is sge.Cast, node.this, node.to
    if _is(subject, {_Kind.UNKNOWN, _Kind.NULL}) or subject.type is None:
        raise _Unlike("a cast of something whose type cannot be told")
    if to.this in _TEXT:
        return _text(subject)
    if isinstance(subject, sge.Literal) and to.this in _TIMES and _ISO.fullmatch(subject.name):
        return node
    found = _translated(subject)
    if _is(subject, _TEXT):
        read = spark_sql.of_text(found, PySparkType.to_ibis(to))
        if read is None:
            raise _Unlike(f"a cast to {to.sql(dialect='duckdb').lower()}")
        read = said(f"TRY_CAST(:x AS {to.sql(dialect='spark')})", x=read)
        return said(_STRICT, x=found, found=read) if strict else read
    if to.this in _WHOLE and _is(subject, _NUMERIC - _WHOLE):
        _sure(subject)
        found = said("RINT(:x)" if _is(subject, _BROKEN) else "ROUND(:x, 0)", x=found)
    node.set("this", found)
    return node


def _like(node: Tree) -> Tree:
    """DuckDB's patterns have no escape unless one is given; Spark's is the backslash, unless another is given."""
    pattern = node.expression
    if not (isinstance(pattern, sge.Literal) and pattern.is_string):
        raise _Unlike("like with anything but a plain pattern")
    text, pattern = _text(node.this), pattern.copy()
    if isinstance(node, sge.ILike):  # Spark's has small letters of its own
        text, pattern = spark_sql.small(text), spark_sql.small(pattern)
    like: Tree = sge.Like(this=text, expression=pattern)
    if "\\" in node.expression.name:
        unused = next(sign for sign in map(chr, range(33, 127)) if sign not in f"%_\\{node.expression.name.lower()}")
        like = sge.Escape(this=like, expression=sge.Literal.string(unused))
    return sge.not_(like) if node.args.get("negate") else like


def _matches(node: Tree) -> Tree:
    pattern = node.expression
    if not (isinstance(pattern, sge.Literal) and pattern.is_string) or node.args.get("flag"):
        raise _Unlike("regexp_matches() with anything but a plain pattern")
    java = patterns.java(pattern.name)
    if java is None:
        raise _Unlike("a regular expression beyond those of docs/operators.md")
    return said("RLIKE(:x, :re)", x=_text(node.this), re=java)


def _length(node: Tree) -> Tree:
    """Of a list: its members."""
    if _is(node.this, {_Kind.ARRAY, _Kind.LIST}):
        return said("IF(:x IS NULL, NULL, SIZE(:x))", x=_translated(node.this))
    return said("LENGTH(:x)", x=_text(node.this))


def _includes(node: Tree) -> Tree:
    """A list that has nulls and not the value does not have it: Spark is not sure."""
    member = _text(node.expression)
    return said(
        "IF(:x IS NULL, NULL, COALESCE(ARRAY_CONTAINS(:x, :member), FALSE))", x=_translated(node.this), member=member
    )


def _part(node: Tree) -> Tree:
    """`substring` from a place that is a number: from 0 and from the end the engines count differently."""
    places = [node.args[name] for name in ("start", "length") if node.args.get(name) is not None]
    if not all(isinstance(one, sge.Literal) and one.is_int for one in places) or places[0].name == "0":
        raise _Unlike("substring() with anything but numbers from 1 up")
    given = ", ".join(one.name for one in places)
    return said(f"SUBSTRING(:x, {given})", x=_text(node.this))


_WAYS: Mapping[type, Callable[[Tree], Tree]] = {
    sge.Div: _divide,
    sge.Mod: _modulo,
    sge.Sub: _subtract,
    sge.DateDiff: _days,
    sge.DPipe: _joined,
    sge.Concat: _concatenated,
    sge.Cast: _cast,
    sge.TryCast: _cast,
    sge.Like: _like,
    sge.ILike: _like,
    sge.RegexpLike: _matches,
    sge.Substring: _part,
    sge.Length: _length,
    sge.ArrayContains: _includes,
    sge.Lower: lambda node: spark_sql.small(_text(node.this)),
    sge.Upper: lambda node: said(_UPPER, x=_text(node.this)),
    # Spark's are whole numbers of 64 bits; what is larger is whole already.
    sge.Floor: _template("IF(ABS(:x) < 9e15D, CAST(FLOOR(CAST(:x AS DOUBLE)) AS DOUBLE), CAST(:x AS DOUBLE))"),
    sge.Ceil: _template("IF(ABS(:x) < 9e15D, CAST(CEIL(CAST(:x AS DOUBLE)) AS DOUBLE), CAST(:x AS DOUBLE))"),
}
"""What is said in other words."""

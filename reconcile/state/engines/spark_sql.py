"""DuckDB's answers in Spark's words: how Ibis writes for Spark, where the two engines differ on the same expression.

Two engines make one plan only if each text, number and date comes out the same. DuckDB is the measure; here stand the
places in which Spark would say something else by itself: how text becomes a number or a date and back (`1E-7`, `1 d`),
Unicode (NFC, small letters), JSON's quotes, NaN, the `$` of a pattern. Tests hold both engines to the same answers.

Two of them need a function that SQL does not have, so Spark is asked for a Java one that it ships (`reflect`): ICU's
NFC, and Jackson's shortest decimal, which Java 17's own is not.
"""

from __future__ import annotations

import functools
from typing import Any, ClassVar, TypeAlias

import sqlglot
from ibis.backends.sql.compilers.pyspark import PySparkCompiler
from ibis.backends.sql.datatypes import PySparkType
from ibis.expr import datatypes as dt
from sqlglot import expressions as sge

Tree: TypeAlias = Any
"""A node of sqlglot's syntax tree."""

_SPACE = r"[ \t\n\x0B\f\r]*"
_DIGITS = "[0-9]+(?:_[0-9]+)*"
_WHOLE = rf"\A{_SPACE}[+]?-?{_DIGITS}{_SPACE}\z"
_NUMBER = rf"\A{_SPACE}[+]?-?(?:{_DIGITS}(?:\.(?:{_DIGITS})?)?|\.{_DIGITS})(?:[eE][+-]?{_DIGITS})?{_SPACE}\z"
_BEYOND = rf"(?i)\A{_SPACE}[+]?-?(?:inf|infinity|nan){_SPACE}\z"
_DAY = rf"\A{_SPACE}([0-9]{{1,6}})([-/ ])([0-9]{{1,2}})\2([0-9]{{1,2}})"
_DATE = rf"{_DAY}(?![0-9])"
_OFFSET = r"(?:Z| UTC|([+-])([0-9]{2})(?::?([0-9]{2})(?::([0-9]{2}))?)?)"
_TIME = rf"([0-9]{{1,2}}:[0-9]{{1,2}})(?:(:[0-9]{{1,2}}(?:\.[0-9]*)?)(?:{_OFFSET}{_SPACE}| *))?"
_MOMENT = rf"{_DAY}(?:(?:[ \t\n\x0B\f\r]+|T{_SPACE}){_TIME})?\z"
_EPOCH = rf"(?i)\A{_SPACE}epoch{_SPACE}\z"
"""What DuckDB reads as a number, a date, a time; Spark reads other things besides (`1d`, `2024`), and not all of it."""

_CLEAN = "REPLACE(LTRIM('+', TRIM(BOTH ' \t\n\x0b\f\r' FROM :x)), '_', '')"
_ISO_DAY = "CONCAT(LPAD(REGEXP_EXTRACT(:x, :re, 1), GREATEST(4, LENGTH(REGEXP_EXTRACT(:x, :re, 1))), '0'), '-', "
_ISO_DAY += "REGEXP_EXTRACT(:x, :re, 3), '-', REGEXP_EXTRACT(:x, :re, 4))"

_FROM_TEXT = {
    "number": f"""CASE WHEN RLIKE(:x, :number) THEN CAST({_CLEAN} AS DOUBLE)
        WHEN RLIKE(:x, :beyond) THEN CAST({_CLEAN} AS DOUBLE) END""",
    "integer": f"""CASE WHEN RLIKE(:x, :whole) THEN TRY_CAST({_CLEAN} AS BIGINT)
        WHEN RLIKE(:x, :number) THEN TRY_CAST(ROUND(TRY_CAST({_CLEAN} AS DECIMAL(38, 18)), 0) AS BIGINT) END""",
    "boolean": """CASE WHEN LOWER(:x) IN ('true', 't', 'yes', 'y', '1') THEN TRUE
        WHEN LOWER(:x) IN ('false', 'f', 'no', 'n', '0') THEN FALSE END""",
    "date": f"""CASE WHEN RLIKE(:x, :re) THEN TRY_CAST({_ISO_DAY} AS DATE)
        WHEN RLIKE(:x, :epoch) THEN DATE'1970-01-01' END""",
    "moment": f"""CASE WHEN RLIKE(:x, :re) THEN TRY_CAST(CONCAT({_ISO_DAY}, ' ',
        COALESCE(NULLIF(REGEXP_EXTRACT(:x, :re, 5), ''), '0:0'),
        COALESCE(RTRIM('.', NULLIF(REGEXP_EXTRACT(:x, :re, 6), '')), ':0')) AS TIMESTAMP_NTZ)
        WHEN RLIKE(:x, :epoch) THEN TIMESTAMP_NTZ'1970-01-01 00:00:00' END""",
    "offset": """IF(REGEXP_EXTRACT(:x, :re, 7) = '-', -1, 1) * (
        COALESCE(TRY_CAST(REGEXP_EXTRACT(:x, :re, 8) AS INT), 0) * 3600
        + COALESCE(TRY_CAST(REGEXP_EXTRACT(:x, :re, 9) AS INT), 0) * 60
        + COALESCE(TRY_CAST(REGEXP_EXTRACT(:x, :re, 10) AS INT), 0))""",
}

_SHORTEST = "REFLECT('com.fasterxml.jackson.core.io.schubfach.DoubleToDecimal', 'toString', :x)"
_COMPOSED = "REFLECT('com.ibm.icu.text.Normalizer', 'compose', :x, FALSE)"
PROBE = f"SELECT {_SHORTEST}".replace(":x", "1e0") + f", {_COMPOSED}".replace(":x", "'x'")
"""Asks a Spark whether it has what the rest takes for granted."""

# A name for the number, so that it is worked out once however often it is looked at. Java writes two digits at least:
# 4.9E-324 and 9.9E-324, where one is enough.
_TEXT_OF_NUMBER = "ELEMENT_AT(TRANSFORM(ARRAY(:number), x -> :text), 1)"
_TEXT_OF_X = f"""CASE WHEN :x IS NULL THEN NULL WHEN ISNAN(:x) THEN 'nan'
    WHEN ABS(:x) = DOUBLE('Infinity') THEN IF(:x > 0, 'inf', '-inf')
    WHEN :x = 0 OR (ABS(:x) >= 1e-3D AND ABS(:x) < 1e7D) THEN {_SHORTEST}
    WHEN ABS(:x) >= 1e-4D AND ABS(:x) < 1e16D
        THEN REGEXP_REPLACE(RTRIM('0', CAST(CAST({_SHORTEST} AS DECIMAL(38, 21)) AS STRING)), '[.]$', '.0')
    WHEN ABS(:x) <= 1e-323D THEN CONCAT(IF(:x < 0, '-', ''), IF(ABS(:x) < 9e-324D, '5e-324', '1e-323'))
    ELSE REGEXP_REPLACE(REGEXP_REPLACE(REGEXP_REPLACE(REGEXP_REPLACE({_SHORTEST},
        '[.]0E', 'E'), 'E(?=[0-9])', 'e+'), 'E-', 'e-'), '([+-])([0-9])$', '$10$2') END"""

_NFC = f"IF(:x IS NULL OR LENGTH(:x) = OCTET_LENGTH(:x), :x, {_COMPOSED})"
_QUOTED = "SUBSTRING(TO_JSON(ARRAY(:x)), 2, LENGTH(TO_JSON(ARRAY(:x))) - 2)"
# Spark stops reading where a value ends, whatever follows: what fits into a list and into an object is one value.
_HELD = "NOT TRY_PARSE_JSON(CONCAT"
_NESTED = {
    "json_valid": f"{_HELD}('[', :x, ']')) IS NULL AND {_HELD}('{{\"x\":', :x, '}}')) IS NULL",
    "json": "GET_JSON_OBJECT(:x, '$')",  # keys stay in their order, as in DuckDB; PARSE_JSON would sort them
    "from_json": "FROM_JSON(:x, 'array<string>')",
    "sha256": "SHA2(:x, 256)",
}
# Letter by letter, as DuckDB does it: Spark knows that a Σ at the end of a word is another, and splits the dot off İ.
_SMALL = "IF(LENGTH(:x) = OCTET_LENGTH(:x), LOWER(:x), LOWER(TRANSLATE(:x, 'İΣ', 'iσ')))"

_TEXT_OF_TIME = {
    "%Y-%m-%d": "LTRIM('+', DATE_FORMAT(:x, 'yyyy-MM-dd'))",
    "%Y-%m-%dT%H:%M:%SZ": "LTRIM('+', DATE_FORMAT(:x, 'yyyy-MM-dd\\'T\\'HH:mm:ss\\'Z\\''))",
}


@functools.cache
def _parsed(template: str) -> Tree:
    return sqlglot.parse_one(template, read="spark")


def said(template: str, **args: Any) -> Tree:
    """A template's tree with its `:name`s filled in: by a tree, or by a text as a literal."""

    def fill(node: Tree) -> Tree:
        if isinstance(node, sge.Placeholder):
            found = args[node.name]
            return sge.Literal.string(found) if isinstance(found, str) else found.copy()
        return node

    return _parsed(template).copy().transform(fill)


def text_of_number(number: Tree) -> Tree:
    """The shortest text of a double: `0.1`, `1e-07`."""
    return said(_TEXT_OF_NUMBER, number=number, text=said(_TEXT_OF_X, x=sge.column("x")))


def small(text: Tree) -> Tree:
    """The text in small letters."""
    return said(_SMALL, x=text)


def ended(pattern: str) -> str:
    r"""A pattern whose `$` is the end and nothing else: Java's would also match before a last newline."""
    return pattern.removesuffix("$") + r"\z" if pattern.endswith("$") else pattern


def of_text(text: Tree, to: Any) -> Tree | None:
    """A text as this Ibis type, null where it says none; None for types that texts are not read as."""
    if to.is_timestamp():
        return _moment(text, zoned=to.timezone is not None)
    ways: tuple[tuple[bool, str, dict[str, str]], ...] = (
        (to.is_floating(), "number", {"number": _NUMBER, "beyond": _BEYOND}),
        (to.is_integer(), "integer", {"whole": _WHOLE, "number": _NUMBER}),
        (to.is_boolean(), "boolean", {}),
        (to.is_date(), "date", {"re": _DATE, "epoch": _EPOCH}),
    )
    return next((said(_FROM_TEXT[name], x=text, **patterns) for fits, name, patterns in ways if fits), None)


def _moment(text: Tree, *, zoned: bool) -> Tree:
    local = said(_FROM_TEXT["moment"], x=text, re=_MOMENT, epoch=_EPOCH)
    if not zoned:
        return local
    offset = said(_FROM_TEXT["offset"], x=text, re=_MOMENT)
    return said("CAST(:local - MAKE_DT_INTERVAL(0, 0, 0, :offset) AS TIMESTAMP_LTZ)", local=local, offset=offset)


class _Types(PySparkType):  # type: ignore[misc]  # Ibis ships no types
    """Spark's types. It has no unsigned ones: a hash of 64 bits is as good with a sign."""

    @classmethod
    def from_ibis(cls, dtype: Any) -> Any:
        return super().from_ibis(dt.int64 if dtype.is_uint64() else dtype)


class Compiler(PySparkCompiler):  # type: ignore[misc]  # Ibis ships no types
    """Ibis's way to write for Spark, with DuckDB's answers."""

    __slots__ = ()

    type_mapper = _Types
    _FUNCTIONS: ClassVar[dict[str, str]] = {
        "nfc_normalize": _NFC,
        "to_json": _QUOTED,
        "hash": "XXHASH64(:x)",
        "literal_of": r"IF(RLIKE(:x, '^\ufdd0[-0-9tfn{\\[]'), SUBSTRING(:x, 2), :x)".replace(r"\ufdd0", "\ufdd0"),
        **_NESTED,
    }

    def visit_ScalarUDF(self, op: Any, **args: Tree) -> Tree:
        """Functions that are DuckDB's own by name."""
        template = self._FUNCTIONS.get(op.__func_name__)
        if op.__func_name__ == "shortest":
            return text_of_number(*args.values())
        if template is None:
            return super().visit_ScalarUDF(op, **args)
        text, *_ = args.values()  # what else DuckDB is told, the template says itself
        return said(template, x=text)

    def visit_TryCast(self, op: Any, *, arg: Tree, to: Any) -> Tree:
        """Null where a value does not fit: by DuckDB's rules of what fits."""
        if op.arg.dtype.is_string() and (found := of_text(arg, to)) is not None:
            return found
        if op.arg.dtype.is_floating() and to.is_integer():
            return super().visit_TryCast(op, arg=said("RINT(:x)", x=arg), to=to)
        return super().visit_TryCast(op, arg=arg, to=to)

    def visit_Cast(self, op: Any, *, arg: Tree, to: Any) -> Tree:
        """Numbers become the text that DuckDB would write."""
        if to.is_string() and op.arg.dtype.is_floating():
            return text_of_number(self.cast(arg, dt.float64))
        return super().visit_Cast(op, arg=arg, to=to)

    def visit_Strftime(self, op: Any, *, arg: Tree, format_str: Tree) -> Tree:
        """The few formats that the house writes times in."""
        return said(_TEXT_OF_TIME[op.format_str.value], x=arg)

    def visit_Lowercase(self, op: Any, *, arg: Tree) -> Tree:
        """Small letters, letter by letter."""
        return small(arg)

    def visit_RegexSearch(self, op: Any, *, arg: Tree, pattern: Tree) -> Tree:
        """By Java's patterns, which are RE2's as far as the house uses them."""
        return said("RLIKE(:x, :re)", x=arg, re=ended(op.pattern.value))

    def visit_BitOr(self, op: Any, *, arg: Tree, where: Tree | None) -> Tree:
        """Spark has it; Ibis does not know."""
        return self.agg.bit_or(arg, where=where)

    def visit_IsInf(self, op: Any, *, arg: Tree) -> Tree:
        """Ibis compares the trees here and not the values."""
        return said("ABS(:x) = DOUBLE('Infinity')", x=arg)

    def visit_IsNull(self, op: Any, *, arg: Tree) -> Tree:
        """NaN is a value, and not null."""
        return said(":x IS NULL", x=arg)

    def visit_NotNull(self, op: Any, *, arg: Tree) -> Tree:
        """The same, the other way round."""
        return said("NOT :x IS NULL", x=arg)

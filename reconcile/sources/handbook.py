"""The types of sources for people: how a value of each is stored, what it comes as, and what Sailthru then holds.

Run as a program it writes the table into the docs: `python -m reconcile.sources.handbook docs`. Each row is a test.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, TypeAlias

MISFIT = object()
"""What a value comes to that is none of its type: it is counted, and Sailthru is sent nothing."""

Store: TypeAlias = Literal["csv", "ndjson", "parquet", "sqlite", "duckdb", "postgres", "mysql"]


@dataclass(frozen=True, slots=True)
class Row:
    """A type of a store.

    Args:
        store: the kind of source.
        declared: the types that are read so, as the store writes them; of Newline JSON, what a field holds.
        comes: the type that such a column comes as.
        held: a value as it is written into the store (SQL, JSON, text of a CSV) -> what Sailthru holds.
        said: more about it.
    """

    store: Store
    declared: Sequence[str]
    comes: str
    held: Mapping[str, Any]
    said: str = ""


TITLES: Mapping[Store, str] = {
    "postgres": "PostgreSQL",
    "mysql": "MySQL, MariaDB",
    "sqlite": "SQLite",
    "duckdb": "DuckDB",
    "parquet": "Parquet",
    "ndjson": "Newline JSON",
    "csv": "CSV",
}

_TRUTH = {"true": True, "false": False}
_OBJECT: Mapping[str, Any] = {"a": 1, "b": [True, "x"]}
_LARGE = {"9007199254740993": 9007199254740993, "-17": -17}

TABLE: Sequence[Row] = (
    Row("postgres", ("boolean",), "boolean", _TRUTH),
    Row("postgres", ("smallint", "integer"), "integer", {"-17": -17}),
    Row("postgres", ("bigint",), "integer", {"9223372036854775807": 9223372036854775807}),
    Row(
        "postgres",
        ("numeric(38,0)",),
        "decimal",
        {
            "9007199254740993": 9007199254740993,
            "18446744073709551615": 18446744073709551615,
            "12345678901234567890123456789012345678": MISFIT,
            "'NaN'": MISFIT,
        },
        "every digit of 38 in rules, keys, and with `type: string`; a var that is a number has 64 bits",
    ),
    Row("postgres", ("numeric(10,2)", "amount"), "decimal", {"19.90": 19.9, "-3": -3}, "`amount` is a domain of it"),
    Row(
        "postgres",
        ("numeric",),
        "decimal",
        {"19.90": 19.9, "9007199254740993": 9007199254740993, "1e20": MISFIT, "'Infinity'": MISFIT},
        "20 digits, and 18 places; with `type: string` every digit",
    ),
    Row("postgres", ("money",), "decimal", {"'1234.50'": 1234.5, "'-3'": -3}),
    Row("postgres", ("real",), "number", {"19.9": 19.9, "16777216": 16777216, "'NaN'": MISFIT}),
    Row("postgres", ("double precision",), "number", {"0.1": 0.1, "1e300": 1e300, "'-Infinity'": MISFIT}),
    Row("postgres", ("text", "varchar(20)", "name"), "text", {"'007'": "007", "' Zoë '": " Zoë ", "''": None}),
    Row("postgres", ("char(5)",), "text", {"'ab'": "ab"}, "without the spaces that fill it up"),
    Row("postgres", ("mood",), "text", {"'glad'": "glad"}, "an enum"),
    Row("postgres", ("address",), "text", {"'Ada@x.com'": "Ada@x.com"}, "a domain of `text`"),
    Row(
        "postgres",
        ("uuid",),
        "text",
        {"'A0EEBC99-9C0B-4EF8-BB6D-6BB9BD380A11'": "a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11"},
        "as the database writes it",
    ),
    Row("postgres", ("bytea",), "text", {r"'\x00ff'": r"\x00ff"}, "hexadecimal digits"),
    Row("postgres", ("bit(3)", "bit varying(3)"), "text", {"B'101'": "101"}),
    Row("postgres", ("date",), "date", {"'2026-01-31'": "2026-01-31", "'infinity'": MISFIT, "'0044-03-15 BC'": MISFIT}),
    Row(
        "postgres",
        ("timestamp", "timestamp(0)"),
        "timestamp",
        {"'2026-01-31 10:00:00'": "2026-01-31T10:00:00Z", "'-infinity'": MISFIT, "'10000-01-01'": MISFIT},
        "it is taken to be UTC",
    ),
    Row(
        "postgres",
        ("timestamp with time zone",),
        "timestamp",
        {"'2026-01-31 10:00:00.5+02'": "2026-01-31T08:00:00Z", "'infinity'": MISFIT},
    ),
    Row("postgres", ("time",), "text", {"'10:00'": "10:00:00", "'24:00'": "24:00:00"}),
    Row("postgres", ("time with time zone",), "text", {"'10:00+02'": "10:00:00+02"}),
    Row("postgres", ("interval",), "text", {"'26 hours'": "26:00:00", "'1 day 2 hours'": "1 day 02:00:00"}),
    Row(
        "postgres",
        ("json", "jsonb"),
        "JSON",
        {"""'{"a": 1, "b": [true, "x"]}'""": _OBJECT, "'5'": 5, """'"a \\"b\\""'""": 'a "b"', "'null'": None},
        "row by row, as in Newline JSON",
    ),
    Row(
        "postgres",
        ("text[]", "varchar(9)[]", "mood[]"),
        "list",
        {"""'{glad,NULL}'""": ["glad"], "'{}'": None, "'{{glad},{glad}}'": MISFIT},
        "of one dimension",
    ),
    Row(
        "postgres",
        ("uuid[]",),
        "list",
        {"'{a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11}'": ["a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11"]},
    ),
    Row(
        "postgres", ("integer[]", "numeric(4,1)[]"), "JSON", {"'{1,2}'": [1, 2], "'{{1},{2}}'": [[1], [2]]}, "its JSON"
    ),
    Row("postgres", ("inet",), "text", {"'10.0.0.1'": "10.0.0.1/32"}, "and all other types"),
    Row("postgres", ("int4range",), "text", {"'[1,5)'": "[1,5)"}),
    Row(
        "mysql",
        ("boolean", "tinyint(1)"),
        "boolean",
        {"1": True, "0": False, "5": True},
        "a number where a property says `type: integer`",
    ),
    Row("mysql", ("bit(1)",), "boolean", {"b'1'": True, "b'0'": False}),
    Row("mysql", ("bit(8)", "bit(64)"), "decimal", {"b'101'": 5}),
    Row("mysql", ("tinyint", "smallint", "mediumint", "int"), "integer", {"-17": -17}),
    Row("mysql", ("int(6) zerofill", "int unsigned"), "integer", {"42": 42, "4294967295": 4294967295}),
    Row("mysql", ("bigint",), "integer", {"-9223372036854775808": -9223372036854775808}),
    Row("mysql", ("bigint unsigned",), "decimal", {"18446744073709551615": 18446744073709551615, "1": 1}),
    Row("mysql", ("year",), "integer", {"2026": 2026}),
    Row("mysql", ("decimal(10,2)",), "decimal", {"19.90": 19.9, "-3": -3}),
    Row("mysql", ("decimal(65,0)",), "decimal", {"18446744073709551615": 18446744073709551615, "1" + 38 * "0": MISFIT}),
    Row("mysql", ("float",), "number", {"19.9": 19.9, "16777215": 16777215, "1234567.5": 1234567.5}),
    Row("mysql", ("double",), "number", {"0.1": 0.1, "1e300": 1e300, "9007199254740991": 9007199254740991}),
    Row(
        "mysql", ("varchar(20)", "text", "char(9)"), "text", {"'007'": "007", "'Zoë 👩‍👩‍👧'": "Zoë 👩‍👩‍👧", "''": None}
    ),
    Row("mysql", ("enum('a','b')",), "text", {"'b'": "b"}),
    Row("mysql", ("set('a','b')",), "text", {"'b,a'": "a,b"}, "`sql: \"string_split(x, ',')\"` makes a list of it"),
    Row("mysql", ("json",), "text", {"""'{"a": 1}'""": '{"a": 1}'}, "say `type: json`"),
    Row("mysql", ("binary(2)", "varbinary(2)", "blob"), "text", {"x'00ff'": r"\x00ff"}, "hexadecimal digits"),
    Row(
        "mysql",
        ("uuid",),
        "text",
        {"'a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11'": "a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11"},
        "of MariaDB",
    ),
    Row("mysql", ("date",), "date", {"'2026-01-31'": "2026-01-31", "'0000-00-00'": MISFIT, "'2026-00-00'": MISFIT}),
    Row(
        "mysql",
        ("datetime",),
        "timestamp",
        {"'2026-01-31 10:00:00'": "2026-01-31T10:00:00Z", "'0000-00-00'": MISFIT},
        "it is taken to be UTC",
    ),
    Row(
        "mysql",
        ("timestamp(6) null",),
        "timestamp",
        {"'2026-01-31 10:00:00.5'": "2026-01-31T10:00:00Z", "'0000-00-00'": MISFIT},
    ),
    Row("mysql", ("time",), "text", {"'10:00'": "10:00:00", "'-838:59:59'": "-838:59:59"}),
    Row("sqlite", ("boolean",), "boolean", {"1": True, "'no'": False, "2": MISFIT, "'maybe'": MISFIT}),
    Row(
        "sqlite",
        ("integer", "tinyint", "bigserial"),
        "integer",
        {"-17": -17, "'18'": 18, "1.5": MISFIT, "'n/a'": MISFIT},
    ),
    Row(
        "sqlite",
        ("unsigned big int",),
        "integer",
        {"9223372036854775807": 9223372036854775807, "9223372036854775808": MISFIT},
        "SQLite itself has 64 bits",
    ),
    Row(
        "sqlite",
        ("real", "double precision", "float"),
        "number",
        {"0.1": 0.1, "5": 5, "9e999": MISFIT, "'n/a'": MISFIT},
    ),
    Row(
        "sqlite",
        ("numeric", "decimal(10,2)", "money"),
        "decimal",
        {"19.90": 19.9, "9007199254740993": 9007199254740993, "'n/a'": MISFIT},
        "20 digits, and 18 places",
    ),
    Row(
        "sqlite",
        ("text", "varchar(20)", "clob"),
        "text",
        {"'007'": "007", "' Zoë '": " Zoë ", "''": None, "x'ff'": MISFIT},
    ),
    Row("sqlite", ("text", "varchar"), "text", {"17": "17", "1.5": "1.5"}, "numbers too"),
    Row("sqlite", ("enum", "interval", "point"), "text", {"'web'": "web"}),
    Row(
        "sqlite",
        ("blob",),
        "text",
        {"x'4a6f73c3a9'": "José", "x'ff'": MISFIT, "'Ann'": "Ann", "2.0": "2"},
        "where it is UTF-8",
    ),
    Row(
        "sqlite",
        ("date",),
        "date",
        {"'2026-01-31'": "2026-01-31", "20260131": "2026-01-31", "'31.01.2026'": MISFIT, "'0000-00-00'": MISFIT},
    ),
    Row(
        "sqlite",
        ("datetime", "timestamp"),
        "timestamp",
        {
            "'2026-01-31 10:00:00+02:00'": "2026-01-31T08:00:00Z",
            "1769853600": "2026-01-31T10:00:00Z",
            "1769853600000": "2026-01-31T10:00:00Z",
            "'infinity'": MISFIT,
        },
        "it is taken to be UTC where it has no offset",
    ),
    Row("sqlite", ("time",), "text", {"'10:00'": "10:00"}),
    Row(
        "sqlite",
        ("",),
        "JSON",
        {"17": 17, "'x'": "x", "2.0": 2, "9e999": MISFIT},
        "a column of no declared type that holds several kinds: row by row",
    ),
    Row("duckdb", ("boolean",), "boolean", _TRUTH),
    Row("duckdb", ("tinyint", "smallint", "integer"), "integer", {"-17": -17}),
    Row("duckdb", ("utinyint", "uinteger"), "integer", {"200": 200}),
    Row("duckdb", ("bigint",), "integer", {"-9223372036854775808": -9223372036854775808}),
    Row("duckdb", ("ubigint",), "decimal", {"18446744073709551615": 18446744073709551615}),
    Row(
        "duckdb",
        ("hugeint", "uhugeint", "bignum"),
        "decimal",
        {"9007199254740993": 9007199254740993, "'170141183460469231731687303715884105727'": MISFIT},
        "of more than 38 digits none",
    ),
    Row("duckdb", ("decimal(10,2)",), "decimal", {"19.90": 19.9}),
    Row("duckdb", ("decimal(38,0)",), "decimal", {"9007199254740993": 9007199254740993, "1" + 37 * "0": MISFIT}),
    Row("duckdb", ("float",), "number", {"19.9": 19.9, "16777216": 16777216, "'nan'": MISFIT}),
    Row("duckdb", ("double",), "number", {"0.1": 0.1, "1e300": 1e300, "'-infinity'": MISFIT}),
    Row("duckdb", ("varchar", "text"), "text", {"'007'": "007", "' Zoë '": " Zoë ", "''": None}),
    Row("duckdb", ("enum('a','b')",), "text", {"'b'": "b"}),
    Row(
        "duckdb", ("uuid",), "text", {"'A0EEBC99-9C0B-4EF8-BB6D-6BB9BD380A11'": "a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11"}
    ),
    Row("duckdb", ("blob",), "text", {r"'Jos\xC3\xA9'": "José", r"'\xFF'": MISFIT}, "where it is UTF-8"),
    Row("duckdb", ("bit",), "text", {"'101'": "101"}),
    Row(
        "duckdb",
        ("date",),
        "date",
        {"'2026-01-31'": "2026-01-31", "'infinity'": MISFIT, "'99999-01-01'": MISFIT, "'0044-03-15 (BC)'": MISFIT},
    ),
    Row(
        "duckdb",
        ("timestamp", "timestamp_s", "timestamp_ms", "timestamp_ns"),
        "timestamp",
        {"'2026-01-31 10:00:00'": "2026-01-31T10:00:00Z"},
        "it is taken to be UTC",
    ),
    Row("duckdb", ("timestamp",), "timestamp", {"'infinity'": MISFIT, "'10000-01-01'": MISFIT}),
    Row(
        "duckdb",
        ("timestamptz",),
        "timestamp",
        {"'2026-01-31 10:00:00.5+02'": "2026-01-31T08:00:00Z", "'infinity'": MISFIT},
    ),
    Row("duckdb", ("time",), "text", {"'10:00'": "10:00:00"}),
    Row("duckdb", ("interval",), "text", {"'26 hours'": "26:00:00", "'1 day'": "1 day"}),
    Row(
        "duckdb",
        ("json",),
        "JSON",
        {"""'{"a": 1, "b": [true, "x"]}'""": _OBJECT, "'5'": 5, """'"x"'""": "x", "'null'": None},
        "row by row, as in Newline JSON",
    ),
    Row(
        "duckdb",
        ("varchar[]", "varchar[2]", "enum('a','b')[]"),
        "list",
        {"['b', 'a']": ["b", "a"], "['a', null]": ["a"]},
    ),
    Row(
        "duckdb",
        ("uuid[]",),
        "list",
        {"['a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11']": ["a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11"]},
    ),
    Row("duckdb", ("integer[]",), "JSON", {"[1, 2]": [1, 2]}),
    Row("duckdb", ("varchar[][]",), "JSON", {"[['x']]": [["x"]]}),
    Row("duckdb", ("struct(a integer, b varchar[])",), "JSON", {"{'a': 1, 'b': ['x']}": {"a": 1, "b": ["x"]}}),
    Row("duckdb", ("map(varchar, integer)",), "JSON", {"map {'a': 1}": {"a": 1}}),
    Row("duckdb", ("union(n integer, s varchar)",), "text", {"17": "17", "'x'": "x"}, "and all other types"),
    Row("sqlite", ("json", "uuid"), "text", {"'{\"a\": 1}'": '{"a": 1}'}, "say `type: json`"),
    Row("parquet", ("bool",), "boolean", _TRUTH),
    Row("parquet", ("int8", "int32", "int64", "uint8", "uint32"), "integer", {"17": 17}),
    Row("parquet", ("uint64",), "decimal", {"18446744073709551615": 18446744073709551615}),
    Row("parquet", ("decimal128(10,2)",), "decimal", {"19.90": 19.9}),
    Row("parquet", ("decimal128(38,0)",), "decimal", {"9007199254740993": 9007199254740993, "1" + 37 * "0": MISFIT}),
    Row("parquet", ("float",), "number", {"19.9": 19.9, "16777216": 16777216, "nan": MISFIT}),
    Row("parquet", ("double",), "number", {"0.1": 0.1, "1e300": 1e300, "inf": MISFIT}),
    Row("parquet", ("string", "large_string", "dictionary"), "text", {"007": "007", " Zoë ": " Zoë ", "": None}),
    Row("parquet", ("binary", "fixed_size_binary(2)"), "text", {"c3a9": "é", "ffff": MISFIT}, "where it is UTF-8"),
    Row("parquet", ("date32",), "date", {"2026-01-31": "2026-01-31", "10000-01-01": MISFIT}),
    Row(
        "parquet",
        ("timestamp[ms]", "timestamp[us]", "timestamp[ns]"),
        "timestamp",
        {"2026-01-31 10:00:00.5": "2026-01-31T10:00:00Z"},
        "it is taken to be UTC",
    ),
    Row("parquet", ("timestamp[us]",), "timestamp", {"10000-01-01 00:00:00": MISFIT}),
    Row("parquet", ("timestamp[us, UTC]",), "timestamp", {"2026-01-31 08:00:00Z": "2026-01-31T08:00:00Z"}),
    Row("parquet", ("INT96",), "timestamp", {"2026-01-31 10:00:00": "2026-01-31T10:00:00Z"}),
    Row("parquet", ("time64[us]",), "text", {"10:00:00": "10:00:00"}),
    Row("parquet", ("list<string>", "list<dictionary>"), "list", {'["b", "a", null]': ["b", "a"], "[]": None}),
    Row("parquet", ("list<int64>",), "JSON", {"[1, 2]": [1, 2]}),
    Row("parquet", ("list<list<string>>",), "JSON", {'[["x"]]': [["x"]]}),
    Row("parquet", ("struct<a: int64, b: list<string>>",), "JSON", {'{"a": 1, "b": ["x"]}': {"a": 1, "b": ["x"]}}),
    Row("parquet", ("map<string, int64>",), "JSON", {'{"a": 1}': {"a": 1}}),
    Row("ndjson", ("true and false",), "boolean", _TRUTH),
    Row("ndjson", ("whole numbers",), "integer", {"9007199254740993": 9007199254740993, "-17": -17}),
    Row(
        "ndjson",
        ("whole numbers, one of more than 18 digits",),
        "decimal",
        {"18446744073709551615": 18446744073709551615, "1" + 37 * "0": MISFIT},
    ),
    Row("ndjson", ("numbers",), "number", {"0.1": 0.1, "2.0": 2, "1e300": 1e300}),
    Row(
        "ndjson",
        ("numbers, a whole one of more than 15 digits",),
        "decimal",
        {"9007199254740993": 9007199254740993, "1.5": 1.5},
    ),
    Row(
        "ndjson", ("texts",), "text", {'"007"': "007", '"2026-01-31"': "2026-01-31", '"Jos\\u00e9"': "José", '""': None}
    ),
    Row("ndjson", ("lists of texts",), "list", {'["b", "a"]': ["b", "a"], "[]": None}),
    Row(
        "ndjson",
        ("objects", "other lists", "several of these"),
        "JSON",
        {'{"a": 1, "b": [true, "x"]}': _OBJECT, '[1, ["x"]]': [1, ["x"]], '"x"': "x", "5": 5},
        "row by row",
    ),
    Row(
        "csv",
        ("everything",),
        "text",
        {"007": "007", "1.10": "1.10", "TRUE": "TRUE", "2026-01-31T10:00:00.5+02:00": "2026-01-31T10:00:00.5+02:00"},
    ),
)

_BEGIN, _END = "<!-- The types are made by", "<!-- end of the types -->"


_WORDS = frozenset({"ndjson", "csv"})
"""Stores that declare no types."""


def table(store: Store) -> Iterator[str]:
    """The types of a store for people, in Markdown."""
    yield "| declared as | comes as | such as (stored → at Sailthru) | |"
    yield "|---|---|---|---|"
    for row in TABLE:
        if row.store == store:
            declared = ", ".join(one if row.store in _WORDS else _code(one) for one in row.declared)
            held = "; ".join(f"{_code(stored)} → {_told(value)}" for stored, value in row.held.items())
            yield f"| {declared} | {row.comes} | {held} | {row.said} |"


def _code(text: str) -> str:
    return f"`{text}`" if text else "nothing"


def _told(value: Any) -> str:
    if value is MISFIT:
        return "*misfit*"
    return "no value" if value is None else f"`{json.dumps(value, ensure_ascii=False)}`"


def within(page: str) -> str:
    """A page with the types in the place that it has for them."""
    head, begin, rest = page.partition(_BEGIN)
    mark, _, rest = rest.partition("\n")
    parts = [line for store, title in TITLES.items() for line in (f"#### {title}", "", *table(store), "")]
    return "\n".join([f"{head}{begin}{mark}", "", *parts, f"{_END}{rest.partition(_END)[2]}"])


def main(folder: str) -> None:
    """Write the types into the `sources.md` of a folder."""
    page = Path(folder, "sources.md")
    page.write_text(within(page.read_text(encoding="utf-8")), encoding="utf-8")


if __name__ == "__main__":
    main(sys.argv[1])

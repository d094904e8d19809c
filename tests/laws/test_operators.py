"""Every operator on every type that it fits, at its edges, on every engine.

A case says which rows of `ROWS` (by number) an operator holds for. Row 8 is null throughout.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, date, datetime
from typing import Any, NamedTuple

import pyarrow as pa
from pydantic import TypeAdapter
from spark_server import on_spark

from reconcile.spec import kinds, operators, rules
from reconcile.spec.group import Op, Rule
from reconcile.spec.kinds import Kind
from reconcile.spec.property import ValueType
from reconcile.state.workspace import Workspace

AS_OF = datetime(2026, 3, 31, 10, 5, 30, tzinfo=UTC)
RULES: TypeAdapter[Rule] = TypeAdapter(Rule)
NULL = 8


def at(text: str) -> datetime:
    return datetime.fromisoformat(text)


ROWS: dict[str, list[Any]] = {
    "string": ["Rome", "rome", "", "Zoë", "Zoe\u0308", "50%_\\off", "a\nb", "🙂 ΣΑΣ", None],
    "integer": [0, -1, 1, 10, 20, 2**53 + 1, 2**53, -(2**63), None],
    "float": [0.0, -0.0, 0.1, 10.0, 10.000001, 1e300, float("inf"), -1e-300, None],
    "boolean": [True, False, True, False, True, False, True, False, None],
    "date": [
        *map(date.fromisoformat, ("2026-03-31", "2026-03-30", "2026-04-01", "2026-01-01", "2025-12-31")),
        *map(date.fromisoformat, ("2026-02-28", "2024-02-29", "0001-01-01")),
        None,
    ],
    "datetime": [
        *map(at, ("2026-03-31T00:00:00", "2026-03-31T10:05:30", "2026-03-31T23:59:59.999999", "2026-03-30T23:59:59")),
        *map(at, ("2026-04-01T00:00:00", "2026-01-01T00:00:00", "2025-12-31T23:59:59", "2026-04-06T23:59:59")),
        None,
    ],
    "list": [[], ["Rock"], ["Rock", "Jazz"], ["rock"], ["Rock", None], [""], ["Jazz", "Rock", "Rock"], ["Zoë"], None],
}
TYPES: dict[str, pa.DataType] = {
    "string": pa.string(),
    "integer": pa.int64(),
    "float": pa.float64(),
    "boolean": pa.bool_(),
    "date": pa.date32(),
    "datetime": pa.timestamp("us"),
    "list": pa.list_(pa.string()),
}


class Case(NamedTuple):
    """A condition, and whom it holds for."""

    type: str
    op: str
    value: Any
    holds: set[int]


EVERY, TRUE, FALSE = set(range(8)), {0, 2, 4, 6}, {1, 3, 5, 7}
EXISTS = [Case(kind, "exists", value, held) for kind in ROWS for value, held in ((True, EVERY), (False, {NULL}))]
TEXT = [
    Case("string", "eq", "Rome", {0}),
    Case("string", "eq", "", {2}),
    Case("string", "eq", "Zoë", {3}),  # decomposed letters are another text: of a source none comes
    Case("string", "ne", "Rome", {1, 2, 3, 4, 5, 6, 7}),
    Case("string", "gt", "a", {1, 6, 7}),  # capitals come first, other scripts last
    Case("string", "gte", "rome", {1, 7}),
    Case("string", "lt", "Rome", {2, 5}),
    Case("string", "lte", "Rome", {0, 2, 5}),
    Case("string", "between", ["Rome", "Zoë"], {0, 3, 4}),
    Case("string", "in", ["Rome", "", "O'Brien"], {0, 2}),
    Case("string", "not_in", ["Rome", "rome", "Zoë", "Zoe\u0308", "🙂 ΣΑΣ", "a\nb"], {2, 4, 5}),
    Case("string", "contains", "om", {0, 1}),
    Case("string", "contains", "%_\\", {5}),
    Case("string", "contains", "\u0308", {4}),
    Case("string", "contains", "🙂", {7}),
    Case("string", "starts_with", "R", {0}),
    Case("string", "starts_with", "_", set()),
    Case("string", "ends_with", "me", {0, 1}),
    Case("string", "ends_with", "Σ", {7}),
    Case("string", "ends_with", "%", set()),
    Case("string", "like", "%", EVERY),
    Case("string", "like", "_ome", {0, 1}),
    Case("string", "like", "Zo_", {3}),
    Case("string", "like", "%\\off", {5}),
    Case("string", "like", "a_b", {6}),
    Case("string", "like", "rom", set()),
    Case("string", "ilike", "ROME", {0, 1}),
    Case("string", "ilike", "ZOË", {3}),
    Case("string", "ilike", "%σας", set()),  # a Σ in small letters is a σ, wherever it stands
    Case("string", "ilike", "%σασ", {7}),
    Case("string", "matches", "^[Rr]ome$", {0, 1}),
    Case("string", "matches", "o", {0, 1, 3, 4, 5}),
    Case("string", "matches", "^$", {2}),
    Case("string", "matches", "^a.b$", set()),
    Case("string", "matches", "^a\\sb$", {6}),
    Case("string", "matches", "a$|^\\d{2}%", {5}),
    Case("string", "matches", "^. ", {7}),
    Case("string", "matches", "^(?:Zo|ro)\\w+?$", {1}),  # ë is no letter of ASCII
    Case("string", "matches", "[^A-Za-z]", {3, 4, 5, 6, 7}),
    Case("string", "matches", "\\\\off", {5}),
    Case("string", "length", 0, {2}),
    Case("string", "length", ">= 5", {5, 7}),
    Case("string", "length", "!= 4", {2, 3, 5, 6, 7}),
    Case("string", "length", "<3", {2}),
    Case("string", "length", "= 3", {3, 6}),
]
NUMBERS = [
    Case("integer", "eq", 10, {3}),
    Case("integer", "eq", 10.0, {3}),
    Case("integer", "eq", 9007199254740993, {5}),
    Case("integer", "ne", 0, {1, 2, 3, 4, 5, 6, 7}),
    Case("integer", "gt", 10, {4, 5, 6}),
    Case("integer", "gt", 9007199254740992, {5}),
    Case("integer", "gte", 10, {3, 4, 5, 6}),
    Case("integer", "lt", 0, {1, 7}),
    Case("integer", "lt", 0.5, {0, 1, 7}),
    Case("integer", "lte", -1, {1, 7}),
    Case("integer", "between", [1, 20], {2, 3, 4}),
    Case("integer", "between", [20, 1], set()),
    Case("integer", "in", [0, 1, 10.0], {0, 2, 3}),
    Case("integer", "not_in", [0, 1, 10, 20], {1, 5, 6, 7}),
    Case("float", "eq", 0, {0, 1}),
    Case("float", "eq", 0.1, {2}),
    Case("float", "ne", 10, {0, 1, 2, 4, 5, 6, 7}),
    Case("float", "gt", 10, {4, 5, 6}),
    Case("float", "gte", 10, {3, 4, 5, 6}),
    Case("float", "lt", 0, {7}),
    Case("float", "lte", 0, {0, 1, 7}),
    Case("float", "between", [0.1, 10], {2, 3}),
    Case("float", "in", [0.1, 10], {2, 3}),
    Case("float", "not_in", [0, 0.1, 10], {4, 5, 6, 7}),
]
FLAGS = [
    Case("boolean", "eq", True, TRUE),
    Case("boolean", "eq", False, FALSE),
    Case("boolean", "ne", True, FALSE),
    Case("boolean", "in", [True, False], EVERY),
    Case("boolean", "not_in", [False], TRUE),
]
DAYS = [
    Case("date", "eq", "2024-02-29", {6}),
    Case("date", "eq", "today", {0}),
    Case("date", "eq", "2026-03-31T00:00:00", {0}),  # a day is its midnight
    Case("date", "eq", "2026-03-31T09:00:00", set()),
    Case("date", "eq", "3 months ago", {4}),
    Case("date", "ne", "today", {1, 2, 3, 4, 5, 6, 7}),
    Case("date", "gt", "2026-03-30", {0, 2}),
    Case("date", "gte", "2026-03-30", {0, 1, 2}),
    Case("date", "lt", "2024-02-29", {7}),
    Case("date", "lte", "2024-02-29", {6, 7}),
    Case("date", "between", ["2026-01-01", "2026-03-30"], {1, 3, 5}),
    Case("date", "between", ["1 month ago", "today"], {0, 1, 5}),
    Case("date", "in", ["today", "2025-12-31", "1 day from now"], {0, 2, 4}),
    Case("date", "not_in", ["today", "2025-12-31", "0001-01-01"], {1, 2, 3, 5, 6}),
    Case("date", "before", "today", {1, 3, 4, 5, 6, 7}),
    Case("date", "before", "now", {0, 1, 3, 4, 5, 6, 7}),
    Case("date", "before", "2026-03-31T00:00:00+02:00", {1, 3, 4, 5, 6, 7}),  # 30 March, 22:00 in UTC
    Case("date", "after", "90 days ago", {0, 1, 2, 3, 5}),  # which is 31 December
    Case("date", "after", "today", {2}),
    Case("date", "in_past", "1 day", {0}),
    Case("date", "in_past", "2 days", {0, 1}),
    Case("date", "in_past", "1 month", {0, 1}),  # begins after 28 February
    Case("date", "in_past", "5 weeks", {0, 1, 5}),
    Case("date", "in_past", "3 years", {0, 1, 3, 4, 5, 6}),
    Case("date", "in_next", "1 day", {0}),
    Case("date", "in_next", "2 days", {0, 2}),
    Case("date", "in_next", "1000 years", {0, 2}),
]
MOMENTS = [
    Case("datetime", "eq", "today", {0, 1, 2}),
    Case("datetime", "eq", "now", {1}),
    Case("datetime", "eq", "2026-03-31T12:05:30+02:00", {1}),
    Case("datetime", "ne", "2026-03-31", {3, 4, 5, 6, 7}),
    Case("datetime", "gt", "2026-03-31", {4, 7}),
    Case("datetime", "gt", "2026-03-31T00:00:00", {1, 2, 4, 7}),
    Case("datetime", "gte", "2026-03-31", {0, 1, 2, 4, 7}),
    Case("datetime", "lt", "2026-03-31", {3, 5, 6}),
    Case("datetime", "lte", "2026-03-31", {0, 1, 2, 3, 5, 6}),
    Case("datetime", "lte", "2026-03-31T00:00:00", {0, 3, 5, 6}),
    Case("datetime", "between", ["2026-03-30", "2026-03-31"], {0, 1, 2, 3}),
    Case("datetime", "between", ["2026-03-31T00:00:00", "now"], {0, 1}),
    Case("datetime", "in", ["2025-12-31", "now"], {1, 6}),
    Case("datetime", "not_in", ["today", "2025-12-31"], {3, 4, 5, 7}),
    Case("datetime", "before", "today", {3, 5, 6}),
    Case("datetime", "before", "now", {0, 3, 5, 6}),
    Case("datetime", "before", "2026-03-31T02:00:00+02:00", {3, 5, 6}),
    Case("datetime", "after", "today", {4, 7}),
    Case("datetime", "after", "now", {2, 4, 7}),
    Case("datetime", "after", "90 days ago", {0, 1, 2, 3, 4, 5, 7}),
    Case("datetime", "in_past", "1 day", {0, 1, 2}),  # whole days: what is later today belongs to it
    Case("datetime", "in_past", "2 days", {0, 1, 2, 3}),
    Case("datetime", "in_past", "90 days", {0, 1, 2, 3, 5}),
    Case("datetime", "in_past", "91 days", {0, 1, 2, 3, 5, 6}),
    Case("datetime", "in_next", "1 day", {0, 1, 2}),
    Case("datetime", "in_next", "1 week", {0, 1, 2, 4, 7}),
    Case("datetime", "in_next", "6 days", {0, 1, 2, 4}),
]
LISTS = [
    Case("list", "length", 0, {0}),
    Case("list", "length", "> 1", {2, 4, 6}),
    Case("list", "includes_any", ["Rock", "Pop"], {1, 2, 4, 6}),
    Case("list", "includes_any", ["Zoë", ""], {5, 7}),
    Case("list", "includes_all", ["Rock", "Jazz"], {2, 6}),
    Case("list", "includes_all", ["Rock", "Rock"], {1, 2, 4, 6}),
]
CASES = [*EXISTS, *TEXT, *NUMBERS, *FLAGS, *DAYS, *MOMENTS, *LISTS]
KINDS = {name: kinds.of_type(ValueType(name)) if name != "list" else Kind.LIST for name in ROWS}


def test_every_operator_is_tried_on_every_type_that_it_fits() -> None:
    tried = {(case.op, case.type) for case in CASES}
    fitting = {(str(op), name) for op, one in operators.TABLE.items() for name in ROWS if KINDS[name] in one.kinds}
    assert tried == fitting
    assert set(Op) == set(operators.TABLE)
    assert {kinds.of_type(one) for one in ValueType} - {Kind.JSON} <= set(KINDS.values())


def held(workspace: Workspace, rules_: list[Any]) -> list[set[int]]:
    """For whom each rule holds."""
    numbers = {"n": pa.array(range(NULL + 1))}
    table = pa.table(numbers | {name: pa.array(values, TYPES[name]) for name, values in ROWS.items()})
    formulas = {
        f"f{at}": rules.from_rules(RULES.validate_python(rule), KINDS).sql(AS_OF) for at, rule in enumerate(rules_)
    }
    rows = workspace.derive(workspace.store("rows", table), formulas).select("n", *formulas)
    found = workspace.dicts(rows, limit=NULL + 1)
    return [{row["n"] for row in found if row[name]} for name in formulas]


def answers(workspace: Workspace) -> Iterator[tuple[Case, set[int]]]:
    conditions = [{"property": case.type, "op": case.op, "value": case.value} for case in CASES]
    yield from zip(CASES, held(workspace, conditions), strict=True)


def test_an_operator_holds_for_whom_it_should(duck: Workspace) -> None:
    assert [(case, found) for case, found in answers(duck) if found != case.holds] == []


@on_spark
def test_an_operator_holds_for_the_same_on_spark(spark: Workspace) -> None:
    assert [(case, found) for case, found in answers(spark) if found != case.holds] == []


def eq(name: str, value: object) -> dict[str, Any]:
    return {"property": name, "op": "eq", "value": value}


UNKNOWN = {"property": "boolean", "op": "exists", "value": False}
NESTED = [
    ({"all": [eq("boolean", True), eq("string", "")]}, {2}),
    ({"any": [eq("integer", 0), eq("integer", 1), eq("string", "rome")]}, {0, 1, 2}),
    ({"none": [eq("integer", 0), eq("string", "rome")]}, {2, 3, 4, 5, 6, 7}),  # of the null it is not known
    ({"none": [{"all": [eq("boolean", True), eq("string", "Rome")]}]}, {1, 2, 3, 4, 5, 6, 7}),
    ({"none": [{"none": [eq("integer", 10)]}]}, {3}),
    ({"none": [{"property": "list", "op": "includes_any", "value": ["Rock"]}]}, {0, 3, 5, 7}),
    ({"any": [{"none": [eq("boolean", True)]}, UNKNOWN]}, {*FALSE, NULL}),
    ({"all": [{"any": [eq("integer", 0), eq("integer", 10)]}, {"none": [eq("boolean", False)]}]}, {0}),
]  # fmt: skip


def test_rules_nest(duck: Workspace) -> None:
    assert held(duck, [rule for rule, _ in NESTED]) == [holds for _, holds in NESTED]


@on_spark
def test_rules_nest_on_spark(spark: Workspace) -> None:
    assert held(spark, [rule for rule, _ in NESTED]) == [holds for _, holds in NESTED]

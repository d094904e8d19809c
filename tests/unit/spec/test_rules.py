from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone
from typing import Any

import duckdb
import pytest
from pydantic import TypeAdapter

from reconcile.errors import SpecInvalid
from reconcile.spec import functions, rules
from reconcile.spec.group import Group, Rule

AS_OF = datetime(2026, 3, 31, 10, 5, 30, tzinfo=UTC)
RULES: TypeAdapter[Rule] = TypeAdapter(Rule)


@pytest.mark.parametrize(
    ("text", "sql"),
    [
        ("lifetime_value >= 1000", '"lifetime_value" >= 1000'),
        ("First_Name ilike 'a%'", "\"First_Name\" ILIKE 'a%'"),
        ('"first name" is null', '"first name" IS NULL'),
        ("plan in ('plus', 'pro') -- paying", "\"plan\" IN ('plus', 'pro')"),
        ("a and (b or not c)", '"a" AND ("b" OR NOT "c")'),
        ("a::decimal(10, 2) > 1", 'CAST("a" AS DECIMAL(10, 2)) > 1'),
        ("born < today()", "\"born\" < CAST('2026-03-31' AS DATE)"),
        ("born < current_date", "\"born\" < CAST('2026-03-31' AS DATE)"),
        ("seen < now()", "\"seen\" < CAST('2026-03-31 10:05:30' AS TIMESTAMP)"),
        ("seen < current_timestamp", "\"seen\" < CAST('2026-03-31 10:05:30' AS TIMESTAMP)"),
    ],
)
def test_an_expression_becomes_canonical_sql(text: str, sql: str) -> None:
    formula = rules.parse(text)
    assert formula.sql(AS_OF) == sql
    assert formula.text == text


def test_the_clock_is_in_utc() -> None:
    east = timezone(timedelta(hours=9))
    assert rules.parse("today()").sql(datetime(2026, 4, 1, 3, tzinfo=east)) == "CAST('2026-03-31' AS DATE)"
    assert rules.parse("today()").sql(datetime(2026, 4, 1, 3)) == "CAST('2026-04-01' AS DATE)"  # noqa: DTZ001 -- meant


def test_properties_are_named_as_written() -> None:
    assert rules.parse("A > 1 or lower(b) = 'C' or \"d e\" = A").properties == {"A", "b", "d e"}


def test_formulas_are_values() -> None:
    assert rules.parse("a = 1") == rules.parse("a = 1")
    assert hash(rules.parse("a = 1")) == hash(rules.parse("a = 1"))
    assert rules.parse("a = 1") != rules.parse("a = 2")


def test_a_syntax_error_has_its_place_in_the_text() -> None:
    with pytest.raises(SpecInvalid) as caught:
        rules.parse("a = 1\n  and b in ('x', 'y'\n  and c")
    where = caught.value.problems[0].where
    assert where is not None
    assert (where.line, where.text) == (3, "  and c")


def test_every_allowed_function_is_one_of_duckdb() -> None:
    found = duckdb.connect().execute("select distinct lower(function_name) from duckdb_functions()").fetchall()
    grammar = {"cast", "coalesce", "current_timestamp", "extract", "if", "ifnull", "try_cast"}
    assert functions.ALLOWED - {name for (name,) in found} <= grammar


def test_no_allowed_function_gives_something_else_every_time() -> None:
    query = "select distinct lower(function_name) from duckdb_functions() where stability = 'VOLATILE'"
    volatile = {name for (name,) in duckdb.connect().execute(query).fetchall()}
    assert functions.ALLOWED & volatile == set()


PEOPLE = """
    select * from (values
        (1, 'Ann', 10.0, true, timestamp '2026-03-31 09:00:00', date '2025-12-31'),
        (2, 'Zoë%', 20.0, false, timestamp '2026-03-30 23:59:59', date '2025-12-30'),
        (3, 'ann', 30.0, null, timestamp '2026-03-31 11:00:00', date '2026-01-01'),
        (4, null, null, null, null, null)
    ) as people(id, name, spent, news, seen, bought)
"""


def fits(rule: dict[str, Any]) -> set[int]:
    sql = rules.from_rules(RULES.validate_python(rule)).sql(AS_OF)
    return {row[0] for row in duckdb.connect().execute(f"select id from ({PEOPLE}) where {sql}").fetchall()}


@pytest.mark.parametrize(
    ("name", "op", "value", "ids"),
    [
        ("name", "exists", None, {1, 2, 3}),
        ("name", "exists", True, {1, 2, 3}),
        ("name", "exists", False, {4}),
        ("name", "eq", "Ann", {1}),
        ("name", "ne", "Ann", {2, 3}),
        ("news", "eq", True, {1}),
        ("news", "eq", False, {2}),
        ("spent", "gt", 20, {3}),
        ("spent", "gte", 20, {2, 3}),
        ("spent", "lt", 20.5, {1, 2}),
        ("spent", "lte", 10, {1}),
        ("name", "contains", "nn", {1, 3}),
        ("name", "contains", "%", {2}),
        ("name", "starts_with", "A", {1}),
        ("name", "starts_with", "_", set()),
        ("name", "in", ["Ann", "ann", "O'Brien"], {1, 3}),
        ("spent", "in", [10, 30.0], {1, 3}),
        ("seen", "before", "now", {1, 2}),
        ("seen", "after", "now", {3}),
        ("seen", "before", "today", {2}),
        ("seen", "after", "today", set()),
        ("seen", "after", "1 day ago", {1, 3}),
        ("seen", "before", "2026-03-31", {2}),
        ("seen", "after", "2026-03-31T10:00:00", {3}),
        ("seen", "after", "2026-03-31T12:30:00+02:00", {3}),
        ("seen", "before", "2026-03-31T10:00:00+02:00", {2}),
        ("bought", "before", "90 days ago", {2}),
        ("bought", "after", "90 days ago", {3}),
        ("bought", "after", "91 days ago", {1, 3}),
        ("bought", "before", "3 months ago", {2}),
        ("bought", "after", "13 weeks ago", {1, 3}),
        ("bought", "after", "1 year ago", {1, 2, 3}),
        ("name", "before", "today", set()),
    ],
)
def test_an_operator_fits_whom_it_should(name: str, op: str, value: object, ids: set[int]) -> None:
    rule = {"property": name, "op": op} | ({} if value is None else {"value": value})
    assert fits(rule) == ids


def test_all_and_any_nest() -> None:
    young = {
        "any": [{"property": "spent", "op": "lt", "value": 15}, {"property": "spent", "op": "exists", "value": False}]
    }
    assert fits(young) == {1, 4}
    assert fits({"all": [young, {"property": "name", "op": "exists"}]}) == {1}
    assert fits({"any": [{"all": [young]}, {"property": "id", "op": "eq", "value": 3}]}) == {1, 3, 4}


def test_a_group_says_its_rule_either_way() -> None:
    assert rules.of(Group(list="A", where="spent > 1")).text == "spent > 1"
    rule = RULES.validate_python({"property": "spent", "op": "gt", "value": 1})
    assert rules.of(Group(list="A", rules=rule)).text == '"spent" > 1'
    assert rules.of(Group(list="A", rules=rule)).properties == {"spent"}


def test_a_value_that_does_not_fit_is_refused() -> None:
    with pytest.raises(SpecInvalid) as caught:
        rules.from_rules(RULES.validate_python({"property": "seen", "op": "before", "value": "soon"}))
    assert caught.value.message == 'operator "before" needs a time'


@pytest.mark.parametrize(
    ("text", "fails"),
    [
        ("last_order < timestamp '2021-01-01'", False),
        ("born >= cast('2000-01-01' as date)", False),
        ("cast(born as date) >= date '2000-01-01'", True),
        ("strptime(born, '%m/%Y') is not null", True),
        ("spent >= 1000 and city = 'Oslo'", False),
    ],
)
def test_what_reads_no_property_fails_for_nobody_alone(text: str, fails: bool) -> None:
    assert rules.parse(text).may_fail is fails

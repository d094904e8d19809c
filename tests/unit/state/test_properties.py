"""Properties and groups over people: typed, in the order in which they need each other, or named when they fail."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import date, datetime
from decimal import Decimal
from math import inf, nan
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest
from plans import NOW

import reconcile as rc
from reconcile.state import people, properties
from reconcile.state.engines.duckdb import DuckDB
from reconcile.state.workspace import Workspace

AT = datetime(2026, 1, 2, 15)  # noqa: DTZ001 -- in UTC
SPEC = """\
version: 1
account: {name: shop, api_key: "{{ env('KEY') }}", api_secret: "{{ env('SECRET') }}"}
sources: {customers: {file: customers.parquet, key: id}}
profiles: {from: customers, email: email}
properties:
"""


@pytest.fixture(scope="module")
def workspace() -> Iterator[Workspace]:
    with DuckDB() as opened:
        yield opened


class Desk:
    """Evaluates properties over columns."""

    def __init__(self, folder: Path, workspace: Workspace) -> None:
        self.path, self.workspace = folder / "spec.yaml", workspace

    def known(self, text: str, /, **columns: Any) -> properties.Known:
        self.path.write_text(SPEC + text, encoding="utf-8")
        named = {people.column("customers", name): values for name, values in columns.items()}
        count = len(next(iter(columns.values())))
        rows = self.workspace.store("given", pa.table({people.KEY: [str(at) for at in range(count)], **named}))
        return properties.evaluate(rc.load(self.path), rows, self.workspace, NOW)

    def column(self, text: str, wanted: str, /, **columns: Any) -> list[Any]:
        rows = self.known(text, **columns).rows
        return [row[wanted] for row in self.workspace.dicts(rows.order_by(people.KEY), limit=99)]

    def refused(self, text: str, /, **columns: Any) -> rc.SpecInvalid:
        with pytest.raises(rc.SpecInvalid) as invalid:
            self._worked_out(text, **columns)
        return invalid.value

    def _worked_out(self, text: str, /, **columns: Any) -> None:
        known = self.known(text, **columns)
        known.settle("properties", known.rows)


@pytest.fixture
def desk(tmp_path: Path, workspace: Workspace) -> Desk:
    return Desk(tmp_path, workspace)


def test_properties_are_worked_out_in_the_order_of_their_needs(desk: Desk) -> None:
    text = """\
  loud: {sql: "upper(greeting) || '!'"}
  greeting: {template: "Hi {{ name }}"}
  name: {sql: "trim(raw)"}
  raw: {column: name}
"""
    assert desk.column(text, "loud", name=[" Zoë ", None]) == ["HI ZOË!", None]


@pytest.mark.parametrize(
    ("prop", "given", "found"),
    [
        ("{column: x, type: integer}", ["1", " 2 ", "x", None], [1, 2, None, None]),
        ("{column: x, type: float, default: 0}", ["1.5", "-", None], [1.5, None, 0]),
        ("{column: x, type: float, default: 0, on_misfit: null}", ["1.5", "-", None], [1.5, 0, 0]),
        ("{column: x, type: integer}", [17.6, 17.0, nan], [None, 17, None]),
        ("{column: x, type: integer}", ["1.5", "0x10", "1_000", "1e-7", "17.0"], [None, None, None, None, 17]),
        ("{column: x, type: integer}", [Decimal("1.50"), Decimal("2.00")], [None, 2]),
        (
            "{column: x, type: integer}",
            pa.array([Decimal("9007199254740993.00"), Decimal("1.50"), Decimal("-2.00")], pa.decimal128(20, 2)),
            [9007199254740993, None, -2],
        ),
        ("{column: x, type: boolean}", pa.array([Decimal(1), Decimal(2)], pa.decimal128(20, 0)), [True, None]),
        (
            "{column: x, type: float}",
            pa.array([Decimal(2**53 + 1), Decimal(2**53)], pa.decimal128(20, 0)),
            [None, 2.0**53],
        ),
        (
            "{column: x, type: float}",
            pa.array([Decimal("-1.68"), Decimal("0.1"), Decimal("12345678901.23")], pa.decimal128(38, 18)),
            [-1.68, 0.1, 12345678901.23],
        ),
        ("{column: x, type: float, default: 0.5}", pa.array([Decimal("1.50"), None], pa.decimal128(20, 2)), [1.5, 0.5]),
        ("{column: x, default: 0}", pa.array([Decimal("1.50"), None], pa.decimal128(20, 2)), [Decimal("1.50"), 0]),
        ("{column: x, default: 0}", pa.array([Decimal(7), None], pa.decimal128(20, 0)), [7, 0]),
        ("{column: x, default: 0}", pa.array([7, None], pa.uint64()), [7, 0]),
        ("{column: x}", pa.array([Decimal(2**64 - 1), Decimal(2**64)], pa.decimal128(38, 0)), [2**64 - 1, None]),
        (
            "{column: x, type: integer}",
            pa.array([Decimal(-(2**63)), Decimal(2**64)], pa.decimal128(38, 2)),
            [-(2**63), None],
        ),
        ("{column: x, type: string}", pa.array([Decimal(2**64)], pa.decimal128(38, 0)), [str(2**64)]),
        ("{column: x, type: integer, default: 0}", pa.array([7, None], pa.uint32()), [7, 0]),
        ("{column: x, type: float}", [2**53 + 1, 2**53, 5], [None, 2.0**53, 5.0]),
        ("{column: x, type: boolean}", [5, 1, 0], [None, True, False]),
        ("{column: x, type: boolean}", ["Yes", "n", "on"], [True, False, None]),
        ("{column: x}", [inf, 1.5, None], [None, 1.5, None]),
        ("{column: x}", ["", "a"], [None, "a"]),
        ("{column: x, default: free}", ["", "pro", None], ["free", "pro", "free"]),
        (
            "{column: x, type: string}",
            ["TRUE", "1.10", "2020-04-23T10:00:00.678+02:00"],
            [*["TRUE", "1.10", "2020-04-23T10:00:00.678+02:00"]],
        ),
        ("{column: x, type: string}", ["\ufdd012", "\ufdd0true", "\ufdd0x"], ["12", "true", "\ufdd0x"]),
        ("{column: x, type: integer}", ["\ufdd012", "013"], [12, 13]),
        ("{column: x}", pa.array([19.9, 0.1], pa.float32()), [19.9, 0.1]),
        ("{column: x, type: string}", pa.array([19.9, 2.0], pa.float32()), ["19.9", "2"]),
        ("{column: x, type: string}", [Decimal("1.10"), Decimal("2.00")], ["1.1", "2"]),
        ("{column: x, type: string}", [Decimal(9007199254740993), None], ["9007199254740993", None]),
        (
            "{column: x, type: datetime}",
            ["2026-01-02T10:00:00-05:00", "n/a", "2026-01-02T10:00:00", "2026-01-02 10:00+02:00"],
            [AT, None, datetime(2026, 1, 2, 10), datetime(2026, 1, 2, 8)],  # noqa: DTZ001 -- in UTC
        ),
        (
            "{column: x, type: date}",
            ["epoch", "2026-02-31", "99999-01-01", "2026-01-02 10:00"],
            [None, None, None, AT.date()],
        ),
        ("{column: x, type: float, default: 0.5}", [1, None], [1.0, 0.5]),
        ("{column: x, type: integer, default: 7}", [1, None], [1, 7]),
        ("{column: x, type: boolean, default: false}", [1, 0, None], [True, False, False]),
        (
            "{column: x, type: date, default: '2020-01-02'}",
            ["1999-12-31", None],
            [date(1999, 12, 31), date(2020, 1, 2)],
        ),
        (
            "{column: x, type: datetime, default: '2020-01-02T03:04:05'}",
            ["1999-12-31", None],
            [datetime.fromisoformat(text) for text in ("1999-12-31", "2020-01-02T03:04:05")],
        ),
        ("{column: x, type: string, default: none}", [5, None], ["5", "none"]),
        ("{column: x, type: string}", [1.5, 2.0], ["1.5", "2"]),
        ("{column: x, default: there}", ["Ada", None], ["Ada", "there"]),
        ("{value: 3}", ["a", "b"], [3, 3]),
        ("{value: yes it is}", ["a"], ["yes it is"]),
        ("{template: same for all}", ["a", "b"], ["same for all"] * 2),
    ],
)
def test_types_and_defaults(desk: Desk, prop: str, given: list[object], found: list[object]) -> None:
    assert desk.column(f"  p: {prop}\n", "p", x=given) == found


def test_a_default_leaves_the_type_as_it_is(desk: Desk) -> None:
    known = desk.known(
        "  p: {column: x, type: date, default: '2020-01-02'}\n  q: {column: x, type: float, default: 0}\n", x=["1"]
    )
    assert known.rows["p"].type().is_date()
    assert known.rows["q"].type().is_floating()


@pytest.mark.parametrize(
    ("default", "given", "kind"),
    [
        ("0", ["a", None], "string"),
        ("none", [1, None], "integer"),
        ("true", [1.5, None], "float"),
        ("1", [True, None], "boolean"),
        ("soon", [date(2020, 1, 1), None], "date"),
    ],
)
def test_a_default_that_does_not_fit_the_column_is_refused_with_its_place(
    desk: Desk, default: str, given: list[object], kind: str
) -> None:
    [problem] = desk.refused(f"  p: {{column: x, default: {default}}}\n", x=given).problems
    assert problem.message == f'property "p": its default is no {kind}'
    assert str(problem.where).endswith("spec.yaml:6:18")


def test_values_that_do_not_fit_are_counted_by_property(desk: Desk) -> None:
    text = "  n: {column: x, type: integer}\n  d: {column: y, type: date, default: '2020-01-01'}\n  fine: {column: x}\n"
    known = desk.known(text, x=["1", "one", "two", None], y=["soon", "2020-01-01", None, None])
    assert {one.source: one.count for one in known.unconverted} == {"property n": 2, "property d": 1}
    assert not any(name.startswith("x:") for name in known.rows.columns)


def test_misfits_are_counted_by_reason_and_shown_by_their_looks(desk: Desk) -> None:
    text = "  n: {column: x, type: integer}\n  f: {column: y}\n  p: {column: z, type: integer, private: true}\n"
    texts = ["1.5", "9" * 20, "Ab-1"]
    known = desk.known(text, x=texts, y=[nan, inf, 1.0], z=texts)
    told = {(one.source, one.reason): (one.count, one.samples) for one in known.unconverted}
    kept = "(left as it is at Sailthru)"
    assert told == {
        ("property n", f"value does not fit its type: no integer {kept}"): (1, ('"xx-9"',)),
        ("property n", f"value does not fit its type: a fraction {kept}"): (1, ('"9.9"',)),
        ("property n", f"value does not fit its type: beyond what the type holds {kept}"): (1, (f'"{"9" * 20}"',)),
        ("property f", f"value does not fit its type: NaN or infinite {kept}"): (2, ()),
        ("property p", f"value does not fit its type: no integer {kept}"): (1, ()),
        ("property p", f"value does not fit its type: a fraction {kept}"): (1, ()),
        ("property p", f"value does not fit its type: beyond what the type holds {kept}"): (1, ()),
    }


OPEN = """\
  n: {column: x, type: integer}
  taken: {column: x, type: integer, on_misfit: null}
  told: {template: "{{ n | default('none') }}"}
  double: {sql: "coalesce(n, 0) * 2"}
groups:
  many: {list: Many, where: "n >= 10"}
  none: {list: None, rules: {property: n, op: exists, value: false}}
  twice: {list: Twice, where: "double >= 20"}
  told: {list: Told, rules: {property: told, op: eq, value: none}}
  others: {list: Others, not_in: [many]}
  inside: {list: Inside, rules: {none: [{in: [many]}]}}
  both: {list: Both, in: [many, null_taken]}
  null_taken: {list: Taken, rules: {property: taken, op: exists, value: false}}
"""


def test_a_misfit_leaves_open_all_that_is_made_of_it(desk: Desk) -> None:
    known = desk.known(OPEN, x=["5", "lots", "20", None])
    rows = desk.workspace.dicts(known.rows.order_by(people.KEY), limit=9)

    def column(name: str) -> list[Any]:
        return [row[name] for row in rows]

    assert [column(f"u:{name}") for name in ("n", "told", "double")] == [[False, True, False, False]] * 3
    assert "u:taken" not in rows[0]
    assert column("g:many") == [False, None, True, False]
    assert column("g:none") == [False, None, False, True]
    assert column("g:twice") == [False, None, True, False]
    assert column("g:told") == [False, None, False, True]
    assert column("g:others") == [True, None, False, True]
    assert column("g:inside") == [True, None, False, True]
    assert column("g:null_taken") == [False, True, False, True]
    assert column("g:both") == [False, True, True, True]


def test_people_without_misfits_cost_no_columns(desk: Desk) -> None:
    known = desk.known(OPEN, x=["5", "20", None])
    assert [name for name in known.rows.columns if name[:2] in {"u:", "x:", "r:"}] == []


def test_a_division_by_zero_is_a_misfit(desk: Desk) -> None:
    text = '  n: {column: x}\n  q: {sql: "1 / n"}\ngroups:\n  big: {list: Big, where: "q >= 1"}\n'
    known = desk.known(text, x=[0, 2])
    found = [(row["q"], row["g:big"]) for row in desk.workspace.dicts(known.rows.order_by(people.KEY), limit=9)]
    assert found == [(None, None), (0.5, False)]
    assert [(one.source, one.count) for one in known.unconverted] == [("property q", 1)]


def test_text_of_one_name_is_one_name_however_it_is_composed(desk: Desk) -> None:
    text = "  n: {column: x}\ngroups:\n"
    text += "  rule: {list: Rule, rules: {property: n, op: eq, value: Jose\u0301}}\n"
    text += "  where: {list: Where, where: \"n = 'Jos\u00e9'\"}\n  other: {list: Other, where: \"n = 'Jose\u0301'\"}\n"
    for group in ("rule", "where", "other"):
        assert desk.column(text, f"g:{group}", x=["Jose\u0301", "Jos\u00e9", "Jose"]) == [True, True, False]


@pytest.mark.parametrize("given", [['["Jose\u0301"]', '["Jose\\u0301"]', '["Jose"]'], [["Jose\u0301"], ["José"], []]])
def test_members_of_lists_are_composed_too(desk: Desk, given: list[object]) -> None:
    text = "  n: {column: x, type: list}\ngroups:\n"
    text += "  in: {list: In, rules: {property: n, op: includes_any, value: [José]}}\n"
    assert desk.column(text, "g:in", x=given) == [True, True, False]


def test_numbers_are_compared_exactly(desk: Desk) -> None:
    text = "  n: {column: x}\ngroups:\n  eq: {list: Eq, rules: {property: n, op: eq, value: 9007199254740992}}\n"
    wholes = [Decimal(2**53), Decimal(2**53 + 1)]
    assert desk.column(text, "g:eq", x=pa.array(wholes, pa.decimal128(20, 0))) == [True, False]
    text = "  n: {column: x}\ngroups:\n  eq: {list: Eq, rules: {property: n, op: in, value: [19.9, 0.1]}}\n"
    assert desk.column(text, "g:eq", x=pa.array([19.9, 0.1, 0.2], pa.float32())) == [True, True, False]
    money = [Decimal("90071992547409.93"), Decimal("90071992547409.92")]
    text = "  n: {column: x}\ngroups:\n  eq: {list: Eq, where: n = 90071992547409.92}\n"
    assert desk.column(text, "g:eq", x=pa.array(money, pa.decimal128(18, 2))) == [False, True]


def test_templates_see_nulls_and_give_them(desk: Desk) -> None:
    text = """\
  first: {column: first}
  last: {column: last}
  name: {template: "{{ first | default('there') }} {{ last }}"}
"""
    found = desk.column(text, "name", first=["Ada", None, "Ada", None], last=["L", "L", None, None])
    assert found == ["Ada L", "there L", None, None]


def test_a_template_is_rendered_once_for_each_distinct_input(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    from reconcile.spec import templates

    rendered: list[int] = []
    compile_ = templates.compile

    class Counted:
        def __init__(self, text: str) -> None:
            self.batch = compile_(text)

        def render(self, columns: Mapping[str, list[object]]) -> list[str | None]:
            made = self.batch.render(columns)
            rendered.append(len(made))
            return made

    monkeypatch.setattr(templates, "compile", Counted)
    text = '  name: {column: name}\n  age: {column: age}\n  greeting: {template: "Hi {{ name | title }}"}\n'
    found = desk.column(text, "greeting", name=["Ada", "Bob", None] * 20, age=list(range(60)))
    assert sorted(set(map(str, found))) == ["Hi Ada", "Hi Bob", "None"]
    assert sum(rendered) == 3


def test_groups_are_true_or_false_and_never_null(desk: Desk) -> None:
    text = """\
  spent: {column: spent}
  seen: {column: seen, type: datetime}
groups:
  big: {list: Big, where: "spent >= 10"}
  small: {list: Small, where: "not (spent >= 10)"}
  lapsed: {list: Lapsed, rules: {property: seen, op: before, value: 90 days ago}}
"""
    spent, seen = [5, 10, None], ["2025-01-01", "2026-02-28", None]
    assert desk.column(text, "g:big", spent=spent, seen=seen) == [False, True, False]
    assert desk.column(text, "g:small", spent=spent, seen=seen) == [True, False, False]
    assert desk.column(text, "g:lapsed", spent=spent, seen=seen) == [True, False, False]


def test_a_group_that_is_no_yes_or_no_is_refused_with_its_place(desk: Desk) -> None:
    [problem] = desk.refused('  p: {column: x}\ngroups:\n  big: {list: Big, where: "p + 1"}\n', x=[1]).problems
    assert problem.message.startswith('group "big" is not a yes or no')
    assert str(problem.where).endswith("spec.yaml:8:28")


@pytest.mark.parametrize(
    ("rule", "told", "column"),
    [
        ("where: p > '5'", "where of group \"g\": p is a number, and '5' a text", 30),
        (
            "rules: {property: p, op: like, value: a}",
            'operator "like" does not fit property "p", which is a number',
            44,
        ),
        ("rules: {any: [{property: p, op: in, value: [1, a]}]}", "and the value is a text", 66),
    ],
)
def test_a_type_that_only_the_source_tells_is_checked_alike(desk: Desk, rule: str, told: str, column: int) -> None:
    """The same words and place as where the property declares its type."""
    groups = f"groups:\n  g: {{list: Good, {rule}}}\n"
    [late] = desk.refused(f"  p: {{column: x}}\n{groups}", x=[1]).problems
    [early] = desk.refused(f"  p: {{column: x, type: integer}}\n{groups}", x=[1]).problems
    assert told in late.message
    assert str(late.where).endswith(f"spec.yaml:8:{column}")
    assert late == early


def test_an_expression_that_makes_no_sense_of_its_types_is_refused_with_its_place(desk: Desk) -> None:
    [problem] = desk.refused("  p: {column: x}\n  q: {sql: \"p + date '2020-01-01'\"}\n", x=["secret"]).problems
    assert problem.message == 'sql of property "q": p is a text, where a number stands'
    assert str(problem.where).endswith("spec.yaml:7:13")


@pytest.mark.parametrize(
    ("text", "told", "line"),
    [
        ('  p: {column: x}\n  q: {sql: "cast(p as integer)"}\n', "properties q fails on the data", 7),
        (
            '  p: {column: x}\ngroups:\n  g: {list: G, where: "cast(p as integer) > 1"}\n',
            "groups g fails on the data",
            8,
        ),
        (
            '  p: {column: x}\n  q: {sql: "p"}\n  r: {sql: "cast(q as date)"}\n  t: {template: "{{ r }}"}\n',
            "properties r fails on the data",
            8,
        ),
    ],
)
def test_a_formula_that_fails_on_the_data_is_named_without_the_value(
    desk: Desk, text: str, told: str, line: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(DuckDB, "guard", lambda *_: None)  # an engine that cannot say on which rows
    [problem] = desk.refused(text, x=["1", "planted"]).problems
    assert problem.message.startswith(told)
    assert f"spec.yaml:{line}:" in str(problem.where)
    assert "TRY_CAST" in str(problem.hint)
    assert "planted" not in f"{problem.message} {problem.hint}"


def test_a_template_that_fails_on_the_data_is_named_without_the_value(desk: Desk) -> None:
    text = '  p: {column: x}\n  q: {template: "{{ 10 // (p | length - 7) }}"}\n'
    [problem] = desk.refused(text, x=["a", "planted"]).problems
    assert problem.message.startswith('template of property "q" failed')
    assert str(problem.where).endswith("spec.yaml:7:7")
    assert "planted" not in f"{problem.message} {problem.hint}"


@pytest.mark.parametrize("value", ["a|b", 'say "hi"', "two\nlines", "東京 🙂", "{{ x }}", "\\", " ", "'"])
def test_text_goes_through_templates_and_expressions_unharmed(desk: Desk, value: str) -> None:
    text = '  p: {column: x}\n  t: {template: "{{ p }}"}\n  s: {sql: "t || \'\'"}\n'
    assert desk.column(text, "s", x=[value]) == [value]

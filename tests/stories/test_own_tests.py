"""A spec's own tests: they run on the rows they give alone, and say exactly what is not as expected."""

from __future__ import annotations

import json
import os
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest
import warm

import reconcile as rc

ROOT = Path(__file__).parents[2]
SPEC = """\
version: 1
account: {name: shop, api_key: "{{ env('KEY') }}", api_secret: "{{ env('SECRET') }}"}
sources:
  customers: {connect: "{{ env('NOWHERE') }}", table: customers, key: id, contract: {min_rows: 1000}}
  scores: {file: nowhere.parquet, key: customer_id}
profiles: {from: customers, email: email, identity: {var: customer_id}}
properties:
  first_name: {column: first_name}
  birthday: {column: birthday, type: date}
  spent: {column: spent}
  last: {column: last}
  score: {column: score, source: scores, type: integer, default: 0}
  ratio: {sql: "cast(first_name as integer) + 1"}
  greeting: {template: "Hi {{ first_name | default('there') }}"}
vars: {firstName: first_name, birthday: birthday, score: score, greeting: greeting, last: last}
groups:
  big: {list: Big, where: spent >= 100}
  lapsed: {list: Lapsed, rules: {property: last, op: before, value: 90 days ago}}
tests:
"""

Misses = Callable[[str], dict[str, list[tuple[str, str, str, str]]]]


@pytest.fixture
def misses(tmp_path: Path) -> Misses:
    def run(tests: str) -> dict[str, list[tuple[str, str, str, str]]]:
        spec = SPEC.replace('  ratio: {sql: "cast(first_name as integer) + 1"}\n', "")  # it fails on most names
        (tmp_path / "spec.yaml").write_text(spec + tests)
        found = list(rc.Reconciler(environ={}).test(rc.load(tmp_path / "spec.yaml")))
        assert not [one.problems for one in found if one.problems]
        return {one.name: [(m.person, m.what, m.expected, m.got) for m in one.misses] for one in found}

    return run


def test_the_examples_hold_without_a_database_or_an_account() -> None:
    found = list(rc.Reconciler(environ={}).test(rc.load(ROOT / "specs")))
    assert len(found) == 4
    assert [one.name for one in found if not one.passed] == []


def test_every_kind_of_miss_is_told(misses: Misses) -> None:
    found = misses("""\
  wrong:
    as_of: 2026-07-01
    given:
      customers:
        - {id: 1, email: " Ada@Example.com", first_name: Ada, birthday: 1990-12-10, spent: 100, last: 2026-04-01}
        - {id: 2, email: bob@example}
        - {id: 3, email: eve@example.com, birthday: soon, spent: 99.5, last: 2026-04-02}
      scores: [{customer_id: "1", score: 7}]
    expect:
      ada@example.com: {vars: {firstName: Eve, score: "7", birthday: null}, in: [lapsed], not_in: [big]}
      "2": {vars: {firstName: null}}
      "3": {invalid: malformed e-mail address}
  right:
    as_of: 2026-07-01
    given:
      customers: [{id: 1, email: ada@example.com, last: 2026-04-01}, {id: 2, email: bob@example.com}]
    expect:
      "1": {vars: {score: 0, greeting: Hi there, customer_id: 1, last: 2026-04-01}, in: [lapsed], not_in: [big]}
      BOB@example.com: {vars: {score: 0.0, last: null}, not_in: [lapsed, big]}
""")
    assert found["wrong"] == [
        ("ada@example.com", 'var "birthday"', "null", '"1990-12-10"'),
        ("ada@example.com", 'var "firstName"', '"Eve"', '"Ada"'),
        ("ada@example.com", 'var "score"', '"7"', "7"),
        ("ada@example.com", 'group "big"', "not in", "in"),
        ("2", "row", "can be used", "invalid: malformed e-mail address"),
        ("3", "row", "invalid: malformed e-mail address", "can be used"),
    ]
    assert found["right"] == []


def test_a_column_is_what_its_values_are(misses: Misses) -> None:
    """Null in one test, a number in another, texts where they are mixed; a value that does not convert is null."""
    found = misses("""\
  nothing_known: {given: {customers: [{id: a, email: ada@example.com}]}, expect: {a: {not_in: [big, lapsed]}}}
  a_moment:
    as_of: 2026-07-01
    given: {customers: [{id: 1, email: ada@example.com, last: 2026-04-02T01:00:00+02:00, spent: 1.5}]}
    expect: {"1": {vars: {last: "2026-04-01T23:00:00Z"}, in: [lapsed]}}
  no_date:
    given: {customers: [{id: 1, email: ada@example.com, birthday: soon, first_name: true}, {id: 2, first_name: x}]}
    expect: {"1": {vars: {birthday: null, firstName: "true"}}, "2": {invalid: no e-mail address}}
""")
    assert found == {"nothing_known": [], "a_moment": [], "no_date": []}


def test_rows_of_a_source_with_many_are_given_and_summed_up(misses: Misses, monkeypatch: pytest.MonkeyPatch) -> None:
    many = "  orders: {file: nowhere.parquet, key: customer, many: true}\nprofiles:"
    paid = "  paid: {aggregate: sum, source: orders, column: total, where: state = 'paid', default: 0}\n"
    spec = SPEC.replace("profiles:", many).replace("vars: {", f"{paid}vars: {{paid: paid, ")
    monkeypatch.setattr(f"{__name__}.SPEC", spec)
    found = misses("""\
  nothing_bought: {given: {customers: [{id: 1, email: ada@example.com}]}, expect: {"1": {vars: {paid: 0}}}}
""")
    assert found == {"nothing_bought": []}
    found = misses("""\
  bought:
    given:
      customers: [{id: 1, email: ada@example.com}, {id: 2, email: bob@example.com}]
      orders:
        - {customer: 1, total: 40, state: paid}
        - {customer: 1, total: 2, state: open}
        - {customer: 1, total: 1.5, state: paid}
    expect: {"1": {vars: {paid: 41.5}}, "2": {vars: {paid: 0}}}
""")
    assert found == {"bought": []}


def test_people_who_cannot_be_told_apart_are_told_together(misses: Misses) -> None:
    found = misses("""\
  twins:
    given: {customers: [{id: 1, email: a@example.com}, {id: 1, email: b@example.com}, {id: 2, email: c@example.com}]}
    expect: {"1": {invalid: duplicate key}, c@example.com: {not_in: [big]}}
""")
    assert found == {"twins": []}


def test_the_tests_are_no_part_of_what_a_plan_is_made_from(tmp_path: Path) -> None:
    (tmp_path / "spec.yaml").write_text(SPEC + "  {}\n")
    bare = rc.load(tmp_path / "spec.yaml")
    case = "  one: {given: {customers: [{id: 1, email: a@b.example}]}, expect: {'1': {not_in: [big]}}}\n"
    (tmp_path / "spec.yaml").write_text(SPEC + case)
    tested = rc.load(tmp_path / "spec.yaml")
    assert (tested.digest, tested == bare) == (bare.digest, False)


def run(folder: Path, *words: str) -> subprocess.CompletedProcess[str]:
    return warm.run(words, folder, {name: value for name, value in os.environ.items() if name not in {"KEY", "SECRET"}})


def test_by_hand(tmp_path: Path) -> None:
    row = "{id: 1, email: ada@example.com, first_name: Ada, spent: 5}"
    tests = f"""\
  big_spenders:
    given: {{customers: [{row}]}}
    expect:
      ada@example.com:
        in: [big]
  fails_on_its_rows: {{given: {{customers: [{row}]}}, expect: {{"1": {{vars: {{ratio: 1}}}}}}}}
"""
    (tmp_path / "spec.yaml").write_text(SPEC.replace("vars: {", "vars: {ratio: ratio, ") + tests)
    done = run(tmp_path, "test", "spec.yaml")
    assert (done.returncode, done.stderr) == (1, "")
    assert "FAILED  big_spenders  (spec.yaml:" in done.stdout
    assert 'var "ratio" (spec.yaml:25) - expected 1 + got null' in " ".join(done.stdout.split())
    (tmp_path / "spec.yaml").write_text(SPEC.replace("cast(first_name as integer) + 1", "1") + tests)
    done = run(tmp_path, "test", "spec.yaml")
    assert done.returncode == 65  # there is no var "ratio" now
    tests = tests.replace("ratio", "score")
    (tmp_path / "spec.yaml").write_text(SPEC.replace("cast(first_name as integer) + 1", "1") + tests)
    done = run(tmp_path, "test", "spec.yaml")
    assert done.returncode == 1
    assert done.stdout.splitlines() == [
        "FAILED  big_spenders  (spec.yaml:20)",
        "    ada@example.com",
        '      group "big"  (spec.yaml:24)',
        "        - expected in",
        "        + got      not in",
        "FAILED  fails_on_its_rows  (spec.yaml:25)",
        "    1",
        '      var "score"  (spec.yaml:25)',
        "        - expected 1",
        "        + got      0",
        "2 tests: 0 passed, 2 failed.",
    ]
    *told, end = [json.loads(line) for line in run(tmp_path, "test", "spec.yaml", "--json").stdout.splitlines()]
    assert [(one["event"], one["name"], one["passed"]) for one in told] == [
        ("test", "big_spenders", False),
        ("test", "fails_on_its_rows", False),
    ]
    assert told[0]["misses"][0]["where"] == "spec.yaml:24"
    assert end == {"event": "tests", "passed": 0, "failed": 2}
    (tmp_path / "spec.yaml").write_text(SPEC.replace("tests:\n", ""))
    done = run(tmp_path, "test", "spec.yaml")
    assert (done.returncode, done.stdout.startswith("spec.yaml has no tests.")) == (0, True)


def test_who_is_out_by_exclude_from_all_is_said(tmp_path: Path) -> None:
    (tmp_path / "people.csv").write_text("id,email,city,staff\n1,a@b.example,Rome,1\n2,c@d.example,Rome,0\n")
    (tmp_path / "spec.yaml").write_text("""\
version: 1
account: {name: shop, api_key: "{{ env('KEY') }}", api_secret: "{{ env('SECRET') }}"}
sources: {customers: {file: people.csv, key: id}}
profiles: {from: customers, email: email}
properties: {city: {column: city}, staff: {column: staff, type: integer}}
groups:
  staff: {where: staff = 1}
  rome: {list: Rome, where: city = 'Rome'}
exclude_from_all: staff
tests:
  out:
    given: {customers: [{id: 1, email: a@b.example, city: Rome, staff: 1}, {id: 2, email: c@d.example, city: Bern}]}
    expect: {"1": {in: [rome]}, "2": {in: [rome]}}
""")
    tested = warm.run(["test", "spec.yaml"], tmp_path, dict(os.environ)).stdout
    assert "+ got      not in (in staff, so out by exclude_from_all)\n" in tested
    assert "+ got      not in\n" in tested, "who would not be in it anyway"
    shown = warm.run(["groups", "spec.yaml"], tmp_path, dict(os.environ)).stdout.splitlines()
    assert [line.split() for line in shown[:2]] == [
        ["staff", "1", "50.0%"],
        ["rome", "1", "50.0%", "Rome", *["(1", "more", "out", "by", "exclude_from_all)"]],
    ]
    [*_, told] = warm.run(["groups", "spec.yaml", "--json"], tmp_path, dict(os.environ)).stdout.splitlines()
    assert json.loads(told)["excluded"] == {"rome": 1}

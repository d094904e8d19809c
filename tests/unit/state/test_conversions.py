"""Types that texts are made into: what fits, what does not and is counted, and what it looks like when it is sent."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from hashlib import sha256
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest
from plans import NOW

import reconcile as rc
from reconcile.errors import ValuesUnfit
from reconcile.spec.property import ValueType
from reconcile.state import people, properties, values
from reconcile.state.engines.duckdb import DuckDB
from reconcile.state.workspace import Workspace

SPEC = """\
version: 1
account: {name: shop, api_key: "{{ env('KEY') }}", api_secret: "{{ env('SECRET') }}"}
sources: {customers: {file: customers.csv, key: id}}
profiles: {from: customers, email: email}
properties:
"""


@pytest.fixture(scope="module")
def workspace() -> Iterator[Workspace]:
    with DuckDB() as opened:
        yield opened


def known(folder: Path, workspace: Workspace, prop: str, given: Sequence[Any]) -> properties.Known:
    (folder / "spec.yaml").write_text(f"{SPEC}  p: {prop}\n", encoding="utf-8")
    columns = {people.KEY: [f"{at:03}" for at in range(len(given))], people.column("customers", "x"): given}
    rows = workspace.store("given", pa.table(columns))
    return properties.evaluate(rc.load(folder / "spec.yaml"), rows, workspace, NOW)


def column(workspace: Workspace, found: properties.Known, kind: ValueType | None = None) -> list[Any]:
    rows = found.rows.order_by(people.KEY)
    made = rows.select(p=values.of(rows["p"], kind) if kind else rows["p"])
    return [row["p"] for row in workspace.dicts(made, limit=99)]


FITS = [
    ("{column: x, type: email}", " Ada@Example.COM ", "ada@example.com"),
    ("{column: x, type: url}", " https://example.com/a?b=c#d ", "https://example.com/a?b=c#d"),
    ("{column: x, type: url}", "HTTP://bücher.example", "HTTP://bücher.example"),
    ("{column: x, type: phone}", "+1 (780) 434-4554", "+17804344554"),
    ("{column: x, type: phone, region: GB}", "020 7946 0958", "+442079460958"),
    ("{column: x, type: phone, region: GB}", "+33 1 42 68 53 00", "+33142685300"),
    ("{column: x, type: list}", ' ["b", "a", "b"] ', ["b", "a", "b"]),
    ("{column: x, type: list}", ["b", "a"], ["b", "a"]),
    ("{column: x, type: json}", '{"b": 1.0, "a": [true, null, "é"]}', '{"a":[true,null,"é"],"b":1}'),
    ("{column: x, type: json}", "[]", "[]"),
]


@pytest.mark.parametrize(("prop", "given", "found"), FITS)
def test_what_fits_is_made_regular(tmp_path: Path, workspace: Workspace, prop: str, given: Any, found: Any) -> None:
    made = known(tmp_path, workspace, prop, [given, None])
    assert column(workspace, made) == [found, None]
    assert made.unconverted == ()


MISFITS = {
    "email": ["ada", "ada@localhost", "-ada@example.com", "a b@example.com"],
    "url": ["example.com", "ftp://example.com", "https://", "https://a b.example", "javascript:alert(1)"],
    "phone": ["020 7946 0958", "12", "+1 555", "call me", "+999 123456789"],
    "list": ["a, b", "[1, 2]", '["a", null]', '{"a": "b"}', '["a"', '["\\q"]'],
    "json": ["5", '"text"', "{a: 1}", "nope", "[1,]"],
}


@pytest.mark.parametrize("kind", MISFITS)
def test_what_does_not_fit_is_null_and_counted(tmp_path: Path, workspace: Workspace, kind: str) -> None:
    given = [*MISFITS[kind], "", None]
    made = known(tmp_path, workspace, f"{{column: x, type: {kind}}}", given)
    assert column(workspace, made) == [None] * len(given)
    assert {one.source for one in made.unconverted} == {"property p"}
    assert sum(one.count for one in made.unconverted) == len(MISFITS[kind])


@pytest.mark.parametrize(
    ("prop", "found"),
    [
        ("{column: x, type: list, default: [none]}", ["none"]),
        ("{column: x, type: phone, default: '+442079460958'}", "+442079460958"),
        ("{column: x, type: email, default: nobody@example.com}", "nobody@example.com"),
        ("{column: x, type: json, default: '{}'}", "{}"),
    ],
)
def test_defaults(tmp_path: Path, workspace: Workspace, prop: str, found: Any) -> None:
    assert column(workspace, known(tmp_path, workspace, prop, [None, "nope"])) == [found, None]
    taken = prop.replace("default", "on_misfit: null, default")
    assert column(workspace, known(tmp_path, workspace, taken, [None, "nope"])) == [found, found]


def test_a_number_is_read_once_for_each_distinct_text(
    tmp_path: Path, workspace: Workspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    from reconcile.spec import phones

    read: list[str | None] = []
    e164 = phones.e164

    def counted(texts: list[str | None], region: str | None) -> list[str | None]:
        read.extend(texts)
        return e164(texts, region)

    monkeypatch.setitem(properties._READ, ValueType.PHONE, counted)
    made = known(tmp_path, workspace, "{column: x, type: phone}", ["+442079460958", "+33142685300", None] * 20)
    assert len(set(column(workspace, made))) == 3
    assert sorted(map(str, read)) == ["+33142685300", "+442079460958", "None"]


@pytest.mark.parametrize(
    ("kind", "text", "told"),
    [
        (ValueType.LIST, ' ["é" , "" ,"a/b"] ', '["é","a/b"]'),
        (ValueType.LIST, '["e\\u0301\\n\\""]', '["é\\n\\""]'),
        (ValueType.LIST, "[]", None),
        (ValueType.LIST, "a,b", "a,b"),
        (ValueType.LIST, "[1]", "[1]"),
        (ValueType.JSON, '{"b": 1, "a": [ ]}', '{"b":1,"a":[]}'),
        (ValueType.JSON, "{}", None),
        (ValueType.JSON, "{", "{"),
        (ValueType.EMAIL, "Ada@Example.com", "Ada@Example.com"),
        (ValueType.PHONE, "+1", "+1"),
    ],
)
def test_what_an_export_says_comes_into_the_same_form(
    workspace: Workspace, kind: ValueType, text: str, told: str | None
) -> None:
    rows = workspace.store("texts", pa.table({"text": [text]}))
    made = rows.select(text=values.canonical(rows.text, kind))
    assert workspace.dicts(made, limit=1) == [{"text": told}]


@pytest.mark.parametrize(
    ("value", "kind", "told"),
    [
        (["a", "é"], ValueType.LIST, '["a","é"]'),
        ([], ValueType.LIST, ""),
        ({}, ValueType.LIST, ""),
        ({"b": 1.0, "a": 2}, ValueType.JSON, '{"a":2,"b":1}'),
        ([1], ValueType.JSON, "[1]"),
        ("x@example.com", ValueType.EMAIL, "x@example.com"),
        ([1], ValueType.LIST, values.FOREIGN + "[1]"),
        ('["a"]', ValueType.LIST, values.FOREIGN + '"[\\"a\\"]"'),
        ("{}", ValueType.JSON, values.FOREIGN + '"{}"'),
        (["a"], ValueType.EMAIL, values.FOREIGN + '["a"]'),
    ],
)
def test_what_a_look_up_says(value: object, kind: ValueType, told: str) -> None:
    assert values.seen(value, kind) == told


def test_what_is_sent_has_its_json_type() -> None:
    assert values.typed('["a","b"]', ValueType.LIST) == ["a", "b"]
    assert values.typed('{"a":1}', ValueType.JSON) == {"a": 1}
    assert values.typed("not json", ValueType.JSON) == "not json"
    assert values.typed("+17804344554", ValueType.PHONE) == "+17804344554"


# Strict


def test_strict_stops_with_place_count_and_looks(tmp_path: Path, workspace: Workspace) -> None:
    given = ["12 June 99", "1 May", "2026-01-01", None, "12 June 99", ""]
    with pytest.raises(ValuesUnfit) as unfit:
        known(tmp_path, workspace, "{column: x, type: date, strict: true}", given)
    assert unfit.value.message == (
        f'Property "p" ({tmp_path}/spec.yaml:6:3) is strict, and 3 values do not fit its type date,'
        ' such as "9 xxx", "99 xxxx 99" (x: a letter, 9: a digit).'
    )
    assert unfit.value.exit_status == 69


@pytest.mark.parametrize("more", ["pii: true", "private: true"])
def test_what_is_personal_is_not_even_shown_by_its_looks(tmp_path: Path, workspace: Workspace, more: str) -> None:
    with pytest.raises(ValuesUnfit, match=r"1 value does not fit its type phone\.$"):
        known(tmp_path, workspace, f"{{column: x, type: phone, strict: true, {more}}}", ["call me"])


def test_a_column_that_is_personal_by_another_property_is_not_shown_either(
    tmp_path: Path, workspace: Workspace
) -> None:
    prop = "{column: x, type: phone, strict: true}\n  q: {source: customers, column: x, private: true}"
    with pytest.raises(ValuesUnfit, match=r"1 value does not fit its type phone\.$"):
        known(tmp_path, workspace, prop, ["call me"])


def test_a_template_that_gives_no_value_is_counted_and_left_open(tmp_path: Path, workspace: Workspace) -> None:
    text = "{{ x['upper'] if x == 'Ada' else x }}"
    prop = f'{{template: "{text}"}}\n  x: {{column: x}}'
    made = known(tmp_path, workspace, prop, ["Ada", "Bea", None, "Ada"])
    assert column(workspace, made) == [None, "Bea", None, None]
    assert [(one.source, one.count) for one in made.unconverted] == [("property p", 2)]
    left_open = workspace.dicts(made.rows.select("u:p", people.KEY).order_by(people.KEY), limit=9)
    assert [bool(row["u:p"]) for row in left_open] == [True, False, False, True]
    typed = known(
        tmp_path, workspace, prop.replace("{template", "{type: integer, template"), ["Ada", "Bea", "7", "Ada"]
    )
    assert column(workspace, typed) == [None, None, 7, None]
    assert sorted(one.count for one in typed.unconverted) == [1, 2]


def test_strict_lets_what_fits_through(tmp_path: Path, workspace: Workspace) -> None:
    made = known(tmp_path, workspace, "{column: x, type: phone, strict: true}", ["+442079460958", None])
    assert column(workspace, made) == ["+442079460958", None]
    assert set(made.rows.columns) == {people.KEY, people.column("customers", "x"), "p"}


# Hashes


def test_a_hash_is_that_of_salt_and_canonical_value(tmp_path: Path, workspace: Workspace) -> None:
    (tmp_path / "spec.yaml").write_text(
        f"{SPEC}  p: {{column: x, type: email, hash: sha256, salt: \"{{{{ env('SALT') }}}}\"}}\n"
    )
    columns = {people.KEY: ["0", "1", "2"], people.column("customers", "x"): [" Ada@Example.com", "no", None]}
    rows = workspace.store("given", pa.table(columns))
    made = properties.evaluate(rc.load(tmp_path / "spec.yaml"), rows, workspace, NOW, {"SALT": "pepper é"})
    assert column(workspace, made) == [sha256("pepper éada@example.com".encode()).hexdigest(), None, None]
    assert [(one.source, one.count) for one in made.unconverted] == [("property p", 1)]


def test_a_salt_that_is_not_set_is_named(tmp_path: Path, workspace: Workspace) -> None:
    with pytest.raises(rc.CredentialsRefused, match="SALT"):
        known(tmp_path, workspace, "{column: x, hash: sha256, salt: \"{{ env('SALT') }}\"}", ["a"])

"""Which line of a spec a var or list owes its change to, however far away it stands."""

from __future__ import annotations

from pathlib import Path

import pytest

from reconcile.spec import definitions
from reconcile.spec.load import load

SPEC = """\
version: 1
account: {name: shop, api_key: "{{ env('K') }}", api_secret: "{{ env('S') }}"}
sources:
  people: {file: people.csv, key: id}
  orders: {file: orders.csv, key: person, many: true}
  staff: {file: staff.csv, key: id}
profiles: {from: people, email: email, id: id}
properties:
  name: {column: name, description: what they are called}
  spent: {source: orders, aggregate: sum, column: total, type: float, private: true}
  rich: {sql: "spent > 1000"}
  hello: {template: "Hi {{ name }}"}
vars:
  greeting: hello
groups:
  rich: {list: Rich, where: "rich"}
  staff: {members: {source: staff}}
  buyers: {list: Buyers, rules: {property: spent, op: gt, value: 0}, not_in: staff}
"""


@pytest.mark.parametrize(
    ("old", "new", "greeting", "rich", "buyers"),
    [
        ("Hi {{", "Hello {{", "properties: hello: template 12", None, None),
        ("{column: name,", "{column: full_name,", "properties: name: column 9", None, None),
        ("> 1000", "> 10", None, "properties: rich: sql 11", None),
        ("aggregate: sum", "aggregate: max", None, *["properties: spent: aggregate 10"] * 2),
        ("orders.csv", "o.csv", None, *["sources: orders: file 5"] * 2),
        ("value: 0", "value: 1", None, None, "groups: buyers: rules 18"),
        ("staff.csv", "s.csv", None, None, "sources: staff: file 6"),
        ("greeting: hello", "greeting: {property: hello, nulls: skip}", "vars: greeting: nulls 14", None, None),
        ("email: email", "email: mail", *["profiles: email 7"] * 3),
        ("what they are called", "another word", None, None, None),
        ("private: true}", "private: true, type: float}".replace(", type: float", ""), None, None, None),
    ],
)
def test_a_change_is_told_where_it_is_made(
    tmp_path: Path, old: str, new: str, greeting: str | None, rich: str | None, buyers: str | None
) -> None:
    file = tmp_path / "spec.yaml"
    file.write_text(SPEC)
    before = definitions.of(load(file))
    assert old in SPEC
    file.write_text(SPEC.replace(old, new))
    spec = load(file)
    made_of, changed = definitions.MadeOf.of(spec), definitions.changed(spec, before)
    fields = (made_of.vars["greeting"], made_of.lists["Rich"], made_of.lists["Buyers"])
    found = [definitions.first(parts, changed) for parts in fields]
    told = [one and f"{one.what} {one.where.line if one.where else 0}" for one in found]
    assert told == [greeting, rich, buyers]


def test_what_is_new_is_told_as_a_whole(tmp_path: Path) -> None:
    file = tmp_path / "spec.yaml"
    file.write_text(SPEC)
    before = definitions.of(load(file))
    file.write_text(SPEC.replace("  greeting: hello\n", "  greeting: hello\n  first: name\n"))
    changed = definitions.changed(load(file), before)
    assert [(one.what, one.place) for one in changed.values()] == [("vars: first", f"{file}:15")]
    assert not definitions.changed(load(file), definitions.of(load(file)))

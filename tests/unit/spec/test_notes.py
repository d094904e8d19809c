"""What `validate` notes: right, but perhaps not meant."""

from __future__ import annotations

from pathlib import Path

import pytest

import reconcile as rc
from reconcile.spec import notes

SPEC = """\
version: 1
account: {name: shop, api_key: "{{ env('KEY') }}", api_secret: "{{ env('SECRET') }}"}
sources:
  customers: {file: customers.csv, key: id, contract: {not_null: [country]}}
profiles: {from: customers, email: email}
properties:
  plan: {column: plan, type: string}
  city: {column: city, type: string, default: nowhere}
  country: {column: country, type: string}
  member: {column: member, type: boolean}
groups:
"""


def noted(folder: Path, groups: str) -> list[rc.Problem]:
    (folder / "spec.yaml").write_text(SPEC + groups, "utf-8")
    return notes.of(rc.load(folder / "spec.yaml"))


LEFT_OUT = """\
  g: {list: G, rules: {property: plan, op: ne, value: pro}}
  g: {list: G, rules: {property: plan, op: not_in, value: [pro]}}
  g: {list: G, rules: {none: [{property: plan, op: eq, value: pro}]}}
  g: {list: G, rules: {none: [{all: [{property: plan, op: contains, value: pro}, {property: city, op: eq, value: a}]}]}}
  g: {list: G, where: "plan <> 'pro'"}
  g: {list: G, where: "not (plan = 'pro' and city = 'Rome')"}
  g: {list: G, where: "plan not in ('pro')"}
  g: {list: G, where: "plan not like 'p%'"}
"""


@pytest.mark.parametrize("group", LEFT_OUT.splitlines())
def test_a_rule_that_denies_something_leaves_out_whoever_has_no_value(tmp_path: Path, group: str) -> None:
    [note] = noted(tmp_path, f"{group}\n")
    assert note.message.startswith('group "g": whoever has no "plan" is left out')
    assert str(note.hint).startswith("To have them too: ")
    assert note.where is not None
    assert note.where.line == 12


def test_a_note_stands_inside_the_expression(tmp_path: Path) -> None:
    [note] = noted(tmp_path, "  g:\n    list: G\n    where: \"city = 'Rome' and not member\"\n")
    assert note.where is not None
    assert note.where.text[note.where.column - 1 :].startswith("member")
    assert note.hint == "To have them too: or member is null; or give the property a default."


FINE = """\
  g: {list: G, rules: {property: city, op: ne, value: Rome}}
  g: {list: G, rules: {property: country, op: ne, value: IT}}
  g: {list: G, rules: {property: plan, op: eq, value: pro}}
  g: {list: G, rules: {any: [{property: plan, op: ne, value: pro}, {property: plan, op: exists, value: false}]}}
  g: {list: G, rules: {none: [{property: plan, op: exists}]}}
  g: {list: G, where: "plan is distinct from 'pro'"}
  g: {list: G, where: "coalesce(plan, '') <> 'pro'"}
  g: {list: G, where: "plan <> 'pro' or plan is null"}
  g: {list: G, where: "plan is not null"}
  g: {list: G, where: member}
"""


@pytest.mark.parametrize("group", FINE.splitlines())
def test_nothing_is_said_of_nulls_that_somebody_thought_of(tmp_path: Path, group: str) -> None:
    assert noted(tmp_path, f"{group}\n") == []


def test_groups_that_do_nothing_are_noted(tmp_path: Path) -> None:
    text = "  a: {where: member}\n  b: {list: B, in: [c]}\n  c: {where: member}\n  d: {where: member}\n"
    found = noted(tmp_path, f"{text}  e: {{list: E, in: d}}\nexclude_from_all: c\n")
    assert [one.message for one in found] == [
        'group "a" has no list, and no other group asks for it',
        'nobody is on the list of group "b": exclude_from_all takes off whom it asks for',
    ]

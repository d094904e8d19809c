"""Laws of the plan: the order of rows is nothing to it, and every text comes through it unharmed."""

from __future__ import annotations

import json
from pathlib import Path
from unicodedata import normalize

import pages
import plans
import pytest
from account import FakeAccount
from hypothesis import HealthCheck, Phase, example, given, settings
from hypothesis import strategies as st
from rows import Rows

import reconcile as rc
from reconcile.plan import archive, explain
from reconcile.plan.model import CreateList, Upsert
from reconcile.review import composing, markdown
from reconcile.review.escaping import seen

BOUNDED = settings(
    max_examples=4,
    deadline=None,
    phases=[Phase.explicit, Phase.reuse, Phase.generate],
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
SPEC = """\
version: 1
account: {name: shop, api_key: "{{ env('KEY') }}", api_secret: "{{ env('SECRET') }}", url: http://sailthru.test}
sources: {customers: {file: customers.csv, key: id}}
profiles: {from: customers, email: email, identity: {var: customer_id}}
properties:
  first: {column: first}
  city: {column: city}
  greeting: {template: "Hi {{ first }}"}
vars: {city: city, greeting: greeting}
groups:
  all: {list: LIST, where: "true"}
  odd: {list: Odd, where: "city <> 'Rome'"}
"""
ODD = [
    "|",
    "`",
    "\n",
    "\r\n",
    "\\",
    '"',
    "'",
    "$",
    "{{ x }}",
    "</td>",
    "東",
    "é",
    "e\u0301",
    "🙂",
    "\x00",
    " ",
    "~",
    "%s",
]
TEXT = st.lists(st.one_of(st.sampled_from(ODD), st.characters(exclude_categories=["Cs"])), max_size=12).map("".join)
# What `spec.check` lets through: printable, trimmed, no $, at most 100 characters.
NAME = (
    st.lists(st.one_of(st.sampled_from(ODD), st.characters(categories=["L", "N", "P", "S"])), min_size=1, max_size=10)
    .map(lambda parts: normalize("NFC", "".join(parts)).replace("$", "").strip())
    .filter(lambda name: name.isprintable() and 0 < len(name) <= 100)
    .filter(lambda name: name.casefold() not in {"odd", plans.REGISTRY})
)
PEOPLE = st.lists(st.tuples(TEXT, TEXT), min_size=1, max_size=6)


def planned(folder: Path, list_name: str, people: list[tuple[int, str, str]], name: str = "plan") -> rc.Plan:
    # YAML reads JSON's strings, and no template looks into the name of a list.
    (folder / "spec.yaml").write_text(SPEC.replace("LIST", json.dumps(list_name)), encoding="utf-8")
    account = FakeAccount(folder)
    account.natural("Odd", plans.REGISTRY)
    account.person("person0@example.com", lists=["Odd", plans.REGISTRY], city="Rome", customer_id=0)
    columns = {
        "id": [at for at, _, _ in people],
        "email": [f"person{at}@example.com" for at, _, _ in people],
        "first": [first for _, first, _ in people],
        "city": [city for _, _, city in people],
    }
    given_ = {"customers": Rows("customers", columns)}
    return plans.planned(rc.load(folder / "spec.yaml"), account, folder / name, given_)


@BOUNDED
@given(PEOPLE, st.randoms(use_true_random=False))
def test_the_order_of_rows_is_nothing_to_a_plan(tmp_path: Path, people: list[tuple[str, str]], random: object) -> None:
    rows = [(at, *texts) for at, texts in enumerate(people)]
    first = planned(tmp_path, "Everybody", rows, "first")
    random.shuffle(rows)  # type: ignore[attr-defined]
    second = planned(tmp_path, "Everybody", rows, "second")
    assert first.id == second.id
    assert (tmp_path / "first").read_bytes() == (tmp_path / "second").read_bytes()


@BOUNDED
@given(NAME, PEOPLE)
@example('A|B `C` "D" \\', [("Ada|", "two\nlines"), ("", ""), ('"', "\\")])
@example("</td>", [("\x00", "a\x00b")])
@example("%s {x} é", [("e\u0301", "\ue000")])
def test_every_text_survives(tmp_path: Path, list_name: str, people: list[tuple[str, str]]) -> None:
    plan = planned(tmp_path, list_name, [(at, *texts) for at, texts in enumerate(people)])
    walked = [action for _, action in archive.walk(archive.read(tmp_path / "plan"))]
    assert walked[0] == CreateList(list_name)
    found = {one.email: one for one in walked if isinstance(one, Upsert)}
    for at, (first, city) in enumerate(people):
        one = found[f"person{at}@example.com"]
        assert one.lists[list_name] is True
        wanted = f"Hi {first}" if first else ""  # an empty text is no value
        assert normalize("NFC", one.vars.get("greeting") or "") == normalize("NFC", wanted)
        if at and city:
            assert normalize("NFC", one.vars["city"] or "") == normalize("NFC", city)
    view = explain.view(plan)
    assert list_name in json.loads(json.dumps(explain.as_json(view)))["samples"][0]["joins"]
    for shown in (view, explain.view(plan, reveal=True)):
        assert not any("\n" in line or "\r" in line for line in explain.text(shown))
    for reveal in (False, True):
        assert seen(f"{list_name} (new)") in pages.cells(markdown.text(composing.page(plan, reveal=reveal)), "Lists")


@pytest.mark.parametrize("list_name", ["a\nb", "a$b", " a", "a" * 101, ""])
def test_a_name_that_would_be_harmed_is_refused(tmp_path: Path, list_name: str) -> None:
    with pytest.raises(rc.SpecInvalid):
        planned(tmp_path, list_name, [(1, "Ada", "Rome")])

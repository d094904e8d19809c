"""Law of plain templates: as an expression they come to what Jinja makes of them, whatever the texts."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pyarrow as pa
import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st
from plans import NOW

import reconcile as rc
from reconcile.spec import templates
from reconcile.state import people, properties
from reconcile.state.engines.duckdb import DuckDB
from reconcile.state.workspace import Workspace

SPEC = """\
version: 1
account: {name: shop, api_key: "{{ env('KEY') }}", api_secret: "{{ env('SECRET') }}"}
sources: {customers: {file: customers.csv, key: id}}
profiles: {from: customers, email: email}
properties:
  a: {column: a, type: string}
  b: {column: b, type: string}
  t: {template: TEXT}
"""
PLAIN = [
    "{{ a }}",
    "Hi {{ a }}, {{ b | default('there') }}!\n",
    "{{ a | lower }}{{ b | upper }}",
    "{{ a | d('Nobody') | capitalize }} 'quoted' %s {{ a }}",
    "{{ b | upper | lower }}\n\n",
]
TEXT = st.none() | st.text(st.one_of(st.sampled_from("aZß İıé'\n\0"), st.characters(exclude_categories=["Cs"])))


@pytest.fixture(scope="module")
def workspace() -> Iterator[Workspace]:
    with DuckDB() as opened:
        yield opened


@settings(max_examples=20, deadline=None, suppress_health_check=list(HealthCheck))
@given(st.sampled_from(PLAIN), st.lists(st.tuples(TEXT, TEXT), min_size=1, max_size=8))
@example(PLAIN[2], [("STRASSE", "straße"), ("İ", None), (None, "x"), ("", "")])
def test_an_expression_is_what_jinja_makes_of_it(
    workspace: Workspace, tmp_path: Path, template: str, rows: list[tuple[str | None, str | None]]
) -> None:
    assert templates.pieces(template) is not None
    columns = {"a": [a for a, _ in rows], "b": [b for _, b in rows]}
    (tmp_path / "spec.yaml").write_text(SPEC.replace("TEXT", json.dumps(template)), encoding="utf-8")
    named = {people.column("customers", name): pa.array(texts, pa.string()) for name, texts in columns.items()}
    given_ = workspace.store("given", pa.table({people.KEY: [f"{at:03}" for at in range(len(rows))], **named}))
    known = properties.evaluate(rc.load(tmp_path / "spec.yaml"), given_, workspace, NOW).rows
    found = [row["t"] for row in workspace.dicts(known.order_by(people.KEY), limit=99)]
    filled = {name: [text or None for text in texts] for name, texts in columns.items()}  # an empty text is no value
    assert found == templates.compile(template).render(filled)


@pytest.mark.parametrize(
    "template",
    [
        "{{ a | title }}",
        "{{ a | default('x', true) }}",
        "{{ a | lower | default('x') }}",
        "{% if a %}x{% endif %}",
        "{{ a ~ b }}",
        "{{ a | default(b) }}",
        "{{ a | upper(1) }}",
    ],
)
def test_what_is_more_is_left_to_jinja(template: str) -> None:
    assert templates.pieces(template) is None

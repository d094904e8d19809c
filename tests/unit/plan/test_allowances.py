"""`--allow RULE[:SCOPE]=MAX`: read, and held against what there is to allow."""

from __future__ import annotations

from pathlib import Path

import pytest

import reconcile as rc
from reconcile.errors import AllowanceUnfit
from reconcile.plan import allowances
from reconcile.plan.model import Allowance
from reconcile.spec.guards import Guard

REGISTRY = "reconcile: managed"


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("deletions=5", Allowance(guard=Guard.DELETIONS, most=5)),
        ("removals:News=40", Allowance(guard=Guard.REMOVALS, scope="News", most=40)),
        (f"removals:{REGISTRY}=40", Allowance(guard=Guard.REMOVALS, scope=REGISTRY, most=40)),
        ("removals:a=b=3", Allowance(guard=Guard.REMOVALS, scope="a=b", most=3)),
        (
            "invalid_rows:property first_name=0",
            Allowance(guard=Guard.INVALID_ROWS, scope="property first_name", most=0),
        ),
    ],
)
def test_an_allowance_is_read_and_written_alike(text: str, expected: Allowance) -> None:
    assert allowances.read(text) == expected
    assert str(expected) == text


@pytest.mark.parametrize(
    ("text", "told", "hint"),
    [
        ("deletions", "is not RULE", "--allow deletions=5"),
        ("deletions=", "is not RULE", "--allow deletions=5"),
        ("deletions=-1", "is not RULE", "--allow deletions=5"),
        ("deletions=5%", "is not RULE", "--allow deletions=5"),
        ("deletons=5", 'no rule "deletons"', 'Did you mean "deletions"?'),
        ("=5", 'no rule ""', "There are: additions"),
    ],
)
def test_what_cannot_be_read_is_a_usage_error(text: str, told: str, hint: str) -> None:
    with pytest.raises(AllowanceUnfit, match=told) as raised:
        allowances.read(text)
    assert raised.value.exit_status == 64
    assert hint in (raised.value.hint or "")


@pytest.fixture
def spec(tmp_path: Path) -> rc.Spec:
    (tmp_path / "spec.yaml").write_text(
        """
version: 1
account: {name: shop, api_key: "{{ env('KEY') }}", api_secret: "{{ env('SECRET') }}"}
sources:
  people: {file: people.csv, key: id}
  scores: {file: scores.csv, key: id, columns: {score: number}}
profiles: {from: people, email: email, identity: {var: customer_id}}
properties: {city: {column: city}, score: {column: score, source: scores}}
vars: {town: city}
groups: {news: {list: News, where: "score > 1"}}
"""
    )
    return rc.load(tmp_path)


@pytest.mark.parametrize(
    "text",
    [
        "deletions=1",
        "removals=1",
        "removals:News=1",
        f"removals:{REGISTRY}=1",
        "joins=1",
        "joins:News=1",
        "opted_out_joins:News=1",
        "nulled:town=1",
        "same_value:customer_id=1",
        "source_rows:scores=1",
        "source_rows:people=1",
        "invalid_rows:people=1",
        "invalid_rows:people.city=1",
        "invalid_rows:scores.score=1",
        "invalid_rows:property city=1",
    ],
)
def test_scopes_of_a_spec(spec: rc.Spec, text: str) -> None:
    allowances.check([allowances.read(text)], allowances.scopes_of_spec(spec))


@pytest.mark.parametrize(
    ("text", "hint"),
    [
        ("removals:news=1", 'Did you mean "News"?'),
        ("joins:news=1", 'Did you mean "News"?'),
        ("nulled:city=1", "There are: customer_id, town."),
        ("source_rows:scors=1", 'Did you mean "scores"?'),
        ("deletions:News=1", "It is about the whole plan: --allow deletions=1"),
    ],
)
def test_a_scope_that_is_not_there_is_a_usage_error(spec: rc.Spec, text: str, hint: str) -> None:
    with pytest.raises(AllowanceUnfit, match="knows no scope") as raised:
        allowances.check([allowances.read(text)], allowances.scopes_of_spec(spec))
    assert raised.value.hint == hint

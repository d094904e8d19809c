"""Laws of the sieve: what it leaves out makes no difference to a plan, however odd the people are."""

from __future__ import annotations

from pathlib import Path

import ibis
import plans
import pytest
from account import FakeAccount, Profile
from hypothesis import HealthCheck, Phase, example, given, settings
from hypothesis import strategies as st
from rows import Rows

import reconcile as rc
from reconcile.plan import archive
from reconcile.plan.model import Delete, Upsert
from reconcile.state import sieve

SPEC = """\
version: 1
account: {name: shop, api_key: "{{ env('KEY') }}", api_secret: "{{ env('SECRET') }}", url: http://sailthru.test}
sources: {customers: {file: customers.parquet, key: id}}
profiles: {from: customers, email: email}
properties:
  city: {column: city}
  spent: {column: spent, type: float}
  vip: {column: vip, type: boolean}
vars: {city: city, spent: {property: spent, nulls: skip}, vip: vip}
groups:
  big: {list: Big, where: "spent >= 10"}
  rome: {list: Rome, where: "city = 'Rome'"}
policy: {on_leave: ON_LEAVE}
"""
LISTS = ("Big", "Rome", plans.REGISTRY)
CITY = st.sampled_from(["Rome", "Köln", "Ko\u0308ln", "", None, "true", "1.0", "\x00"])
SPENT = st.sampled_from([0.0, 1.0, 10.0, 12.5, None])
WANTED = st.tuples(CITY, SPENT, st.sampled_from([True, False, None]))
THERE = st.tuples(WANTED, st.frozensets(st.sampled_from(LISTS)))
# An export may show two profiles of one address, such as a deleted one beside its successor (SAILTHRU.md §15).
PEOPLE = st.dictionaries(st.integers(0, 9), st.tuples(st.none() | WANTED, st.lists(THERE, max_size=2)), max_size=8)
SAME = ("Rome", 12.5, True)
TWINS = {
    at: (SAME, [((city, 1.0, None), frozenset({plans.REGISTRY})), (SAME, frozenset(LISTS))])
    for at, city in enumerate(["Oslo", "Köln", "Bonn", "Ulm"])
}


def planned(folder: Path, people: dict[int, tuple], on_leave: str) -> rc.Plan:
    (folder / "spec.yaml").write_text(SPEC.replace("ON_LEAVE", on_leave), encoding="utf-8")
    account = FakeAccount(folder)
    account.natural(*LISTS)
    for at, (_, there) in people.items():
        for (city, spent, vip), lists in there:
            account.person(f"p{at}@example.com", lists=lists, city=city, spent=spent, vip=vip)
    wanted = [(at, *one) for at, (one, _) in people.items() if one is not None]
    columns = {
        # Somebody is always there: a source without rows is refused.
        "id": [-1, *(at for at, *_ in wanted)],
        "email": ["first@example.com", *(f"p{at}@example.com" for at, *_ in wanted)],
        "city": ["Rome", *(city for _, city, *_ in wanted)],
        "spent": [1.0, *(spent for _, _, spent, _ in wanted)],
        "vip": [True, *(vip for *_, vip in wanted)],
    }
    return plans.planned(
        rc.load(folder / "spec.yaml"), account, folder / "plan", {"customers": Rows("customers", columns)}
    )


@settings(
    max_examples=6,
    deadline=None,
    phases=[Phase.explicit, Phase.reuse, Phase.generate],
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(PEOPLE, st.sampled_from(["unlist", "clear", "delete"]))
@example(TWINS, "unlist")
@example({1: (None, TWINS[1][1])}, "delete")
def test_a_plan_of_candidates_is_the_plan_of_all(tmp_path: Path, people: dict[int, tuple], on_leave: str) -> None:
    sifted = planned(tmp_path, people, on_leave)
    body = (tmp_path / "plan").read_bytes()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(sieve, "_alike", lambda _pairs, _shape: ibis.literal(value=False))
        whole = planned(tmp_path, people, on_leave)
    assert sifted.face == whole.face  # every count, of those who are left out too
    assert body == (tmp_path / "plan").read_bytes()


@pytest.mark.parametrize(("lookups", "later"), [(100, False), (100, True), (0, False)])
def test_who_is_shown_twice_is_as_the_account_says(tmp_path: Path, lookups: int, later: bool) -> None:
    """One is deleted, and as wanted; the other is not. Nobody is made of both, and without a look the latest counts."""
    text = SPEC.replace("ON_LEAVE", f"delete, lookups: {lookups}")
    (tmp_path / "spec.yaml").write_text(text, encoding="utf-8")
    account = FakeAccount(tmp_path)
    account.natural(*LISTS)
    registered = {"Rome", plans.REGISTRY}
    gone = "sid-9" if later else "sid-0"
    account.ghosts = [
        Profile(f"{gone}1", "p1@example.com", {"city": "Rome", "vip": True}, {"Big", *registered}),
        Profile(f"{gone}2", "p2@example.com", {"city": "Rome"}, registered),
    ]
    account.person("p1@example.com", sid="sid-51", lists=[plans.REGISTRY], city="Oslo", spent=1.0)
    account.person("p2@example.com", sid="sid-52", lists=[plans.REGISTRY], city="Oslo")
    rows = Rows("customers", {"id": [1], "email": ["p1@example.com"], "city": ["Rome"], "spent": [1.0], "vip": [True]})
    plan = plans.planned(rc.load(tmp_path / "spec.yaml"), account, tmp_path / "plan", {"customers": rows})
    found = [action for _, action in archive.walk(plan)]
    assert [(one.sid, dict(one.vars)) for one in found if isinstance(one, Upsert)] == [
        ("sid-51", {"city": "Rome", "vip": "true"})
    ]
    assert [one.sid for one in found if isinstance(one, Delete)] == ["sid-52"]


def test_who_is_the_same_is_left_out(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    found: list[sieve.Sifted] = []
    sift = sieve.sift
    monkeypatch.setattr(sieve, "sift", lambda *given: found.append(sift(*given)) or found[-1])
    people = {1: (SAME, [(SAME, frozenset(LISTS))]), 2: (SAME, [(SAME, frozenset({plans.REGISTRY}))])}
    plan = planned(tmp_path, people, "unlist")
    assert found[0].same == 1
    assert found[0].members == {"Big": 1, "Rome": 1, plans.REGISTRY: 1}
    assert {one.name: (one.before, one.join) for one in plan.face.lists} == {
        "Big": (1, 1),
        "Rome": (1, 2),
        plans.REGISTRY: (2, 1),
    }


def test_more_lists_than_a_number_has_bits(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sieve, "WIDTH", 2)
    groups = "".join(f'  g{at}: {{list: L{at}, where: "n >= {at}"}}\n' for at in range(6))
    text = SPEC.partition("properties:")[0] + "properties: {n: {column: n}}\ngroups:\n" + groups
    (tmp_path / "spec.yaml").write_text(text, encoding="utf-8")
    account = FakeAccount(tmp_path)
    account.natural(*(f"L{at}" for at in range(6)), plans.REGISTRY)
    for at in (1, 2, 5):
        account.person(f"p{at}@example.com", lists=[*(f"L{one}" for one in range(at + 1)), plans.REGISTRY])
    account.person("off@example.com", lists=["L0", "L5", plans.REGISTRY])
    emails = ["p1@example.com", "p2@example.com", "p5@example.com", "off@example.com"]
    rows = Rows("customers", {"id": [1, 2, 5, 9], "email": emails, "n": [1, 2, 5, 0]})
    plan = plans.planned(rc.load(tmp_path / "spec.yaml"), account, tmp_path / "plan", {"customers": rows})
    assert (plan.face.counts.update, plan.face.counts.unchanged) == (1, 3)
    assert {one.name: one.leave for one in plan.face.lists if one.leave or one.join} == {"L5": 1}
    assert {one.name: one.before for one in plan.face.lists}["L2"] == 2

"""Looking back: what was written against what is there, by meaning and not by form."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from reconcile.apply.verifier import Verifier
from reconcile.plan.model import Upsert
from reconcile.spec.property import ValueType
from reconcile.state import diff
from reconcile.state.engines.duckdb import DuckDB
from reconcile.state.model import Membership, Shape, Sighting, Var

SHAPE = Shape(
    (Var("city", ValueType.STRING), Var("spent", ValueType.FLOAT), Var("at", ValueType.DATETIME)),
    (Membership("News"),),
    Membership("registry"),
)
ALL: dict[str, str | None] = {"city": "Paris", "spent": "12", "at": "2026-01-01T00:00:00Z"}
THERE: dict[str, Any] = {"city": "Paris", "spent": 12, "at": "2026-01-01T00:00:00Z"}


@pytest.fixture(scope="module")
def verifier() -> Iterator[Verifier]:
    with DuckDB() as workspace:
        yield Verifier(SHAPE, workspace)


def wish(hash_: str = "a", **fields: Any) -> Upsert:
    known = {"sid": None, "vars": ALL, "lists": {"News": True}}
    return Upsert(hash_, f"{hash_}@example.com", **(known | fields))


def sight(*lists: str, **vars_: Any) -> Sighting:
    return Sighting("a@example.com", "sid", THERE | vars_, frozenset(lists or ("News", "of others")))


@pytest.mark.parametrize(
    ("wanted", "seen", "told"),
    [
        (wish(), sight(), ""),
        (wish(), sight(spent=12.0, at="2026-01-01 01:00:00+01:00"), ""),
        (wish(), sight(spent="12"), "differs in var spent"),
        (wish(), sight(city="paris", at=None), "differs in var city, var at"),
        (wish(vars={"city": None}), sight(city=""), ""),
        (wish(vars={"city": None}), sight(), "differs in var city"),
        (wish(), sight("of others"), "differs in list News"),
        (wish(lists={"News": False}), sight(), "differs in list News"),
        (wish(vars={}, lists={}), sight("of others", city="Rome"), ""),
        (wish(), None, "the profile is not there"),
        (wish(moves_to="b@example.com"), sight(), "the e-mail address did not change"),
        (wish(moves_to="a@example.com", sid="sid"), sight(), ""),
    ],
)
def test_what_differs_is_told(verifier: Verifier, wanted: Upsert, seen: Sighting | None, told: str) -> None:
    assert verifier.differences([(wanted, seen)]) == ({"a": told} if told else {})


def test_of_many_only_those_that_differ_are_told(verifier: Verifier) -> None:
    people = [(wish(f"{number}"), sight(city="Rome") if number % 100 == 7 else sight()) for number in range(300)]
    assert sorted(verifier.differences(people)) == ["107", "207", "7"]


def test_the_diff_is_worked_out_once_for_all_chunks(monkeypatch: pytest.MonkeyPatch) -> None:
    worked: list[Any] = []
    between = diff.between
    monkeypatch.setattr(diff, "between", lambda *tables: worked.append(tables) or between(*tables))
    with DuckDB() as workspace:
        verifier = Verifier(SHAPE, workspace)
        assert verifier.differences([(wish(), sight())]) == {}
        assert worked == [], "nothing differs, so there is nothing to work out"
        for city in ("Rome", "Oslo", "Bern"):
            assert sorted(verifier.differences([(wish(), sight(city=city)), (wish("b"), None)])) == ["a", "b"]
    assert len(worked) == 1

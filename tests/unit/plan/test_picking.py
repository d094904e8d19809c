"""The part of a plan that is asked for: what is found, what is counted, and nobody in it unless they are revealed."""

from __future__ import annotations

import re
from collections.abc import Iterator

import orjson
import plans
import pytest

import reconcile as rc
from reconcile.plan import answers, explain, picking
from reconcile.plan.picking import Op, Picked, Wanted
from reconcile.state.engines.duckdb import DuckDB

PEOPLE = re.compile(r"example\.com|Bern|Oslo|Graz|sid-")


@pytest.fixture(scope="module")
def workspace() -> Iterator[DuckDB]:
    with DuckDB() as workspace:
        yield workspace


def pick(plan: rc.Plan, workspace: DuckDB, **wanted: tuple[str, ...]) -> Picked:
    return picking.pick(plan, Wanted(**wanted), plans.MASKS, workspace)  # type: ignore[arg-type]


def who(plan: rc.Plan, picked: Picked) -> set[str]:
    view = answers.asked(plan, picked, reveal=True)
    return {row.name for section in view.sections if section.title == "One by one" for row in section.rows}


CYD, DAN, GUS, BOB, STRANGER = (
    "cyd@example.com",
    "dan@example.com",
    "gus@example.com",
    "sid sid-02",
    "stranger@example.com",
)


@pytest.mark.parametrize(
    ("wanted", "found"),
    [
        ({"ops": (Op.CREATE,)}, {CYD}),
        ({"ops": (Op.DELETE,)}, {GUS}),
        ({"ops": (Op.MOVE,)}, {BOB}),
        ({"ops": (Op.UPDATE,)}, {DAN, BOB, STRANGER}),
        ({"ops": (Op.UNLIST,)}, {STRANGER}),
        ({"ops": (Op.CREATE_LIST,)}, {"A|B"}),
        ({"ops": (Op.CREATE, Op.DELETE)}, {CYD, GUS}),
        ({"lists": ("A|B",)}, {"A|B", CYD}),
        ({"lists": ("Big Spenders",)}, {CYD, DAN, STRANGER}),
        ({"lists": ("Big Spenders",), "ops": (Op.UPDATE,)}, {DAN, STRANGER}),
        ({"lists": (plans.REGISTRY,)}, {CYD, GUS}),
        ({"lists": (plans.REGISTRY,), "ops": (Op.DELETE,)}, {GUS}),
        ({"fields": ("city",)}, {CYD, DAN}),
        ({"causes": ("new",)}, {CYD}),
        ({"causes": ("drift",)}, {STRANGER}),
        ({"keys": (" Dan@Example.com",)}, {DAN}),
        ({"keys": ("robert@example.com",)}, {BOB}),
        ({"keys": ("sid-02",)}, {BOB}),
        ({"keys": (plans.MASKS.person(GUS), CYD)}, {GUS, CYD}),
        ({"keys": ("nobody@example.com",)}, set()),
    ],
    ids=lambda one: str(one) if isinstance(one, dict) else "",  # a set has another order in each process
)
def test_what_is_asked_for_is_found(
    plan: rc.Plan, workspace: DuckDB, wanted: dict[str, tuple[str, ...]], found: set[str]
) -> None:
    picked = pick(plan, workspace, **wanted)
    assert who(plan, picked) == found
    assert picked.count == len(found)


def test_everything_is_counted(plan: rc.Plan, workspace: DuckDB) -> None:
    picked = pick(plan, workspace)
    assert picked.count == plan.face.counts.total + len(plan.face.new_lists)
    assert (picked.ops[Op.UPDATE], picked.ops[Op.CREATE], picked.ops[Op.DELETE]) == (3, 1, 1)
    assert picked.fields["city"] == 2
    assert picked.lists["Big Spenders"] == (1, 2)
    assert picked.lists[plans.REGISTRY] == (1, 1)
    assert picked.causes == {"": 3, "new": 1, "drift": 1}


def test_nobody_is_shown_who_was_asked_for(plan: rc.Plan, workspace: DuckDB) -> None:
    picked = pick(plan, workspace, keys=("dan@example.com", "cyd@example.com"))
    view = answers.asked(plan, picked)
    told = "\n".join(explain.text(view)) + orjson.dumps(explain.as_json(view)).decode()
    assert not PEOPLE.search(told)
    assert plans.MASKS.person("dan@example.com") in told
    assert "set city" in told
    assert "2 of 6 actions" in view.summary


def test_only_the_first_are_shown_and_the_rest_is_counted(
    plan: rc.Plan, workspace: DuckDB, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(picking, "SHOWN", 2)
    picked = pick(plan, workspace, ops=(Op.UPDATE,))
    assert (picked.count, len(picked.shown)) == (3, 2)
    assert "and 1 more" in "\n".join(explain.text(answers.asked(plan, picked)))


@pytest.mark.parametrize(
    ("wanted", "told"),
    [
        ({"lists": ("Big Spender",)}, 'no list "Big Spender". Did you mean "Big Spenders"?'),
        ({"fields": ("town",)}, 'no field "town". There are: city, customer_id.'),
        ({"causes": ("drifts",)}, 'Did you mean "drift"?'),
        ({"lists": ("A|B",), "fields": ("city",)}, None),
    ],
)
def test_what_the_plan_does_not_have_is_told(
    plan: rc.Plan, wanted: dict[str, tuple[str, ...]], told: str | None
) -> None:
    found = picking.unknown(Wanted(**wanted), plan.face)  # type: ignore[arg-type]
    assert found is None if told is None else told in str(found)

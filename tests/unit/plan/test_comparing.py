"""Two plans beside each other: what the second does that the first does not, and the other way round."""

from __future__ import annotations

from pathlib import Path

import orjson
import plans
import pytest
from account import FakeAccount

import reconcile as rc
from reconcile.plan import answers, comparing, explain
from reconcile.plan.comparing import Change, Difference
from reconcile.plan.picking import Op
from reconcile.state.engines.duckdb import DuckDB

FIRST = "id,email,city,spent\n1,ada@example.com,Rome,1\n2,bob@example.com,Oslo,5000\n3,cyd@example.com,Bern,5000\n"
SECOND = "id,email,city,spent\n1,ada@example.com,Rome,5000\n2,bob@example.com,Graz,5000\n4,dan@example.com,,1\n"


def plan(folder: Path, customers: str) -> rc.Plan:
    """Ada is there, in Rome and on no list but ours; everybody else is new."""
    account = FakeAccount()
    for name in ("Big Spenders", plans.REGISTRY):
        account.natural(name)
    account.person("ada@example.com", lists=[plans.REGISTRY], city="Wien", customer_id=1)
    account.person("eve@example.com", lists=[plans.REGISTRY], city="Wien", customer_id=9)
    return plans.of(folder, customers, account)


@pytest.fixture(scope="module")
def pair(tmp_path_factory: pytest.TempPathFactory) -> tuple[rc.Plan, rc.Plan]:
    folder = tmp_path_factory.mktemp("pair")
    return plan(folder / "first", FIRST), plan(folder / "second", SECOND)


@pytest.fixture(scope="module")
def found(pair: tuple[rc.Plan, rc.Plan]) -> Difference:
    with DuckDB() as workspace:
        return comparing.between(*pair, workspace)


def test_what_only_one_of_them_does_is_counted(found: Difference) -> None:
    assert found.ops == {Op.CREATE: Change(more=1, less=1)}  # dan, no more cyd
    assert found.lists == {
        ("Big Spenders", "join"): Change(more=1, less=1),  # ada, no more cyd
        (plans.REGISTRY, "join"): Change(more=1, less=1),
    }
    assert found.fields == {"city": Change(more=1, less=2), "customer_id": Change(more=1, less=1)}  # bob's is another
    assert found.same == 1  # eve leaves in both


def test_a_plan_beside_itself_does_the_same(pair: tuple[rc.Plan, rc.Plan]) -> None:
    with DuckDB() as workspace:
        found = comparing.between(pair[0], pair[0], workspace)
    assert found.none
    assert found.same == 4
    view = answers.difference(found)
    assert view.summary == "Both do the same."
    assert "the same plan" in view.heading


def test_it_is_told_without_anybody_in_it(pair: tuple[rc.Plan, rc.Plan], found: Difference) -> None:
    view = answers.difference(found)
    told = "\n".join(explain.text(view))
    as_json = orjson.loads(orjson.dumps(explain.as_json(view)))
    assert f"Plan {pair[1].id} beside {pair[0].id}: what it adds, and what it drops" in told
    assert "create  1 added, 1 dropped" in told
    assert as_json["lists"]["Big Spenders"]["join"] == {"more": 1, "less": 1}
    assert not [word for word in ("example.com", "Graz", "Bern") if word in told + str(as_json)]

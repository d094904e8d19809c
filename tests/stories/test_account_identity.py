"""What was applied is remembered of the account itself, not of its name: another account begins anew, as is said."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import httpx
import pytest
from desk import Desk
from gateway import GARBLED, behind_a_gateway
from world import SPEC, World, shop

import reconcile as rc
from reconcile.apply.records import dump_record
from reconcile.cli.showing import picked
from reconcile.plan import explain
from reconcile.plan.picking import Wanted
from reconcile.review import composing, html, markdown
from reconcile.simulator import Simulator, store
from reconcile.simulator.server import running

ANOTHER = "This is another account than the one that the last run"
UNKNOWN = "Whether this is the account that the last run"


class Restricted(httpx.AsyncBaseTransport):
    """A key that may not ask for the account's settings."""

    def __init__(self, there: httpx.AsyncBaseTransport) -> None:
        self.there = there

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        if request.url.path.endswith("/settings"):
            return httpx.Response(403, json={"error": 99, "errormsg": "You may not call this."})
        return await self.there.handle_async_request(request)


@pytest.fixture(scope="module")
def settled(tmp_path_factory: pytest.TempPathFactory) -> World:
    """An account that has converged, and one change in the source since."""
    world = World(tmp_path_factory.mktemp("world"))
    world.fill(shop(12))
    world.settle()
    world.change(1, city="Elsewhere")
    return world


@pytest.fixture
def world(settled: World, tmp_path: Path) -> World:
    return settled.like(tmp_path)


def ledger(world: World) -> Path:
    return world.folder / ".reconcile/shop/ledger.json"


def replaced(world: World, **more: Any) -> World:
    """The same shop and state, and a new simulator under the account's name."""
    simulator = Simulator(keys={"demo-key": "demo-secret"}, clock=world.time.clock, **more)
    world.simulator, world.account = simulator, simulator.account
    world.ours = replace(world.ours, transport=simulator.transport())
    return world


def second_key(world: World, secret: str = "other-secret") -> World:
    """Another key of the same account."""
    world.simulator._gate.keys["second"] = secret
    world.ours = replace(world.ours, environ={**world.ours.environ, "KEY": "second", "SECRET": secret})
    return world


def restricted(world: World) -> World:
    world.ours = replace(world.ours, transport=Restricted(world.simulator.transport()))
    return world


def moved(world: World) -> World:
    """The same account at another address."""
    world.text = world.text.replace("sailthru.test", "sailthru.example")
    return world


def causes(face: Any) -> dict[str, int]:
    return {name: count for name, count in face.causes.items() if count}


def test_the_same_account_is_known_again(world: World) -> None:
    face = world.plan().face
    assert (face.another_account, causes(face)) == ("", {"data": 1})
    assert face.account.id == str(world.account.client_id)


def test_a_new_simulator_of_the_same_name_is_another_account(world: World) -> None:
    """It was planned as if somebody had taken everybody away: 100 % drift."""
    replaced(world)
    face = world.plan().face
    assert face.another_account.startswith(ANOTHER)
    assert str(world.account.client_id) in face.another_account
    assert face.another_account.endswith("Causes begin anew.")
    assert (face.ledger, causes(face)) == (None, {"new": 12})
    assert "another account" in face.no_ledger
    assert world.apply().converged
    world.change(2, city="Elsewhere")
    face = world.plan().face
    assert (face.another_account, causes(face)) == ("", {"data": 1}), "from then on it is the one of last time"


def test_it_is_said_first_wherever_a_plan_is_read(world: World) -> None:
    replaced(world)
    plan = world.plan()
    view = explain.view(plan)
    assert view.notes[0].startswith(ANOTHER)
    assert [*explain.text(view)][1].strip().startswith(f"! {ANOTHER}")
    told = explain.as_json(view)
    assert told["another_account"].startswith(ANOTHER)
    assert told["notes"][0].startswith(ANOTHER)
    page = composing.page(plan)
    assert page.notes[0].startswith(ANOTHER)
    assert ANOTHER in markdown.text(page)
    assert ANOTHER in html.text(page)
    assert not picked(plan, Wanted(causes=("drift",))).count, "nobody is said to have changed anything"


def test_an_account_that_comes_back_has_its_history(world: World) -> None:
    first, account = world.simulator, world.account
    replaced(world)
    assert world.apply().converged
    world.change(3, city="Elsewhere")
    assert world.apply().converged
    world.simulator, world.account = first, account
    world.ours = replace(world.ours, transport=first.transport())
    face = world.plan().face
    assert face.another_account.startswith(ANOTHER)
    assert face.another_account.endswith("Causes go by what was applied to this one before.")
    assert face.ledger is not None
    assert causes(face) == {"data": 2}
    assert world.apply().converged
    assert world.plan().face.another_account == ""


def test_a_simulator_that_was_kept_is_the_same_account(world: World, tmp_path: Path) -> None:
    store.save(world.account, tmp_path / "kept")
    replaced(world, seed=7)
    store.restore(world.account, tmp_path / "kept")
    face = world.plan().face
    assert (face.another_account, causes(face)) == ("", {"data": 1})


@pytest.mark.parametrize("change", [moved, lambda world: second_key(world, "demo-secret")])
def test_a_second_key_and_another_address_are_the_same_account(world: World, change: Callable[[World], World]) -> None:
    face = change(world).plan().face
    assert (face.another_account, causes(face)) == ("", {"data": 1})


def test_a_changed_secret_begins_anew_and_says_how_not_to(world: World) -> None:
    second_key(world)
    face = world.plan().face
    assert face.another_account == "", "it is the same account"
    assert face.ledger is None
    assert "causes begin anew" in face.no_ledger
    assert "--previous-secret-env" in face.no_ledger
    assert "demo-secret" not in face.model_dump_json()


def test_with_the_earlier_secret_the_history_stays_and_it_is_asked_for_once(world: World) -> None:
    second_key(world)
    today = world.ours
    world.ours = replace(today, previous_secret="demo-secret")
    plan = world.plan()
    assert (plan.face.another_account, causes(plan.face)) == ("", {"data": 1})
    assert "demo-secret" not in plan.face.model_dump_json()
    world.ours = today  # apply takes the plan alone
    assert world.apply(plan).converged
    world.change(2, city="Elsewhere")
    world.meddled = world.account.profile("person5@example.com").vars.update(city="Hamlet")  # type: ignore[attr-defined]
    face = world.plan().face
    assert causes(face) == {"data": 1, "drift": 1}, "by the secret of today alone"
    world.simulator._gate.keys["third"] = "third-secret"
    third = {**today.environ, "KEY": "third", "SECRET": "third-secret"}
    world.ours = replace(today, environ=third, previous_secret="other-secret")
    assert causes(world.plan().face) == {"data": 1, "drift": 1}, "and so it goes on"
    world.ours = replace(today, environ=third, previous_secret="wrong")
    assert world.plan().face.ledger is None


def test_an_empty_plan_is_enough_to_remember_the_new_secret(world: World) -> None:
    world.apply()
    second_key(world)
    today = world.ours
    world.ours = replace(today, previous_secret="demo-secret")
    assert world.apply().converged
    world.ours = today
    world.change(2, city="Again")
    assert causes(world.plan().face) == {"data": 1}


def test_a_rollback_keeps_the_history_where_the_earlier_secret_is_given(world: World) -> None:
    applied = world.plan()
    assert world.apply(applied).converged
    world.simulator._gate.keys["demo-key"] = "other-secret"
    today = replace(world.ours, environ={**world.ours.environ, "SECRET": "other-secret"})
    given = replace(today, previous_secret="demo-secret")
    back = asyncio.run(given.rollback(world.spec(), applied, out=world.folder / "back.rplan"))
    assert asyncio.run(today.apply(back)).converged
    world.ours = today
    face = world.plan().face
    assert face.ledger is not None
    assert causes(face) != {}


# where Sailthru does not say who it is


def test_a_key_that_may_not_ask_is_known_by_address_and_key(world: World) -> None:
    restricted(world)
    assert causes(world.plan().face) == {"data": 1}
    assert world.apply().converged
    world.change(2, city="Elsewhere")
    assert (world.plan().face.another_account, causes(world.plan().face)) == ("", {"data": 1})


@pytest.mark.parametrize("answer", [httpx.Response(503, html="down"), GARBLED["a page"], GARBLED["an empty object"]])
def test_without_an_answer_to_the_question_who_it_is_a_plan_is_made_and_says_so(
    world: World, answer: httpx.Response
) -> None:
    """Nothing but the ledger needs the ids, and the account's URL and key find it as well."""
    asked: list[str] = []

    def answers(name: str, _params: dict) -> httpx.Response | None:
        asked.append(name)
        return answer if name == "GET /settings" else None

    simulator, known = world.simulator, json.loads(ledger(world).read_text())["account"]
    face = behind_a_gateway(world, answers).plan().face
    assert asked.count("GET /settings") == 3, "an answer that little depends on is not waited for long"
    assert face.another_account.startswith("The account did not say which one it is")
    assert face.another_account.endswith("What was applied last is found by the account's URL and key.")
    assert causes(face) == {"data": 1}
    assert world.apply().converged
    assert json.loads(ledger(world).read_text())["account"] == known, "what is known of the account stays known"
    moved(world)
    face = world.plan().face
    assert UNKNOWN in face.another_account
    assert "the account did not say its id" in face.another_account
    world.ours = replace(world.ours, transport=simulator.transport())
    world.change(2, city="Elsewhere")
    assert (world.plan().face.another_account, causes(world.plan().face)) == ("", {"data": 1})


def test_an_account_that_gives_no_answer_at_all_is_not_planned_for(world: World) -> None:
    behind_a_gateway(world, lambda _name, _params: httpx.Response(503, html="down"))
    with pytest.raises(rc.AccountUnavailable, match="GET /list"):
        world.plan()


@pytest.mark.parametrize("change", [moved, lambda world: second_key(world, "demo-secret")])
def test_another_address_or_key_is_confirmed_once(world: World, change: Callable[[World], World]) -> None:
    restricted(change(world))
    face = world.plan().face
    assert face.another_account.startswith(UNKNOWN)
    assert "--same-account" in face.another_account
    assert face.ledger is None
    today = world.ours
    world.ours = replace(today, same_account=True)
    plan = world.plan()
    assert (plan.face.another_account, causes(plan.face)) == ("", {"data": 1})
    world.ours = today
    assert world.apply(plan).converged
    world.change(2, city="Elsewhere")
    assert (world.plan().face.another_account, causes(world.plan().face)) == ("", {"data": 1})


# state of before


def test_a_state_of_before_is_read_and_learns_whose_it_is(world: World) -> None:
    head = json.loads(ledger(world).read_text())
    rows = ledger(world).parent.parent / head["file"]
    before = rows.with_name(f"ledger.{head['file'].split('.')[-2]}.parquet")
    rows.rename(before)
    old = {name: value for name, value in head.items() if name not in {"account", "wrapped", "$crc"}}
    ledger(world).write_bytes(dump_record(old | {"file": f"shop/{before.name}"}))
    face = world.plan().face
    assert (face.another_account, causes(face)) == ("", {"data": 1})
    assert world.apply().converged
    assert json.loads(ledger(world).read_text())["account"]["id"] == str(world.account.client_id)
    replaced(world)
    assert world.plan().face.another_account.startswith(ANOTHER)


def test_what_was_not_applied_to_this_account_overtakes_no_plan_for_it(world: World) -> None:
    first, ours = world.plan("first.rplan"), world.ours
    world.time.now += 60
    replaced(world)
    assert world.apply().converged
    world.ours = ours
    assert world.apply(first).converged


# a plan goes to the account that it was made for


def test_a_plan_is_not_applied_to_another_account_at_the_same_address(world: World) -> None:
    plan = world.plan()
    replaced(world)
    with pytest.raises(rc.PlanUnusable, match="was made for the account") as refused:
        world.apply(plan)
    assert refused.value.exit_status == 5
    assert str(world.account.client_id) in refused.value.message
    assert world.writes() == 0


def test_a_run_is_not_taken_back_from_another_account(world: World) -> None:
    applied = world.plan()
    assert world.apply(applied).converged
    replaced(world)
    with pytest.raises(rc.PlanUnusable, match="was made for the account"):
        asyncio.run(world.ours.rollback(world.spec(), applied))


def test_to_know_the_account_costs_no_call(world: World) -> None:
    world.simulator.calls_total.clear()
    world.plan()
    asked = {f"{method} /{endpoint}": count for (method, endpoint), count in world.simulator.calls_total.items()}
    assert (asked["GET /settings"], asked["GET /list"]) == (1, 1), "the first look at the lists is one at the settings"


def test_the_options_say_so_too(tmp_path: Path) -> None:
    simulator = Simulator(seed=1, keys={"demo-key": "demo-secret", "second": "rotated"})
    with running(simulator) as url:
        desk = Desk(tmp_path, url, simulator)
        assert desk.run("apply", "--yes").returncode == 0
        desk.environ |= {"KEY": "second", "SECRET": "rotated", "BEFORE": "demo-secret"}
        desk.sql("update customers set city = 'Elsewhere' where id = 1")
        assert "causes begin anew" in desk.run("plan").stdout
        assert desk.run("plan", "--previous-secret-env", "NOWHERE").returncode == 64
        for command in ("plan", "drift"):
            assert "begin anew" not in desk.run(command, "--previous-secret-env", "BEFORE").stdout
        assert desk.run("apply", "--yes", "--previous-secret-env", "BEFORE").returncode == 0
        assert "begin anew" not in desk.run("plan").stdout
        assert "demo-secret" not in desk.said
        assert "rotated" not in desk.said
    with running(other := Simulator(seed=1)) as desk.url:
        desk.spec(SPEC)
        desk.environ |= {"KEY": "demo-key", "SECRET": "demo-secret"}
        assert ANOTHER in desk.run("plan").stdout
        assert not other.account.profiles

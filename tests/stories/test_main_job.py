"""Journeys between desired states: after each apply the account equals desired, and the next plan is empty."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest
from world import REGISTRY, Customer, World, meddle, shop

import reconcile as rc
from reconcile.apply.model import Outcome
from reconcile.simulator import Faults


@pytest.fixture
def world(tmp_path: Path) -> World:
    made = World(tmp_path)
    made.fill(shop())
    return made


def test_an_empty_account_is_filled(world: World) -> None:
    plan = world.settle()
    assert plan.face.counts.create == 40
    assert plan.face.new_lists == ("Big Spenders", "News", REGISTRY)


def test_the_same_plan_applied_twice_is_applied_once(world: World) -> None:
    plan = world.settle()
    writes = world.writes()
    with pytest.raises(rc.PlanUnusable, match="already applied at 2026-03-01T12:00"):
        world.apply(plan)
    assert world.writes() == writes


def test_the_shop_lives_on(world: World) -> None:
    world.settle()
    world.change(3, spent=5000.0)
    world.change(20, spent=10.0)
    world.change(4, city=None)
    world.change(5, first_name="Ünal", city="O'Fallon")
    world.customers.pop(9)
    world.customers[77] = Customer(77, "new@example.com", "Nia", news=1)
    plan = world.plan()
    counts = plan.face.counts
    assert (counts.create, counts.update, counts.unlist, counts.delete) == (1, 5, 1, 0)
    assert world.apply(plan).converged
    gone = world.there().pop("person9@example.com")
    assert gone[1] == set()
    world.check_calm()


def test_a_changed_address_is_one_update_and_no_stranger(world: World) -> None:
    world.settle()
    sid = world.account.profile("person5@example.com").sid
    world.change(5, email="Moved@example.com")
    plan = world.plan()
    assert (plan.face.counts.create, plan.face.counts.update, plan.face.counts.moved) == (0, 1, 1)
    assert world.apply(plan).converged
    assert world.account.profile("moved@example.com").sid == sid
    world.check()


def test_drift_is_found_and_mended(world: World) -> None:
    world.settle()
    profile = world.account.profile("person5@example.com")
    profile.vars["city"] = "Springfield"
    meddle(world, {"id": "person4@example.com", "key": "email", "lists": {"News": 1, "Big Spenders": 1}})
    meddle(world, {"id": "stranger@example.com", "key": "email", "lists": {"Big Spenders": 1}})
    meddle(world, {"id": "person5@example.com", "key": "email", "vars": {"theirs": 1}, "lists": {"Theirs": 1}})
    plan = world.plan()
    assert plan.face.counts.update == 3
    assert plan.face.causes == {"drift": 3}, "each of the three was applied, or put there by somebody else"
    assert world.apply(plan).converged
    assert world.account.members("Big Spenders") == {
        email for email, (_, lists) in world.wanted().items() if "Big Spenders" in lists
    }
    ours = world.account.profile("person5@example.com")
    assert ours.vars["theirs"] == 1, "a var that is not ours was touched"
    assert "Theirs" in ours.lists, "a list that is not ours was touched"
    world.check_calm()


@pytest.mark.parametrize(("on_leave", "there"), [("unlist", True), ("clear", True), ("delete", False)])
def test_who_left(tmp_path: Path, on_leave: str, there: bool) -> None:
    world = World(tmp_path, on_leave=on_leave)
    world.fill(shop())
    world.settle()
    world.customers.pop(5)
    plan = world.plan()
    assert plan.face.counts.delete == (0 if there else 1)
    assert world.apply(plan).converged
    if there:
        vars_, lists = world.there()["person5@example.com"]
        assert lists == set()
        assert vars_ == {"customer_id": 5} if on_leave == "clear" else len(vars_) > 1, "the key stays in any case"
    else:
        assert "person5@example.com" not in world.there()
    world.check_calm()


def test_additive_takes_nothing_away(tmp_path: Path) -> None:
    world = World(tmp_path)
    world.fill(shop())
    world.settle()
    world.mode = "additive"
    world.customers.pop(20)
    world.change(19, spent=0.0)
    world.change(1, spent=4000.0, city="Rome")
    world.customers[77] = Customer(77, "new@example.com")
    plan = world.plan()
    assert (plan.face.counts.create, plan.face.counts.update, plan.face.counts.delete) == (1, 1, 0)
    assert plan.face.held_by_mode == {"leave": 1, "update": 1}
    assert world.apply(plan).converged
    members = world.account.members("Big Spenders")
    assert {"person20@example.com", "person19@example.com", "person1@example.com"} <= members
    world.check_calm()


def test_enrich_creates_nobody(tmp_path: Path) -> None:
    world = World(tmp_path, mode="enrich")
    world.fill(shop())
    meddle(world, {"id": "person4@example.com", "key": "email", "vars": {"city": "old"}})
    report = world.apply()
    assert report.converged
    assert set(world.there()) == {"person4@example.com"}
    assert world.there()["person4@example.com"] == world.wanted()["person4@example.com"]
    world.check_calm()


def test_observe_plans_and_never_applies(tmp_path: Path) -> None:
    world = World(tmp_path, mode="observe")
    world.fill(shop())
    plan = world.plan()
    assert plan.face.counts.create == 40
    with pytest.raises(rc.PlanUnusable, match="observe"):
        world.apply(plan)
    assert world.writes() == 0


def test_skip_leaves_what_is_there(tmp_path: Path) -> None:
    world = World(tmp_path, nulls="skip")
    world.fill([Customer(1, "ada@example.com", city="Rome")])
    world.settle()
    world.change(1, city=None)
    assert world.plan().face.empty
    assert world.there()["ada@example.com"][0]["city"] == "Rome"


def test_people_whose_rows_are_broken_are_left_alone(world: World) -> None:
    world.settle()
    world.on_leave = "delete"
    world.change(5, email=None)
    world.change(6, email="not an address")
    world.change(8, email="person10@example.com")
    plan = world.plan()
    assert plan.face.empty, "somebody was taken for having left"
    reasons = {one.reason: one.count for one in plan.face.invalid}
    assert reasons == {
        "no e-mail address": 1,
        "malformed e-mail address": 1,
        "address shared by several people": 2,
    }


def test_somebody_who_was_there_before_is_updated(world: World) -> None:
    meddle(world, {"id": "PERSON4@example.com", "key": "email", "vars": {"city": "old", "theirs": "x"}})
    plan = world.plan()
    assert (plan.face.counts.create, plan.face.counts.update) == (39, 1)
    assert world.apply(plan).converged
    assert world.account.profile("person4@example.com").vars["theirs"] == "x"


def test_equal_inputs_give_an_equal_plan_whatever_the_order_of_rows(world: World) -> None:
    first = world.plan("first.rplan")
    world.fill(reversed(shop()))
    second = world.plan("second.rplan")
    assert first.id == second.id
    assert (world.folder / "first.rplan").read_bytes() == (world.folder / "second.rplan").read_bytes()


def test_lists_that_exist_twice_are_refused(world: World) -> None:
    world.settle()
    world.account.add_list("News", int(world.time.now))
    writes = world.writes()
    with pytest.raises(rc.ReconcileError, match='"News" \\(2 times\\)'):
        world.plan()
    assert world.writes() == writes


def test_a_run_that_is_interrupted_says_so_and_goes_on(world: World) -> None:
    plan = world.plan()

    async def interrupted() -> rc.Report:
        stop = asyncio.Event()
        stop.set()
        return await world.ours.apply(plan, stop=stop)

    world.fill(shop())
    report = asyncio.run(interrupted())
    assert report.stopped.startswith("interrupted.")
    assert report.exit_status == 8
    assert report.unattempted
    assert world.apply(plan).converged
    world.check()


@pytest.mark.parametrize("seed", range(6))
def test_the_field_report(tmp_path: Path, seed: int) -> None:
    """Names that do not resolve, lists that would become twins, deletions that lie: the end is the same."""
    world = World(tmp_path, on_leave="delete", seed=seed, faults=Faults.named("field-report"))
    world.fill(shop(60))
    world.settle()
    leaving = [number for number in list(world.customers) if number % 4 == seed % 4]
    for number in leaving:
        world.customers.pop(number)
    world.change(next(iter(world.customers)), city="Elsewhere")
    plan = world.plan()
    assert plan.face.counts.delete == len(leaving)
    report = world.apply(plan)
    assert report.outcomes[Outcome.VERIFIED] == report.total
    world.check()

"""Something stands between us and Sailthru, and answers in its place: nobody is new, gone or deleted because of it."""

from __future__ import annotations

import asyncio
from collections import Counter
from pathlib import Path

import httpx
import pytest
from gateway import GARBLED, answer_looks, behind_a_gateway
from world import WIDE, Customer, World, shop

import reconcile as rc
from reconcile.apply.model import Outcome
from reconcile.errors import AnswerGarbled, GuardBreached
from reconcile.screen import tracing
from reconcile.state import sightings
from reconcile.state.model import Silent
from reconcile.state.sightings import REFUSED, UNCLEAR

WORST = ("a redirect with JSON", "another's absence", "a write's answer")
"""`tests/wire/answers.json` has the others, at the call: what is made of them here is the same for all."""

EACH = pytest.mark.parametrize("answer", [GARBLED[name] for name in WORST], ids=WORST)
INVALID = {"error": 99, "errormsg": "Invalid email: person3@example.com"}


def left_out(plan: rc.Plan) -> dict[str, int]:
    return {one.reason: one.count for one in plan.face.invalid}


def a_shop(folder: Path, *, on_leave: str = "delete") -> World:
    world = World(folder, on_leave=on_leave)
    world.fill(shop(6))
    return world


def sid_of(world: World, email: str) -> str:
    return next(one.sid for one in world.account.profiles.values() if one.email == email)


@EACH
def test_a_deletion_is_not_verified_by_what_is_none_of_sailthrus_answers(tmp_path, answer):
    world = a_shop(tmp_path)
    world.settle()
    sid = sid_of(world, "person5@example.com")
    world.customers.pop(5)
    plan = world.plan()
    behind_a_gateway(world, answer_looks(answer))
    report = world.apply(plan)
    assert not report.converged
    assert [one.outcome for one in report.examples] == [Outcome.FAILED]
    assert world.simulator.calls_total["DELETE", "user"] == 0
    assert sid in {one.sid for one in world.account.profiles.values()}


@EACH
def test_a_delete_that_is_answered_by_a_gateway_is_no_deletion(tmp_path, answer):
    world = a_shop(tmp_path)
    world.settle()
    world.customers.pop(5)
    plan = world.plan()
    behind_a_gateway(world, lambda name, _: answer if name == "DELETE /user" else None)
    report = world.apply(plan)
    assert [one.outcome in {Outcome.FAILED, Outcome.REJECTED, Outcome.DIVERGED} for one in report.examples] == [True]
    assert "person5@example.com" in world.there()


@EACH
def test_writes_that_are_answered_by_a_gateway_are_not_done(tmp_path, answer):
    world = a_shop(tmp_path)
    plan = world.plan()
    behind_a_gateway(world, lambda name, _: answer if name == "POST /user" else None)
    report = world.apply(plan)
    assert not report.converged
    assert not world.there()


@EACH
@pytest.mark.parametrize("on_leave", ["unlist", "delete"])
def test_who_cannot_be_looked_at_is_neither_new_nor_gone_nor_changed(tmp_path, answer, on_leave):
    world = a_shop(tmp_path, on_leave=on_leave)
    world.settle()
    sid = sid_of(world, "person5@example.com")
    world.customers.pop(5)
    world.fill([*world.customers.values(), Customer(7, "seventh@example.com"), Customer(8, "eighth@example.com")])
    world.change(1, first_name="Other")
    before = world.there()
    behind_a_gateway(world, answer_looks(answer, sid, "seventh@example.com"))
    plan = world.plan()
    assert left_out(plan) == {UNCLEAR: 2}
    counts = plan.face.counts
    assert (counts.create, counts.update, counts.delete) == (1, 1, 0)
    assert world.apply(plan).converged
    assert world.there().keys() == before.keys() | {"eighth@example.com"}
    assert world.there()["person5@example.com"] == before["person5@example.com"]
    assert behind_a_gateway(world, lambda *_: None).apply().converged
    assert "seventh@example.com" in world.there()
    assert world.there().get("person5@example.com", ({}, set()))[1] == set()
    world.check_calm()


@pytest.mark.parametrize("answer", [GARBLED["another's absence"]])
def test_who_moved_and_cannot_be_looked_at_keeps_profile_and_address(tmp_path, answer):
    world = a_shop(tmp_path)
    world.settle()
    sid = sid_of(world, "person5@example.com")
    before = world.there()
    world.change(5, email="moved5@example.com")
    behind_a_gateway(world, answer_looks(answer, sid))
    assert left_out(world.plan("by-sid.rplan")) == {UNCLEAR: 1}
    assert world.plan("by-sid.rplan").face.empty
    behind_a_gateway(world, answer_looks(answer, "moved5@example.com"))
    plan = world.plan()
    assert left_out(plan) == {UNCLEAR: 1}
    assert plan.face.empty
    assert world.there() == before


def test_who_gets_the_address_of_a_profile_that_is_not_known_waits(tmp_path):
    world = a_shop(tmp_path)
    world.settle()
    before = world.there()
    world.change(5, email="moved5@example.com")
    world.change(4, email="person5@example.com")
    world.change(3, email="person4@example.com")
    behind_a_gateway(world, answer_looks(GARBLED["an empty object"], "moved5@example.com"))
    plan = world.plan()
    assert sum(left_out(plan).values()) == 3
    assert plan.face.empty
    assert world.there() == before
    behind_a_gateway(world, lambda *_: None).settle()


def test_who_cannot_be_looked_at_is_left_alone_when_a_plan_is_taken_back(tmp_path):
    world = a_shop(tmp_path, on_leave="unlist")
    world.settle()
    sid = sid_of(world, "person5@example.com")
    world.customers.pop(5)
    world.time.now += 60
    plan = world.plan()
    assert world.apply(plan).converged
    behind_a_gateway(world, answer_looks(GARBLED["an empty object"], sid, "person5@example.com"))
    inverse = asyncio.run(world.ours.rollback(world.spec(), plan, out=tmp_path / "inverse.rplan"))
    assert inverse.face.empty
    assert (inverse.face.undoes.unlooked, inverse.face.undoes.gone) == (1, 0)


def test_people_left_out_for_an_answer_are_guarded(tmp_path):
    world = a_shop(tmp_path)
    world.text = world.text.replace(WIDE, "{invalid_rows: 0, at_least: 0}")
    behind_a_gateway(world, answer_looks(GARBLED["a redirect"]))
    plan = world.plan()
    assert (plan.face.counts.create, left_out(plan)) == (0, {UNCLEAR: 6})
    assert [str(one.guard) for one in plan.face.breaches] == ["invalid_rows"]
    with pytest.raises(GuardBreached):
        world.apply(plan)


class Told(Silent):
    """What is told of steps: a name and a total each."""

    def __init__(self) -> None:
        self.steps: list[tuple[str, int | None]] = []

    def start(self, step: str, total: int | None = None, unit: str = "rows") -> None:
        self.steps.append((step, total))


def test_a_plan_says_that_it_waits_for_clear_answers_and_does_not_wait_for_ever(tmp_path, monkeypatch):
    world, asked = World(tmp_path), Counter[str]()
    world.fill(Customer(at, f"p{at}@example.com") for at in range(60))

    def answers(name: str, params: dict) -> httpx.Response | None:
        if name != "GET /user" or params["id"] in {"p0@example.com", "p59@example.com"}:
            return None
        asked[params["id"]] += 1
        return GARBLED["a page"] if asked[params["id"]] <= patience else None

    told, patience = Told(), 5
    behind_a_gateway(world, answers)
    plan = asyncio.run(world.ours.plan(world.spec(), progress=told))
    assert left_out(plan) == {}, "who is clear when asked again is planned"
    assert (sightings.AGAIN, 58) in told.steps
    asked.clear()
    patience = 1000
    monkeypatch.setattr(sightings, "MOST_IN_VAIN", 5)
    plan = asyncio.run(world.ours.plan(world.spec(), progress=told))
    assert left_out(plan) == {UNCLEAR: 58}
    assert plan.face.counts.create == 2
    patiently = [name for name, count in asked.items() if count > sightings.FIRST_TRIES]
    assert 5 <= len(patiently) <= 5 + 20, "as many as are asked for side by side"


def test_so_many_answers_in_a_row_that_say_nothing_are_the_accounts_trouble(tmp_path, monkeypatch):
    monkeypatch.setattr(sightings, "MOST_UNCLEAR", 5)
    world = a_shop(tmp_path)
    behind_a_gateway(world, answer_looks(GARBLED["a page"]))
    with pytest.raises(AnswerGarbled, match="u:") as caught:
        world.plan()
    assert "@" not in str(caught.value)


@pytest.mark.parametrize("answer", [GARBLED["an empty object"]])
@pytest.mark.parametrize("name", ["GET /list", "POST /job", "GET /job"])
def test_a_plan_is_not_made_from_lists_or_exports_that_are_none(tmp_path, answer, name):
    world = a_shop(tmp_path)
    world.settle()
    behind_a_gateway(world, lambda asked, _: answer if asked == name else None)
    with pytest.raises(rc.ReconcileError, match="not understood"):
        world.plan()


@pytest.mark.parametrize(("status", "code"), [(200, 99), (400, 11)])
def test_an_address_that_sailthru_refuses_stops_nobody_elses_plan(tmp_path, status, code):
    world = a_shop(tmp_path)
    refused = httpx.Response(status, json=INVALID | {"error": code})
    behind_a_gateway(world, answer_looks(refused, "person3@example.com"))
    plan = world.plan()
    assert plan.face.counts.create == 5
    assert left_out(plan) == {REFUSED: 1}
    (sample,) = plan.face.invalid[-1].samples
    assert "@" not in sample
    assert world.apply(plan).converged
    assert "person3@example.com" not in world.there()
    told = asyncio.run(world.ours.explain(world.spec(), sample, reveal=True))
    assert (told.traces[0].email, told.unknown) == ("person3@example.com", REFUSED)
    assert not told.foretold.steps


def test_a_profile_that_sailthru_refuses_to_show_stops_nobody_elses_plan(tmp_path):
    world = a_shop(tmp_path)
    world.settle()
    sid = sid_of(world, "person5@example.com")
    world.customers.pop(5)
    refused = httpx.Response(403, json={"error": 99, "errormsg": "You are not permitted to see this."})
    behind_a_gateway(world, answer_looks(refused, sid))
    plan = world.plan()
    assert plan.face.empty
    assert left_out(plan) == {sightings.HIDDEN: 1}


@EACH
def test_explain_leaves_out_whom_the_plan_leaves_out(tmp_path, answer):
    world = a_shop(tmp_path)
    world.settle()
    gone, there = sid_of(world, "person5@example.com"), "person3@example.com"
    world.customers.pop(5)
    # The profile of who left is looked up by sid: that answer decides, and not the one about the address.
    behind_a_gateway(world, answer_looks(answer, gone))
    assert left_out(world.plan()) == {UNCLEAR: 1}
    told = asyncio.run(world.ours.explain(world.spec(), "person5@example.com"))
    assert (told.unknown, told.foretold.steps) == (UNCLEAR, ())
    assert "  do nothing." in [*tracing.explained(world.spec(), told)]
    behind_a_gateway(world, answer_looks(answer, "person5@example.com", there))
    plan = world.plan()
    assert (left_out(plan), plan.face.counts.delete) == ({}, 1)
    told = asyncio.run(world.ours.explain(world.spec(), "person5@example.com"))
    assert (told.unknown, len(told.foretold.steps)) == (None, 1)
    told = asyncio.run(world.ours.explain(world.spec(), there))
    assert (told.unknown, told.unseen, told.foretold.steps) == (None, UNCLEAR, ())
    assert f"  ! Not known: {UNCLEAR}." in [*tracing.explained(world.spec(), told)]


@EACH
def test_explain_tells_who_moved_though_their_profile_cannot_be_shown(tmp_path, answer):
    world = a_shop(tmp_path)
    world.settle()
    world.change(1, city="Elsewhere")
    behind_a_gateway(world, answer_looks(answer, "person1@example.com", sid_of(world, "person1@example.com")))
    assert world.plan().face.counts.update == 1
    told = asyncio.run(world.ours.explain(world.spec(), "person1@example.com"))
    assert (told.unknown, told.unseen, len(told.foretold.steps)) == (None, UNCLEAR, 1)

"""Two people's data never meet in one profile, whatever becomes of who had the address, however little is looked at.

Bea has a profile with a card number that we do not manage and an opt-out. Then her address is somebody else's.
"""

from __future__ import annotations

import itertools
from pathlib import Path
from typing import Any

import pytest
from world import REGISTRY, Customer, World, meddle, shop

from reconcile.apply.model import Outcome
from reconcile.plan import explain
from reconcile.state.identity import TAKEN

BEA = "b@example.com"
LEAVERS, MODES = ("unlist", "clear", "delete"), ("sync", "additive", "enrich")


def settled(folder: Path, on_leave: str = "unlist", *, opted_out: bool = True, more: str = "") -> World:
    """An account with Bea's profile, and what only Sailthru knows of her."""
    world = World(folder, on_leave=on_leave)
    world.text = world.text.replace("policy: {", f"policy: {{{more}")
    world.fill([*shop(3), Customer(10, BEA, "Bea", city="Bern", spent=2000, news=1)])
    assert world.apply().converged
    profile = world.account.profile(BEA)
    known: dict[str, Any] = {"optout_email": "all", "optout_time": int(world.time.now)} if opted_out else {}
    world.account.put(profile._replace(vars={**profile.vars, "card": "4711"}, **known))
    return world


def replace_bea(world: World) -> None:
    """Her row becomes that of somebody else, with her address."""
    del world.customers[10]
    world.customers[11] = Customer(11, BEA, "Newcomer", city="Nice", news=1)


@pytest.mark.parametrize(("on_leave", "mode"), [*itertools.product(LEAVERS, MODES)])
def test_a_newcomer_gets_nothing_of_who_had_the_address(on_leave: str, mode: str, tmp_path: Path) -> None:
    world = settled(tmp_path, on_leave)
    replace_bea(world)
    world.mode = mode
    before = world.account.profile(BEA)
    for _ in range(3):
        plan = world.plan()
        assert [one.count for one in plan.face.invalid if one.reason == TAKEN] == [1]
        assert any("1 person cannot have their address" in line for line in explain.text(explain.view(plan)))
        assert plan.face.empty or world.apply(plan).converged
    assert plan.face.empty
    kept = world.account.profile(BEA)
    assert (kept.sid, kept.optout_email, kept.vars["card"]) == (before.sid, "all", "4711")
    assert kept.vars["customer_id"] == 10
    assert kept.vars["firstName"] == (None if (on_leave, mode) == ("clear", "sync") else "Bea")
    assert not any((one.vars or {}).get("customer_id") == 11 for one in world.account.profiles.values())


def test_who_may_be_deleted_makes_room_and_nothing_of_them_stays(tmp_path: Path) -> None:
    world = settled(tmp_path, "delete", opted_out=False)
    replace_bea(world)
    old = world.account.profile(BEA)
    assert world.apply().converged
    new = world.account.profile(BEA)
    assert new.sid != old.sid
    assert old.sid not in world.account.profiles
    assert (new.vars["customer_id"], "card" in new.vars) == (11, False)
    world.check_calm()


def test_who_is_not_deleted_while_a_contract_is_broken_keeps_the_address(tmp_path: Path) -> None:
    world = settled(tmp_path, "delete", opted_out=False)
    world.text = world.text.replace("key: id}", "key: id, contract: {min_rows: 4}}")
    replace_bea(world)
    del world.customers[1]
    old = world.account.profile(BEA)
    plan = world.plan()
    assert [one.count for one in plan.face.invalid if one.reason == TAKEN] == [1]
    assert world.apply(plan).converged
    assert world.account.profile(BEA) == old
    assert len(world.account.profiles) == 4
    world.check_calm()
    world.customers |= {at: Customer(at, f"more{at}@example.com") for at in (12, 13)}
    assert world.apply().converged
    assert world.account.profile(BEA).vars["customer_id"] == 11
    assert old.sid not in world.account.profiles


def test_the_old_profile_keeps_what_is_its_own_when_it_gets_another_address(tmp_path: Path) -> None:
    world = settled(tmp_path)
    world.change(10, email="bea@elsewhere.example")
    world.customers[11] = Customer(11, BEA, "Newcomer")
    old = world.account.profile(BEA)
    assert world.apply().converged
    moved, new = world.account.profile("bea@elsewhere.example"), world.account.profile(BEA)
    assert (moved.sid, moved.optout_email, moved.vars["card"]) == (old.sid, "all", "4711")
    assert (new.sid != old.sid, "card" in new.vars, new.optout_email in (None, "none", "valid")) == (True, False, True)
    world.check_calm()


@pytest.mark.parametrize("on_our_list", [True, False])
def test_a_profile_with_another_key_is_nobody_elses_though_nobody_registered_it(
    on_our_list: bool, tmp_path: Path
) -> None:
    """Somebody else wrote the key: the profile is on a list by hand, or on none at all."""
    world = settled(tmp_path)
    meddle(world, {"id": "x@example.com", "vars": {"customer_id": 77, "card": "1"}, "lists": {"News": on_our_list}})
    world.customers[12] = Customer(12, "x@example.com", "Xena")
    kept = world.account.profile("x@example.com")
    plan = world.plan()
    assert [one.count for one in plan.face.invalid if one.reason == TAKEN] == [1]
    assert world.apply(plan).converged
    there = world.account.profile("x@example.com")
    assert (there.sid, there.vars) == (kept.sid, kept.vars)


@pytest.mark.parametrize("route", ["user", "jobs"])
def test_who_was_not_looked_up_is_looked_at_before_anything_is_written(route: str, tmp_path: Path) -> None:
    """Bea has left long ago and is on no list; `policy.lookups` lets a plan look nobody up."""
    world = settled(tmp_path, more=f"lookups: 0, route: {route}, ")
    del world.customers[10]
    assert world.apply().converged
    before = world.account.profile(BEA)
    world.customers[11] = Customer(11, BEA, "Newcomer", news=1)
    world.customers[12] = Customer(12, "fresh@example.com", "Fresh")
    plan = world.plan()
    assert (plan.face.unlooked, plan.face.counts.unseen) == (2, 2)
    assert any("Apply looks at each before it writes" in line for line in explain.text(explain.view(plan)))
    report = world.apply(plan)
    assert not report.converged
    [conflict] = [one for one in report.examples if one.outcome is Outcome.CONFLICT]
    assert "policy.lookups" in conflict.why
    assert world.account.profile(BEA) == before
    assert world.account.profile("fresh@example.com").vars["customer_id"] == 12
    world.text = world.text.replace("lookups: 0", "lookups: 10")
    world.customers[13] = Customer(13, "third@example.com")
    assert world.apply().converged


def test_the_first_fill_of_an_account_looks_at_nobody(tmp_path: Path) -> None:
    """Where nobody was ever registered no profile keeps a key: that costs no call."""
    world = World(tmp_path)
    world.text = world.text.replace("policy: {", "policy: {lookups: 0, ")
    world.fill(shop(3))
    plan = world.plan()
    assert (plan.face.unlooked, plan.face.counts.unseen) == (3, 0)


def test_whose_row_cannot_be_used_keeps_the_address_and_who_waits_for_it_keeps_theirs(tmp_path: Path) -> None:
    """Ada is to have the address of somebody whose row is broken, and a newcomer is to have Ada's."""
    world = settled(tmp_path, "delete", opted_out=False)
    ada = str(world.customers[1].email)
    world.change(10, email="no address")
    world.change(1, email=BEA)
    world.customers[11] = Customer(11, ada, "Newcomer")
    before = dict(world.account.profiles)
    plan = world.plan()
    assert [one.count for one in plan.face.invalid if one.reason == TAKEN] == [2]
    assert plan.face.empty, plan.face.samples
    world.apply(plan)
    assert dict(world.account.profiles) == before


def test_who_moved_to_an_address_where_their_key_is_already_is_not_moved_again(tmp_path: Path) -> None:
    """The old address is still registered, and a profile of the new one with the same key is on a list."""
    for on_leave in LEAVERS:
        folder = tmp_path / on_leave
        folder.mkdir()
        world = settled(folder, on_leave, opted_out=False)
        old = world.account.profile(BEA)
        meddle(world, {"id": "bea@new.example", "vars": {"customer_id": 10}, "lists": {"News": True}})
        world.change(10, email="bea@new.example")
        plan = world.plan()
        assert (plan.face.counts.delete, plan.face.counts.duplicates) == (0, 1)
        assert any("keeps the key of somebody who has another" in line for line in explain.text(explain.view(plan)))
        assert world.apply(plan).converged
        there = world.account.profiles[old.sid]
        assert (there.vars, there.keys["email"]) == (old.vars, BEA)
        assert not there.lists
        assert set(world.account.profile("bea@new.example").lists) == {"Big Spenders", "News", REGISTRY}
        again = world.plan()
        assert again.face.empty
        assert not any("keeps the key" in line for line in explain.text(explain.view(again)))


def test_a_second_profile_of_somebody_who_needs_nothing_is_never_deleted(tmp_path: Path) -> None:
    """Both are registered, and the one with the right address is as wanted: nobody would look at it again."""
    world = settled(tmp_path, "delete", opted_out=False)
    vars_ = dict(world.account.profile(BEA).vars)
    meddle(world, {"id": "bea@old.example", "vars": vars_, "lists": {REGISTRY: True}})
    plan = world.plan()
    assert (plan.face.counts.delete, plan.face.counts.unlist, plan.face.counts.duplicates) == (0, 1, 1)
    assert world.apply(plan).converged
    assert world.account.profile("bea@old.example").vars == vars_
    world.check_calm()

"""People change addresses, exchange them, and get those that others left: nobody gets anybody else's profile.

Each story goes one by one or by jobs, and by both with `make cases`. At its end the account is exactly what is wanted,
a further plan is empty, and everybody has the profile that they had (its sid), with all that was ever known of them.
"""

from __future__ import annotations

import os
import zlib
from pathlib import Path
from typing import Any

import pytest
from world import REGISTRY, Customer, World, shop

from reconcile.apply.model import Outcome
from reconcile.apply.room import Room
from reconcile.apply.upserts import Upserts
from reconcile.plan import archive, explain
from reconcile.plan.addresses import TEMPORARY
from reconcile.plan.model import MakeRoom, Upsert
from reconcile.state.identity import TAKEN
from reconcile.state.masks import Masks

ROUTES = ("user", "jobs")


@pytest.fixture(scope="module", params=ROUTES)
def settled(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> World:
    """An account in which six people have their profiles; each story begins with one of its own like it."""
    made = World(tmp_path_factory.mktemp("settled"), on_leave="delete")
    made.text = made.text.replace("policy: {mode:", f"policy: {{route: {request.param}, mode:")
    made.fill(shop(6))
    made.settle()
    for profile in list(made.account.profiles.values()):  # what only Sailthru knows of them
        made.account.put(profile._replace(vars={**profile.vars, "history": profile.sid}))
    return made


@pytest.fixture
def world(request: pytest.FixtureRequest, settled: World, tmp_path: Path) -> World:
    one = ROUTES[zlib.crc32(request.function.__name__.encode()) % len(ROUTES)]
    if f"route: {one}" not in settled.text and not os.environ.get("RECONCILE_ALL_CASES"):
        pytest.skip(f"goes by {one} in an ordinary run; `make cases` plays both")
    return settled.like(tmp_path)


def sids(world: World) -> dict[int, str]:
    """Whose profile is which, by the source's id."""
    profiles = world.account.profiles.values()
    return {one.vars["customer_id"]: one.sid for one in profiles if one.vars and "customer_id" in one.vars}


def hold(world: World, *, but: tuple[int, ...] = ()) -> list[str]:
    """Plan and apply; everybody keeps their own profile; what the plan said."""
    before = sids(world)
    plan = world.plan()
    assert not plan.face.breaches
    report = world.apply(plan)
    assert report.converged, report
    ends(world)
    after = sids(world)
    for number in before.keys() & after.keys() - set(but):
        assert after[number] == before[number], f"{number} has another profile"
    for profile in world.account.profiles.values():
        assert (profile.vars or {}).get("history", profile.sid) == profile.sid
    return [*explain.text(explain.view(plan))]


def ends(world: World) -> None:
    """The account is exactly as wanted, and a further plan is empty."""
    there = {email: (dict(vars_), lists) for email, (vars_, lists) in world.there().items()}
    for vars_, _ in there.values():
        vars_.pop("history", None)
    assert there == world.wanted()
    world.check_calm()


def exchange(world: World, *numbers: int) -> None:
    """Each gets the address of the next one."""
    addresses = [world.customers[number].email for number in numbers]
    for number, email in zip(numbers, [*addresses[1:], addresses[0]], strict=True):
        world.change(number, email=email)


def test_a_changed_address_is_one_update(world: World) -> None:
    world.change(3, email="moved3@example.com")
    told = hold(world)
    assert "Plan: 0 profiles to create, 1 to update, 0 to delete; 0 lists to create." in told
    assert not any("hands" in line for line in told)


@pytest.mark.parametrize("numbers", [(1, 2), (1, 2, 3), (4, 1, 5, 2)], ids=len)
def test_people_exchange_addresses(world: World, numbers: tuple[int, ...]) -> None:
    exchange(world, *numbers)
    world.change(1, city="Elsewhere", spent=5000.0)
    count = len(numbers)
    told = hold(world)
    assert f"Plan: 0 profiles to create, {count} to update, 0 to delete; 0 lists to create." in told
    assert any(
        f"Addresses change hands: {count} profiles will make room for other people first, {count} of them at a" in line
        for line in told
    )


def test_two_pairs_at_once(world: World) -> None:
    exchange(world, 1, 2)
    exchange(world, 3, 4)
    hold(world)


def test_who_gets_the_address_of_somebody_who_moved_waits_for_them(world: World) -> None:
    world.change(1, email=world.customers[2].email)
    world.change(2, email="third@example.com")
    told = hold(world)
    assert any("1 profile will make room for other people first." in line for line in told), (
        "nobody was in the way of 2"
    )


def test_a_long_chain(world: World) -> None:
    addresses = {number: world.customers[number].email for number in range(1, 7)}
    for number in range(1, 6):
        world.change(number, email=addresses[number + 1])
    world.change(6, email="end@example.com")
    hold(world)


def test_a_new_person_gets_the_address_that_another_has_left_for_a_new_one(world: World) -> None:
    world.customers[9] = Customer(9, world.customers[2].email, "Grace", news=1)
    world.change(2, email="third@example.com")
    told = hold(world)
    assert "Plan: 1 profile to create, 1 to update, 0 to delete; 0 lists to create." in told


def test_a_new_person_gets_the_address_of_somebody_who_left(world: World) -> None:
    """The old profile is deleted: nothing of it comes to the new person."""
    world.customers[9] = Customer(9, world.customers.pop(2).email, "Grace")
    old = sids(world)[2]
    hold(world)
    assert old not in world.account.profiles
    assert "history" not in world.account.profile("person2@example.com").vars


def test_somebody_moves_to_the_address_of_somebody_who_left(world: World) -> None:
    world.change(1, email=world.customers.pop(2).email)
    hold(world)


@pytest.mark.parametrize("number", [1, 9], ids=["somebody of ours", "a new person"])
def test_the_address_of_somebody_who_left_and_stays_is_not_given_away(world: World, number: int) -> None:
    """With `unlist` who left keeps their profile: whoever has their address now is left out, and told."""
    world.on_leave = "unlist"
    email = world.customers.pop(2).email
    before = dict(world.account.profiles)
    world.customers.setdefault(number, Customer(number, "", "Grace"))
    world.change(number, email=email, spent=9000.0)
    for _ in range(2):  # also once the old profile is on no list any more
        plan = world.plan()
        [taken] = [one for one in plan.face.invalid if one.reason == TAKEN]
        assert (taken.source, taken.count, len(taken.samples)) == ("customers", 1, 1)
        assert any("1 person cannot have their address" in line for line in explain.text(explain.view(plan)))
        assert plan.face.empty or world.apply(plan).converged
    assert plan.face.empty
    kept = world.account.profile(str(email))
    assert (kept.sid, kept.vars["customer_id"], kept.joined) == (before[kept.sid].sid, 2, {})
    assert kept.vars == before[kept.sid].vars
    assert number == 9 or world.account.profile("person1@example.com") == before[sids(world)[1]]


def test_who_waits_for_somebody_who_cannot_move_waits_too(world: World) -> None:
    world.on_leave = "unlist"
    left = world.customers.pop(6).email
    emails = {number: world.customers[number].email for number in (1, 2, 3)}
    world.change(3, email=left)
    world.change(2, email=emails[3])
    world.change(1, email=emails[2])
    world.customers[9] = Customer(9, emails[1])
    world.change(4, city="Elsewhere")
    before = world.there()
    plan = world.plan()
    assert [one.count for one in plan.face.invalid if one.reason == TAKEN] == [4]
    assert (plan.face.counts.update, plan.face.counts.unlist, plan.face.counts.create) == (2, 1, 0)
    assert world.apply(plan).converged
    for email in emails.values():
        assert world.there()[str(email)] == before[str(email)]
    world.check_calm()


def test_the_address_of_somebody_who_opted_out_is_not_given_away(world: World) -> None:
    """Deleted, their opt-out would be forgotten, and whoever has the address now would be mailed."""
    email = world.customers.pop(2).email
    profile = world.account.profile(str(email))
    world.account.put(profile._replace(optout_email="all", optout_time=int(world.time.now)))
    world.customers[9] = Customer(9, email)
    plan = world.plan()
    assert [one.count for one in plan.face.invalid if one.reason == TAKEN] == [1]
    assert plan.face.counts.delete == 0
    assert plan.face.empty
    assert world.account.profile(str(email)).optout_email == "all"


def test_a_new_address_that_signed_up_by_itself_is_theirs_from_now_on(world: World) -> None:
    """Two profiles are never merged: the one that nobody's id is known of becomes theirs."""
    world.account.put(world.account.new_profile(int(world.time.now), "fresh@example.com"))
    fresh = world.account.profile("fresh@example.com").sid
    world.change(3, email="fresh@example.com")
    told = hold(world, but=(3,))
    assert sids(world)[3] == fresh
    assert any("1 person will have a new e-mail address that a profile has already" in line for line in told)


def test_nobody_is_given_room_by_whoever_is_not_ours_to_judge(world: World) -> None:
    """Whose rows cannot be used keeps their address, whoever has it in another row."""
    email = world.customers[2].email
    world.change(2, email="no address")
    world.customers[9] = Customer(9, email, "Grace")
    before = world.there()[str(email)]
    world.apply()
    assert world.there()[str(email)] == before


def test_an_address_twice_in_the_source_is_invalid_with_both_keys(world: World) -> None:
    world.change(1, email=" PERSON2@example.com")
    plan = world.plan()
    [found] = [one for one in plan.face.invalid if "address" in one.reason]
    assert found.count == 2
    masks = Masks.keyed_by("demo-secret")
    assert found.samples == (" with ".join(masks.person(str(number)) for number in (1, 2)),)
    before = world.there()
    assert world.apply(plan).converged
    assert world.there() == before


def test_temporary_addresses_are_nobodys_and_gone_at_the_end(world: World) -> None:
    exchange(world, 1, 2)
    plan = world.plan()
    rooms = [action for _, action in archive.walk(plan) if isinstance(action, MakeRoom)]
    assert [one.to for one in rooms] == [f"moving-{one.sid}{TEMPORARY}" for one in rooms]
    assert len(rooms) == 2
    assert world.apply(plan).converged
    assert not any(email.endswith(TEMPORARY) for email in world.there())


def test_who_is_found_at_a_temporary_address_is_brought_home(world: World) -> None:
    """A run that was killed between the two, and never gone on with."""
    exchange(world, 1, 2)
    for number in (1, 2):
        profile = world.account.profiles[sids(world)[number]]
        world.account.put(profile._replace(email=f"moving-{profile.sid}{TEMPORARY}"))
    hold(world)
    assert REGISTRY in world.account.list_names()


def test_nothing_is_written_to_an_address_that_did_not_become_free(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whatever went wrong before: the data of one person are not written onto another's profile."""

    async def blind(*_: object) -> bool:
        return False

    emails = {number: world.customers[number].email for number in (2, 3)}
    world.customers[9] = Customer(9, emails[2], "Grace")
    world.change(2, email=emails[3])
    world.change(3, email=emails[2].replace("2", "third"))
    world.customers[9] = Customer(9, emails[2], "Grace")
    plan = world.plan()
    stuck = world.account.profiles[sids(world)[2]]
    monkeypatch.setattr(Room, "_there", blind)
    monkeypatch.setattr(Upserts, "_written", only_new(Upserts._written))
    report = world.apply(plan)
    assert not report.converged
    assert Outcome.CONFLICT in {one.outcome for one in report.examples}
    assert world.account.profiles[stuck.sid].vars == stuck.vars


def only_new(written: Any) -> Any:
    """Those who move are not written: what they have, they keep."""

    async def write(self: Upserts, action: Upsert, right: frozenset[str]) -> Any:
        return None if action.moves_to else await written(self, action, right)

    return write


def test_who_waits_for_an_address_that_somebody_keeps_is_not_gone_meanwhile(world):
    before = world.there()
    world.change(1, email="no address")
    world.change(2, email="person1@example.com")
    world.change(3, email="person2@example.com")
    plan = world.plan()
    assert {one.reason: one.count for one in plan.face.invalid} == {"malformed e-mail address": 1, TAKEN: 2}
    assert plan.face.empty
    assert world.there() == before

"""Consent: who opted out stays so, is counted where it is known, and is called out where it would be forgotten."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import httpx
import pytest
from world import SPEC, WIDE, Customer, World, shop

from reconcile.errors import GuardBreached
from reconcile.plan import allowances, explain
from reconcile.plan.model import Consent

NEVER = ("optout", "opt_out", "optin", "subscri", "marketing_status", "transactional_status", "consent")
"""What the keys that decide on subscriptions are made of (SAILTHRU.md §7.3, §9.4)."""

LIMITS = "{deletions: 5}"


@pytest.fixture(scope="module")
def settled(tmp_path_factory: pytest.TempPathFactory) -> World:
    made = World(tmp_path_factory.mktemp("settled"), text=SPEC.replace(WIDE, LIMITS))
    made.fill(shop())
    made.settle()
    return made


@pytest.fixture
def world(settled: World, tmp_path: Path) -> World:
    return settled.like(tmp_path)


def opt_out(world: World, *numbers: int, level: str = "all") -> None:
    """What the people themselves do, or the company's support."""
    for number in numbers:
        profile = world.account.profile(f"person{number}@example.com")
        assert profile is not None
        world.account.put(profile._replace(optout_email=level, optout_time=int(world.time.now)))


def levels(world: World) -> Mapping[str, str]:
    return {one.keys["email"]: one.optout_email for one in world.account.profiles.values()}


def keys(value: Any) -> Iterator[str]:
    """All keys in the parameters of a call, but those of `fields`: asking is not saying."""
    if isinstance(value, Mapping):
        for key, inner in value.items():
            yield str(key)
            yield from () if key == "fields" else keys(inner)
    elif isinstance(value, list | tuple):
        for inner in value:
            yield from keys(inner)


class Heard(httpx.AsyncBaseTransport):
    """Lets everything through, and remembers the bodies: files of jobs are in them too."""

    def __init__(self, inner: httpx.AsyncBaseTransport) -> None:
        self.inner = inner
        self.bodies: list[bytes] = []

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        self.bodies.append(await request.aread())
        return await self.inner.handle_async_request(request)


@pytest.mark.parametrize("route", ["user", "jobs"])
def test_no_request_of_ours_ever_speaks_of_subscriptions(world: World, route: str) -> None:
    heard = Heard(world.simulator.transport())
    world.ours = replace(world.ours, transport=heard)
    world.text = world.text.replace("policy: {", f"policy: {{route: {route}, ")
    opt_out(world, 3, 20)
    world.text = world.text.replace(LIMITS, "{deletions: 5, opted_out_joins: 5}")
    world.change(3, spent=5000.0, news=1, city="Rome")
    world.change(20, spent=0.0)
    world.change(9, email="moved@example.com")
    world.change(4, city=None, news=1)
    world.customers.pop(6)
    world.on_leave = "delete"
    world.customers[77] = Customer(77, "new@example.com", "Nia", news=1)
    world.settle()
    assert {call.method for call in world.simulator.calls} >= {"GET", "POST", "DELETE"}
    said = {key.lower() for call in world.simulator.calls for key in keys(call.params)}
    assert route == "jobs" or {"vars", "lists", "keys"} <= said, "what is in the file of a job is among the bodies"
    assert not {key for key in said if any(part in key for part in NEVER)}
    sent = b"".join(heard.bodies).lower()
    assert b"firstname" in sent
    assert not [part for part in NEVER if part.encode() in sent]
    assert (b'"key":"email","vars":' in sent) == (route == "jobs"), "the lines of a job were heard"


def test_who_opted_out_stays_so_whatever_is_done(world: World) -> None:
    for number, level in ((3, "all"), (4, "blast"), (5, "basic")):
        opt_out(world, number, level=level)
    before = {email: level for email, level in levels(world).items() if level != "none"}
    assert len(before) == 3
    for number in (3, 4, 5):
        world.change(number, spent=9000.0, news=1, city="Rome")
    world.text = world.text.replace(LIMITS, "{opted_out_joins: 5}")
    world.settle()
    assert {email: level for email, level in levels(world).items() if level != "none"} == before


def test_the_opted_out_are_counted_where_they_are_touched(world: World) -> None:
    opt_out(world, 4, 6, 8, 10)
    opt_out(world, 12, level="blast")
    world.change(4, city="Rome")
    world.change(6, news=1)
    world.change(8, news=1, spent=3000.0)
    world.change(12, news=1)
    plan = world.plan()
    assert plan.face.consent == Consent(touched=4, joining=3, joins={"Big Spenders": 1, "News": 3}, deleted=0)
    told = " ".join(explain.view(plan).notes)
    assert "4 profiles of this plan opted out, as far as can be known" in told
    assert "3 profiles that opted out would join a list: Big Spenders (1), News (3)." in told


def test_a_newcomer_who_opted_out_before_is_known_by_looking(world: World) -> None:
    """On no list of ours, so that no export shows it: the look-up does."""
    profile = world.account.new_profile(int(world.time.now), "known@example.com")
    world.account.put(profile._replace(optout_email="blast", optout_time=int(world.time.now)))
    world.customers[77] = Customer(77, "known@example.com", news=1)
    plan = world.plan()
    assert plan.face.consent == Consent(touched=1, joining=1, joins={"News": 1}, deleted=0)
    assert [str(one.guard) for one in plan.face.breaches] == ["opted_out_joins"]


def test_the_registry_is_no_mailing_list(world: World) -> None:
    profile = world.account.new_profile(int(world.time.now), "known@example.com")
    world.account.put(profile._replace(optout_email="all", optout_time=int(world.time.now)))
    world.customers[77] = Customer(77, "known@example.com")
    plan = world.plan()
    assert plan.face.consent == Consent(touched=1)
    assert plan.face.breaches == ()


def test_opted_out_people_do_not_join_a_list_unless_allowed(world: World) -> None:
    opt_out(world, 6, 8)
    world.change(6, news=1)
    world.change(8, news=1)
    plan, writes = world.plan(), world.writes()
    with pytest.raises(GuardBreached, match="A guard blocks") as raised:
        world.apply(plan)
    assert "--allow opted_out_joins:News=2" in raised.value.breaches[0]
    assert world.writes() == writes
    allowed = [allowances.read("opted_out_joins:News=2")]
    assert asyncio.run(world.ours.apply(plan, allowed=allowed)).converged
    assert levels(world)["person6@example.com"] == "all"


def test_deleting_the_opted_out_is_called_out(tmp_path: Path) -> None:
    world = World(tmp_path, on_leave="delete", text=SPEC.replace(WIDE, LIMITS))
    world.fill(shop())
    world.settle()
    opt_out(world, 5, 6)
    for number in (5, 6, 8):
        world.customers.pop(number)
    plan = world.plan()
    assert plan.face.consent == Consent(touched=2, deleted=2)
    told = " ".join(explain.view(plan).notes)
    assert "2 profiles that opted out would be deleted: their opt-out history goes with them, so whoever" in told
    assert world.apply(plan).converged

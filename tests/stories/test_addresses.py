"""Addresses that look like another's, or that Sailthru refuses: nobody else's profile is written to."""

from __future__ import annotations

from pathlib import Path

import pytest
from world import REGISTRY, Customer, World

import reconcile as rc

ODD = {
    "the Kelvin sign": "\u212aate@example.com",
    "a dotted capital I": "\u0130bo@example.com",
    "a long s": "\u017fam@example.com",
    "a no-break space": "kate@example.com\u00a0",
    "a wide space": "\u2003kate@example.com",
    "a separator of units": "kate@example.com\x1f",
    "wide letters": "\uff4bate@example.com",
    "an address of a machine": "ada@10.0.0.1",
    "a host of digits": "x@shop.123",
    "a host that ends with a digit first": "x@a.1com",
}
OTHERS = ("kate@example.com", "ibo@example.com", "sam@example.com")


@pytest.fixture
def world(tmp_path: Path) -> World:
    made = World(tmp_path, on_leave="delete")
    second = int(made.time.now)
    for email in OTHERS:
        made.account.put(made.account.new_profile(second, email)._replace(vars={"firstName": "Other"}))
    made.account.admit_vars({"firstName"})
    return made


def reasons(plan: rc.Plan) -> dict[str, int]:
    return {one.reason: one.count for one in plan.face.invalid}


def test_nobody_gets_the_data_of_who_has_an_address_that_looks_alike(world):
    before = world.there()
    fine = [Customer(90, " X@163.com\f"), Customer(91, "o'Brien+news@Example.com")]
    world.fill([*fine, *(Customer(at, email, "Wrong") for at, email in enumerate(ODD.values(), 1))])
    plan = world.plan()
    assert reasons(plan) == {"malformed e-mail address": len(ODD)}
    assert plan.face.counts.create == len(fine)
    assert world.apply(plan).converged
    assert {email: one for email, one in world.there().items() if email in OTHERS} == before
    assert world.there().keys() == {*OTHERS, "x@163.com", "o'brien+news@example.com"}
    world.check_calm()


def test_who_has_the_plain_address_is_not_held_because_of_one_that_looks_alike(world):
    world.fill([Customer(1, ODD["the Kelvin sign"], "Wrong"), Customer(2, "Kate@example.com", "Kate", news=1)])
    plan = world.plan()
    assert reasons(plan) == {"malformed e-mail address": 1}
    assert world.apply(plan).converged
    vars_, lists = world.there()["kate@example.com"]
    assert (vars_["firstName"], lists) == ("Kate", {REGISTRY, "News"})
    world.customers.pop(2)
    assert world.apply().converged
    assert "kate@example.com" not in world.there()


def test_the_values_of_a_property_of_type_email_are_held_to_the_same_rule(world):
    world.text = world.text.replace("vars:\n", "vars:\n  backup: backup\n").replace(
        "  city: {column: city}\n", "  city: {column: city}\n  backup: {column: city, type: email}\n"
    )
    given = {1: "backup@shop.7eleven", 2: " X@163.com ", 3: "ada@192.168.1.20", 4: ODD["the Kelvin sign"]}
    world.fill([Customer(at, f"p{at}@example.com", city=text) for at, text in given.items()])
    plan = world.plan()
    assert sum(one.count for one in plan.face.invalid) == 3
    assert world.apply(plan).converged
    found = {email: vars_.get("backup") for email, (vars_, _) in world.there().items() if email.startswith("p")}
    assert found == {
        "p1@example.com": None,
        "p2@example.com": "x@163.com",
        "p3@example.com": None,
        "p4@example.com": None,
    }

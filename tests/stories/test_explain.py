"""One person explained, through the command: every step that leads to what a plan would do, and nobody shown."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Iterator
from pathlib import Path

import pytest
from desk import PLANTED, Desk
from world import SPEC, Customer, World, shop

from reconcile.plan import archive, people
from reconcile.simulator import Faults, Simulator
from reconcile.simulator.server import running
from reconcile.state.masks import Masks

RULES = SPEC.replace(
    'groups:\n  big: {list: Big Spenders, where: "spent >= 1000"}\n',
    "groups:\n  big: {list: Big Spenders, where: \"spent >= 1000 or (city = 'Nowhere' and not news)\"}\n",
)


@pytest.fixture
def desk(tmp_path: Path) -> Iterator[Desk]:
    simulator = Simulator(seed=1, faults=Faults.named("none"))
    with running(simulator) as url:
        made = Desk(tmp_path, url, simulator)
        made.spec(RULES)
        yield made


def test_a_person_is_traced_from_source_to_account(desk: Desk) -> None:
    desk.sql("update customers set city = null, spent = null where id = 900")
    told = desk.run("explain", "900", "--no-account").stdout
    assert "customers  city        string   null" in told
    assert "column spent of customers is null: the default" in told
    clauses = told[told.index("Groups\n") : told.index("  news: ")].splitlines()[1:]
    assert clauses == [
        "  big: not in",
        "    false  any of",
        "      false  spent >= 1000",
        "      false  all of",
        "        null   city = 'Nowhere'",
        "        false  not",
        "          true   news",
    ]
    assert "Observed" not in told
    assert sum(desk.simulator.calls_total.values()) == 0
    assert not any(word.lower() in desk.said.lower() for word in PLANTED)


def test_the_account_is_looked_at_and_what_a_plan_would_do_is_told(desk: Desk) -> None:
    address = PLANTED[0]
    told = desk.run("explain", f" {address.upper()} ").stdout
    assert "The account has no such profile." in told
    assert "      as the account has no profile that is theirs." in told
    desk.run("apply", "--yes")
    assert desk.run("explain", address).stdout.rstrip().endswith("do nothing: the account is as desired.")
    desk.sql("update customers set first_name = 'Plantedsecond', news = 0 where id = 900")
    writes = desk.writes()
    who, *told = desk.run("explain", address).stdout.splitlines()
    assert told[told.index("A plan would") :] == [
        "A plan would",
        f"  ~ {who.partition(',')[0]}  set firstName, greeting; leave News (data)",
        "      as the sources say something else than at the last apply.",
    ]
    event = json.loads(desk.run("explain", "900", "--json").stdout.splitlines()[-1])
    assert (event["event"], event["there"], event["planned"][0]["glyph"]) == ("explanation", True, "~")
    assert not any(word.lower() in desk.said.lower() for word in (*PLANTED, "Plantedsecond"))
    revealed = desk.run("explain", "900", "--reveal").stdout
    assert f"  ~ {address}  firstName: 'Plantedfirst' → 'Plantedsecond'; " in revealed
    assert desk.writes() == writes


def test_what_is_told_of_each_person_is_what_the_plan_says_of_them(tmp_path: Path) -> None:
    """Changed and exchanged addresses, who left, and who has their address: planned whole, and one by one."""
    world = World(tmp_path, on_leave="delete")
    world.fill(Customer(at, f"p{at}@example.com", spent=2000 * (at % 2), news=1) for at in range(1, 9))
    world.settle()
    world.change(1, email="elsewhere@example.com")
    world.change(2, email="p3@example.com")
    world.change(3, email="p2@example.com")
    world.change(5, news=0, first_name="Eve")
    world.change(6, email="p6 at nowhere")
    del world.customers[4], world.customers[7]
    world.customers |= {
        9: Customer(9, "p4@example.com"),
        10: Customer(10, "p6@example.com"),
        11: Customer(11, "new@x.com"),
    }
    masks = Masks.keyed_by("demo-secret")
    planned = {people.masked(action, masks) for _, action in archive.walk(world.plan())}
    # Four's profile makes room for nine, and is found by nobody's address after that: nine tells of both but its end.
    names = ("p1@example.com", "2", "3", "5", "p7@example.com", "9", "10", "11")
    told = {name: asyncio.run(world.ours.explain(world.spec(), name)) for name in names}
    steps = {name: [row for row, _ in one.foretold.steps] for name, one in told.items() if one.foretold}
    assert {row for rows in steps.values() for row in rows} <= planned
    gone = planned - {row for rows in steps.values() for row in rows}
    assert [(row.glyph, row.told) for row in gone] == [("-", "delete profile (data)")]
    assert [row.told for row in steps["p1@example.com"]] == ["new e-mail address (data)"]
    assert [len(steps[name]) for name in names] == [1, 3, 3, 1, 1, 2, 0, 1]
    assert [name for name, one in told.items() if one.foretold and one.foretold.taken] == ["10"]  # six is held
    assert told["p7@example.com"].traces == []
    for key, address in (("7", "p7@example.com"), (" 7 ", "p7@example.com")):  # who left is found by their key too
        found = asyncio.run(world.ours.explain(world.spec(), key))
        assert (found.traces, found.seen.email if found.seen else None) == ([], address)
        assert found.foretold == told[address].foretold
    asyncio.run(world.ours.observe(world.spec(), tmp_path / "seen"))
    for name in ("1", "2"):  # one by the id alone, in an export; the others are found at each other's addresses too
        found = asyncio.run(world.ours.explain(world.spec(), name, observed=tmp_path / "seen"))
        assert found.foretold is not None
        assert {row for row, _ in found.foretold.steps} == {*steps["p1@example.com" if name == "1" else name]}
    world.on_leave, world.mode = "unlist", "additive"
    nine, seven = (asyncio.run(world.ours.explain(world.spec(), name)).foretold for name in ("9", "p7@example.com"))
    assert nine is not None
    assert seven is not None
    assert (nine.taken, nine.steps, seven.held) == (True, (), ("policy.mode is additive: who left is left alone",))


def test_who_left_is_found_by_the_key_that_the_profile_keeps(desk: Desk) -> None:
    desk.run("apply", "--yes")
    desk.sql("delete from customers where id = 900")
    by_address, by_key = (desk.run("explain", name) for name in (PLANTED[0], "900"))
    assert by_key.returncode == 0
    assert by_key.stdout == by_address.stdout
    assert "The account has a profile that no source has a row for." in by_key.stdout
    assert "delete profile (data)" in by_key.stdout
    assert desk.run("explain", "901").returncode == 1
    desk.spec(RULES.replace(", identity: {var: customer_id}", ""))
    nobody = desk.run("explain", "900")
    assert nobody.returncode == 1
    assert "Who left can be found by their address only: profiles keep no key (profiles.identity)." in nobody.stdout


def test_who_is_not_there_and_whose_row_cannot_be_used(desk: Desk) -> None:
    nobody = desk.run("explain", "nobody@secretmail.example")
    assert nobody.returncode == 1
    assert nobody.stdout == "Nobody has this key or address: looked for in id and email of customers.\n"
    assert sum(desk.simulator.calls_total.values()) == 1  # somebody whom no source has any more may have a profile
    desk.sql("insert into customers values (901, 'planted@person@secretmail.example', 'Plantedfirst', null, 1, 1)")
    held = desk.run("explain", "901")
    assert "The row cannot be used: malformed e-mail address." in held.stdout
    assert sum(desk.simulator.calls_total.values()) == 1
    assert desk.run("explain", "900", "--as-of", "soon").returncode == 64
    assert not any(word.lower() in desk.said.lower() for word in PLANTED)


def test_groups_are_counted_without_an_account(desk: Desk) -> None:
    desk.sql("insert into customers values (901, 'planted@person@secretmail.example', 'Plantedfirst', null, 1, 1)")
    everybody = shop(30)
    big = {one.id for one in everybody if (one.spent or 0) >= 1000}
    news = {one.id for one in everybody if one.news} | {900}
    event = json.loads(desk.run("groups", "--json").stdout.splitlines()[-1])
    assert (event["people"], event["sizes"]) == (31, {"big": len(big), "news": len(news)})
    assert event["overlaps"] == [{"groups": ["big", "news"], "people": len(big & news)}]
    assert event["in_no_group"] == 31 - len(big | news)
    assert [(one["reason"], one["count"]) for one in event["invalid"]] == [("malformed e-mail address", 1)]
    lines = desk.run("groups").stdout.splitlines()
    assert lines[0].split() == ["big", str(len(big)), f"{len(big) / 31:.1%}", "Big", "Spenders"]
    assert lines[3].split() == ["(everybody)", "31", "100.0%"]
    assert sum(desk.simulator.calls_total.values()) == 0
    assert not any(word.lower() in desk.said.lower() for word in PLANTED)


def test_all_that_a_spec_may_say_is_told_of_and_pii_stays_masked(desk: Desk) -> None:
    desk.sql("create table orders (customer integer, total real, state text)")
    desk.sql("insert into orders values (900, 40, 'paid'), (900, 2, 'open')")
    orders = "  orders: {connect: \"{{ env('SHOP') }}\", table: orders, key: customer, many: true}\nprofiles:"
    paid = "  paid: {aggregate: sum, source: orders, column: total, where: state = 'paid'}\nvars:"
    picked = "  picked: {members: {source: orders}, in: news, holdout: {percent: 50.0, salt: a}}\npolicy:"
    text = RULES.replace("profiles:", orders, 1).replace("vars:", paid, 1).replace("policy:", picked, 1)
    desk.spec(text.replace("{column: first_name}", "{column: first_name, pii: true}"))
    told = desk.run("explain", "900", "--reveal", "--no-account").stdout
    assert "sum of total over orders, where state = 'paid'" in told
    assert "40.0" in told
    picked = told[told.index("  picked: ") : told.index("Desired vars")].splitlines()
    assert picked[1:3] == ["    true   a member in source orders", "    true   in news"]
    assert ("outside the holdout of 50" in picked[3], picked[0].endswith(": in")) == (True, "true " in picked[3])
    assert PLANTED[2] in told
    assert PLANTED[1] not in told
    assert json.loads(desk.run("groups", "--json").stdout.splitlines()[-1])["sizes"]["picked"] == picked[0].endswith(
        ": in"
    )

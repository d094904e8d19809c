"""One person explained, through the command: every step that leads to what a plan would do, and nobody shown."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest
from desk import PLANTED, Desk
from world import SPEC, shop

from reconcile.simulator import Faults, Simulator
from reconcile.simulator.server import running

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
    assert "  + create the profile" in told
    desk.run("apply", "--yes")
    assert desk.run("explain", address).stdout.rstrip().endswith("do nothing: the account is as desired.")
    desk.sql("update customers set first_name = 'Plantedsecond', news = 0 where id = 900")
    writes = desk.writes()
    told = desk.run("explain", address).stdout
    assert told[told.index("A plan would") :].splitlines() == [
        "A plan would",
        "  ~ var firstName: *** -> ***",
        "  ~ var greeting: *** -> ***",
        "  - off list News",
    ]
    event = json.loads(desk.run("explain", "900", "--json").stdout.splitlines()[-1])
    assert (event["event"], event["there"], event["planned"][0]["what"]) == ("explanation", True, "var firstName")
    assert not any(word.lower() in desk.said.lower() for word in (*PLANTED, "Plantedsecond"))
    revealed = desk.run("explain", "900", "--reveal").stdout
    assert "~ var firstName: Plantedfirst -> Plantedsecond" in revealed
    assert desk.writes() == writes


def test_who_is_not_there_and_whose_row_cannot_be_used(desk: Desk) -> None:
    nobody = desk.run("explain", "nobody@secretmail.example")
    assert nobody.returncode == 1
    assert nobody.stdout == "Nobody has this key or address: looked for in id and email of customers.\n"
    desk.sql("insert into customers values (901, 'planted@person@secretmail.example', 'Plantedfirst', null, 1, 1)")
    held = desk.run("explain", "901")
    assert "The row cannot be used: malformed e-mail address." in held.stdout
    assert sum(desk.simulator.calls_total.values()) == 0
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

"""`doctor`: each thing that stands in the way of a plan is named, with what to do; nothing is ever written."""

from __future__ import annotations

import json
import time
from pathlib import Path
from typing import Any

import pytest
from desk import Desk
from world import REGISTRY

from reconcile.simulator import Faults, Simulator
from reconcile.simulator.server import running

EXPORT_FORBIDDEN = {"guesses": {"not_permitted": {"*": ["export_list_data"]}}}
CASES: dict[str, tuple[list[str], dict[str, str], dict[str, Any], dict[str, tuple[str, str]]]] = {
    # options, environment, what the account is like, name -> state and what is said
    "well": ([], {}, {}, {"export": ("skipped", "--export makes one")}),
    "export": (["--export"], {}, {}, {"export": ("ok", f'"{REGISTRY}" was exported')}),
    "may not export": (["--export"], {}, EXPORT_FORBIDDEN, {"export": ("problem", "may not run jobs of the kind")}),
    "wrong secret": ([], {"SECRET": "other"}, {}, {"account": ("problem", "Check account.api_secret")}),
    "no key": ([], {"KEY": ""}, {}, {"account": ("problem", "environment variable KEY is")}),
    "clock": ([], {}, {"ahead": 600.0}, {"clock": ("problem", "seconds behind the account's. Set it (NTP)")}),
    "state": (["--state", "shop.db/state"], {}, {}, {"state": ("problem", "Name another place: --state")}),
    "proxy": ([], {"http_proxy": "http://u:s3cret@h:99999"}, {},
              {"proxies": ("problem", "The variable http_proxy names no proxy that can be used")}),
}  # fmt: skip


@pytest.mark.parametrize("case", CASES)
def test_what_stands_in_the_way_is_named_with_what_to_do(tmp_path: Path, case: str) -> None:
    options, environ, account, expected = CASES[case]
    ahead, faults = account.get("ahead", 0.0), {name: one for name, one in account.items() if name != "ahead"}
    clock = lambda: time.time() + ahead  # noqa: E731 -- of the account
    played = Simulator(seed=1, faults=Faults.model_validate(faults), keys={"demo-key": "demo-secret"}, clock=clock)
    played.account.add_list(REGISTRY, int(clock()) - 60)
    with running(played) as url:
        desk = Desk(tmp_path, url, played)
        desk.environ |= environ
        done = desk.run("doctor", "--json", *options)
    *lines, last = [json.loads(line) for line in done.stdout.splitlines()]
    found = {one["name"]: (one["state"], f"{one['told']} {one['hint']}") for one in lines}
    for name, (state, said) in expected.items():
        assert (found[name][0], said in found[name][1]) == (state, True), found
    problems = [one for one in lines if one["state"] == "problem"]
    assert all(one["hint"] for one in problems), "each says what now"
    assert {one["name"] for one in problems} - {"account"} <= expected.keys(), "and nothing else is blamed"
    assert (last["event"], last["problems"], done.returncode) == ("doctor", len(problems), 1 if problems else 0)
    assert "s3cret" not in desk.said
    assert desk.writes() == 0
    assert played.calls_total["POST", "job"] <= ("--export" in options)


def test_without_a_spec_it_says_how_to_get_one(tmp_path: Path) -> None:
    played = Simulator(keys={"demo-key": "demo-secret"})
    with running(played) as url:
        desk = Desk(tmp_path, url, played)
        (tmp_path / "specs" / "shop.yaml").unlink()
        (tmp_path / "specs").rmdir()
        desk.environ |= {"SAILTHRU_API_KEY": "demo-key", "SAILTHRU_API_SECRET": "demo-secret"}
        done = desk.run("doctor")
    assert "skipped  spec      There is no specs here" in done.stdout
    assert "reconcile init writes a first one." in done.stdout
    assert f"ok       account   The account at {url} answers" in done.stdout
    assert done.returncode == 0

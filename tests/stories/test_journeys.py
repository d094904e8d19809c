"""Journeys that a plan starts: by which route people join decides, not what they join."""

from __future__ import annotations

from pathlib import Path

import pytest
from world import World, shop

BIG = {f"person{number}@example.com" for number in range(17, 41)} - {"person22@example.com", "person33@example.com"}


@pytest.mark.parametrize(("route", "by_user"), [("user", BIG), ("jobs", set())])
def test_joins_by_user_start_flows_and_joins_by_job_do_not(tmp_path: Path, route: str, by_user: set[str]) -> None:
    world = World(tmp_path)
    world.text = world.text.replace("policy: {", f"policy: {{route: {route}, ")
    flows = world.account.flows
    flows.add({"flow": "Welcome", "joined": "Big Spenders"})
    flows.add({"flow": "Goodbye", "removed": "Big Spenders"})
    world.fill(shop())
    world.settle()

    assert world.account.members("Big Spenders") == BIG
    assert {entry.email for entry in flows.entries if entry.flow == "Welcome"} == by_user
    assert flows.counts == {("Welcome", "user"): len(by_user)} if by_user else not flows.counts

    world.change(40, spent=0.0)
    world.settle()
    assert flows.counts["Goodbye", "user"] == (route == "user")
    assert all(entry.at <= world.time.now for entry in flows.entries)

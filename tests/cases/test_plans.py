"""Planner cases as data: a folder each, with the spec, the customers, the account, and the plan that is expected.

`make accept` writes the expected plans anew; then look at what git says has changed.
"""

from __future__ import annotations

import asyncio
import dataclasses
import json
import os
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from account import FakeAccount

import reconcile as rc
from reconcile import sources
from reconcile.plan import archive, explain, planner
from reconcile.plan.model import Action, Plan, Stage
from reconcile.sailthru import limits
from reconcile.spec.model import Mode
from reconcile.state import desired, observed
from reconcile.state.masks import Masks
from reconcile.state.model import RemoteList
from reconcile.state.workspace import Workspace

CASES = sorted(path.parent for path in (Path(__file__).parent / "plan").glob("*/spec.yaml"))
ACCEPT = "RECONCILE_ACCEPT"
NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_the_plan_is_the_expected_one(case: Path, tmp_path: Path) -> None:
    plan = planned(case, tmp_path)
    lines = [*explain.text(explain.view(plan)), "", *(told(*step) for step in archive.walk(plan))]
    found = "\n".join(lines).rstrip() + "\n"
    expected = case / "expected.txt"
    if os.environ.get(ACCEPT):
        expected.write_text(found, encoding="utf-8")
    assert found == expected.read_text(encoding="utf-8")


def test_every_folder_is_a_case() -> None:
    folders = [path for path in (Path(__file__).parent / "plan").iterdir() if path.is_dir()]
    assert sorted(folders) == CASES
    files = {"spec.yaml", "customers.csv", "observed.json", "expected.txt"}
    assert {path.name for folder in folders for path in folder.iterdir()} == files


def planned(case: Path, folder: Path) -> Plan:
    spec, masks = rc.load(case / "spec.yaml"), Masks(b"cases")
    with Workspace() as workspace:
        opened = sources.open_all(spec, {})
        wanted = desired.build(spec, opened, workspace, as_of=NOW, masks=masks)
        lookups = None if spec.policy.mode is Mode.ENRICH else spec.policy.lookups
        looking = observed.build(account(case, folder), wanted, workspace, lookups=lookups, at_once=1)
        setting = planner.Setting(spec, workspace, masks, NOW, "http://sailthru.test", limits.quota())
        return planner.build(wanted, asyncio.run(looking), setting, folder / "plan.rplan")


def account(case: Path, folder: Path) -> FakeAccount:
    told = json.loads((case / "observed.json").read_text(encoding="utf-8"))
    made = FakeAccount(folder, remote=[RemoteList(name, name, "natural") for name in told["lists"]])
    for one in told["profiles"]:
        made.person(one["email"], sid=one["sid"], lists=one.get("lists", ()), **one.get("vars", {}))
    return made


def told(stage: Stage, action: Action) -> str:
    """An action with all that is in it; what is empty, or only the hash of an address, is left out."""
    fields: dict[str, Any] = {"stage": stage.name.lower(), "action": type(action).__name__}
    fields |= {name: value for name, value in dataclasses.asdict(action).items() if value and name != "hash"}
    return json.dumps(fields, ensure_ascii=False)

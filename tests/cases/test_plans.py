"""Planner cases as data: a folder each, with the spec, the customers, the account, and the plan that is expected.

`make accept` writes the expected plans anew; then look at what git says has changed.
"""

from __future__ import annotations

import dataclasses
import json
import os
from pathlib import Path
from typing import Any

import plans
import pytest
from account import FakeAccount
from spark_server import MARKS

import reconcile as rc
from reconcile.plan import archive, explain
from reconcile.plan.model import Action, Stage
from reconcile.state import engines
from reconcile.state.model import RemoteList

CASES = sorted(path.parent for path in (Path(__file__).parent / "plan").glob("*/spec.yaml"))
ACCEPT, ALL = "RECONCILE_ACCEPT", "RECONCILE_ALL_CASES"
ON_SPARK = CASES if os.environ.get(ALL) else CASES[::6]
"""Ten seconds each: `make cases` plans all of them on Spark."""
PLANNED = [
    *(pytest.param(case, "duckdb", id=f"{case.name}-duckdb") for case in CASES),
    *(pytest.param(case, "spark", id=f"{case.name}-spark", marks=MARKS) for case in ON_SPARK),
]


@pytest.mark.parametrize(("case", "engine"), PLANNED)
def test_the_plan_is_the_expected_one(
    case: Path, engine: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, request: pytest.FixtureRequest
) -> None:
    if engine == "spark":
        request.getfixturevalue("spark_url")
    monkeypatch.chdir(case)  # places in the spec are told from here
    on = engines.of("local[2]" if engine == "spark" else None)
    plan = plans.planned(rc.load("spec.yaml"), account(case, tmp_path), tmp_path / "plan.rplan", on=on)
    lines = [*explain.text(explain.view(plan)), "", *(told(*step) for step in archive.walk(plan))]
    found = "\n".join(lines).rstrip() + "\n"
    expected = case / "expected.txt"
    if os.environ.get(ACCEPT) and engine == "duckdb":
        expected.write_text(found, encoding="utf-8")
    assert found == expected.read_text(encoding="utf-8")


def test_every_folder_is_a_case() -> None:
    folders = [path for path in (Path(__file__).parent / "plan").iterdir() if path.is_dir()]
    assert sorted(folders) == CASES
    files = {"spec.yaml", "customers.csv", "observed.json", "expected.txt"}
    assert {path.name for folder in folders for path in folder.iterdir()} == files


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

"""The bulk route: the same end as one by one, whatever jobs skip, lose, or stall."""

from __future__ import annotations

from pathlib import Path

import pytest
from world import World, shop

from reconcile.errors import JobForbidden
from reconcile.simulator import Faults

JOBS = "policy: {route: jobs, mode:"


def world(tmp_path: Path, size: int = 120, **more: object) -> World:
    made = World(tmp_path, **more)  # type: ignore[arg-type]
    made.text = made.text.replace("policy: {mode:", JOBS)
    made.fill(shop(size))
    return made


def calls(world: World, method: str, endpoint: str) -> int:
    return world.simulator.calls_total[method, endpoint]


def test_an_empty_account_is_filled_by_jobs(tmp_path: Path) -> None:
    made = world(tmp_path)
    plan = made.settle()
    assert plan.face.route == "jobs"
    assert calls(made, "POST", "user") == 0, "one by one, where jobs were asked for"


def test_changes_of_all_kinds(tmp_path: Path) -> None:
    made = world(tmp_path)
    made.settle()
    made.change(5, email="moved@example.com")
    made.change(6, city=None, spent=7000.0)
    made.change(7, news=0, first_name="Zoë | `x`")
    made.change(8, first_name="line\nbreak")
    made.customers.pop(9)
    report = made.apply()
    assert report.converged, report
    assert any("upserts went by 1 job" in note for note in report.notes)
    assert any("0 of 3 sampled profiles wrong" in note for note in report.notes)
    there = made.there()
    assert there.pop("person9@example.com")[1] == set()
    assert there == made.wanted()
    made.check_calm()


@pytest.mark.parametrize("seed", range(5))
def test_lines_that_a_job_skips_go_again_one_by_one(tmp_path: Path, seed: int) -> None:
    made = world(tmp_path, seed=seed, faults=Faults.model_validate({"jobs": {"skip_lines": 0.1}}))
    report = made.apply()
    assert report.converged, report
    assert any("left undone" in note for note in report.notes)
    made.check()


def test_auto_takes_jobs_above_its_threshold_only(tmp_path: Path) -> None:
    made = world(tmp_path, 30)
    made.text = made.text.replace("route: jobs", "bulk_from: 20")
    assert made.plan().face.route == "jobs"
    made.text = made.text.replace("bulk_from: 20", "bulk_from: 30")
    assert made.plan().face.route == "user"


def test_many_vars_take_no_more_memory_than_few(tmp_path: Path) -> None:
    """23 vars of every type ended an apply of four people for want of memory, whatever the machine has."""
    formulas = {
        "string": "first_name",
        "float": "spent",
        "datetime": "TIMESTAMP '2026-01-01'",
        "date": "DATE '2026-01-01'",
        "boolean": "news",
        "integer": "1",
        "list": "[first_name, first_name]",
    }
    kinds = [list(formulas.items())[at % 7] for at in range(23)]
    properties = "".join(f'  p{at}: {{sql: "{sql}", type: {kind}}}\n' for at, (kind, sql) in enumerate(kinds))
    vars_ = "".join(f"  v{at}: p{at}\n" for at in range(23))
    world = World(tmp_path)
    world.text = (
        world.text.replace(", private: true", "")
        .replace("properties:\n", f"properties:\n{properties}")
        .replace("vars:\n", f"vars:\n{vars_}")
        .replace("policy: {", "policy: {route: jobs, ")
    )
    world.fill(shop(4))
    assert world.apply().converged


def test_a_key_that_may_not_run_updates_is_told_before_anybody_is_written(tmp_path: Path) -> None:
    made = world(tmp_path, faults=Faults.model_validate({"guesses": {"not_permitted": {"*": ["update"]}}}))
    report = made.apply()
    assert (report.exit_status, report.in_doubt, made.simulator.account.profiles) == (77, 0, {})
    assert "may not run jobs of the kind update. Sailthru rejected POST /job: You are not permitted" in report.stopped
    assert "policy.route: user" in report.stopped
    made.text = made.text.replace("route: jobs", "route: user")
    assert made.apply().converged, "the way out that the message names"


def test_a_key_that_may_not_export_is_told_so(tmp_path: Path) -> None:
    made = world(tmp_path, 5, faults=Faults.model_validate({"guesses": {"not_permitted": {"*": ["export_list_data"]}}}))
    made.text = made.text.replace("route: jobs", "route: user")
    made.apply()
    with pytest.raises(JobForbidden, match="may not run jobs of the kind export_list_data"):
        made.plan()

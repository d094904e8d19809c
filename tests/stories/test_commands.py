"""The commands as a person runs them: real processes, a real socket, and what they print and exit with."""

from __future__ import annotations

import json
import signal
from collections.abc import Iterator
from pathlib import Path

import pytest
from desk import PLANTED, Desk, applying
from world import REGISTRY, SPEC

from reconcile.simulator import Faults, Simulator
from reconcile.simulator.server import running


@pytest.fixture
def desk(tmp_path: Path) -> Iterator[Desk]:
    simulator = Simulator(seed=1, faults=Faults.named("none"))
    with running(simulator) as url:
        yield Desk(tmp_path, url, simulator)


def test_the_main_job_by_hand(desk: Desk) -> None:
    assert "is valid" in desk.run("validate").stdout
    assert "Test passed. Found 0 Sailthru lists." in desk.run("check").stdout

    planned = desk.run("plan", "--out", "shop.rplan", "--detailed-exitcode")
    assert planned.returncode == 2
    last = planned.stdout.strip().splitlines()
    assert "Plan: 31 profiles to create, 0 to update, 0 to delete; 3 lists to create." in last
    assert desk.writes() == 0

    shown = desk.run("show", "shop.rplan").stdout
    assert shown in planned.stdout
    assert desk.run("show", "shop.rplan", "--format", "markdown").stdout.startswith("## ✅ May go\n")
    assert json.loads(desk.run("show", "shop.rplan", "--format", "json").stdout)["counts"]["create"] == 31

    part = desk.run("show", "shop.rplan", "--list", "News", "--op", "create", "--format", "json")
    asked = json.loads(part.stdout)
    assert (asked["count"], asked["lists"]["News"]) == (16, {"join": 16, "leave": 0}), part.stderr
    wrong = desk.run("show", "shop.rplan", "--list", "Newz")
    assert (wrong.returncode, 'Did you mean "News"?' in wrong.stderr) == (64, True)

    applied = desk.run("apply", "shop.rplan")
    assert applied.returncode == 0, applied.stderr
    assert "Of 34 actions: 34 verified" in applied.stdout
    assert sorted(desk.simulator.account.list_names()) == ["Big Spenders", "News", REGISTRY]

    again = desk.run("plan", "--detailed-exitcode")
    assert again.returncode == 0
    assert again.stdout.strip().endswith("No changes.")
    assert "Found 3 Sailthru lists" in desk.run("check").stdout


def test_relative_dates_count_from_as_of(desk: Desk) -> None:
    later = """groups:\n  later: {list: Later, where: "today() >= date '2135-01-01'"}\n"""
    desk.spec(SPEC.replace("groups:\n", later))

    def joins(*options: str) -> int:
        face = json.loads(desk.run("plan", "--format", "json", *options).stdout)
        [found] = [one["join"] for one in face["lists"] if one["name"] == "Later"]
        return int(found)

    assert joins() == joins("--as-of", "2134-12-31T23:59:59") == joins("--as-of", "2135-01-01T00:00:00+01:00") == 0
    assert joins("--as-of", "2135-01-01") == 31
    told = desk.run("plan", "--as-of", "2135-01-01").stdout
    assert "Relative dates count from 2135-01-01T00:00:00+00:00" in told
    wrong = desk.run("plan", "--as-of", "soon")
    assert wrong.returncode == 64
    assert "'soon' is no time" in wrong.stderr


def test_validate_notes_what_may_not_be_meant(desk: Desk) -> None:
    desk.spec(SPEC.replace("groups:\n", "groups:\n  away: {list: Away, where: city <> 'Rome'}\n"))
    found = desk.run("validate")
    assert found.returncode == 0
    assert 'note: group "away": whoever has no "city" is left out' in found.stdout
    assert "1 note above." in found.stdout


def test_apply_of_a_spec_plans_shows_asks_and_applies(desk: Desk) -> None:
    declined = desk.run("apply", "specs", stdin="n\n")
    assert "31 profiles to create" in declined.stdout
    assert (declined.returncode, desk.writes()) == (0, 0)
    kept = desk.run("apply", "specs", "--out", "kept.rplan", stdin="y\n")
    assert (kept.returncode, "go on with: reconcile apply kept.rplan" in kept.stderr) == (0, True)
    again = desk.run("apply", "kept.rplan")
    assert (again.returncode, "already applied" in again.stderr) == (5, True)
    assert desk.run("apply", "--yes").stdout.strip().startswith("Plan")


def test_an_observation_is_kept_and_planned_on(desk: Desk) -> None:
    desk.run("apply", "--yes")
    done = desk.run("observe", "--out", "seen")
    assert (done.returncode, desk.writes()) == (0, 34)
    assert "Observed shop at http://127.0.0.1" in done.stdout
    assert "3 lists with " in done.stdout
    assert "reconcile plan --observed seen" in done.stderr
    event = json.loads(desk.run("observe", "specs", "--out", "seen", "--json").stdout.splitlines()[-1])
    assert (event["event"], event["path"], event["lists"], event["hash_check"]) == ("observation", "seen", 3, "matched")
    desk.sql("update customers set first_name = 'Grace' where id = 3")
    before = sum(desk.simulator.calls_total.values())
    planned = desk.run("plan", "--observed", "seen", "--out", "shop.rplan")
    assert "Plan: 0 profiles to create, 1 to update, 0 to delete" in planned.stdout
    assert "Made from a kept observation of " in planned.stdout
    assert sum(desk.simulator.calls_total.values()) == before
    assert desk.run("apply", "shop.rplan").returncode == 0
    nowhere = desk.run("plan", "--observed", "nowhere")
    assert (nowhere.returncode, "There is no observation in nowhere" in nowhere.stderr) == (5, True)


def test_json_is_one_event_a_line(desk: Desk) -> None:
    events = [json.loads(line) for line in desk.run("plan", "--json", "--out", "shop.rplan").stdout.splitlines()]
    assert {one["event"] for one in events} == {"step", "plan"}
    assert events[-1]["counts"]["create"] == 31
    events = [json.loads(line) for line in desk.run("apply", "shop.rplan", "--json").stdout.splitlines()]
    assert events[-1]["event"] == "report"
    assert (events[-1]["converged"], events[-1]["status"]) == (True, 0)
    [event] = [json.loads(line) for line in desk.run("plan", "nowhere", "--json").stdout.splitlines()]
    assert (event["event"], event["status"]) == ("error", 65)


@pytest.mark.parametrize(
    ("spoil", "status", "told"),
    [
        (lambda desk: desk.environ.update(SECRET="wrong"), 77, "secret"),
        (lambda desk: desk.environ.update(KEY="wrong"), 77, "key"),
        (lambda desk: desk.environ.pop("SECRET"), 77, "SECRET"),
        (lambda desk: desk.environ.update(SHOP="sqlite:///nowhere.db"), 69, "nowhere.db"),
        (lambda desk: desk.environ.update(SHOP="postgresql://localhost:1/none"), 69, "customers"),
        (lambda desk: desk.spec(SPEC.replace('where: "spent', 'where: "spend')), 65, '"spent"'),
        (lambda desk: desk.spec(SPEC.replace("column: city", "column: town")), 65, "town"),
        (lambda desk: desk.spec(SPEC.replace("| default('there')", "| length // 0")), 65, "greeting"),
        (lambda desk: desk.spec(SPEC.replace("default('there')", "nonsense")), 65, "greeting"),
        (lambda desk: desk.sql("delete from customers"), 69, "no rows"),
        (lambda desk: [desk.simulator.account.add_list("News", 1) for _ in "ab"], 1, '"News" (2 times)'),
        (lambda desk: desk.simulator.account.add_list("News", 1, kind="smart"), 1, "smart list"),
        (lambda desk: desk.simulator.account.add_list("NEWS", 1), 1, '"NEWS", which differs only in case'),
    ],
    ids=[
        "wrong secret",
        "wrong key",
        "unset secret",
        "no such database",
        "unreachable database",
        "unknown property in a rule",
        "unknown column",
        "template fails",
        "unknown filter",
        "empty source",
        "twin lists",
        "smart list",
        "list in capitals",
    ],
)
def test_what_cannot_be_planned_is_one_clear_error(desk: Desk, spoil: object, status: int, told: str) -> None:
    spoil(desk)  # type: ignore[operator]
    done = desk.run("plan", "--out", "shop.rplan")
    assert done.returncode == status, done.stderr
    assert done.stderr.count("Error: ") == 1, done.stderr
    assert told in done.stderr
    assert desk.writes() == 0
    assert not (desk.folder / "shop.rplan").exists()
    assert not any(word in desk.said for word in PLANTED)


def test_a_usage_error_is_not_taken_for_differences(desk: Desk) -> None:
    assert desk.run("plan", "--no-such-option").returncode == 64
    assert desk.run("no-such-command").returncode == 64


@pytest.mark.parametrize("spoil", [lambda old: old[:-40], lambda old: old.replace(b"shop", b"shoq"), lambda old: b"no"])
def test_a_spoilt_plan_file_is_refused(desk: Desk, spoil: object) -> None:
    desk.run("plan", "--out", "shop.rplan")
    path = desk.folder / "shop.rplan"
    path.write_bytes(spoil(path.read_bytes()))  # type: ignore[operator]
    done = desk.run("apply", "shop.rplan")
    assert (done.returncode, desk.writes()) == (5, 0)
    assert desk.run("apply", "nowhere.rplan").returncode == 5


def test_a_run_can_be_kept_elsewhere_and_ended_by_the_clock(desk: Desk) -> None:
    desk.run("plan", "--out", "shop.rplan")
    assert desk.run("apply", "shop.rplan", "--max-duration", "soon").returncode == 64
    ended = desk.run("apply", "shop.rplan", "--state", "elsewhere", "--max-duration", "0s", "--lock-timeout", "5")
    assert (ended.returncode, desk.writes()) == (8, 0)
    assert "the time for this run is up" in ended.stdout
    assert desk.run("apply", "shop.rplan", "--state", "elsewhere").returncode == 0
    again = desk.run("apply", "shop.rplan", "--state", "elsewhere")
    assert (again.returncode, "already applied" in again.stderr) == (5, True)
    assert {path.name for path in (desk.folder / "elsewhere").iterdir()} == {".gitignore", "shop"}


def test_nobody_is_shown_unless_revealed(desk: Desk) -> None:
    """A planted person goes through every command, good and bad, and shows in none."""
    desk.sql("insert into customers values (901, 'planted.person@secretmail.example', 'Plantedfirst', null, 1, 1)")
    desk.sql("insert into customers values (902, 'planted@person@secretmail.example', 'Plantedfirst', null, 1, 1)")
    desk.run("plan", "--out", "shop.rplan")
    desk.sql("delete from customers where id = 901")
    desk.run("plan", "--out", "shop.rplan", "--json")
    for form in ("text", "markdown", "html", "json"):
        desk.run("show", "shop.rplan", "--format", form)
    desk.environ.pop("SECRET")
    desk.environ.pop("SAILTHRU_API_SECRET")
    asked = desk.run("show", "shop.rplan", "--key", "planted.person@secretmail.example")
    assert "1 of " in asked.stdout
    assert "other masks" in asked.stderr
    desk.environ["SECRET"] = "demo-secret"
    desk.run("apply", "shop.rplan", "--json")
    desk.sql("update customers set city = null, email = 'planted.moved@secretmail.example' where id = 900")
    desk.run("apply", "--yes")
    desk.sql("delete from customers where id = 900")
    desk.run("apply", "--yes", "--json")
    shown = desk.said.lower()
    assert "secretmail" not in shown
    assert "planted" not in shown
    desk.fill(3)
    revealed = desk.run("plan", "--reveal").stdout
    assert "planted.person@secretmail.example" in revealed


@pytest.mark.usefixtures("hangups")
@pytest.mark.parametrize("sent", [signal.SIGINT, signal.SIGHUP])
def test_ctrl_c_stops_cleanly_and_the_same_plan_goes_on(tmp_path: Path, sent: signal.Signals) -> None:
    with applying(tmp_path, 0.15) as (desk, process):
        simulator = desk.simulator
        process.send_signal(sent)
        out, err = process.communicate(timeout=60)
        assert process.returncode == 8, err
        assert "Stopping after what is in flight" in err
        assert "not attempted" in out
        assert "Traceback" not in err
        posts = simulator.calls_total["POST", "user"]
        [report] = [json.loads(path.read_bytes()) for path in tmp_path.glob(".reconcile/*/runs/*/report.json")]
        assert report["in_doubt"] <= posts
        assert report["attempted"] == posts + simulator.calls_total["POST", "list"]
        assert report["unattempted"] == report["total"] - report["attempted"]
        told = desk.run("status").stdout
        assert (f"{report['in_doubt']} may have been done" in told) == (report["in_doubt"] > 0)
        assert desk.run("apply", "shop.rplan").returncode == 0


def test_a_memory_limit_that_cannot_be_worked_within_is_refused(desk: Desk) -> None:
    refused = desk.run("plan", "--memory-limit", "100MB")
    assert refused.returncode == 64
    assert "100MB (95 MiB) is too small" in refused.stderr
    desk.environ["RECONCILE_MEMORY_LIMIT"] = "plenty"
    assert "'plenty' is no memory limit" in desk.run("apply", "--yes").stderr
    assert desk.writes() == 0


def test_a_workspace_that_cannot_be_written_is_told(desk: Desk) -> None:
    refused = desk.run("plan", "--workspace", "nowhere")
    assert refused.returncode == 74
    assert "nowhere: No such file or directory" in refused.stderr


def test_a_log_says_what_every_step_did(desk: Desk) -> None:
    told = desk.run("plan").stderr.splitlines()
    steps = [line.partition(":")[0] for line in told]
    assert steps == [
        "reading customers",
        "checking rows",
        "evaluating properties",
        "exporting lists",
        "reading who may differ",
        "looking up profiles",
        "comparing",
        "weighing the plan",
        "writing the plan",
    ]
    assert told[0].startswith("reading customers: 31 rows, ")
    assert told[-1].startswith("writing the plan: 31 actions, ")


def test_a_profile_says_where_time_and_memory_went(desk: Desk) -> None:
    told = desk.run("plan", "--profile", "--memory-limit", "400MiB", "--out", "shop.rplan").stderr
    table = told[told.index("\nstep  ") :].splitlines()[2:]
    steps = [line.partition("  ")[0] for line in table]
    assert steps[0] == "reading customers"
    assert {"writing the plan", "between steps", "all"} <= set(steps)
    events = [json.loads(line) for line in desk.run("apply", "shop.rplan", "--json", "--profile").stdout.splitlines()]
    [profile] = [one for one in events if one["event"] == "profile"]
    assert {"creating lists", "upserting profiles", "between steps"} <= {one["step"] for one in profile["steps"]}
    assert profile["seconds"] >= sum(one["seconds"] for one in profile["steps"]) - 0.1
    assert profile["peak"] > 50 * 2**20
    assert sum(one["done"] for one in profile["steps"] if one["step"] == "upserting profiles") == 31

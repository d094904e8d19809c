"""Who does not look at every run hears of it: failed, blocked, drifted, recovered; and nobody's data is in it."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from desk import PLANTED, Desk
from listener import SECRET, Listener, listening

from reconcile.simulator import Faults, Simulator
from reconcile.simulator.server import running

JOB = {"GITHUB_SERVER_URL": "https://github.example", "GITHUB_REPOSITORY": "acme/crm", "GITHUB_RUN_ID": "7"}


@pytest.fixture
def listener() -> Iterator[Listener]:
    with listening() as listener:
        yield listener


@pytest.fixture
def desk(tmp_path: Path, listener: Listener) -> Iterator[Desk]:
    simulator = Simulator(seed=1, faults=Faults.named("none"))
    with running(simulator) as url:
        desk = Desk(tmp_path, url, simulator)
        desk.environ |= {"RECONCILE_WEBHOOK": listener.hook, **JOB}
        yield desk
        told = desk.said + b"".join(listener.bodies).decode(errors="replace")
        assert not any(word in told for word in (*PLANTED, "Elsewhere"))
        assert SECRET not in desk.said


def meddle(desk: Desk, city: str) -> None:
    account = desk.simulator.account
    profile = account.profile(PLANTED[0])
    assert profile is not None
    account.put(profile._replace(vars={**profile.vars, "city": city}))


def test_a_webhook_hears_of_a_failure_once_it_is_over_too_and_of_nothing_else(desk: Desk, listener: Listener) -> None:
    # A plan that is only looked at, and one that works, are nobody's business.
    assert desk.run("plan", "specs").returncode == 0
    desk.environ["SHOP"] = "sqlite:///gone.db"
    assert desk.run("plan", "specs").returncode == 69
    assert listener.heard == []

    failed = desk.run("apply", "specs", "--yes")
    assert (failed.returncode, "The webhook at 127.0.0.1 was told: failed." in failed.stderr) == (69, True)
    desk.environ["SHOP"] = "sqlite:///shop.db"
    assert desk.run("apply", "specs", "--yes").returncode == 0
    desk.environ["OTEL_EXPORTER_OTLP_ENDPOINT"] = listener.url
    again = desk.run("apply", "specs", "--yes", "--metrics", "shop.prom")
    assert {"reconcile apply", "reading customers", "exporting lists", "comparing"} <= set(listener.spans)
    metrics = (desk.folder / "shop.prom").read_text()
    desk.said += metrics
    assert again.returncode == 0
    assert 'reconcile_converged{account="shop",command="apply",environment=""} 1.0' in metrics
    assert 'reconcile_profiles{account="shop",command="apply",environment="",side="observed"} 31.0' in metrics
    first, second = listener.heard
    assert (first["event"], first["account"], first["status"], first["plan_id"]) == ("failed", "shop", 69, None)
    assert "gone.db" in first["headline"]
    assert first["job"] == "https://github.example/acme/crm/actions/runs/7"
    assert (second["event"], second["status"], second["outcomes"]) == ("recovered", 0, {"verified": 34})
    assert second["counts"]["create"] == 31
    assert second["run"].endswith(second["plan_id"])


def test_what_a_guard_blocks_is_told_also_of_a_plan_that_is_enforced(desk: Desk, listener: Listener) -> None:
    spec = (desk.folder / "specs" / "shop.yaml").read_text()
    (desk.folder / "specs" / "shop.yaml").write_text(spec.replace("invalid_rows: 100%", "invalid_rows: 0%"))
    desk.sql("update customers set email = 'nonsense ' || email where id < 12 or id = 900")
    assert desk.run("plan", "specs", "--enforce").returncode == 3
    [told] = listener.heard
    assert (told["event"], told["command"], told["status"]) == ("blocked", "plan", 3)
    assert told["plan_id"]
    assert told["headline"]


def test_drift_is_told_once_in_slacks_words_and_when_it_is_gone(desk: Desk, listener: Listener) -> None:
    assert desk.run("apply", "specs", "--yes").returncode == 0
    desk.environ["RECONCILE_WEBHOOK_FORMAT"] = "slack"
    meddle(desk, "Elsewhere")
    assert [desk.run("drift").returncode for _ in range(2)] == [0, 0]
    assert desk.run("apply", "specs", "--yes").returncode == 0
    assert [desk.run("drift").returncode for _ in range(2)] == [0, 0]
    assert all(set(one) == {"text"} for one in listener.heard)
    drifted, gone = (one["text"].splitlines() for one in listener.heard)
    assert drifted[:2] == ["*Drifted: drift at shop*", "Somebody changed shop: 1 action would undo it."]
    assert drifted[2].endswith("<https://github.example/acme/crm/actions/runs/7|the job>")
    assert gone[:2] == ["*Recovered: drift at shop*", "Nothing that somebody changed at shop is left."]


@pytest.mark.parametrize("trouble", ["nobody there", "refuses"])
def test_a_webhook_that_does_not_work_is_told_and_changes_nothing(desk: Desk, listener: Listener, trouble: str) -> None:
    listener.answer = 404 if trouble == "refuses" else 200
    if trouble == "nobody there":
        desk.environ["RECONCILE_WEBHOOK"] = f"http://127.0.0.1:9/{SECRET}"
        desk.environ["OTEL_EXPORTER_OTLP_ENDPOINT"] = "http://127.0.0.1:9"
    desk.environ["SHOP"] = "sqlite:///gone.db"
    done = desk.run("apply", "specs", "--yes")
    told = {
        "nobody there": "The webhook may not have been told (failed): no clear answer from 127.0.0.1.",
        "refuses": "The webhook was not told (failed): 127.0.0.1 refuses (status 404).",
    }
    assert (done.returncode, told[trouble] in done.stderr) == (69, True), done.stderr
    assert ("Spans that did not reach" in done.stderr) is (trouble == "nobody there")
    assert listener.heard == []

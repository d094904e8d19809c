"""A file of metrics: readable by Prometheus, whole, and never in the way of what a command exits with."""

from __future__ import annotations

from pathlib import Path

from prometheus_client.parser import text_string_to_metric_families

from reconcile.apply.model import Outcome, Report
from reconcile.watch import metrics
from reconcile.watch.model import Drift, Watched


def read(path: Path) -> dict[tuple[str, ...], float]:
    """The name of each sample, with what is no label of the run itself -> its value."""
    families = text_string_to_metric_families(path.read_text(encoding="utf-8"))
    common = {"account", "environment", "command"}
    return {
        (one.name, *(value for key, value in one.labels.items() if key not in common)): one.value
        for family in families
        for one in family.samples
    }


def test_an_apply_in_numbers(tmp_path: Path) -> None:
    outcomes = {Outcome.VERIFIED: 7, Outcome.REJECTED: 1}
    report = Report("p", 10, outcomes, (), {"POST /user": 9, "GET /list": 2}, {"throttled": 3}, 1.5)
    run = Watched("apply", "prod", 'sh"op\n', report=report, status=4, seconds=2.5)
    path = tmp_path / "reconcile.prom"
    path.write_text("what was there before")
    assert metrics.write(run, path, 1_700_000_000.0) is None
    found = read(path)
    assert found["reconcile_run_timestamp_seconds",] == 1_700_000_000
    assert (found["reconcile_run_duration_seconds",], found["reconcile_exit_status",]) == (2.5, 4)
    assert found["reconcile_converged",] == 0
    assert (found["reconcile_actions", "verified"], found["reconcile_actions", "rejected"]) == (7, 1)
    assert found["reconcile_actions", "unattempted"] == 2
    assert (found["reconcile_calls", "POST /user"], found["reconcile_retries", "throttled"]) == (9, 3)
    assert 'account="sh\\"op\\n",command="apply",environment="prod"' in path.read_text()
    assert [one.name for one in tmp_path.iterdir()] == ["reconcile.prom"]


def test_drift_in_numbers(tmp_path: Path) -> None:
    run = Watched("drift", account="shop", drift=Drift(3, known=True, said="", told=""))
    assert metrics.write(run, tmp_path / "drift.prom", 0) is None
    found = read(tmp_path / "drift.prom")
    assert (found["reconcile_drift_actions",], found["reconcile_converged",]) == (3, 0)


def test_what_cannot_be_written_is_told(tmp_path: Path) -> None:
    told = metrics.write(Watched("plan"), tmp_path / "gone" / "plan.prom", 0)
    assert told == f"The metrics could not be written to {tmp_path}/gone/plan.prom: No such file or directory."

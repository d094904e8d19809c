"""A file of what a command came to, in the text format of Prometheus, for node_exporter's textfile collector.

Source: Prometheus, "Exposition formats", text-based; node_exporter, "Textfile collector": a file is read at any moment,
so it is put in place whole (the library writes a draft beside it and renames it).
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from reconcile.apply import reporting
from reconcile.watch.model import Watched


def write(run: Watched, path: Path, at: float) -> str | None:
    """Write what is known of a command that has ended; never fails.

    Args:
        at: when it ended, in Unix seconds.

    Returns:
        What went wrong, for people; None when nothing did.
    """
    try:
        from prometheus_client import write_to_textfile
    except ImportError:
        return "There are no metrics: prometheus_client is not installed (pip install 'sailthru-reconcile[metrics]')."
    try:
        write_to_textfile(str(path), _Page(run).filled(at))
    except OSError as error:
        return f"The metrics could not be written to {path}: {error.strerror}."
    return None


class _Page:
    """Gauges of one command, all with the same account, environment and command."""

    def __init__(self, run: Watched) -> None:
        from prometheus_client import CollectorRegistry

        self._run = run
        self._whose = {"account": run.account, "environment": run.environment or "", "command": run.command}
        self._registry = CollectorRegistry()

    def filled(self, at: float) -> Any:
        """The registry."""
        run = self._run
        self._one("run_timestamp_seconds", "When the last run ended, in Unix seconds.", at)
        self._one("run_duration_seconds", "How long it took.", run.seconds)
        self._one("exit_status", "What it exited with.", run.status)
        self._one("converged", "1 when the account is as it should be: verified, or nothing differs.", run.converged)
        self._planned()
        self._applied()
        if run.drift is not None and run.drift.known:
            self._one("drift_actions", "Actions that would undo what somebody changed.", run.drift.count)
        return self._registry

    def _planned(self) -> None:
        if (face := self._run.face) is None:
            return
        self._each(
            "plan_profiles", "Profiles of the plan by what is to be done.", "operation", face.counts.model_dump()
        )
        self._one("plan_new_lists", "Lists to create.", len(face.new_lists))
        self._one("plan_breaches", "Guards that the plan exceeds.", len(face.breaches))
        sides = {"desired": face.desired, "observed": face.observed}
        self._each("profiles", "Profiles that are wanted, and that are there.", "side", sides)
        rows = {one.name: one.rows for one in face.sources}
        self._each("source_rows", "Rows of each source.", "source", rows)

    def _applied(self) -> None:
        if (report := self._run.report) is None:
            return
        outcomes = {
            **reporting.outcomes(report),
            "in_doubt": report.in_doubt,
            "unattempted": report.unattempted,
            "earlier": report.earlier,
        }
        self._each("actions", "Actions by what came of them.", "outcome", outcomes)
        self._each("calls", "Calls to the account, repeats included.", "endpoint", report.calls)
        retries = {str(cause): count for cause, count in report.retries.items()}
        self._each("retries", "Calls that were repeated.", "cause", retries)
        self._each("held_back_seconds", "How long calls were held back.", "cause", report.waited)

    def _one(self, name: str, told: str, value: float) -> None:
        from prometheus_client import Gauge

        gauge = Gauge(f"reconcile_{name}", told, [*self._whose], registry=self._registry)
        gauge.labels(**self._whose).set(value)

    def _each(self, name: str, told: str, by: str, values: Mapping[str, float]) -> None:
        from prometheus_client import Gauge

        gauge = Gauge(f"reconcile_{name}", told, [*self._whose, by], registry=self._registry)
        for key, value in values.items():
            gauge.labels(**self._whose, **{by: key}).set(value)

"""Spans of a command and its steps, as an exporter gets them."""

from __future__ import annotations

from pathlib import Path

import pytest
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor, SpanExporter, SpanExportResult
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

from reconcile.plan.model import Stage
from reconcile.screen.steps import Steps
from reconcile.watch.model import Watched
from reconcile.watch.spans import Counting, Trace


def traced() -> tuple[Trace, InMemorySpanExporter]:
    exporter, provider = InMemorySpanExporter(), TracerProvider()
    provider.add_span_processor(SimpleSpanProcessor(exporter))
    return Trace("apply", provider), exporter


def test_a_command_and_its_steps_and_stages_in_one_trace(capsys: pytest.CaptureFixture[str]) -> None:
    trace, exporter = traced()
    with Steps.shown(as_json=True, through=trace.through) as steps:
        steps.start("reading customers", 5)
        steps.advance("reading customers", 3, size=64)
        steps.advance("reading customers", 2, size=36)
        steps.finish("reading customers")
        steps.stage(Stage.UPSERTS, 7)
        steps.settled(4)
    assert trace.end(Watched("apply", "prod", "shop", status=69, error="Nobody's words.")) is None
    step, stage, whole = exporter.get_finished_spans()
    assert step.name == "reading customers"
    assert dict(step.attributes or {}) == {"reconcile.total": 5, "reconcile.rows": 5, "reconcile.bytes": 100}
    assert (step.status.is_ok, stage.status.is_ok, whole.status.is_ok) == (True, False, False)
    assert stage.name == "upserting profiles"
    assert (stage.attributes or {})["reconcile.actions"] == 4, "cut off by the end, with what was done"
    assert whole.name == "reconcile apply"
    assert (whole.attributes or {})["reconcile.exit_status"] == 69
    assert (whole.attributes or {})["reconcile.account"] == "shop"
    assert "words" not in whole.to_json()
    assert whole.context is not None
    assert {one.parent.span_id for one in (step, stage) if one.parent} == {whole.context.span_id}
    assert '"reading customers"' in capsys.readouterr().out, "the screen hears of it as ever"


def test_what_is_lost_is_counted() -> None:
    class Deaf(SpanExporter):
        def export(self, spans: object) -> SpanExportResult:
            return SpanExportResult.FAILURE

    counting, provider = Counting(Deaf()), TracerProvider()
    provider.add_span_processor(SimpleSpanProcessor(counting))
    trace = Trace("plan", provider, lambda: counting.lost)
    assert trace.end(Watched("plan")) == "Spans that did not reach OTEL_EXPORTER_OTLP_ENDPOINT: 1."


def test_nothing_of_it_is_imported_where_nobody_asked(tmp_path: Path) -> None:
    import subprocess
    import sys

    look = (
        "import sys; sys.argv = ['reconcile', 'drift', 'gone']\n"
        "from reconcile.cli import main\n"
        "try:\n    main()\nfinally:\n"
        "    print([one for one in sys.modules if 'telemetry' in one or 'prometheus' in one])"
    )
    done = subprocess.run([sys.executable, "-c", look], capture_output=True, text=True, check=False, cwd=tmp_path)
    assert (done.returncode, done.stdout.strip()) == (65, "[]"), done.stderr

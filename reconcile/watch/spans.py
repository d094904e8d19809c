"""Spans of OpenTelemetry: one for a command, and below it one for each step, with counts as attributes.

Source: OpenTelemetry, "Environment variable specification" and "OTLP exporter configuration": the SDK and the
exporter read `OTEL_EXPORTER_OTLP_ENDPOINT`, `OTEL_SERVICE_NAME` and the others by themselves.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, cast

from reconcile.apply import reporting
from reconcile.state.model import Progress
from reconcile.watch.model import WELL, Watched

if TYPE_CHECKING:
    from opentelemetry.sdk.trace import TracerProvider
    from opentelemetry.sdk.trace.export import SpanExporter, SpanExportResult
    from opentelemetry.trace import Span

ENDPOINT = "OTEL_EXPORTER_OTLP_ENDPOINT"


@dataclass(slots=True)
class _Open:
    """A step under way."""

    span: Span
    unit: str
    done: int = 0
    size: int = 0


class Trace:
    """The span of a command, from here to `end`."""

    def __init__(self, command: str, provider: TracerProvider, lost: Callable[[], int] = lambda: 0) -> None:
        from opentelemetry.trace import set_span_in_context

        self._provider, self._lost = provider, lost
        self._tracer = provider.get_tracer("reconcile")
        self._span = self._tracer.start_span(f"reconcile {command}")
        self._context = set_span_in_context(self._span)
        self._open: dict[str, _Open] = {}

    def through(self, then: Progress) -> Progress:
        """A `Progress` that makes spans of steps on their way to another one."""
        return _Spans(self, then)

    def begin(self, step: str, total: int | None, unit: str) -> None:
        """A step begins."""
        span = self._tracer.start_span(step, self._context)
        if total is not None:
            span.set_attribute("reconcile.total", total)
        self._open[step] = _Open(span, unit)

    def count(self, step: str, by: int, size: int) -> None:
        """Only counted."""
        one = self._open[step]
        one.done += by
        one.size += size

    def close(self, step: str, *, well: bool = True) -> None:
        """A step has ended, or was cut off by the end of all."""
        one = self._open.pop(step)
        one.span.set_attributes({f"reconcile.{one.unit}": one.done, "reconcile.bytes": one.size})
        if not well:
            _failed(one.span)
        one.span.end()

    def end(self, run: Watched) -> str | None:
        """The command has ended; sends what was not sent yet.

        Returns:
            What went wrong, for people; None when nothing did.
        """
        for step in [*self._open]:
            self.close(step, well=run.status in WELL)
        self._span.set_attributes(_attributes(run))
        if run.status not in WELL:
            _failed(self._span)
        self._span.end()
        self._provider.shutdown()
        return f"Spans that did not reach {ENDPOINT}: {self._lost()}." if self._lost() else None


class _Spans:
    """Satisfies `Progress`."""

    def __init__(self, trace: Trace, then: Progress) -> None:
        self._trace, self._then = trace, then

    def start(self, step: str, total: int | None = None, unit: str = "rows") -> None:
        """A step begins."""
        self._trace.begin(step, total, unit)
        self._then.start(step, total, unit)

    def advance(self, step: str, by: int = 1, *, size: int = 0) -> None:
        """So much more is done."""
        self._trace.count(step, by, size)
        self._then.advance(step, by, size=size)

    def finish(self, step: str) -> None:
        """A step has ended."""
        self._then.finish(step)
        self._trace.close(step)


def opened(command: str, environ: Mapping[str, str]) -> Trace | None:
    """The span of a command that begins, sent to the collector that the environment names; None without the library."""
    try:
        from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
        from opentelemetry.sdk.resources import Resource
        from opentelemetry.sdk.trace import TracerProvider
        from opentelemetry.sdk.trace.export import BatchSpanProcessor
    except ImportError:
        return None
    logging.getLogger("opentelemetry").addHandler(logging.NullHandler())  # what is lost is told once, at the end
    named = {} if environ.get("OTEL_SERVICE_NAME") else {"service.name": "reconcile"}
    provider, exporter = TracerProvider(resource=Resource.create(named)), Counting(OTLPSpanExporter())
    provider.add_span_processor(BatchSpanProcessor(cast("SpanExporter", exporter)))
    return Trace(command, provider, lambda: exporter.lost)


class Counting:
    """A `SpanExporter` on the way to another one, that knows how many spans did not arrive."""

    def __init__(self, then: SpanExporter) -> None:
        self._then = then
        self.lost = 0

    def export(self, spans: Sequence[Any]) -> SpanExportResult:
        """Lost until they have arrived."""
        from opentelemetry.sdk.trace.export import SpanExportResult

        self.lost += len(spans)
        result = self._then.export(spans)
        if result is SpanExportResult.SUCCESS:
            self.lost -= len(spans)
        return result

    def shutdown(self) -> None:
        """Nothing more comes."""
        self._then.shutdown()

    def force_flush(self, timeout_millis: int = 30_000) -> bool:
        """Send what is held back."""
        return self._then.force_flush(timeout_millis)


def _failed(span: Span) -> None:
    from opentelemetry.trace import Status, StatusCode

    span.set_status(Status(StatusCode.ERROR))


def _attributes(run: Watched) -> dict[str, str | int | bool]:
    """What a command came to; of an error no words, as they are for people."""
    face, report = run.face, run.report
    counts = face.counts.model_dump() if face else {}
    outcomes = reporting.outcomes(report) if report else {}
    return {
        "reconcile.account": run.account,
        "reconcile.environment": run.environment or "",
        "reconcile.exit_status": run.status,
        "reconcile.converged": run.converged,
        **({"reconcile.plan_id": face.plan_id} if face else {}),
        **({"reconcile.run": report.run, "reconcile.calls": sum(report.calls.values())} if report else {}),
        **{f"reconcile.plan.{name}": count for name, count in counts.items()},
        **{f"reconcile.actions.{name}": count for name, count in outcomes.items()},
    }

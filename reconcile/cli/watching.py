"""Tells others how a command ended, where they asked for it; see `reconcile.watch`. Its exit status stays as it is."""

from __future__ import annotations

import functools
import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import typer
from typer.exceptions import TyperException

from reconcile.cli import ending, signals, telling

if TYPE_CHECKING:
    from reconcile import Reconciler
    from reconcile.plan.model import Face
    from reconcile.spec.model import Spec
    from reconcile.watch.model import Watched
    from reconcile.watch.spans import Trace


@contextmanager
def watched(command: str, env: str | None, metrics: Path | None, *, notify: bool = True) -> Iterator[Watched]:
    """A command, watched from here to its end: every command ends by an exception, `typer.Exit` when all is well.

    Args:
        metrics: the file that Prometheus reads of it.
        notify: whether a webhook hears of it.

    """
    from reconcile.watch.model import Watched

    run, began = Watched(command, env), time.monotonic()
    trace = None
    with _aside("There are no spans"):
        trace = _traced(command)
    if trace is not None:
        run.through = trace.through
    try:
        yield run
    except (TyperException, typer.Abort):
        raise  # misused, or nothing was to be done: it has not run
    except BaseException as error:
        run.status, run.error = _ended(error)
        run.seconds = time.monotonic() - began
        try:
            _tell(run, metrics, trace, notify=notify)
        finally:
            run.show()
        raise


def about(run: Watched, ours: Reconciler, what: Spec | Face) -> None:
    """Say which account and environment it is about, by now that its spec or plan is read."""
    from reconcile.plan.model import Face

    run.account, run.environment = what.account.name, what.environment
    run.store = functools.partial(ours.store_of, what.state)
    run.face = what if isinstance(what, Face) else None


def _ended(error: BaseException) -> tuple[int, str]:
    """The exit status, and what went wrong, without anybody's data; see `cli.ending`."""
    from reconcile.errors import ReconcileError

    match error:
        case typer.Exit():
            return error.exit_code, ""
        case ReconcileError():
            return error.exit_status, error.message
        case KeyboardInterrupt():
            return ending.INTERRUPTED, "Interrupted."
        case signals.CutOff():
            return error.status, "Interrupted."
        case _:
            return 1, f"Something unexpected went wrong ({type(error).__name__})."


def _traced(command: str) -> Trace | None:
    """The spans of a command, where a collector is named."""
    if not os.environ.get("OTEL_EXPORTER_OTLP_ENDPOINT"):
        return None
    from reconcile.watch import spans

    trace = spans.opened(command, os.environ)
    if trace is None:
        telling.say("There are no spans: OpenTelemetry is not installed (pip install 'sailthru-reconcile[otel]').")
    return trace


def _tell(run: Watched, metrics: Path | None, trace: Trace | None, *, notify: bool) -> None:
    """Tell whoever asked for it; the webhook first, as spans may wait long for a collector."""
    if notify and os.environ.get("RECONCILE_WEBHOOK"):
        with _aside("The webhook was not told"):
            from reconcile.review.network import Network
            from reconcile.watch import webhook

            _say(webhook.tell(run, os.environ, Network().tell))
    if metrics is not None:
        with _aside("The metrics could not be written"):
            from reconcile.watch.metrics import write

            _say(write(run, metrics, time.time()))
    if trace is not None:
        with _aside("Spans may be missing"):
            _say(trace.end(run))


@contextmanager
def _aside(told: str) -> Iterator[None]:
    """A block whose trouble is told and changes nothing: no setting of a side channel decides what a command is.

    Of the error only its kind: its words may hold the webhook's URL, which is a secret.
    """
    from reconcile.errors import ReconcileError

    try:
        yield
    except ReconcileError as error:
        telling.say(f"{told}: {error.message}")
    except Exception as error:  # noqa: BLE001 -- whatever it is, the command has come to something already
        telling.say(f"{told}: something unexpected went wrong ({type(error).__name__}).")


def _say(told: str | None) -> None:
    if told:
        telling.say(told)

"""What is printed: coloured lines and errors for people, an event a line for programs."""

from __future__ import annotations

import sys
from collections.abc import Iterable, Iterator
from typing import Any

import orjson
from rich.console import Console
from rich.text import Text

from reconcile.errors import ApprovalExceeded, GuardBreached, ReconcileError, SpecInvalid

out = Console(soft_wrap=True, highlight=False)
err = Console(stderr=True, soft_wrap=True, highlight=False)

_STYLES = {"+": "green", "~": "yellow", "-": "red", "!": "magenta"}


def lines(told: Iterable[str]) -> None:
    """Print lines, coloured by their glyph where there is a terminal."""
    for line in told:
        out.print(Text(line, style=_STYLES.get(line.lstrip()[:1], "") if line.startswith("  ") else ""))


def event(kind: str, /, **facts: Any) -> None:
    """Print one JSON event on a line of its own."""
    sys.stdout.write(orjson.dumps({"event": kind, **facts}).decode() + "\n")
    sys.stdout.flush()


def error(error: ReconcileError, *, as_json: bool = False) -> None:
    """Say what went wrong, all of it, and what now."""
    told = list(_told(error))
    if as_json:
        event("error", message=error.message, hint=error.hint, problems=told, status=error.exit_status)
        return
    for one in told:
        err.print(Text("Error: ", style="bold red") + Text(one))
    if isinstance(error, SpecInvalid):
        if len(told) > 1:
            err.print(Text(f"{len(told)} problems in the spec.", style="bold"))
        return
    if isinstance(error, GuardBreached | ApprovalExceeded):
        err.print(Text(error.message, style="bold"))
    if error.hint:
        err.print(Text(f"  {error.hint}"))


def _told(error: ReconcileError) -> Iterator[str]:
    """Everything that an error has to say: some errors are several."""
    from reconcile.spec.problems import render

    match error:
        case SpecInvalid(problems=problems):
            yield from (render(problem) for problem in problems)
        case GuardBreached(breaches=several) | ApprovalExceeded(misfits=several):
            yield from several
        case _:
            yield error.message

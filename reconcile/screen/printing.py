"""What is printed: coloured lines and errors for people, an event a line for programs."""

from __future__ import annotations

import codecs
import re
import sys
from collections.abc import Iterable, Iterator
from typing import Any

import orjson
from rich.console import Console
from rich.text import Text

from reconcile.errors import ApprovalExceeded, GuardBreached, ReconcileError, SpecInvalid
from reconcile.spec.printable import escape_character, escape_json, escape_line, escape_lines

out = Console(soft_wrap=True, highlight=False)
err = Console(stderr=True, soft_wrap=True, highlight=False)

_BEYOND_ASCII = re.compile(r"[^\x00-\x7f]")
_STYLES = {"+": "green", "~": "yellow", "-": "red", "!": "magenta"}


def lines(told: Iterable[str]) -> None:
    """Print lines, coloured by their glyph where there is a terminal."""
    for line in map(escape_line, told):
        out.print(Text(line, style=_STYLES.get(line.lstrip()[:1], "") if line.startswith("  ") else ""))


def event(kind: str, /, **facts: Any) -> None:
    """Print one JSON event on a line of its own."""
    document(orjson.dumps({"event": kind, **facts}))


def document(content: bytes) -> None:
    """Print a JSON document: as it is where the output takes UTF-8, else with every other letter as an escape."""
    text = escape_json(content.decode())
    if codecs.lookup(sys.stdout.encoding or "utf-8").name != "utf-8":
        text = _BEYOND_ASCII.sub(lambda found: escape_character(found[0]), text)
    sys.stdout.write(f"{text}\n")
    sys.stdout.flush()


def error(error: ReconcileError, *, as_json: bool = False) -> None:
    """Say what went wrong, all of it, and what now."""
    told = list(_told(error))
    if as_json:
        event("error", message=error.message, hint=error.hint, problems=told, status=error.exit_status)
        return
    for one in told:
        err.print(Text("Error: ", style="bold red") + Text(escape_lines(one)))
    if isinstance(error, SpecInvalid):
        if len(told) > 1:
            err.print(Text(f"{len(told)} problems in the spec.", style="bold"))
        return
    if isinstance(error, GuardBreached | ApprovalExceeded):
        err.print(Text(escape_lines(error.message), style="bold"))
    if error.hint:
        err.print(Text(f"  {escape_lines(error.hint)}"))


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

"""What commands have in common with the screen: a word on standard error, steps on their way, a plan."""

from __future__ import annotations

import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from reconcile.cli.options import Format
    from reconcile.plan.model import Plan
    from reconcile.plan.picking import Picked
    from reconcile.screen.steps import Steps
    from reconcile.watch.model import Watched


_INTERRUPTED = threading.Lock()
"""Held from when it is said."""


def say(told: str) -> None:
    """A line for the person at the terminal, not for a pipe."""
    from reconcile.spec.printable import escape_lines

    sys.stderr.write(f"{escape_lines(told)}\n")
    sys.stderr.flush()


def say_interrupted() -> None:
    """That the command was interrupted: once, whoever comes to say it."""
    if _INTERRUPTED.acquire(blocking=False):
        say("Interrupted.")


def counted(count: int, name: str) -> str:
    """`1 list`, `2 lists`; for a `propert` it knows the ending."""
    plural = f"{name}ies" if name.endswith("propert") else f"{name}s"
    return f"{count:,} {plural if count != 1 else name + ('y' if name.endswith('propert') else '')}"


@contextmanager
def steps(*, as_json: bool, profile: bool, run: Watched | None = None) -> Iterator[Steps]:
    """Steps of a plan or an apply, shown while they last, and what each took if `profile`; `run` is who is watched."""
    from reconcile.screen.steps import Steps

    through = {} if run is None else {"through": run.through}
    with Steps.shown(as_json=as_json, profile=profile, **through) as steps:
        yield steps


def show(
    plan: Plan,
    format: Format,  # noqa: A002 -- the option's name
    *,
    reveal: bool,
    picked: Picked | None = None,
) -> None:
    """A plan, or the part of it that was picked, in the form that was asked for; as JSON it is an event."""
    from reconcile import screen
    from reconcile.cli.options import Format
    from reconcile.plan import explain

    if picked:
        from reconcile.plan import answers

        view = answers.asked(plan, picked, reveal=reveal)
    else:
        view = explain.view(plan, reveal=reveal)
    match format:
        case Format.TEXT:
            screen.lines(explain.text(view))
        case Format.MARKDOWN | Format.HTML:
            from reconcile.review import composing, html, markdown
            from reconcile.spec.printable import escape_lines

            page = composing.asked(plan, view) if picked else composing.page(plan, reveal=reveal)
            sys.stdout.write(html.text(page) if format is Format.HTML else escape_lines(markdown.text(page)))
        case Format.JSON if picked:
            screen.event("part", **explain.as_json(view))
        case Format.JSON:
            screen.event("plan", **explain.as_json(view))

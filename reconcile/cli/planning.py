"""`plan` and `show`: what differs and what would be done."""

from __future__ import annotations

import asyncio
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from reconcile.cli import telling
from reconcile.cli.options import SPECS, STATE, Allow, AsJson, Format, Reveal, SpecPath, State, allowances, load

if TYPE_CHECKING:
    from reconcile.plan.model import Allowance, Plan
    from reconcile.spec.model import Spec

DIFFERENCES = 2


def plan(
    spec: SpecPath = SPECS,
    out: Annotated[Path | None, typer.Option("--out", "-o", help="Keep the plan in this file, to be applied.")] = None,
    format: Annotated[Format, typer.Option("--format", help="How to show it.")] = Format.TEXT,  # noqa: A002 -- the option's name
    observed: Annotated[
        Path | None, typer.Option("--observed", help="Plan on an observation that `observe` kept in this folder.")
    ] = None,
    as_json: AsJson = False,
    reveal: Reveal = False,
    allow: Allow = None,
    detailed_exitcode: Annotated[
        bool, typer.Option("--detailed-exitcode", help="Exit with 2 when there are differences.")
    ] = False,
    state: State = STATE,
) -> None:
    """Show what differs between the sources and the account, and what apply would do. Writes nothing to the account."""
    with _kept(out) as path:
        made = planned(load(spec), path, allowances(allow), observed=observed, as_json=as_json, state=state)
        telling.show(made, Format.JSON if as_json else format, reveal=reveal, event="plan" if as_json else None)
        if out is not None and not as_json and format is Format.TEXT:
            apply_it = f"Apply exactly this with: reconcile apply {out}"
            telling.say(f"Kept in {out}. {'Apply refuses it: see on top.' if made.face.breaches else apply_it}")
    raise typer.Exit(DIFFERENCES if detailed_exitcode and not made.face.empty else 0)


def show(
    plan: Annotated[Path, typer.Argument(help="A plan file.")],
    format: Annotated[Format, typer.Option("--format", help="How to show it.")] = Format.TEXT,  # noqa: A002 -- the option's name
    reveal: Reveal = False,
) -> None:
    """Show a plan file again."""
    from reconcile.plan import archive

    telling.show(archive.read(plan), format, reveal=reveal)


def planned(
    spec: Spec,
    out: Path | None,
    allowed: Sequence[Allowance],
    *,
    as_json: bool,
    state: Path,
    observed: Path | None = None,
) -> Plan:
    """A plan, with its steps shown on the way."""
    from reconcile import Reconciler

    with telling.steps(as_json=as_json) as steps:
        planning = Reconciler(state=state).plan(spec, out=out, observed=observed, allowed=allowed, progress=steps)
        return asyncio.run(planning)


@contextmanager
def _kept(out: Path | None) -> Iterator[Path]:
    """Where the plan goes: where it was asked to, or a place that is gone when it was shown."""
    with tempfile.TemporaryDirectory(prefix="reconcile-") as folder:
        yield out or Path(folder) / "plan.rplan"

"""`plan`: what differs and what would be done."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from reconcile.cli import telling, watching
from reconcile.cli.options import (
    SPECS,
    Allow,
    AsJson,
    AsOf,
    Base,
    Env,
    Format,
    MemoryLimit,
    Metrics,
    PreviousSecret,
    Profile,
    Reveal,
    SameAccount,
    SpecPath,
    State,
    Var,
    WorkFolder,
    allowances,
    load,
    reconciler,
)

if TYPE_CHECKING:
    from datetime import datetime

    from reconcile import Reconciler
    from reconcile.plan.model import Allowance, Face, Plan
    from reconcile.spec.model import Spec
    from reconcile.watch.model import Watched

DIFFERENCES = 2
Seal = Annotated[
    list[str] | None,
    typer.Option(
        "--seal",
        help="Encrypt who is in it to this age recipient; may be repeated. Goes with --out.",
        metavar="AGE1…",
    ),
]


def plan(
    spec: SpecPath = SPECS,
    env: Env = None,
    var: Var = None,
    out: Annotated[Path | None, typer.Option("--out", "-o", help="Keep the plan in this file, to be applied.")] = None,
    seal: Seal = None,
    format: Annotated[Format, typer.Option("--format", help="How to show it.")] = Format.TEXT,  # noqa: A002 -- the option's name
    observed: Annotated[
        Path | None, typer.Option("--observed", help="Plan on an observation that `observe` kept in this folder.")
    ] = None,
    as_of: AsOf = None,
    as_json: AsJson = False,
    reveal: Reveal = False,
    allow: Allow = None,
    base: Base = None,
    detailed_exitcode: Annotated[
        bool, typer.Option("--detailed-exitcode", help="Exit with 2 when there are differences.")
    ] = False,
    enforce: Annotated[
        bool, typer.Option("--enforce", help="Exit with 3 when a guard blocks the plan, after it was kept and shown.")
    ] = False,
    previous_secret_env: PreviousSecret = None,
    same_account: SameAccount = False,
    state: State = None,
    memory_limit: MemoryLimit = None,
    workspace: WorkFolder = None,
    profile: Profile = False,
    metrics: Metrics = None,
) -> None:
    """Show what differs between the sources and the account, and what apply would do. Writes nothing to the account."""
    from reconcile.plan import guards

    seal_with_out(seal, out)
    with watching.watched("plan", env, metrics, notify=enforce) as run:
        ours = reconciler(state, memory_limit, workspace, previous_secret_env, same_account=same_account)
        with scratch(workspace) as folder:
            loaded, allowed, other = load(spec, env, var), allowances(allow), load(base, env, var) if base else None
            watching.about(run, ours, loaded)
            seal = recipients(seal, loaded) if out else None
            path = draft(folder, out, seal)
            made = planned(
                run,
                ours,
                loaded,
                path,
                allowed,
                observed=observed,
                as_of=as_of,
                base=other,
                as_json=as_json,
                profile=profile,
            )
            offer(made, out, seal, Format.JSON if as_json else format, reveal=reveal, state=state)
            if enforce:
                guards.enforce(made.face, allowed)
        raise typer.Exit(DIFFERENCES if detailed_exitcode and not made.face.empty else 0)


def seal_with_out(seal: list[str] | None, out: Path | None) -> None:
    """Make sure that there is a file to seal."""
    if seal and out is None:
        raise typer.BadParameter("--seal goes with --out: there is no file to seal.")


def recipients(seal: list[str] | None, spec: Spec) -> list[str] | None:
    """Whom a plan is sealed to: whom the command names, else the spec.

    Asked before the plan is made, which may take long: it must be possible.
    """
    found = seal or spec.seal
    if found:
        from reconcile.plan import sealing

        sealing.public_keys(found)
    return found


def planned(
    run: Watched,
    ours: Reconciler,
    spec: Spec,
    out: Path,
    allowed: Sequence[Allowance],
    *,
    as_json: bool,
    profile: bool,
    observed: Path | None = None,
    as_of: datetime | None = None,
    base: Spec | None = None,
) -> Plan:
    """A plan, with its steps shown on the way; whoever watches the command is told of it."""
    import asyncio

    with telling.steps(as_json=as_json, profile=profile, run=run) as steps:
        making = ours.plan(spec, out=out, observed=observed, as_of=as_of, allowed=allowed, base=base, progress=steps)
        made = asyncio.run(making)
    run.face = made.face
    return made


def draft(folder: Path, out: Path | None, seal: list[str] | None) -> Path:
    """Where a plan is made: in a folder that goes, unless it is to be kept as it is."""
    return folder / "plan.rplan" if out is None or seal else out


def sealed(made: Plan, out: Path | None, seal: list[str] | None) -> Plan:
    """The plan with a sealed copy of our own, where anybody asked for that; another one is at `out`."""
    from dataclasses import replace

    from reconcile.plan import archive, sealing

    if not seal or made.path is None:
        return made
    ours = made.path.with_name(f"{made.path.name}.sealed")  # where plans are made that are to be sealed, see `draft`
    sealing.seal(made, ours, seal)
    if out is not None:
        archive.copy(archive.read(ours), out)
    return replace(made, sealed=ours)


def offer(
    made: Plan,
    out: Path | None,
    seal: list[str] | None,
    format: Format,  # noqa: A002 -- the option's name
    *,
    reveal: bool = False,
    state: str | None = None,
) -> None:
    """Show a plan that was made, see `draft`; seal it, and say where it is and what to do with it."""
    if out is not None:
        sealed(made, out, seal)
    telling.show(made, format, reveal=reveal)
    if out is not None and format is Format.TEXT:
        telling.say(f"Kept in {out}. {tell_next_step(made.face, out, seal, state)}")


def tell_next_step(
    face: Face, out: Path, seal: list[str] | None, state: str | None, *, begin: str = "Apply exactly this with:"
) -> str:
    """What can be done with a kept plan, as a sentence that is true of this one."""
    import os
    import shlex

    from reconcile.spec.model import Mode

    if face.mode is Mode.OBSERVE:
        return "The spec only observes, so there is nothing to apply. To apply, change policy.mode and plan again."
    if face.empty:
        return "There is nothing to apply."
    command = f"reconcile apply {shlex.quote(str(out))}"
    if state is not None:
        command += f" --state {shlex.quote(state)}"
    if seal and not os.environ.get("RECONCILE_AGE_IDENTITY"):
        command += " --identity FILE"
    if face.breaches:
        ways = " ".join(one.way_out for one in face.breaches)
        return f"Apply refuses it as it is. Where it is meant as it is: {command} {ways}"
    return f"{begin} {command}"


@contextmanager
def scratch(workspace: Path | None) -> Iterator[Path]:
    """A folder for a plan that nobody asked to keep, gone when the command ends."""
    from reconcile.state import scratch

    with scratch.folder("a plan", workspace) as folder:
        yield folder

"""`rollback`: the inverse of a plan that was applied."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from reconcile.cli import opening, planning, telling
from reconcile.cli.options import (
    SPECS,
    AsJson,
    Env,
    Format,
    Identity,
    MemoryLimit,
    PreviousSecret,
    SameAccount,
    SpecPath,
    State,
    Var,
    WorkFolder,
    load,
    reconciler,
)


def rollback(
    plan: Annotated[
        str,
        typer.Argument(
            help="The plan file that was applied; or the run, if its plan was sealed: see `status`.", metavar="PLAN|RUN"
        ),
    ],
    spec: SpecPath = SPECS,
    env: Env = None,
    var: Var = None,
    out: Annotated[
        Path | None, typer.Option("--out", "-o", help="Keep the inverse plan in this file, to be applied.")
    ] = None,
    seal: planning.Seal = None,
    format: Annotated[Format, typer.Option("--format", help="How to show it.")] = Format.TEXT,  # noqa: A002 -- the option's name
    as_json: AsJson = False,
    identity: Identity = None,
    previous_secret_env: PreviousSecret = None,
    same_account: SameAccount = False,
    state: State = None,
    memory_limit: MemoryLimit = None,
    workspace: WorkFolder = None,
) -> None:
    """Plan how to take back what a plan did, and say what cannot be undone. Writes nothing to the account."""
    import asyncio

    from reconcile.plan import sealing
    from reconcile.state.keys import Keys

    planning.seal_with_out(seal, out)
    ours, loaded = (
        reconciler(state, memory_limit, workspace, previous_secret_env, same_account=same_account),
        load(spec, env, var),
    )
    seal = planning.recipients(seal, loaded) if out else None
    with planning.scratch(workspace) as folder, telling.steps(as_json=as_json, profile=False) as steps:
        file = Path(plan) if _is_file(plan) else ours.kept(loaded, plan, folder)
        keys = opening.need_keys(spec, loaded=loaded)
        if ours.previous_secret is not None:
            keys = (*keys, Keys.of_secret(ours.previous_secret))
        applied, path = sealing.read(file, folder / "applied.rplan", identity, *keys), planning.draft(folder, out, seal)
        made = asyncio.run(ours.rollback(loaded, applied, out=path, progress=steps))
        planning.offer(made, out, seal, Format.JSON if as_json else format, state=state)


def _is_file(plan: str) -> bool:
    """Whether a plan's file is meant, even one that is not there: the names of runs have no ending."""
    return Path(plan).is_file() or bool(Path(plan).suffix)

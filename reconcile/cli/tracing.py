"""`groups`, `preview` and `explain`: everybody counted, a few looked at, and one person from source to account."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from reconcile.cli import telling
from reconcile.cli.options import (
    SPECS,
    AsJson,
    AsOf,
    Env,
    MemoryLimit,
    Reveal,
    SpecPath,
    Var,
    WorkFolder,
    load,
    reconciler,
)


def groups(
    spec: SpecPath = SPECS,
    env: Env = None,
    var: Var = None,
    as_json: AsJson = False,
    as_of: AsOf = None,
    memory_limit: MemoryLimit = None,
    workspace: WorkFolder = None,
) -> None:
    """Show how large each group is and how far they overlap. Touches no account."""
    from reconcile import screen
    from reconcile.screen import audience

    loaded, ours = load(spec, env, var), reconciler(None, memory_limit, workspace)
    with telling.steps(as_json=as_json, profile=False) as steps:
        found = ours.groups(loaded, as_of=as_of, progress=steps)
    if as_json:
        screen.event("groups", **audience.groups_json(found))
    else:
        screen.lines(audience.groups(loaded, found))


def preview(
    name: Annotated[str, typer.Argument(help="A group or a property of the spec.", metavar="GROUP|PROPERTY")],
    spec: SpecPath = SPECS,
    env: Env = None,
    var: Var = None,
    limit: Annotated[int, typer.Option("--limit", min=0, max=1000, help="So many people to look at.")] = 5,
    reveal: Reveal = False,
    as_json: AsJson = False,
    as_of: AsOf = None,
    memory_limit: MemoryLimit = None,
    workspace: WorkFolder = None,
) -> None:
    """Show what a group or a property comes to: how many, why, and a few people. Touches no account."""
    from reconcile import screen
    from reconcile.screen import preview

    loaded, ours = load(spec, env, var), reconciler(None, memory_limit, workspace)
    with telling.steps(as_json=as_json, profile=False) as steps:
        found = ours.preview(loaded, name, limit=limit, as_of=as_of, reveal=reveal, progress=steps)
    if as_json:
        screen.event("preview", **preview.preview_json(found, reveal=reveal))
    else:
        screen.lines(preview.preview(found, reveal=reveal))


def explain(
    key: Annotated[str, typer.Argument(help="A person's address, the source's key, or a mask.", metavar="KEY")],
    spec: SpecPath = SPECS,
    env: Env = None,
    var: Var = None,
    reveal: Reveal = False,
    as_json: AsJson = False,
    as_of: AsOf = None,
    no_account: Annotated[bool, typer.Option("--no-account", help="Do not look at the account.")] = False,
    observed: Annotated[
        Path | None,
        typer.Option("--observed", help="Look at what `observe` kept in this folder in place of exports."),
    ] = None,
    memory_limit: MemoryLimit = None,
    workspace: WorkFolder = None,
) -> None:
    """Trace one person from source rows through properties and rules to what a plan would do. Writes nothing."""
    import asyncio

    from reconcile import screen
    from reconcile.screen import tracing

    loaded, ours = load(spec, env, var), reconciler(None, memory_limit, workspace)
    with telling.steps(as_json=as_json, profile=False) as steps:
        told = asyncio.run(
            ours.explain(
                loaded, key, as_of=as_of, account=not no_account, observed=observed, reveal=reveal, progress=steps
            )
        )
    if as_json:
        screen.event("explanation", **tracing.explained_json(loaded, told))
    else:
        screen.lines(tracing.explained(loaded, told))
    raise typer.Exit(0 if told.traces or told.seen else 1)

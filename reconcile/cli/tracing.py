"""`explain`: one person, from source to account."""

from __future__ import annotations

from typing import Annotated

import typer

from reconcile.cli.options import SPECS, STATE, AsJson, Env, Reveal, SpecPath, Var, load, reconciler


def explain(
    key: Annotated[str, typer.Argument(help="A person's address, or the source's key.", metavar="KEY")],
    spec: SpecPath = SPECS,
    env: Env = None,
    var: Var = None,
    reveal: Reveal = False,
    as_json: AsJson = False,
    as_of: Annotated[str | None, typer.Option("--as-of", help="The clock of relative dates; now if none.")] = None,
    no_account: Annotated[bool, typer.Option("--no-account", help="Do not look at the account.")] = False,
) -> None:
    """Trace one person from source rows through properties and rules to what a plan would do. Writes nothing."""
    import asyncio

    from reconcile import screen
    from reconcile.spec import cases

    clock = cases.clock(as_of) if as_of is not None else None
    if as_of is not None and clock is None:
        raise typer.BadParameter(f"{as_of!r} is no date or time: 2026-03-01, 2026-03-01T12:00:00Z.")
    loaded, ours = load(spec, env, var), reconciler(STATE, None, None)
    told = asyncio.run(ours.explain(loaded, key, as_of=clock, account=not no_account, reveal=reveal))
    if as_json:
        screen.event("explanation", **screen.explained_json(loaded, told))
    else:
        screen.lines(screen.explained(loaded, told))
    raise typer.Exit(0 if told.traces else 1)

"""`groups` and `explain`: everybody counted, and one person from source to account."""

from __future__ import annotations

from typing import Annotated

import typer

from reconcile.cli.options import SPECS, STATE, AsJson, AsOf, Env, Reveal, SpecPath, Var, load, reconciler


def groups(
    spec: SpecPath = SPECS, env: Env = None, var: Var = None, as_json: AsJson = False, as_of: AsOf = None
) -> None:
    """Show how large each group is and how far they overlap. Touches no account."""
    from reconcile import screen

    loaded = load(spec, env, var)
    found = reconciler(STATE, None, None).groups(loaded, as_of=as_of)
    if as_json:
        screen.event("groups", **screen.groups_json(found))
    else:
        screen.lines(screen.groups(loaded, found))


def explain(
    key: Annotated[str, typer.Argument(help="A person's address, or the source's key.", metavar="KEY")],
    spec: SpecPath = SPECS,
    env: Env = None,
    var: Var = None,
    reveal: Reveal = False,
    as_json: AsJson = False,
    as_of: AsOf = None,
    no_account: Annotated[bool, typer.Option("--no-account", help="Do not look at the account.")] = False,
) -> None:
    """Trace one person from source rows through properties and rules to what a plan would do. Writes nothing."""
    import asyncio

    from reconcile import screen

    loaded, ours = load(spec, env, var), reconciler(STATE, None, None)
    told = asyncio.run(ours.explain(loaded, key, as_of=as_of, account=not no_account, reveal=reveal))
    if as_json:
        screen.event("explanation", **screen.explained_json(loaded, told))
    else:
        screen.lines(screen.explained(loaded, told))
    raise typer.Exit(0 if told.traces else 1)

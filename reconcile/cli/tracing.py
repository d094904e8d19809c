"""`groups` and `explain`: everybody counted, and one person from source to account."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from reconcile.cli.options import SPECS, STATE, AsJson, Reveal, SpecPath, load, reconciler

if TYPE_CHECKING:
    from datetime import datetime

AsOf = Annotated[str | None, typer.Option("--as-of", help="The clock of relative dates; now if none.")]


def groups(spec: SpecPath = SPECS, as_json: AsJson = False, as_of: AsOf = None) -> None:
    """Show how large each group is and how far they overlap. Touches no account."""
    from reconcile import screen

    loaded = load(spec)
    found = reconciler(STATE, None, None).groups(loaded, as_of=_clock(as_of))
    if as_json:
        screen.event("groups", **screen.groups_json(found))
    else:
        screen.lines(screen.groups(loaded, found))


def explain(
    key: Annotated[str, typer.Argument(help="A person's address, or the source's key.", metavar="KEY")],
    spec: SpecPath = SPECS,
    reveal: Reveal = False,
    as_json: AsJson = False,
    as_of: AsOf = None,
    no_account: Annotated[bool, typer.Option("--no-account", help="Do not look at the account.")] = False,
) -> None:
    """Trace one person from source rows through properties and rules to what a plan would do. Writes nothing."""
    import asyncio

    from reconcile import screen

    clock = _clock(as_of)
    loaded, ours = load(spec), reconciler(STATE, None, None)
    told = asyncio.run(ours.explain(loaded, key, as_of=clock, account=not no_account, reveal=reveal))
    if as_json:
        screen.event("explanation", **screen.explained_json(loaded, told))
    else:
        screen.lines(screen.explained(loaded, told))
    raise typer.Exit(0 if told.traces else 1)


def _clock(text: str | None) -> datetime | None:
    from reconcile.spec import cases

    clock = cases.clock(text) if text is not None else None
    if text is not None and clock is None:
        raise typer.BadParameter(f"{text!r} is no date or time: 2026-03-01, 2026-03-01T12:00:00Z.")
    return clock

"""`runs`, `status`, `audit` and `lease`: what was applied, and who is at work. Nothing but the state is asked."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from reconcile.cli import opening
from reconcile.cli.options import SPECS, AsJson, Env, SpecPath, State, Var, is_spec, load, records


def runs(
    spec: SpecPath = SPECS,
    env: Env = None,
    var: Var = None,
    limit: Annotated[int, typer.Option("--limit", min=1, help="So many of the last ones.")] = 20,
    as_json: AsJson = False,
    state: State = None,
) -> None:
    """List the last runs: when, of which kind, what came of each. Asks nothing but the state."""
    from reconcile import screen
    from reconcile.screen import history

    for one in records(state).runs(load(spec, env, var), limit=limit):
        if as_json:
            screen.event("run", **one.as_json())
        else:
            screen.lines([history.run(one)])


def status(
    run: Annotated[
        str, typer.Argument(help="A run, the id of its plan, the beginning of either; or last. May be left out.")
    ] = "last",
    spec: SpecPath = SPECS,
    env: Env = None,
    var: Var = None,
    as_json: AsJson = False,
    state: State = None,
) -> None:
    """Show one run: its stages, its receipts, and what did not converge, masked."""
    from reconcile import screen
    from reconcile.screen import history

    if is_spec(Path(run)):  # `status SPEC`, as with all other commands
        spec, run = Path(run), "last" if spec == SPECS else str(spec)
    found = records(state).status(load(spec, env, var), run)
    if as_json:
        screen.event("status", **found.as_json())
    else:
        screen.lines(history.status(found))


def audit(
    spec: SpecPath = SPECS,
    env: Env = None,
    var: Var = None,
    verify: Annotated[
        bool, typer.Option("--verify", help="Fail when an entry was edited, swapped or taken out, and say which.")
    ] = False,
    as_json: AsJson = False,
    state: State = None,
) -> None:
    """Show who applied what, from where, when, and with which limits raised."""
    from reconcile import screen
    from reconcile.apply.audit import unended
    from reconcile.cli import telling
    from reconcile.errors import AuditBroken
    from reconcile.screen import history

    entries, findings = records(state).audit(load(spec, env, var))
    for one in entries:
        if as_json:
            screen.event("audit", entry=one.model_dump(mode="json"))
        else:
            screen.lines([history.audited(one)])
    for one in unended(entries):
        telling.say(
            f"Entry {one.number} has no end: the run {one.run} is at work, was killed, or could not reach the state at"
            " its end. Apply its plan again from where it ran; else the next apply gives it the end that its journal"
            " tells."
        )
    if not verify:
        for finding in findings:
            telling.say(f"Not as it was written: {finding}.")
    if verify and findings:
        raise AuditBroken([str(one) for one in findings])
    if verify:
        telling.say(f"The chain is whole: {len(entries):,} {'entry' if len(entries) == 1 else 'entries'}.")


def lease(
    what: Annotated[
        Path, typer.Argument(help="A spec, or a plan file: whose account it is.", metavar="SPEC|PLAN")
    ] = SPECS,
    env: Env = None,
    var: Var = None,
    free: Annotated[
        bool, typer.Option("--free", help="Take the lease from its holder, after you made sure that no apply runs.")
    ] = False,
    as_json: AsJson = False,
    secret_env: opening.SecretEnv = None,
    state: State = None,
) -> None:
    """Show who holds the lease of an account, so that no other apply may run; free it on purpose."""
    import time

    from reconcile import screen
    from reconcile.apply.lease import BEAT
    from reconcile.cli import telling
    from reconcile.errors import AccountBusy
    from reconcile.screen import history

    about = load(what, env, var) if is_spec(what) else opening.read_face(what, secret_env)
    found, now = records(state).lease(about), time.time()
    if as_json:
        screen.event("lease", **history.lease_json(found.record, found.account, found.store.told, now), freed=free)
    else:
        screen.lines(history.lease(found.record, found.account, found.store.told, now))
    if not free or found.record is None:
        return
    if not found.free():
        raise AccountBusy(
            "The lease changed while it was to be freed, so its holder is at work. Nothing was freed.",
            hint="Stop that apply, or wait for it.",
        )
    telling.say(f"Freed. An apply that still runs ends at its next sign of life, within {BEAT:.0f} seconds.")

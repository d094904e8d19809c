"""`apply`: doing what a plan says."""

from __future__ import annotations

import functools
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from reconcile.cli import opening, planning, signals, telling, watching
from reconcile.cli.options import (
    SPECS,
    Allow,
    AsJson,
    Base,
    Env,
    Format,
    Identity,
    MemoryLimit,
    Metrics,
    PreviousSecret,
    Profile,
    SameAccount,
    State,
    Var,
    WorkFolder,
    allowances,
    duration,
    is_spec,
    load,
    reconciler,
)

if TYPE_CHECKING:
    from reconcile.apply.model import Report
    from reconcile.spec.approval import Approval
    from reconcile.spec.model import Spec


def apply(
    what: Annotated[
        Path,
        typer.Argument(help="A plan file, or a spec to plan, show, ask and apply.", metavar="PLAN|SPEC"),
    ] = SPECS,
    env: Env = None,
    var: Var = None,
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Do not ask.")] = False,
    out: Annotated[
        Path | None,
        typer.Option(
            "--out", "-o", help="Keep the plan that is applied in this file. Goes with a spec.", metavar="FILE"
        ),
    ] = None,
    seal: Annotated[
        list[str] | None,
        typer.Option(
            "--seal",
            help="Encrypt who is in the plan to this age recipient, and have the state keep it for `rollback`;"
            " may be repeated. Goes with a spec.",
            metavar="AGE1…",
        ),
    ] = None,
    allow: Allow = None,
    within: Annotated[
        Path | None,
        typer.Option(
            "--within",
            help="Do not ask: go on if the plan stays within this approval, else exit with 3.",
            metavar="FILE",
        ),
    ] = None,
    base: Base = None,
    spec: Annotated[
        Path | None,
        typer.Option(
            "--spec",
            help="Take secret, account and state from this spec; refuse a plan that was not made from what it says.",
            metavar="SPEC",
        ),
    ] = None,
    secret_env: opening.SecretEnv = None,
    identity: Identity = None,
    as_json: AsJson = False,
    previous_secret_env: PreviousSecret = None,
    same_account: SameAccount = False,
    state: State = None,
    lock_timeout: Annotated[
        float | None,
        typer.Option(
            help="Wait so long for another apply to leave the account: 45s, 10m.", parser=duration, metavar="TIME"
        ),
    ] = None,
    max_duration: Annotated[
        float | None,
        typer.Option(help="End after so long, to be gone on with: 45s, 90m, 2h.", parser=duration, metavar="TIME"),
    ] = None,
    memory_limit: MemoryLimit = None,
    workspace: WorkFolder = None,
    profile: Profile = False,
    metrics: Metrics = None,
) -> None:
    """Do what a plan says, and look that it is so. Exits with 0 only when the account has converged."""
    import asyncio

    from reconcile import screen
    from reconcile.apply import reporting
    from reconcile.plan import guards, sealing
    from reconcile.screen import reports
    from reconcile.spec.load import load as spec_load
    from reconcile.spec.model import Mode

    with watching.watched("apply", env, metrics) as run:
        allowed, ours = (
            allowances(allow),
            reconciler(state, memory_limit, workspace, previous_secret_env, same_account=same_account),
        )
        approval = _approval(within)
        with planning.scratch(workspace) as folder:
            loaded: Spec | None = None
            if is_spec(what):
                loaded = load(what, env, var)
                other = load(base, env, var) if base else None
                watching.about(run, ours, loaded)
                seal = planning.recipients(seal, loaded)
                path = planning.draft(folder, out, seal)
                made = planning.planned(run, ours, loaded, path, allowed, base=other, as_json=as_json, profile=profile)
                telling.show(made, Format.JSON if as_json else Format.TEXT, reveal=False)
                made = planning.sealed(made, out, seal)
                if out is not None and not as_json:
                    cut_off = "Where this is cut off, go on with:"
                    telling.say(f"Kept in {out}. {planning.tell_next_step(made.face, out, seal, state, begin=cut_off)}")
                guards.enforce(made.face, allowed)
                if not (made.face.empty or made.face.mode is Mode.OBSERVE or yes or approval):
                    _ask()
            else:
                _only_with_a_spec(var and spec is None, base, out, seal, previous_secret_env, same_account=same_account)
                made = sealing.read(
                    what, folder / "plan.rplan", identity, *opening.need_keys(spec, env, var, secret_env)
                )
                watching.about(run, ours, made.face)
                if spec is not None:  # by now that the plan is verified, in the environment that it was made for
                    loaded = spec_load(spec, env=made.face.environment, var=made.face.variables)
                    watching.about(run, ours, loaded)
                    run.face = made.face
            with telling.steps(as_json=as_json, profile=profile, run=run) as steps:
                doing = functools.partial(
                    ours.apply, made, spec=loaded, env=env, allowed=allowed, within=approval, events=steps
                )
                run.report = report = asyncio.run(
                    _heeding(doing, lock_timeout=lock_timeout or 0.0, max_duration=max_duration)
                )
                steps.end()

        def show() -> None:
            if as_json:
                screen.event("report", **reporting.as_json(report))
            else:
                screen.lines(reports.report(report))

        run.show = show
        raise typer.Exit(report.exit_status)


def _ask() -> None:
    if not typer.confirm("Apply this plan?", err=True):
        telling.say("Nothing was done.")
        raise typer.Exit(0)


def _only_with_a_spec(
    var: bool | list[str] | None,
    base: Path | None,
    out: Path | None,
    seal: list[str] | None,
    previous_secret_env: str | None,
    *,
    same_account: bool,
) -> None:
    for given, told in (
        (var, "--var goes with a spec: a plan has its variables in it."),
        (base, "--base goes with a spec: a plan has been weighed already."),
        (out, "--out goes with a spec: a plan is kept in its file."),
        (seal, "--seal goes with a spec: a plan is sealed when it is made."),
        (previous_secret_env, "--previous-secret-env goes with a spec: a plan knows what it was made with."),
        (same_account, "--same-account goes with a spec: a plan knows which account it is for."),
    ):
        if given:
            raise typer.BadParameter(told)


def _approval(path: Path | None) -> Approval | None:
    from reconcile.spec.approval import read

    return None if path is None else read(path)


async def _heeding(apply: Callable[..., Awaitable[Report]], **options: float | None) -> Report:
    """Apply; the first Ctrl-C, SIGTERM or SIGHUP lets what is in flight end, the second does not wait.

    Raises:
        CutOff: there was a second one.
    """
    import asyncio

    from reconcile.apply import lease

    stop, loop = asyncio.Event(), asyncio.get_running_loop()
    work = asyncio.ensure_future(apply(stop=stop, **options))
    numbers: list[int] = []

    def ask() -> None:
        loop.call_soon_threadsafe(stop.set)
        telling.say("Stopping after what is in flight; once more to stop at once.")

    def cut_off(number: int) -> None:
        numbers.append(number)
        loop.call_soon_threadsafe(work.cancel)
        signals.end_soon(number, lease.give_back_all)

    with signals.heard(ask, cut_off):
        try:
            return await work
        except asyncio.CancelledError:
            if not numbers:
                raise
            raise signals.CutOff(numbers[0]) from None

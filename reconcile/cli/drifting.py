"""`drift`: whether somebody changed the account, and an issue about it."""

from __future__ import annotations

from dataclasses import replace
from enum import StrEnum
from typing import TYPE_CHECKING, Annotated

import typer

from reconcile.cli import planning, showing, telling, watching
from reconcile.cli.options import (
    SPECS,
    AsJson,
    Env,
    MemoryLimit,
    Metrics,
    PreviousSecret,
    SameAccount,
    SpecPath,
    State,
    Var,
    WorkFolder,
    load,
    reconciler,
)

if TYPE_CHECKING:
    from reconcile.plan.explain import View
    from reconcile.plan.model import Face, Plan
    from reconcile.plan.picking import Picked
    from reconcile.watch.model import Drift

DRIFTED = 2
_WAY_ON = (
    "If it was not meant, nothing: the next apply undoes it. If it was, say so in the spec or in the source."
    " Either way this issue is closed once nothing is left of it."
)


class Tracker(StrEnum):
    """Code hosts whose issues we keep."""

    GITHUB = "github"
    GITLAB = "gitlab"


def drift(
    spec: SpecPath = SPECS,
    env: Env = None,
    var: Var = None,
    issue: Annotated[
        bool, typer.Option("--issue", help="Keep one issue about it: open, update, or close it when it is gone.")
    ] = False,
    provider: Annotated[
        Tracker | None, typer.Option("--provider", help="The code host; the one whose CI this is if none.")
    ] = None,
    detailed_exitcode: Annotated[
        bool, typer.Option("--detailed-exitcode", help="Exit with 2 when somebody changed the account.")
    ] = False,
    as_json: AsJson = False,
    previous_secret_env: PreviousSecret = None,
    same_account: SameAccount = False,
    state: State = None,
    memory_limit: MemoryLimit = None,
    workspace: WorkFolder = None,
    metrics: Metrics = None,
) -> None:
    """Look whether somebody changed what is managed at the account. Writes nothing there."""
    from reconcile import screen
    from reconcile.plan import answers
    from reconcile.plan.picking import Wanted

    with watching.watched("drift", env, metrics) as run:
        ours, loaded = (
            reconciler(state, memory_limit, workspace, previous_secret_env, same_account=same_account),
            load(spec, env, var),
        )
        watching.about(run, ours, loaded)
        with planning.scratch(workspace) as folder:
            made = planning.planned(run, ours, loaded, folder / "plan.rplan", (), as_json=as_json, profile=False)
            wanted = Wanted(causes=("drift",)) if made.face.ledger else Wanted()
            found = showing.picked(made, wanted)
        run.drift, view = _drifted(made, found), answers.asked(made, found)
        if as_json:
            lists = {name: {"join": join, "leave": leave} for name, (join, leave) in found.lists.items()}
            facts = {"known": run.drift.known, "count": found.count, "lists": lists}
            screen.event("drift", **facts, fields=found.fields, ops=found.ops, plan_id=made.id)
        else:
            screen.lines(_told(made, view, run.drift))
        if issue:
            telling.say(f"The issue about drift: {_kept(made, view, run.drift, provider)}.")
        raise typer.Exit(DRIFTED if detailed_exitcode and found.count else 0)


def _drifted(made: Plan, found: Picked) -> Drift:
    from reconcile.watch.model import Drift

    said = repr((found.lists, found.fields, found.ops, found.shown))
    return Drift(found.count, made.face.ledger is not None, said, _headline(made.face, found))


def _told(made: Plan, view: View, drift: Drift) -> list[str]:
    from reconcile.plan import explain

    if not drift.count:
        return [f"Nobody changed what is managed at {made.face.about}."]
    return [*explain.text(view), "", drift.told]


def _headline(face: Face, found: Picked) -> str:
    profiles = telling.counted(found.count, "action")
    if face.ledger is None:
        return f"{profiles} would make {face.about} what it should be; whether somebody changed it is not known."
    return f"Somebody changed {face.about}: {profiles} would undo it."


def _kept(made: Plan, view: View, drift: Drift, provider: Tracker | None) -> str:
    import os

    from reconcile.review import composing, issues, markdown
    from reconcile.review.network import Network

    page = replace(composing.asked(made, view), headline=drift.told)
    page = replace(page, facts=(*page.facts, ("What to do", _WAY_ON)))
    drifted = issues.Found(markdown.text(page), drift.said) if drift.count else None
    tracker = issues.of(provider.value if provider else None, os.environ)
    return issues.keep(made.face.about, drifted, tracker, Network().call)

"""`approve`: what later plans may come to without being looked at."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Annotated

import typer

from reconcile.cli import opening, telling
from reconcile.cli.options import Env, duration
from reconcile.cli.showing import PlanPath

_DAY, _WEEK = 86_400, 7 * 86_400.0


def _span(text: str) -> float:
    return float(text[:-1]) * _DAY if text[-1:] == "d" and text[:-1].isdecimal() else duration(text)


def approve(
    plan: PlanPath,
    out: Annotated[Path, typer.Option("--out", "-o", help="The file to write; commit it.")] = Path("approval.yaml"),
    tolerance: Annotated[
        str, typer.Option(help="By how much later plans may exceed each number.", metavar="SHARE")
    ] = "0%",
    lasts: Annotated[
        float | None,
        typer.Option("--for", help="How long it holds: 12h, 7d. A week if none.", parser=_span, metavar="TIME"),
    ] = None,
    standing: Annotated[
        bool, typer.Option("--standing", help="For good and for any spec of the account: for scheduled runs.")
    ] = False,
    spec: opening.SecretSpec = None,
    env: Env = None,
    secret_env: opening.SecretEnv = None,
    verified: opening.Verified = False,
) -> None:
    """Write an approval from a plan: `apply --within` it goes on with any plan that does no more."""
    from pydantic import ValidationError

    from reconcile.plan import approvals, explain
    from reconcile.spec import approval
    from reconcile.state import disk

    made = opening.read_plan(plan, spec, env, secret_env, verified=verified)
    if not made.verified:
        telling.say(explain.UNVERIFIED)
    span = None if standing else timedelta(seconds=_WEEK if lasts is None else lasts)
    try:
        found = approvals.of(made.face, tolerance=tolerance, lasts=span, now=datetime.now(UTC), any_spec=standing)
    except ValidationError:
        raise typer.BadParameter(f"{tolerance!r} is no share, such as 10%.", param_hint="--tolerance") from None
    with disk.writing("the approval", out):
        out.parent.mkdir(parents=True, exist_ok=True)
        out.write_text(approval.text(found), encoding="utf-8")
    if made.face.breaches:
        ways = " ".join(one.way_out for one in made.face.breaches)
        telling.say(f"A guard blocks this plan, which no approval lets through: apply it with {ways} as well.")
    telling.say(f"Wrote {out}. Commit it; then: reconcile apply SPEC --within {out}")

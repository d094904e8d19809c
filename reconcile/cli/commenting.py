"""`comment`: a plan where its pull request is discussed."""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated

import typer

from reconcile.cli import opening, telling
from reconcile.cli.options import Env
from reconcile.cli.showing import PlanPath


class Provider(StrEnum):
    """Code hosts that we know."""

    GITHUB = "github"
    GITLAB = "gitlab"
    BITBUCKET = "bitbucket"
    AZURE = "azure"


def comment(
    plan: PlanPath,
    provider: Annotated[
        Provider | None, typer.Option("--provider", help="The code host; the one whose CI this is if none.")
    ] = None,
    pull_request: Annotated[
        int | None, typer.Option("--pull-request", help="Its number; the job's own if none.", metavar="N")
    ] = None,
    spec: opening.SecretSpec = None,
    env: Env = None,
    secret_env: opening.SecretEnv = None,
    verified: opening.Verified = False,
) -> None:
    """Keep one comment a pull request and environment up to date with a plan, people masked."""
    import os

    from reconcile.review import commenting, hosts
    from reconcile.review.network import Network

    found = opening.read_plan(plan, spec, env, secret_env, verified=verified)
    host = hosts.of(provider.value if provider else None, os.environ, pull_request)
    done = commenting.keep(found, host, Network().call)
    telling.say(f"The comment on plan {found.id} is {done}.")

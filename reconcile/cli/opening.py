"""How commands open a plan file: with which secret it is verified, which never comes from the file."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from reconcile.cli.options import load

if TYPE_CHECKING:
    from reconcile.plan.model import Face, Plan
    from reconcile.spec.model import Spec
    from reconcile.state.keys import Keys

SECRET = "SAILTHRU_API_SECRET"  # noqa: S105 -- the name of a variable
"""The variable that holds the account's API secret where nobody names another."""

SecretSpec = Annotated[
    Path | None,
    typer.Option("--spec", help="Verify the plan with the API secret that this spec refers to.", metavar="SPEC"),
]
SecretEnv = Annotated[
    str | None,
    typer.Option(
        "--secret-env",
        help=f"The variable with the account's API secret, which verifies the plan; {SECRET} if none.",
        metavar="NAME",
    ),
]
Verified = Annotated[bool, typer.Option("--verified", help="Refuse a plan that cannot be verified.")]


def find_keys(
    spec: Path | None = None,
    env: str | None = None,
    var: list[str] | None = None,
    secret_env: str | None = None,
    *,
    loaded: Spec | None = None,
) -> tuple[Keys, ...]:
    """The keys to verify a plan with: by the spec, else by the variable that is named, else by the usual one.

    None where there is no secret.

    Args:
        loaded: the spec at that path, where it was read already.

    Raises:
        SpecInvalid: see `spec.load`.
    """
    from reconcile.errors import CredentialsRefused
    from reconcile.spec import templates
    from reconcile.state.keys import Keys

    if spec is not None and secret_env is not None:
        raise typer.BadParameter("--secret-env goes without --spec: a spec names its secret.")
    if spec is not None:
        try:
            secret = templates.resolve_credential((loaded or load(spec, env, var)).account.api_secret, os.environ)
        except CredentialsRefused:
            return ()
    else:
        secret = os.environ.get(secret_env or SECRET, "")
    return (Keys.of_secret(secret),) if secret else ()


def need_keys(
    spec: Path | None = None,
    env: str | None = None,
    var: list[str] | None = None,
    secret_env: str | None = None,
    *,
    loaded: Spec | None = None,
) -> tuple[Keys, ...]:
    """The same, for a command that believes nothing without them.

    Raises:
        CredentialsRefused: there is no secret.
    """
    from reconcile.errors import CredentialsRefused

    found = find_keys(spec, env, var, secret_env, loaded=loaded)
    if not found:
        which = f"that {spec} refers to" if spec is not None else f"in the variable {secret_env or SECRET}"
        raise CredentialsRefused(
            f"The plan cannot be verified: there is no API secret {which}.",
            hint=f"Set it; or say where it is: --spec SPEC, --secret-env NAME. Without either it is {SECRET}.",
        )
    return found


def read_face(path: Path, secret_env: str | None) -> Face:
    """What a plan file says without its actions, verified: the state that it names is opened.

    Raises:
        CredentialsRefused: there is no secret to verify it with.
        PlanUnusable: it is none, or does not fit the secret.
    """
    from reconcile.plan import archive

    return archive.read(path, *need_keys(secret_env=secret_env)).face


def read_plan(path: Path, spec: Path | None, env: str | None, secret_env: str | None, *, verified: bool) -> Plan:
    """A plan file, verified where its secret is known.

    Raises:
        PlanUnusable: it is none, does not fit the secret, or is not verified and must be.
    """
    from reconcile.plan import archive

    return insist(archive.read(path, *find_keys(spec, env, secret_env=secret_env)), verified=verified)


def insist(plan: Plan, *, verified: bool) -> Plan:
    """The plan, where it is verified or need not be.

    Raises:
        PlanUnusable: it is not, and must be.
    """
    from reconcile.errors import PlanUnusable

    if verified and not plan.verified:
        raise PlanUnusable(
            f"{plan.path} is not verified: there is no API secret to verify it with.",
            hint=f"Set {SECRET}, or say where it is: --spec SPEC, --secret-env NAME.",
        )
    return plan

"""What several commands take: their arguments and options, once, and how an option's text is read."""

from __future__ import annotations

from datetime import UTC, datetime
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from reconcile.cli.lazily import settling

if TYPE_CHECKING:
    from reconcile import Reconciler
    from reconcile.plan.model import Allowance
    from reconcile.records import Records
    from reconcile.spec.model import Spec

SpecPath = Annotated[Path, typer.Argument(help="The folder (or file) of specs.", metavar="SPEC")]
Env = Annotated[
    str | None,
    typer.Option(
        "--env", envvar="RECONCILE_ENV", help="The environment of the spec; the spec by itself if none.", metavar="NAME"
    ),
]
Var = Annotated[
    list[str] | None,
    typer.Option("--var", help="A value for a variable of the spec; may be given several times.", metavar="NAME=VALUE"),
]
AsJson = Annotated[bool, typer.Option("--json", help="One JSON event a line instead of text.")]
Reveal = Annotated[bool, typer.Option("--reveal", help="Show people and values as they are, but for `pii`.")]
Allow = Annotated[
    list[str] | None,
    typer.Option(
        "--allow", help="Let more through a guard, this once; may be given several times.", metavar="RULE[:SCOPE]=MAX"
    ),
]
Base = Annotated[
    Path | None,
    typer.Option(
        "--base",
        help="A spec whose guards hold too, the stricter of both: that of the branch to be merged into.",
        metavar="SPEC",
    ),
]
Identity = Annotated[
    Path | None,
    typer.Option(
        "--identity",
        help="The file with an age identity that a sealed plan is opened with; RECONCILE_AGE_IDENTITY if none.",
        metavar="FILE",
    ),
]
State = Annotated[
    str | None,
    typer.Option(
        "--state",
        help="Where runs keep journals, reports and what was last applied, whatever the spec says: a folder or a URL.",
        metavar="DIR|URL",
    ),
]
MemoryLimit = Annotated[
    str | None,
    typer.Option(
        "--memory-limit",
        envvar="RECONCILE_MEMORY_LIMIT",
        help="Memory of the whole process, such as 2GB or 60%; the rest spills to disk. Half of the machine if none.",
        metavar="SIZE",
    ),
]
WorkFolder = Annotated[
    Path | None,
    typer.Option(
        "--workspace",
        envvar="RECONCILE_WORKSPACE",
        help="Below which folder a run keeps its tables, exports and what spills; TMPDIR if none.",
        metavar="DIR",
    ),
]
Profile = Annotated[bool, typer.Option("--profile", help="Say at the end where time and memory went, step by step.")]

Metrics = Annotated[
    Path | None,
    typer.Option(
        "--metrics",
        envvar="RECONCILE_METRICS",
        help="Write what it came to into this file at the end, for Prometheus; see docs/watching.md.",
        metavar="FILE",
    ),
]


def moment(text: str) -> datetime:
    """`2026-01-31`, its first moment, or `2026-01-31T09:00:00`, in UTC unless it says otherwise."""
    try:
        found = datetime.fromisoformat(text)
        return (found if found.tzinfo else found.replace(tzinfo=UTC)).astimezone(UTC)
    except (ValueError, OverflowError):
        raise typer.BadParameter(f"{text!r} is no time: 2026-01-31, 2026-01-31T09:00:00.") from None


AsOf = Annotated[
    datetime | None,
    typer.Option(
        "--as-of", help="What now and today are in rules and SQL, in UTC: 2026-01-31.", parser=moment, metavar="TIME"
    ),
]
SPECS = Path("specs")


def duration(text: str) -> float:
    """Seconds of `45s`, `90m`, `2h`, `45`."""
    units = {"s": 1, "m": 60, "h": 3600}
    number, unit = (text[:-1], text[-1]) if text[-1:] in units else (text, "s")
    try:
        return float(number) * units[unit]
    except ValueError:
        raise typer.BadParameter(f"{text!r} is no span of time, such as 45s, 90m, 2h.") from None


class Format(StrEnum):
    """The forms a plan is shown in."""

    TEXT = "text"
    MARKDOWN = "markdown"
    HTML = "html"
    JSON = "json"


def load(path: Path, env: str | None = None, var: list[str] | None = None) -> Spec:
    """The specs at a path, in an environment; see `spec.load`."""
    with settling():
        from reconcile.spec.load import load, typed

        given = {}
        for one in var or ():
            name, equals, text = one.partition("=")
            if not name or not equals:
                raise typer.BadParameter(f"{one!r} is no variable: --var NAME=VALUE.")
            given[name.strip()] = typed(text)
        return load(path, env=env, var=given)


def is_spec(path: Path) -> bool:
    """Whether this names a spec, and no plan file."""
    from reconcile.spec.files import is_yaml

    return path.is_dir() or is_yaml(path)


PreviousSecret = Annotated[
    str | None,
    typer.Option(
        "--previous-secret-env",
        help="The variable with the account's earlier API secret, so that what was applied is still known.",
        metavar="NAME",
    ),
]
SameAccount = Annotated[
    bool,
    typer.Option("--same-account", help="The account is the one of last time, though its address or key is another."),
]


def reconciler(
    state: str | None,
    memory_limit: str | None,
    workspace: Path | None,
    previous_secret_env: str | None = None,
    *,
    same_account: bool = False,
) -> Reconciler:
    """Who does it, with these means."""
    with settling():
        from reconcile import Reconciler

    import os

    secret = None
    if previous_secret_env is not None and not (secret := os.environ.get(previous_secret_env)):
        raise typer.BadParameter(f"the variable {previous_secret_env} is not set.", param_hint="--previous-secret-env")
    return Reconciler(
        state=state,
        memory_limit=memory_limit,
        workspace=workspace,
        previous_secret=secret,
        same_account=same_account,
    )


def records(state: str | None) -> Records:
    """Who knows what was applied, and starts no engine for it."""
    with settling():
        from reconcile.records import Records

    return Records(state=state)


def allowances(given: list[str] | None) -> list[Allowance]:
    """What `--allow` lets through; see `plan.allowances`."""
    from reconcile.plan.allowances import read

    return [read(one) for one in given or ()]

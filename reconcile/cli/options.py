"""What several commands take: their arguments and options, once, and how an option's text is read."""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from reconcile.plan.model import Allowance
    from reconcile.spec.model import Spec

SpecPath = Annotated[Path, typer.Argument(help="The folder (or file) of specs.", metavar="[SPEC]")]
AsJson = Annotated[bool, typer.Option("--json", help="One JSON event a line instead of text.")]
Reveal = Annotated[bool, typer.Option("--reveal", help="Show people and values as they are.")]
Allow = Annotated[
    list[str] | None,
    typer.Option(
        "--allow", help="Let more through a guard, this once; may be given several times.", metavar="RULE[:SCOPE]=MAX"
    ),
]
State = Annotated[Path, typer.Option("--state", help="The folder in which runs keep journals and reports.")]
SPECS, STATE = Path("specs"), Path(".reconcile")


def duration(text: str) -> float:
    """Seconds of `45s`, `90m`, `2h`, `45`."""
    units = {"s": 1, "m": 60, "h": 3600}
    number, unit = (text[:-1], text[-1]) if text[-1:] in units else (text, "s")
    try:
        return float(number) * units[unit]
    except ValueError:
        raise typer.BadParameter(f"{text!r} is no span of time: 45s, 90m, 2h.") from None


class Format(StrEnum):
    """The forms a plan is shown in."""

    TEXT = "text"
    MARKDOWN = "markdown"
    JSON = "json"


def load(path: Path) -> Spec:
    """The specs at a path; see `spec.load`."""
    from reconcile.spec.load import load

    return load(path)


def allowances(given: list[str] | None) -> list[Allowance]:
    """What `--allow` lets through; see `plan.allowances`."""
    from reconcile.plan.allowances import read

    return [read(one) for one in given or ()]

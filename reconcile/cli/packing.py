"""`ci`: the script that CI calls, in the user's own repository."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from reconcile.cli import telling


def ci(
    out: Annotated[Path, typer.Argument(help="The file to write.", metavar="FILE")] = Path("ci/steps.sh"),
    force: Annotated[bool, typer.Option("--force", help="Replace a file that says something else.")] = False,
) -> None:
    """Write the script that CI calls to validate, plan and apply. Commit it; see docs/ci.md."""
    from reconcile.errors import Unwritten
    from reconcile.state import disk

    script = _find_script().read_bytes()
    with disk.writing("the script for CI", out):
        there = out.read_bytes() if out.exists() else None
        if there == script:
            telling.say(f"{out} is there already, and up to date.")
            return
        if there is not None and not force:
            raise Unwritten(
                f"{out} is there and says something else; nothing was written.",
                hint="Name another file, or replace it with --force: git shows what changes.",
            )
        out.parent.mkdir(parents=True, exist_ok=True)
        out.write_bytes(script)
        out.chmod(0o755)
    telling.say(f"Wrote {out}. Commit it. Try it here: RECONCILE_COMMENT=false {_as_command(out)} validate")


def _find_script() -> Path:
    """The script: inside the installed package, or beside it in a clone."""
    packed = Path(__file__).parent / "steps.sh"
    return packed if packed.is_file() else Path(__file__).parents[2] / "ci" / "steps.sh"


def _as_command(out: Path) -> str:
    """A path as a shell runs it: a bare name would be looked up in PATH."""
    import shlex

    return shlex.quote(str(out) if "/" in str(out) else f"./{out}")

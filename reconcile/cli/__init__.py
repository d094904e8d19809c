"""The command line: every command a few lines over the facade, a file per group of commands.

Heavy imports wait inside the commands, so that `--help` imports Typer and little else.
"""

from __future__ import annotations

import typer

from reconcile.cli import applying, describing, ending, observing, planning, simulating

app = typer.Typer(
    name="reconcile",
    help="Make a Sailthru account equal to what your specs say: plan, review, apply, verified.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,  # plain help: Typer's rich one takes longer to import than all else that --help needs
)
_COMMANDS = (
    describing.validate,
    describing.check,
    observing.observe,
    planning.plan,
    planning.show,
    applying.apply,
    describing.schema,
    simulating.simulator,
    simulating.seed,
    simulating.demo,
)
"""In the order of the help."""
for _command in _COMMANDS:
    app.command()(_command)


def main() -> None:
    """Run the command that was asked for; ends the process with its exit status."""
    ending.run(typer.main.get_command(app))

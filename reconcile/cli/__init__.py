"""The command line: every command a few lines over the facade, a file per group of commands.

Heavy imports wait inside the commands, so that `--help` imports Typer and little else.
"""

from __future__ import annotations

from reconcile.cli import (
    applying,
    approving,
    commenting,
    describing,
    drifting,
    ending,
    formatting,
    looking_back,
    observing,
    planning,
    showing,
    simulating,
    starting,
    testing,
    tracing,
    undoing,
)
from reconcile.cli.lazily import Commands

_COMMANDS = (
    starting.init,
    starting.import_,
    describing.validate,
    testing.test,
    describing.check,
    observing.observe,
    planning.plan,
    showing.show,
    showing.diff,
    commenting.comment,
    tracing.groups,
    tracing.preview,
    tracing.explain,
    drifting.drift,
    approving.approve,
    applying.apply,
    undoing.rollback,
    looking_back.runs,
    looking_back.status,
    looking_back.audit,
    formatting.fmt,
    describing.schema,
    simulating.simulator,
    simulating.seed,
    simulating.demo,
)
"""In the order of the help."""
app = Commands("Make a Sailthru account equal to what your specs say: plan, review, apply, verified.", _COMMANDS)


def main() -> None:
    """Run the command that was asked for; ends the process with its exit status."""
    ending.run(app)

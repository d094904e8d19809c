"""The command line: every command a few lines over the facade, a file per group of commands.

No command is imported before it is asked for, and its heavy imports wait inside it: `--help` takes Typer and little
else.
"""

from __future__ import annotations

import os

from reconcile.cli import ending, streams
from reconcile.cli.lazily import Command, Commands

_COMMANDS = {
    "Begin": {
        "init": Command("starting:init", "Write a first spec from a database or a file"),
        "import": Command("starting:import_", "Write a first spec from an account's lists and vars"),
        "validate": Command("describing:validate", "Report every problem of the specs, offline"),
        "test": Command("testing:test", "Run the specs' own tests, offline"),
        "check": Command("describing:check", "Ask the account whether the credentials work"),
        "doctor": Command("doctor:doctor", "Look what stands in the way of a plan"),
    },
    "Look and plan; nothing is written to the account": {
        "observe": Command("observing:observe", "Keep what a plan reads of the account in bulk"),
        "plan": Command("planning:plan", "Show what differs, and what apply would do"),
        "show": Command("showing:show", "Show a plan file again, or a part of it"),
        "diff": Command("showing:diff", "Show how two plans differ, in counts"),
        "comment": Command("commenting:comment", "Keep a plan's comment at a pull request up to date"),
        "groups": Command("tracing:groups", "Show how large groups are, and how they overlap"),
        "preview": Command("tracing:preview", "Show what a group or a property comes to"),
        "explain": Command("tracing:explain", "Trace one person from source rows to the plan"),
        "drift": Command("drifting:drift", "Look whether somebody changed what is managed"),
    },
    "Apply": {
        "approve": Command("approving:approve", "Write an approval from a plan, for apply --within"),
        "apply": Command("applying:apply", "Do what a plan says, and look that it is so"),
        "rollback": Command("undoing:rollback", "Plan how to take back what a plan did"),
    },
    "Look back": {
        "runs": Command("looking_back:runs", "List the last runs"),
        "status": Command("looking_back:status", "Show one run, and what did not converge"),
        "audit": Command("looking_back:audit", "Show who applied what, when, with which limits raised"),
        "lease": Command("looking_back:lease", "Show who is at work on the account; free it on purpose"),
    },
    "Tools": {
        "fmt": Command("formatting:fmt", "Bring spec files into their canonical form"),
        "ci": Command("packing:ci", "Write the script that CI calls"),
        "schema": Command("describing:schema", "Print the JSON Schema of a spec file, for editors"),
        "simulator": Command("simulating:simulator", "Serve a double of Sailthru on loopback"),
        "seed": Command("simulating:seed", "Load profiles into a simulator's kept account"),
        "demo": Command("simulating:demo", "Tell the whole story on a made-up shop, offline"),
    },
}
"""By what they are for, in the order of the help."""
app = Commands("Make a Sailthru account equal to what your specs say: plan, review, apply, verified.", _COMMANDS)


def main() -> None:
    """Run the command that was asked for; ends the process with its exit status."""
    # No plugin has a hand in reading a spec, and to look for one pydantic reads what every installed package says of
    # itself.
    os.environ.setdefault("PYDANTIC_DISABLE_PLUGINS", "__all__")
    streams.guard()
    ending.run(app)

"""How long until our help is there, and a small spec validated, against the import of what the help is made with."""

from __future__ import annotations

import sys
from pathlib import Path

import ground
import scale
import shops

RUNS = 11
HELP, VALIDATE, REFERENCE = "reconcile --help", "reconcile validate SPEC", 'python -c "import typer, rich"'


def run() -> dict[str, ground.Cost]:
    """All, in turns; a first run of each, which fills the caches, is not counted."""
    ours = Path(sys.executable).with_name("reconcile")
    commands = {
        HELP: [ours, "--help"],
        VALIDATE: [ours, "validate", shops.made(scale.START).spec],
        REFERENCE: [sys.executable, "-c", "import typer, rich"],
    }
    found = {name: [] for name in commands}
    for _ in range(1 + RUNS):
        for name, command in commands.items():
            found[name].append(ground.measured(command, {}))
    return {name: scale.median(costs[1:]) for name, costs in found.items()}


if __name__ == "__main__":
    for told, cost in run().items():
        print(f"{told:32} {cost.wall:.3f} s {cost.cpu:.3f} s CPU {cost.peak:.0f} MiB")

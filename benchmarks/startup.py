"""How long until our help is there, against the import of what it is made with."""

from __future__ import annotations

import sys
from pathlib import Path

import ground
import scale

RUNS = 11
COMMANDS = {
    "reconcile --help": [Path(sys.executable).with_name("reconcile"), "--help"],
    'python -c "import typer, rich"': [sys.executable, "-c", "import typer, rich"],
}


def run() -> dict[str, ground.Cost]:
    """Both, in turns; a first run of each, which fills the caches, is not counted."""
    found = {name: [] for name in COMMANDS}
    for _ in range(1 + RUNS):
        for name, command in COMMANDS.items():
            found[name].append(ground.measured(command, {}))
    return {name: scale.median(costs[1:]) for name, costs in found.items()}


if __name__ == "__main__":
    for told, cost in run().items():
        print(f"{told:32} {cost.wall:.3f} s {cost.cpu:.3f} s CPU {cost.peak:.0f} MiB")

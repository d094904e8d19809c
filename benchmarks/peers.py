"""Others at the same work: which profiles differ between two prepared states. Each in a process and venv of its own."""

from __future__ import annotations

import json
import sys

import ground
import scale
import sides

PYTHON = ground.HERE / ".venv" / "bin" / "python"
"""Made by `make bench` from `requirements.lock`, so that no peer changes what reconcile is installed with."""

NAMES = ("datacompy", "reladiff", "dicts")
LARGE = ("datacompy", "reladiff")
"""Who can do ten million here: as dicts they would take more memory than the machine has."""


def run(size: int, names: tuple[str, ...] = NAMES, runs: int = scale.RUNS) -> dict[str, ground.Cost]:
    """Ours and theirs, in turns; all have to find the same number of differences."""
    shop = sides.prepared(size)
    script = ground.HERE / "peer.py"
    ground.measured([PYTHON, script, "--prepare", shop.folder], {})
    commands = {name: [PYTHON, script, name, shop.folder] for name in names}
    commands["ours"] = [sys.executable, ground.HERE / "steps.py", "diff", shop.folder]
    found = {name: [] for name in commands}
    for _ in range(runs):
        for name, command in commands.items():
            found[name].append(ground.measured(command, {}))
    costs = {name: scale.median(taken) for name, taken in found.items()}
    if len({json.loads(cost.said)["changes"] for cost in costs.values()}) > 1:
        raise RuntimeError(f"they do not agree: { {name: cost.said for name, cost in costs.items()} }")
    return costs

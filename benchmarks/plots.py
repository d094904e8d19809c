"""Draw time and memory against size from the kept figures, as two small SVGs; run in the venv of the peers.

benchmarks/.venv/bin/python benchmarks/plots.py
"""

from __future__ import annotations

import json
from pathlib import Path

import matplotlib as mpl

mpl.use("svg")
mpl.rcParams |= {"svg.fonttype": "none", "svg.hashsalt": "benchmarks", "font.size": 9}

import matplotlib.pyplot as plt  # noqa: E402 -- after the choice of what draws

HERE = Path(__file__).parent
LINES = {
    "plan": ("C0", "-", "plan (ours)"),
    "floor": ("C0", ":", "reading and hashing its inputs"),
    "diff": ("C1", "-", "diff alone (ours)"),
    "join": ("C1", ":", "bare full outer join"),
    "datacompy": ("C2", "--", "datacompy on Polars"),
    "reladiff": ("C3", "--", "reladiff"),
    "dicts": ("C4", "--", "dicts and deepdiff"),
}
"""Step -> colour, dash and name: ours drawn through, what stands beside it dotted, peers dashed."""


def draw(figures: dict[int, dict[str, dict[str, float]]], figure: str, label: str, path: Path) -> None:
    """One figure of all steps against size, both on logarithmic axes."""
    drawn, axes = plt.subplots(figsize=(6.4, 4.2))
    for step, (colour, dash, name) in LINES.items():
        points = [(size, taken[step][figure]) for size, taken in sorted(figures.items()) if step in taken]
        if points:
            axes.loglog(*zip(*points, strict=True), color=colour, linestyle=dash, marker=".", label=name)
    axes.set(xlabel="profiles", ylabel=label)
    axes.grid(visible=True, which="major", alpha=0.3)
    axes.legend(fontsize=8)
    drawn.tight_layout()
    drawn.savefig(path, metadata={"Date": None})


def main() -> None:
    """Draw both."""
    kept = json.loads((HERE / "figures.json").read_text())
    figures = {int(size): one["costs"] for size, one in kept.items()}
    draw(figures, "wall", "seconds", HERE / "time.svg")
    draw(figures, "peak", "MiB at the peak", HERE / "memory.svg")


if __name__ == "__main__":
    main()

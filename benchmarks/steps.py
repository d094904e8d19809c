"""What is measured at scale, each in a process of its own: ours, and the bare engine as the reference.

    python benchmarks/steps.py STEP FOLDER [--memory-limit 1GiB]

`diff` finds what differs between the prepared states of a shop (see `sides.py`), and `join` is its reference; `floor`
is the reference of the whole plan, which is our own command. Each prints a line of JSON about what it found.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import shops


def diff(folder: Path, asked: argparse.Namespace) -> dict[str, Any]:
    """Our diff of the prepared states."""
    from reconcile.state import capacity, sieve
    from reconcile.state.engines.duckdb import DuckDB

    with DuckDB(capacity.of(asked.memory_limit)) as workspace:
        sides = [workspace._engine.read_parquet(folder / "states" / f"{name}.parquet") for name in SIDES]
        changes = workspace.keep("changes", sieve.changes(*sides, shape_of(sides[0].columns), workspace))
        return {"changes": workspace.count(changes)}


def shape_of(columns: Sequence[str]) -> Any:
    """The shape of the prepared states, whose values are canonical texts whatever their type."""
    from reconcile.spec.property import ValueType
    from reconcile.state.model import Membership, Shape, Var

    vars, lists = ([name.removeprefix(kind) for name in columns if name.startswith(kind)] for kind in ("var:", "list:"))
    return Shape(
        vars=tuple(Var(name, ValueType.STRING) for name in vars),
        lists=tuple(Membership(name) for name in lists if name != shops.REGISTRY),
        registry=Membership(shops.REGISTRY),
        identity="customerId",
    )


SIDES = ("desired", "observed")


def join(folder: Path, asked: argparse.Namespace) -> dict[str, Any]:
    """The reference of `diff`: a bare full outer join of the same files that selects the rows that differ."""
    with _bare(asked) as bare:
        d, o = (f"read_parquet('{folder / 'states' / name}.parquet')" for name in SIDES)
        columns = [row[0] for row in bare.execute(f"DESCRIBE FROM {d}").fetchall()]
        fields = [f'"{name}"' for name in columns if name.startswith(("var:", "list:"))]
        differs = " OR ".join(f"d.{name} IS DISTINCT FROM o.{name}" for name in fields)
        bare.execute(
            f"CREATE TABLE changes AS SELECT d, o FROM {d} d FULL JOIN {o} o ON d.hash = o.hash WHERE {differs}"
        )
        return {"changes": bare.execute("SELECT count(*) FROM changes").fetchone()[0]}


def floor(folder: Path, asked: argparse.Namespace) -> dict[str, Any]:
    """The reference of `plan`: every column of the same inputs read and hashed once."""
    shop = shops.Made(folder, 0)
    csv = """auto_detect = false, header = true, delim = ',', quote = '"', escape = '"', strict_mode = true"""
    columns = ", ".join(f"'c{at}': 'VARCHAR'" for at in range(len(shops.header())))
    found = {}
    with _bare(asked) as bare:
        for path in shop.inputs:
            read = f"'{path}'" if path.suffix == ".parquet" else f"read_csv('{path}', columns = {{{columns}}}, {csv})"
            found[path.stem] = bare.execute(f"SELECT count(*), bit_xor(hash(*COLUMNS(*))) FROM {read}").fetchone()[0]
    return found


def _bare(asked: argparse.Namespace) -> Any:
    return shops.engine(**({"memory_limit": asked.memory_limit} if asked.memory_limit else {}))


STEPS = {one.__name__: one for one in (diff, join, floor)}


def main() -> None:
    """Take one step."""
    parser = argparse.ArgumentParser()
    parser.add_argument("step", choices=STEPS)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--memory-limit")
    asked = parser.parse_args()
    json.dump(STEPS[asked.step](asked.folder.resolve(), asked), sys.stdout)
    print()


if __name__ == "__main__":
    main()

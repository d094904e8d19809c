"""What is measured at scale, each in a process of its own: ours, and the bare engine as the reference.

    python benchmarks/steps.py STEP FOLDER [--memory-limit 1GiB] [--out FILE]

`diff` finds what differs between the prepared states of a shop (see `sides.py`), and `join` is its reference; `plan` is
the whole plan, and `floor` its reference. Each prints a line of JSON about what it found.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import sys
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import shops

AS_OF = datetime(2026, 11, 1, tzinfo=UTC)


class Exported:
    """An account whose exports are there already: what `reconcile.state.model.Observable` asks for."""

    def __init__(self, folder: Path) -> None:
        self._shop = shops.Made(folder, 0)

    hash_checked = True

    async def lists(self) -> Sequence[Any]:
        """The lists of every shop."""
        from reconcile.state.model import RemoteList

        return [RemoteList(f"{at:024x}", name, "natural") for at, name in enumerate(shops.list_names())]

    async def export(self, list_name: str, vars: Sequence[str]) -> Any:
        """A file that was written before."""
        from reconcile.sailthru import exports

        return exports.described(list_name, vars, self._shop.export(list_name))

    async def look(self, ref: Any, vars: Sequence[str]) -> Any:  # noqa: ARG002 -- Observable's
        """The address of a member; nothing else is asked with `lookups: 0`."""
        from reconcile.state.model import Sighting

        return Sighting(shops.email_of(ref.sid), ref.sid, {}, frozenset())


def sighted(folder: Path, workspace: Any) -> Any:
    """Both states: spec, masks, desired, observed."""
    from reconcile import sources
    from reconcile.spec import load
    from reconcile.state import desired, observed
    from reconcile.state.masks import Masks

    spec, masks = load.load(folder / "spec.yaml"), Masks.keyed_by("secret")
    wanted = desired.build(spec, sources.open_all(spec, {}), workspace, as_of=AS_OF, masks=masks)
    wanted, there = asyncio.run(observed.build(Exported(folder), wanted, workspace, lookups=0, at_once=20))
    return spec, masks, wanted, there


def plan(folder: Path, asked: argparse.Namespace) -> dict[str, Any]:
    """Desired from Parquet, observed from exports, the plan with its changes written."""
    from reconcile.plan import planner
    from reconcile.sailthru import limits
    from reconcile.state.engines.duckdb import DuckDB

    with DuckDB(memory_limit=asked.memory_limit) as workspace:
        spec, masks, wanted, there = sighted(folder, workspace)
        setting = planner.Setting(spec, workspace, masks, AS_OF, "http://localhost", limits.quota(0.75), "key", AS_OF)
        made = planner.build(wanted, there, setting, asked.out or folder / "bench.rplan")
        return {"id": made.face.plan_id, **made.face.counts.model_dump()}


def diff(folder: Path, asked: argparse.Namespace) -> dict[str, Any]:
    """Our diff of the prepared states."""
    from reconcile.spec import load
    from reconcile.spec.model import ValueType
    from reconcile.state import diff as ours
    from reconcile.state.engines.duckdb import DuckDB
    from reconcile.state.model import Membership, Shape, Var

    spec = load.load(folder / "spec.yaml")
    types = {"orders": "integer", "spent": "float", "vip": "boolean", "birthday": "date", "lastOrder": "datetime"}
    types |= {"customerId": "integer"}
    shape = Shape(
        vars=tuple(Var(name, ValueType(types.get(name, "string"))) for name in sorted([*spec.vars, "customerId"])),
        lists=tuple(Membership(name) for name in sorted(shops.GROUPS)),
        registry=Membership(shops.REGISTRY),
        identity="customerId",
    )
    with DuckDB(memory_limit=asked.memory_limit) as workspace:
        sides = [workspace._engine.read_parquet(folder / "states" / f"{name}.parquet") for name in _SIDES]
        changes = workspace.keep("changes", ours.between(*sides, shape))
        return {"changes": workspace.count(changes)}


_SIDES = ("desired", "observed")


def join(folder: Path, asked: argparse.Namespace) -> dict[str, Any]:
    """The reference of `diff`: a bare full outer join of the same files that selects the rows that differ."""
    with _bare(asked) as bare:
        d, o = (f"read_parquet('{folder / 'states' / name}.parquet')" for name in _SIDES)
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


STEPS = {one.__name__: one for one in (diff, join, plan, floor)}


def main() -> None:
    """Take one step."""
    parser = argparse.ArgumentParser()
    parser.add_argument("step", choices=STEPS)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--memory-limit")
    parser.add_argument("--out", type=Path)
    asked = parser.parse_args()
    json.dump(STEPS[asked.step](asked.folder.resolve(), asked), sys.stdout)
    print()


if __name__ == "__main__":
    main()

"""One peer at work on the prepared states of a shop, as its documentation says; run by `peers.py` in a venv of its own.

    benchmarks/.venv/bin/python benchmarks/peer.py datacompy FOLDER

Each prints a line of JSON: how many profiles differ. What a peer needs done before (reladiff: tables in a database) is
done by `--prepare` and not measured.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

SIDES = ("desired", "observed")


def _columns(folder: Path) -> list[str]:
    import pyarrow.parquet as pq

    names = pq.read_schema(folder / "states" / "desired.parquet").names
    return [name for name in names if name.startswith(("var:", "list:"))]


def datacompy(folder: Path) -> int:
    """Both files in Polars, compared by datacompy."""
    import polars as pl
    from datacompy import PolarsCompare

    names = ["hash", *_columns(folder)]
    sides = [pl.read_parquet(folder / "states" / f"{side}.parquet", columns=names) for side in SIDES]
    found = PolarsCompare(*sides, join_columns="hash", cast_column_names_lower=False)
    changed = len(found.intersect_rows) - found.count_matching_rows()
    return changed + len(found.df1_unq_rows) + len(found.df2_unq_rows)


def reladiff(folder: Path) -> int:
    """Both tables in one DuckDB file, joined there by reladiff."""
    from reladiff import Algorithm, connect, diff_tables

    database, names = connect(f"duckdb:///{_database(folder)}"), tuple(_columns(folder))
    sides = [_table(database, side, names) for side in SIDES]
    found = diff_tables(*sides, key_columns=("hash",), extra_columns=names, algorithm=Algorithm.JOINDIFF)
    return len({row[0] for _, row in found})


def _table(database: Any, name: str, columns: tuple[str, ...]) -> Any:
    from reladiff import TableSegment

    return TableSegment(database, (name,), ("hash",), extra_columns=columns)


def _database(folder: Path) -> Path:
    return folder / "states" / "reladiff.duckdb"


def dicts(folder: Path) -> int:
    """A script as one writes it: both sides as dicts by key, and deepdiff for those that differ."""
    import pyarrow.parquet as pq
    from deepdiff import DeepDiff

    names = _columns(folder)
    desired, observed = (
        {
            row.pop("hash"): row
            for row in pq.read_table(folder / "states" / f"{side}.parquet", columns=["hash", *names]).to_pylist()
        }
        for side in SIDES
    )
    pairs = {key: (observed.get(key), desired.get(key)) for key in desired.keys() | observed.keys()}
    found = {key: DeepDiff(old, new) for key, (old, new) in pairs.items() if old != new}
    return len(found)


PEERS = {one.__name__: one for one in (datacompy, reladiff, dicts)}


def prepare(folder: Path) -> None:
    """Put the states into a DuckDB file."""
    import duckdb

    if not _database(folder).exists():
        with duckdb.connect(_database(folder)) as made:
            for side in SIDES:
                columns = ", ".join(f'"{name}"' for name in ["hash", *_columns(folder)])
                made.execute(f"CREATE TABLE {side} AS SELECT {columns} FROM '{folder / 'states' / side}.parquet'")


if __name__ == "__main__":
    name, path = sys.argv[1], Path(sys.argv[2])
    if name == "--prepare":
        prepare(path)
    else:
        print(json.dumps({"changes": PEERS[name](path)}))

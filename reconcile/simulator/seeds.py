"""Fill an account from a file of people.

NDJSON, a line as in `POST /user`, or CSV, a column `email` and vars.
"""

from __future__ import annotations

import csv
import gc
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import orjson

from reconcile.simulator import users
from reconcile.simulator.account import Account
from reconcile.simulator.calls import Call
from reconcile.simulator.model import Refusal

if TYPE_CHECKING:
    from reconcile.simulator.simulator import Simulator


def load(sim: Simulator, path: str | Path) -> int:
    """Put the people and flows of a file into the account; gives how many lines there were.

    NDJSON (`.ndjson`, `.jsonl`, `.json`): `{"id": "ada@example.com", "vars": {"plan": "pro"}, "lists":
    {"Main": 1}}`, all that `POST /user` takes, or a flow: `{"flow": "Welcome", "joined": "Main"}`. CSV: a header with
    `email`; a column `lists` holds names with `|` between them; every other column is a var, as text.

    Raises:
        ValueError: a line is no good; the message says which, and why. Lines before it are in the account.
        OSError: the file cannot be read.
    """
    path = Path(path)
    lines = _from_csv(path) if path.suffix == ".csv" else _from_json(path)
    second = int(sim.clock())
    number = 0
    for number, line in enumerate(lines, start=1):
        try:
            _put(sim.account, line, second)
        except (Refusal, ValueError) as no:
            raise ValueError(f"{path}: {'flow' if 'flow' in line else 'person'} {number}: {no}") from no
    gc.freeze()  # a million people need not be walked through at every collection
    return number


def _put(account: Account, line: Mapping[str, Any], second: int) -> None:
    if "flow" in line:
        account.flows.add(line)
    else:
        users.post(account, Call("POST", "user", line, second, route="seed"))


def _from_json(path: Path) -> Iterator[Mapping[str, Any]]:
    with path.open("rb") as file:
        for number, raw in enumerate(file, start=1):
            if not raw.strip():
                continue
            line = _object(raw)
            if line is None:
                raise ValueError(f"{path}:{number}: not a JSON object")
            yield line if "id" in line or "flow" in line else {**line, "id": line.get("email"), "key": "email"}


def _object(raw: bytes) -> Mapping[str, Any] | None:
    try:
        line = orjson.loads(raw)
    except orjson.JSONDecodeError:
        return None
    return line if isinstance(line, dict) else None


def _from_csv(path: Path) -> Iterator[Mapping[str, Any]]:
    with path.open(encoding="utf-8-sig", newline="") as file:
        reader = csv.DictReader(file)
        if "email" not in (reader.fieldnames or ()):
            raise ValueError(f"{path}:1: no column named email")
        for row in reader:
            names = [name for name in (row.pop("lists", None) or "").split("|") if name]
            email = row.pop("email")
            found = {name: cell for name, cell in row.items() if name and cell}
            yield {"id": email, "key": "email", "vars": found, "lists": dict.fromkeys(names, 1)}

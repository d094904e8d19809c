"""The addresses of `tests/cases/addresses.json`: the one table for our check of them and for the simulator's."""

from __future__ import annotations

import json
import re
from pathlib import Path

_TABLE = json.loads((Path(__file__).parent / "cases" / "addresses.json").read_text("utf-8"))


def _long(text: str) -> str:
    return re.sub(r"(.)~(\d+)", lambda found: found[1] * int(found[2]), text)


FIT = [(_long(text), _long(address)) for text, address in _TABLE["fit"]]
UNFIT = [_long(text) for text in _TABLE["unfit"]]
ONLY_PHP = list(_TABLE["only php"])
DASHED = list(_TABLE["only php, and a leading dash is refused"])

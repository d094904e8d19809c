"""What is remembered of the last good run: how many rows each source had, so that a collapsed one is seen as such.

    .reconcile/shop/sources.json            {"customers": 1507}
    .reconcile/shop/sources.staging.json    the same of an environment that has this account: its sources are others

It is written when an apply has converged, and missed by nobody: without it the guard `source_rows` has nothing to say.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import orjson
from pydantic import TypeAdapter, ValidationError

from reconcile.apply import runs
from reconcile.plan.model import Face

_ROWS = TypeAdapter(dict[str, int])


def remember(state: Path, face: Face) -> None:
    """Keep what the sources of a plan held; the plan was applied, and the account has converged."""
    runs.of(state, face).make()
    rows = {one.name: one.rows for one in face.sources}
    runs.replace(_place(state, face.account.name, face.environment), orjson.dumps(rows, option=orjson.OPT_SORT_KEYS))


def recall(state: Path, account: str, environment: str | None = None) -> Mapping[str, int] | None:
    """Rows by source at the last good run; None when there was none, or its file cannot be read."""
    try:
        return _ROWS.validate_json(_place(state, account, environment).read_bytes())
    except (OSError, ValidationError):
        return None


def _place(state: Path, account: str, environment: str | None) -> Path:
    return runs.account(state, account) / f"sources{f'.{environment}' if environment else ''}.json"

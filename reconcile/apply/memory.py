"""What is remembered of the last good run: how many rows each source had, so that a collapsed one is seen as such.

    .reconcile/shop/sources.json            {"customers": 1507}
    .reconcile/shop/sources.staging.json    the same of an environment that has this account: its sources are others

It is written when an apply has converged, and missed by nobody: without it the guard `source_rows` has nothing to say.
"""

from __future__ import annotations

from collections.abc import Mapping

import orjson
from pydantic import TypeAdapter, ValidationError

from reconcile.apply import runs
from reconcile.apply.store import Store
from reconcile.plan.model import Face

_ROWS = TypeAdapter(dict[str, int])


def remember(store: Store, face: Face) -> None:
    """Keep what the sources of a plan held; the plan was applied, and the account has converged."""
    rows = {one.name: one.rows for one in face.sources}
    store.replace(_key(face.account.name, face.environment), orjson.dumps(rows, option=orjson.OPT_SORT_KEYS))


def recall(store: Store, account: str, environment: str | None = None) -> Mapping[str, int] | None:
    """Rows by source at the last good run; None when there was none, or what is kept cannot be read."""
    found = store.get(_key(account, environment))
    try:
        return _ROWS.validate_json(found.content) if found else None
    except ValidationError:
        return None


def _key(account: str, environment: str | None) -> str:
    return runs.key(account, runs.named("sources", environment, "json"))

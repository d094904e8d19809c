"""What is remembered of the last good run: how many rows each source had, so that a collapsed one is seen as such.

    .reconcile/shop/sources.json            {"customers": 1507}
    .reconcile/shop/sources.staging.json    the same of an environment that has this account: its sources are others

It is written when an apply has converged, and missed by nobody: without it the guard `source_rows` has nothing to say.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated

from pydantic import Field, TypeAdapter, ValidationError

from reconcile.apply import runs
from reconcile.apply.records import Damaged, dump_record, load_record
from reconcile.apply.store import Store
from reconcile.plan.model import Face

_ROWS = TypeAdapter(dict[str, Annotated[int, Field(ge=0, lt=2**63)]])


def remember(store: Store, face: Face) -> None:
    """Keep what the sources of a plan held; the plan was applied, and the account has converged."""
    rows = {one.name: one.rows for one in face.sources}
    store.replace(_key(face.account.name, face.environment), dump_record(dict(sorted(rows.items()))))


def recall(store: Store, account: str, environment: str | None = None) -> Mapping[str, int] | None:
    """Rows by source at the last good run; None when there was none, or what is kept cannot be read."""
    found = store.get(_key(account, environment))
    try:
        return _ROWS.validate_python(load_record(found.content), strict=True) if found else None
    except (Damaged, ValidationError):
        return None


def _key(account: str, environment: str | None) -> str:
    return runs.key(account, runs.named("sources", environment, "json"))

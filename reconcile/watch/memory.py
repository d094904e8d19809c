"""What was told of an account and is not over, so that it can be told once, and that it is over.

    .reconcile/shop/told.json            {"apply": "failed", "drift": "5f0c9d7be1a24c33"}
    .reconcile/shop/told.staging.json    the same of an environment that has this account

By command: the event, or a digest of what drifted. Missed by nobody: without it something is told once more.
"""

from __future__ import annotations

from collections.abc import Mapping

from pydantic import TypeAdapter, ValidationError

from reconcile.apply import runs
from reconcile.apply.records import Damaged, dump_record, load_record
from reconcile.apply.store import Store

_COMMANDS = ("apply", "drift", "plan")
_TOLD = TypeAdapter(dict[str, str])


def recall(store: Store, account: str, environment: str | None) -> Mapping[str, str]:
    """By command; nothing where what is kept cannot be read."""
    found = store.get(_key(account, environment))
    try:
        return _TOLD.validate_python(load_record(found.content, _COMMANDS), strict=True) if found else {}
    except (Damaged, ValidationError):
        return {}


def remember(store: Store, account: str, environment: str | None, command: str, told: str | None) -> None:
    """Keep what was told of a command's end; nothing when it is over."""
    kept = {name: was for name, was in recall(store, account, environment).items() if name != command}
    now = kept if told is None else {**kept, command: told}
    store.replace(_key(account, environment), dump_record(dict(sorted(now.items()))))


def _key(account: str, environment: str | None) -> str:
    return runs.key(account, runs.named("told", environment, "json"))

"""`observe`: a look at the account that is kept, to be planned on later."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from reconcile.cli import telling
from reconcile.cli.options import (
    SPECS,
    AsJson,
    Env,
    MemoryLimit,
    Profile,
    SpecPath,
    Var,
    WorkFolder,
    load,
    reconciler,
)


def observe(
    out: Annotated[Path, typer.Option("--out", "-o", help="Keep the observation in this folder; it holds people.")],
    spec: SpecPath = SPECS,
    env: Env = None,
    var: Var = None,
    as_json: AsJson = False,
    memory_limit: MemoryLimit = None,
    workspace: WorkFolder = None,
    profile: Profile = False,
) -> None:
    """Keep what a plan reads of the account in bulk, for `plan --observed`. Writes nothing to the account."""
    import asyncio

    from reconcile import screen

    ours = reconciler(None, memory_limit, workspace)
    with telling.steps(as_json=as_json, profile=profile) as steps:
        kept = asyncio.run(ours.observe(load(spec, env, var), out, progress=steps))
    rows, size = (sum(getattr(one, name) for one in kept.exports) for name in ("rows", "bytes"))
    if as_json:
        facts = kept.model_dump(mode="json", include={"account", "taken_at", "hash_check"})
        screen.event("observation", path=str(out), **facts, lists=len(kept.exports), rows=rows, bytes=size)
        return
    told = f"{telling.counted(len(kept.exports), 'list')} with {telling.counted(rows, 'member')} ({size / 1e6:,.1f} MB)"
    screen.lines([f"Observed {kept.account.name} at {kept.account.url}: {told}."])
    telling.say(f"Kept in {out}. Plan on it with: reconcile plan --observed {out}")

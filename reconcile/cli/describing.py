"""Commands about specs and accounts themselves: `validate`, `check`, `schema`. None writes anything."""

from __future__ import annotations

from reconcile.cli.options import SPECS, Env, SpecPath, Var, load
from reconcile.cli.telling import counted


def validate(spec: SpecPath = SPECS, env: Env = None, var: Var = None) -> None:
    """Read the specs and report every problem, and what may not be meant; touches no database and no account."""
    loaded = load(spec, env, var)

    from dataclasses import replace

    from reconcile import screen, sources
    from reconcile.errors import SpecInvalid
    from reconcile.spec import notes, problems

    if wrong := sources.check(loaded):
        raise SpecInvalid(wrong)

    found = notes.of(loaded)
    screen.lines(
        line for one in found for line in problems.render(replace(one, message=f"note: {one.message}")).split("\n")
    )
    told = (
        (loaded.sources, "source"),
        (loaded.properties, "propert"),
        (loaded.vars, "var"),
        (loaded.groups, "group"),
    )
    noted = f" {counted(len(found), 'note')} above." if found else ""
    where = f"{spec} is valid in {env}" if env else f"{spec} is valid"
    screen.lines([f"{where}: " + ", ".join(counted(len(parts), name) for parts, name in told) + f".{noted}"])


def check(spec: SpecPath = SPECS, env: Env = None, var: Var = None) -> None:
    """Ask the account whether the credentials work; writes nothing."""
    import asyncio

    from reconcile import Reconciler, screen

    facts = asyncio.run(Reconciler().check(load(spec, env, var)))
    screen.lines([f"Test passed. Found {counted(facts.lists, 'Sailthru list')}."])


def schema() -> None:
    """Print the JSON Schema of a spec file, for editors."""
    import orjson

    from reconcile import screen
    from reconcile.spec.schema import json_schema

    screen.document(orjson.dumps(json_schema(), option=orjson.OPT_INDENT_2))

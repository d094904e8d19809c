"""`test`: a spec's own tests."""

# ruff: noqa: PT028 -- `test` is a command, no test

from __future__ import annotations

import typer

from reconcile.cli.options import SPECS, AsJson, Env, SpecPath, Var, load, reconciler
from reconcile.cli.telling import counted

FAILED = 1


def test(spec: SpecPath = SPECS, env: Env = None, var: Var = None, as_json: AsJson = False) -> None:
    """Run the specs' own tests on the rows that they give. Touches no database and no account."""
    from reconcile import screen
    from reconcile.screen import verdicts

    passed = failed = 0
    for one in reconciler(None, None, None).test(load(spec, env, var)):
        if as_json:
            screen.event("test", **verdicts.verdict_json(one))
        else:
            screen.lines(verdicts.verdict(one))
        passed, failed = passed + one.passed, failed + (not one.passed)
    if as_json:
        screen.event("tests", passed=passed, failed=failed)
    elif passed + failed:
        screen.lines([f"{counted(passed + failed, 'test')}: {passed:,} passed, {failed:,} failed."])
    else:
        screen.lines([f"{spec} has no tests. Write some under tests:, see docs/testing.md."])
    raise typer.Exit(FAILED if failed else 0)

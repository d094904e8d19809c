"""A spec's own tests in words, and as JSON."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import groupby
from typing import TYPE_CHECKING, Any

from reconcile.errors import Where
from reconcile.spec.problems import render

if TYPE_CHECKING:
    from reconcile.state.verdicts import Verdict


def verdict(verdict: Verdict) -> Iterator[str]:
    """A test as lines for a person: one where it passed, and else all that is not as expected, with its place."""
    if verdict.passed:
        yield f"passed  {verdict.name}"
        return
    yield f"FAILED  {verdict.name}{_at(verdict.where)}"
    for problem in verdict.problems:
        yield from (f"  ! {line}" if at == 0 else f"    {line}" for at, line in enumerate(render(problem).splitlines()))
    for person, misses in groupby(verdict.misses, key=lambda miss: miss.person):
        yield f"    {person}"
        for miss in misses:
            yield f"      {miss.what}{_at(miss.where)}"
            yield f"        - expected {miss.expected}"
            yield f"        + got      {miss.got}"


def verdict_json(verdict: Verdict) -> dict[str, Any]:
    """A test as the fields of an event."""
    return {
        "name": verdict.name,
        "passed": verdict.passed,
        "where": _place(verdict.where),
        "people": verdict.people,
        "misses": [
            {
                "person": miss.person,
                "what": miss.what,
                "expected": miss.expected,
                "got": miss.got,
                "where": _place(miss.where),
            }
            for miss in verdict.misses
        ],
        "problems": [render(problem) for problem in verdict.problems],
    }


def _place(where: Where | None) -> str | None:
    return f"{where.file}:{where.line}" if where else None


def _at(where: Where | None) -> str:
    return f"  ({_place(where)})" if where else ""

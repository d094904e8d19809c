"""Whether the formulas of a spec fit the kinds of the properties that they read, before a row of them is looked at.

What is declared is known when the spec is read; what only its source's column can tell, once that is known. The same
checks are made both times, with the same words and places. What is not known here is left to the engine. SQL is for
`spec.expressions`, imported where there is some.
"""

from __future__ import annotations

from collections.abc import Iterator

from reconcile.errors import Problem
from reconcile.spec import conditions, operators
from reconcile.spec.group import Group
from reconcile.spec.kinds import Kind, Kinds
from reconcile.spec.model import Path
from reconcile.spec.places import Places, called, spot


def group(name: str, group: Group, known: Kinds, places: Places) -> Iterator[Problem]:
    """What of a group's rule does not fit."""
    path: Path = ("groups", name)
    if group.where is not None:
        yield from _where((*path, "where"), name, group.where, known, places)
    if group.rules is None:
        return
    for inner, condition in conditions.parts(group.rules):
        for one in operators.mismatches(condition, known.get(condition.property.casefold())):
            where = places.value(*path, "rules", *inner, *one.path)
            yield Problem(f"{called(path)}: {one.message}", where, one.hint)


def _where(path: Path, name: str, text: str, known: Kinds, places: Places) -> Iterator[Problem]:
    from reconcile.spec import expressions, rules

    formula = rules.parse(text)
    found = list(expressions.misfits(path, formula, known, places))
    yield from found
    kind = expressions.kind_of(formula.tree, known)
    if not found and kind not in {None, Kind.BOOLEAN}:
        told = f'group "{name}" is not a yes or no: its rule gives {operators.called(Kind(kind))}'
        at = places.inside(path, formula.text, spot(formula.text, 0))
        yield Problem(told, at, "Compare it with something: lifetime_value >= 1000.")

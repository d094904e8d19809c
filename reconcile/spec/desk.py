"""What every check of a spec has at hand."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass

from reconcile.errors import Problem, Where
from reconcile.spec.model import Path, Spec
from reconcile.spec.places import Places, called, meant

STUB = "stub.of.reconcile"
"""Stands for what must be there and is not, while the rest is checked."""


@dataclass(frozen=True, slots=True)
class Desk:
    """The spec under check, its places, and the ids that are declared, those of broken parts included."""

    spec: Spec
    places: Places
    declared: Mapping[str, Collection[str]]

    def absent(self, section: str, name: str, path: Path, where: Where | None = None) -> Iterator[Problem]:
        """A problem when no such id is declared."""
        if name not in self.declared.get(section, ()) and name != STUB:
            thing = called((section, name))
            place = where or self.places.value(*path)
            yield Problem(f"{called(path)}: there is no {thing}", place, meant(name, self.declared.get(section, ())))

    def near(self, section: str) -> Iterator[Problem]:
        """Names that differ only in case: the engine (properties) and people (vars) take one for the other."""
        seen: dict[str, str] = {}
        for name in self.declared.get(section, ()):
            first = seen.setdefault(name.casefold(), name)
            if first != name:
                message = f'{called((section, name))} differs from "{first}" only in case'
                stands = f"The other stands at {self.places.key(section, first)}."
                yield Problem(message, self.places.key(section, name), stands)

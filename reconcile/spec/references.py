"""Which secrets a spec refers to, and where: pairs of a reference and the key of the spec at which it stands."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

from reconcile.spec import check, templates
from reconcile.spec.model import Path, Spec
from reconcile.spec.templates import Reference


class Found(NamedTuple):
    """A reference and where it stands."""

    reference: Reference
    path: Path

    @property
    def key(self) -> str:
        """For people: `sources: customers: connect`."""
        return ": ".join(map(str, self.path))


def find_references(spec: Spec) -> tuple[Found, ...]:
    """All references of a spec, in order."""
    return tuple(sorted(dict.fromkeys(_found(spec)), key=lambda one: (one.reference, one.key)))


def find_new(spec: Spec, base: Spec) -> tuple[Found, ...]:
    """The references that the base does not have at the same key."""
    known = {(one.reference, one.key) for one in find_references(base)}
    return tuple(one for one in find_references(spec) if (one.reference, one.key) not in known)


def _found(spec: Spec) -> Iterator[Found]:
    texts = [*check.references(spec)]
    texts += [(("sources", name, "query"), one.query) for name, one in spec.sources.items() if one.query is not None]
    for path, text in texts:
        yield from (Found(one, path) for one in templates.references(text))

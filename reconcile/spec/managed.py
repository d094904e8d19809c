"""What a spec manages at the account, by the names there: all that is ever read in, and ever written."""

from __future__ import annotations

from reconcile.spec.model import Spec


def lists(spec: Spec) -> tuple[str, ...]:
    """The names of all managed lists, the registry's among them, sorted."""
    return tuple(sorted({spec.account.registry, *spec.lists}))


def vars(spec: Spec) -> tuple[str, ...]:
    """The names of all managed vars, the one that keeps the source's own id among them, sorted."""
    identity = spec.profiles.identity
    return tuple(sorted({*spec.vars, *([identity.var] if identity else ())}))

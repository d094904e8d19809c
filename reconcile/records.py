"""The facade of looking back: what was applied. Neither sources nor the account are asked, and no engine is started."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from reconcile import store
from reconcile.apply import audit, history, lease, runs
from reconcile.apply.store import Store
from reconcile.plan.model import Face
from reconcile.spec import templates
from reconcile.spec.model import Spec

LOCAL = Path(".reconcile")
"""Where state is kept unless somebody says otherwise."""


@dataclass(frozen=True, slots=True)
class Lease:
    """The lease of an account, and where it is kept; `record` is None where nobody holds it."""

    store: Store
    account: str
    record: lease.Record | None

    def free(self) -> bool:
        """Take it from whoever holds it; False when it changed since it was looked at.

        Raises:
            StoreUnavailable: the state cannot be reached.
        """
        return self.record is None or lease.free(self.store, runs.key(self.account, lease.NAME), self.record)


@dataclass(frozen=True, slots=True)
class Records:
    """What the state knows of the runs of an account.

    Args:
        environ: where `env()` looks.
        state: where runs leave what later ones have to know, whatever the spec says; a folder, or a URL.
        local: the folder of this machine in which runs keep their journals while the state is elsewhere.
    """

    environ: Mapping[str, str] = field(default_factory=lambda: os.environ)
    state: Path | str | None = None
    local: Path = LOCAL

    def runs(self, spec: Spec, *, limit: int = 20) -> Sequence[history.Run]:
        """The last runs of the spec's account, the latest first; neither sources nor account are asked.

        Raises:
            StoreUnavailable: the state cannot be reached.
        """
        return history.listed(self.store_of(spec.state), spec.account.name, limit=limit)

    def status(self, spec: Spec, run: str = "last") -> history.Status:
        """One run of the spec's account, by its name, its plan's id, the beginning of either, or `last`.

        Raises:
            RunUnknown, StoreUnavailable: see `errors`.
        """
        return history.status(self.store_of(spec.state), spec.account.name, run)

    def audit(self, spec: Spec) -> tuple[Sequence[audit.Entry], Sequence[audit.Finding]]:
        """Who applied what to the spec's account, the earliest first, and what is wrong with that chain of entries.

        Raises:
            StoreUnavailable: the state cannot be reached.
        """
        return audit.verify(self.store_of(spec.state), spec.account.name)

    def lease(self, about: Spec | Face) -> Lease:
        """Who holds the lease of the account of a spec, or of a plan's face.

        Raises:
            StoreUnavailable: the state cannot be reached.
        """
        kept = self.store_of(about.state)
        return Lease(kept, about.account.name, lease.read(kept, runs.key(about.account.name, lease.NAME)))

    def kept(self, spec: Spec, run: str, folder: Path) -> Path:
        """The plan of a run of the spec's account, brought from the state to a folder, sealed as it is kept.

        Args:
            run: as for `status`.

        Raises:
            PlanUnusable: the run is known, and its plan is not kept, as it was not sealed.
            RunUnknown, StoreUnavailable: see `errors`.
        """
        return history.plan(self.store_of(spec.state), spec.account.name, run, folder)

    def store_of(self, said: str | None) -> Store:
        """Where the state is: where we were told, or where the spec says (`said`)."""
        if self.state or not said:
            return store.of(str(self.state or self.local))
        shown = said if templates.has_marks(said) else None
        return store.of(templates.resolve(said, self.environ), shown)

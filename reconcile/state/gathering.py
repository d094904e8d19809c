"""Everybody with all that is known of them, for whoever counts, shows or traces people without an account."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime

from reconcile.spec.model import Spec
from reconcile.state import people, properties, steps
from reconcile.state.masks import Masks
from reconcile.state.model import Progress, Silent, Source
from reconcile.state.people import People
from reconcile.state.properties import Known
from reconcile.state.workspace import Workspace


@dataclass(frozen=True, slots=True)
class Gathering:
    """What people are gathered from, and what with: all that comes in from outside.

    Args:
        as_of: the clock of relative dates.
        environ: where `env()` looks for salts.
    """

    spec: Spec
    sources: Mapping[str, Source]
    workspace: Workspace
    as_of: datetime
    masks: Masks
    environ: Mapping[str, str]
    progress: Progress = field(default_factory=Silent)

    def everybody(self) -> tuple[People, Known]:
        """Who is there, and what is known of them.

        Raises:
            see `desired.build`.
        """
        found = people.gather(self.spec, self.sources, self.workspace, self.masks, self.progress, self.as_of)
        with steps.step(self.progress, "evaluating properties") as step:
            known = properties.evaluate(self.spec, found.rows, self.workspace, self.as_of, self.environ, found.odd)
            step.advance(found.total)
        return found, known

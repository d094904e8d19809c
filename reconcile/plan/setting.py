"""What a plan is made in."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime

from reconcile.plan import causes
from reconcile.plan.model import NO_IDS, AccountIds, Allowance, UndoFace
from reconcile.spec.model import Mode, Policy, Spec
from reconcile.state.keys import Keys
from reconcile.state.masks import Masks
from reconcile.state.model import Progress, Silent
from reconcile.state.workspace import Workspace


@dataclass(frozen=True, slots=True)
class Setting:
    """What a plan is made in: things that are the same for every row.

    Args:
        keys: of the account.
        as_of: the clock of relative dates.
        url: where the account answers, references resolved.
        quota: calls a minute we may make, by method and endpoint (`POST /user`), for the estimate.
        fingerprint: of the account's API key, see `integrity.fingerprint`.
        ids: Sailthru's own of the account, as far as they are known.
        made_at: when the plan is made, if not at `as_of`.
        last_good: rows of each source at the last apply that converged; None where nobody remembers.
        allowed: limits of the guards that are raised for this plan.
        base: the spec whose guards hold too, whichever is stricter; None for those of `spec` alone.
        memory: what was last applied, to tell causes by.
        observed_at: when the kept observation was taken that the plan is made from; None for a fresh look.
        undoes: what the plan takes back, if it is an inverse one.
        progress: hears of every step.
    """

    spec: Spec
    workspace: Workspace
    masks: Masks
    keys: Keys
    as_of: datetime
    url: str
    quota: Mapping[str, float]
    fingerprint: str = ""
    ids: AccountIds = NO_IDS
    made_at: datetime | None = None
    last_good: Mapping[str, int] | None = None
    allowed: tuple[Allowance, ...] = ()
    base: Spec | None = None
    memory: causes.Memory = field(default_factory=causes.Memory)
    observed_at: datetime | None = None
    undoes: UndoFace | None = None
    progress: Progress = field(default_factory=Silent)

    @property
    def policy(self) -> Policy:
        """What the plan may do. One that takes another back may take off a list whoever that has put there."""
        policy = self.spec.policy
        if self.undoes is None or policy.mode is Mode.OBSERVE:
            return policy
        return policy.model_copy(update={"mode": Mode.SYNC})

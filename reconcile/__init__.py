"""Declarative reconciliation for Sailthru: spec says, state sees, plan decides, apply does.

    import asyncio
    import reconcile as rc

    spec = rc.load("specs")
    ours = rc.Reconciler()
    plan = asyncio.run(ours.plan(spec, out=Path("shop.rplan")))
    report = asyncio.run(ours.apply(plan))

Names are fetched when first used, so that importing the package costs next to nothing.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

__version__ = "0.1.0"

_HOMES = {
    "AccountUnavailable": "errors",
    "CredentialsRefused": "errors",
    "EngineUnavailable": "errors",
    "GuardBreached": "errors",
    "Keys": "state.keys",
    "Outcome": "apply.model",
    "Plan": "plan.model",
    "PlanUnusable": "errors",
    "Receipt": "apply.model",
    "ReconcileError": "errors",
    "Reconciler": "reconciler",
    "Report": "apply.model",
    "SourceUnavailable": "errors",
    "Spec": "spec.model",
    "SpecInvalid": "errors",
    "load": "spec.load",
    "read": "plan.archive",
}

__all__ = [
    "AccountUnavailable",
    "CredentialsRefused",
    "EngineUnavailable",
    "GuardBreached",
    "Keys",
    "Outcome",
    "Plan",
    "PlanUnusable",
    "Receipt",
    "ReconcileError",
    "Reconciler",
    "Report",
    "SourceUnavailable",
    "Spec",
    "SpecInvalid",
    "load",
    "read",
]

if TYPE_CHECKING:
    from reconcile.apply.model import Outcome, Receipt, Report
    from reconcile.errors import (
        AccountUnavailable,
        CredentialsRefused,
        EngineUnavailable,
        GuardBreached,
        PlanUnusable,
        ReconcileError,
        SourceUnavailable,
        SpecInvalid,
    )
    from reconcile.plan.archive import read
    from reconcile.plan.model import Plan
    from reconcile.reconciler import Reconciler
    from reconcile.spec.load import load
    from reconcile.spec.model import Spec
    from reconcile.state.keys import Keys


def __getattr__(name: str) -> object:
    """Fetch a name of the face from its home."""
    if name not in _HOMES:
        raise AttributeError(f"module 'reconcile' has no attribute {name!r}")
    return getattr(import_module(f"reconcile.{_HOMES[name]}"), name)

"""Only checked by mypy, never run: the face as a typed user sees it."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import assert_type

import reconcile as rc

spec = rc.load("specs")
assert_type(spec, rc.Spec)

ours = rc.Reconciler(environ={"SAILTHRU_API_KEY": "key"})
plan = asyncio.run(ours.plan(spec, out=Path("shop.rplan")))
assert_type(plan, rc.Plan)
assert_type(plan.id, str)

report = asyncio.run(ours.apply(rc.read(Path("shop.rplan"), rc.Keys.of_secret("secret"))))
assert_type(report, rc.Report)
assert_type(report.converged, bool)
assert_type(asyncio.run(ours.verify(spec)), bool)

for receipt in report.examples:
    assert_type(receipt, rc.Receipt)
    assert_type(receipt.outcome, rc.Outcome)

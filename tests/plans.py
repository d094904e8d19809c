"""Plans for tests, made by the real floors from a spec, a CSV file and an account in memory; no HTTP."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path

from account import FakeAccount

import reconcile as rc
from reconcile import sources
from reconcile.plan import planner
from reconcile.plan.setting import Setting
from reconcile.sailthru import limits
from reconcile.spec.model import Mode
from reconcile.state import desired, observed
from reconcile.state.engines.duckdb import DuckDB
from reconcile.state.keys import Keys
from reconcile.state.masks import Masks
from reconcile.state.model import Source
from reconcile.state.workspace import Workspace

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)
MASKS = Masks(b"cases")
KEYS = Keys.of_secret("cases")
REGISTRY = "reconcile: managed"
SPEC = """\
version: 1
account: {name: shop, api_key: "{{ env('KEY') }}", api_secret: "{{ env('SECRET') }}", url: http://sailthru.test}
sources:
  customers: {file: customers.csv, key: id, columns: {id: integer}}
profiles: {from: customers, email: email, identity: {var: customer_id}}
properties:
  city: {column: city, type: string}
  spent: {column: spent, type: float, default: 0, private: true}
vars: {city: city}
groups:
  big: {list: Big Spenders, where: "spent >= 1000"}
policy: {mode: sync, on_leave: unlist}
"""


def planned(
    spec: rc.Spec,
    account: FakeAccount,
    out: Path | None,
    given: Mapping[str, Source] | None = None,
    *,
    on: Workspace | None = None,
) -> rc.Plan:
    """What differs between what a spec's sources (or those given instead) say and an account.

    Args:
        on: an engine's workspace, not opened yet; DuckDB when None.
    """
    with on or DuckDB() as workspace:
        opened = given if given is not None else sources.open_all(spec, {})
        wanted = desired.build(spec, opened, workspace, as_of=NOW, masks=MASKS)
        lookups = None if spec.policy.mode is Mode.ENRICH else spec.policy.lookups
        wanted, there = asyncio.run(observed.build(account, wanted, workspace, lookups=lookups, at_once=1, masks=MASKS))
        setting = Setting(spec, workspace, MASKS, KEYS, NOW, "http://sailthru.test", limits.quota())
        return planner.build(wanted, there, setting, out)


def of(folder: Path, customers: str, account: FakeAccount, *, text: str = SPEC, name: str = "plan.rplan") -> rc.Plan:
    """A plan from a spec's text and the text of its `customers.csv`; kept in the folder."""
    folder.mkdir(exist_ok=True)
    (folder / "spec.yaml").write_text(text, encoding="utf-8")
    (folder / "customers.csv").write_text(customers, encoding="utf-8")
    account.folder = folder
    return planned(rc.load(folder / "spec.yaml"), account, folder / name)

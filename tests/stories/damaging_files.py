"""Files of ours with bytes flipped at random: never a traceback, and nothing believed that was not written."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Callable, Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

from stories.damaging import flip
from world import World, shop

from reconcile.apply import audit, history, lease, ledgers, memory, reporting, runs
from reconcile.apply.records import Damaged, dump_record
from reconcile.errors import ReconcileError
from reconcile.plan import approvals, archive
from reconcile.sailthru import kept
from reconcile.spec import approval
from reconcile.state.keys import Keys
from reconcile.store.folder import Folder
from reconcile.watch import memory as told

HAND_WRITTEN = {"approval"}
"""People may edit these: any content that reads is what they meant."""

Load = Callable[[], Any]

KEYS = Keys.of_secret("demo-secret")


def keep_files(folder: Path) -> Mapping[str, tuple[Path, Load]]:
    """One file of each kind, with what is read of it; None where it is taken for missing."""
    world = World(folder)
    world.fill(shop(12))
    plan = world.plan()
    assert world.apply().converged
    asyncio.run(world.ours.observe(world.spec(), folder / "seen"))
    state = folder / ".reconcile"
    store, account = Folder(state), state / "shop"
    (account / "lease.json").write_bytes(dump_record(asdict(lease.Holder("ada@laptop", 4711, 1e9, 1e9, "ab", "here"))))
    told.remember(store, "shop", None, "apply", "failed")
    allowed = folder / "approval.yaml"
    allowed.write_text(approval.text(approvals.of(plan.face, tolerance="10%", lasts=None, now=world.ours.now())))
    [run] = (account / "runs").iterdir()
    bound = ledgers.Bound(url=plan.face.account.url, fingerprint=plan.face.account.fingerprint)
    key = ledgers.Key("shop", None, KEYS, bound)
    [rows] = account.glob("ledger.*.parquet")
    return {
        "lease": (account / "lease.json", lambda: _holder(lease.read(store, "shop/lease.json"))),
        "ledger": (account / "ledger.json", lambda: ledgers._found(store, key)[1]),
        "rows of the ledger": (rows, lambda: _rows(rows)),
        "sources": (account / "sources.json", lambda: memory.recall(store, "shop")),
        "told": (account / "told.json", lambda: told.recall(store, "shop", None) or None),
        "report": (run / runs.REPORT, lambda: reporting.load_report((run / runs.REPORT).read_bytes())),
        "facts": (run / runs.FACTS, lambda: history._load_facts((run / runs.FACTS).read_bytes())),
        "audit": (account / "audit/00000001.json", lambda: _audited(store)),
        "observation": (folder / "seen" / kept.MANIFEST, lambda: kept.read(folder / "seen", KEYS)),
        "plan": (folder / "plan.rplan", lambda: _actions(folder / "plan.rplan")),
        "approval": (allowed, lambda: approval.read(allowed)),
    }  # fmt: skip


def _holder(found: lease.Record | None) -> lease.Holder | None:
    return found.holder if found and not found.later else None


def _rows(path: Path) -> bytes | None:
    return path.read_bytes() if ledgers._name(path.name) == ledgers._digest(path) else None


def _audited(store: Folder) -> audit.Entry | None:
    chain, findings = audit.verify(store, "shop")
    return None if findings else chain[0]


def _actions(path: Path) -> tuple[Any, ...]:
    plan = archive.read(path, KEYS)
    return plan.face, tuple(archive.walk(plan))


def play_file_damage(files: Mapping[str, tuple[Path, Load]], seed: int, flips: int) -> int:
    """Damage each file so many times, each time anew; how often the damage was noticed.

    Raises:
        AssertionError: something is believed that was not written.
    """
    dice, noticed = random.Random(seed), 0
    for kind, (path, load) in files.items():
        whole, before = path.read_bytes(), load()
        assert before is not None, kind
        try:
            for _ in range(flips):
                spoilt = flip(whole, dice)
                path.write_bytes(spoilt)
                try:
                    after = load()
                except (Damaged, ReconcileError):
                    after = None
                except Exception as error:
                    raise AssertionError(f"seed {seed}: {kind}: {error!r} on {spoilt!r:.2000}") from error
                assert after is None or after == before or kind in HAND_WRITTEN, f"{seed}: {kind}: {spoilt!r}"
                noticed += after is None
        finally:
            path.write_bytes(whole)
    return noticed

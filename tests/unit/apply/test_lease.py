"""The heartbeat: it keeps a lease, and notices when the lease is somebody else's."""

from __future__ import annotations

import asyncio
import json
import time
from pathlib import Path

import pytest

from reconcile.apply import lease
from reconcile.store.folder import Folder


def test_a_heartbeat_keeps_it_and_notices_when_it_is_taken(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(lease, "BEAT", 0.01)
    path, lost = tmp_path / "lease.json", []

    async def hold() -> None:
        async with lease.held(Folder(tmp_path), path.name, lost=lambda: lost.append(True)) as held:
            first, until = held.holder.since, time.monotonic() + 60  # `holder` is replaced by the thread at each beat
            while json.loads(path.read_bytes())["beat"] == first and time.monotonic() < until:
                time.sleep(0.01)  # noqa: ASYNC251 -- the thread beats, however busy the event loop is
            taken = json.loads(path.read_bytes())
            assert taken["beat"] > first
            path.write_text(json.dumps(taken | {"token": "another"}))
            while not lost and time.monotonic() < until:
                # A beat that was under way may have put its own back.
                path.write_text(json.dumps(taken | {"token": "another"}))
                await asyncio.sleep(0.01)
        assert json.loads(path.read_bytes())["token"] == "another", "gave back what was not its own"

    asyncio.run(hold())
    assert lost == [True]


def test_a_lease_is_given_back_when_the_run_fails(tmp_path: Path) -> None:
    async def fail() -> None:
        async with lease.held(Folder(tmp_path), "lease.json"):
            raise RuntimeError

    with pytest.raises(RuntimeError):
        asyncio.run(fail())
    assert lease.read(Folder(tmp_path), "lease.json") is None

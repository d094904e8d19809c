"""The heartbeat: it keeps a lease, and notices when the lease is somebody else's."""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import Collection
from dataclasses import asdict
from pathlib import Path
from typing import Any

import orjson
import pytest

from reconcile.apply import lease
from reconcile.apply.records import dump_record
from reconcile.apply.store import Kept
from reconcile.errors import AccountBusy, StoreUnavailable
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


HOUR = 3600.0


def holder_in(store: Folder) -> lease.Holder:
    found = lease.read(store, "lease.json")
    assert found is not None
    assert found.holder is not None
    return found.holder


def hold(store: Folder, **fields: Any) -> lease.Holder:
    """A lease of somebody on another machine, whose process cannot be asked about."""
    holder = lease.Holder(**{"by": "ci@far", "pid": 1, "token": "theirs", "place": "far", **fields})
    store.replace("lease.json", orjson.dumps(asdict(holder)))
    return holder


@pytest.mark.parametrize("began", [0.0, HOUR, 300 * HOUR])
@pytest.mark.parametrize(("silent", "dead"), [(0.0, False), (10.0, False), (299.0, False), (301.0, True)])
def test_a_holder_is_dead_when_it_was_not_heard_of_for_long_and_not_when_it_began_long_ago(
    tmp_path: Path, began: float, silent: float, *, dead: bool
) -> None:
    now, store = 1_000_000_000.0, Folder(tmp_path)
    theirs = hold(store, since=now - silent - began, beat=now - silent)
    assert theirs.is_dead(now) is dead

    async def take() -> lease.Holder:
        async with lease.held(store, "lease.json", clock=lambda: now) as held:
            return held.holder

    if dead:
        assert asyncio.run(take()).token != "theirs"
    else:
        with pytest.raises(AccountBusy, match=f"last heard of {silent:.0f} s ago|last heard of 4 min ago"):
            asyncio.run(take())
        assert holder_in(store) == theirs


def test_who_waits_takes_over_as_soon_as_the_holder_is_dead_and_not_before(tmp_path: Path) -> None:
    time_, store = [1_000_000_000.0], Folder(tmp_path)
    hold(store, since=time_[0] - HOUR, beat=time_[0] - 10)

    async def sleep(seconds: float) -> None:
        time_[0] += seconds

    async def take() -> float:
        async with lease.held(store, "lease.json", patience=HOUR, clock=lambda: time_[0], sleep=sleep):
            return time_[0]

    assert asyncio.run(take()) - 1_000_000_000 == pytest.approx(lease.DEAD - 10, abs=2)


class Beats:
    """Keeps a lease as its thread does, over time that moves by one beat at a time, in a store that may be away."""

    def __init__(self, folder: Path, *, away: Collection[int] = (), until: int = 40) -> None:
        self.now, self.beats, self.away, self.until = 1_000_000_000.0, 0, away, until
        self.there, self.lost = Folder(folder), list[float]()
        mine = lease._myself(self.now)
        mark = self.there.put("lease.json", orjson.dumps(asdict(mine)), over=None)
        self.lease = lease.Lease(self, "lease.json", mine, str(mark), lambda: self.now, self._lose, _over=self)  # type: ignore[arg-type]

    def _lose(self) -> None:
        self.lost.append(self.now - 1_000_000_000)

    def wait(self, seconds: float) -> bool:
        self.now, self.beats = self.now + seconds, self.beats + 1
        return self.beats > self.until

    def is_set(self) -> bool:
        return False

    def set(self) -> None:
        """Given back."""

    def put(self, key: str, content: bytes, *, over: str | None) -> str | None:
        return self._reached().put(key, content, over=over)

    def get(self, key: str) -> Kept | None:
        return self._reached().get(key)

    def delete(self, key: str, *, over: str) -> bool:
        return self._reached().delete(key, over=over)

    def _reached(self) -> Folder:
        if self.beats in self.away:
            raise StoreUnavailable("The store is away.")
        return self.there


def test_a_holder_whose_store_is_away_past_its_time_is_told_that_it_lost_the_lease(tmp_path: Path) -> None:
    held = Beats(tmp_path, away=range(5, 1000))
    held.lease.keep()
    [lost] = held.lost
    heard = 4 * lease.BEAT
    assert lost - heard <= lease.DEAD - lease.BEAT, "before anybody else may take the lease over"
    assert lost - heard >= lease.DEAD / 2, "and not at the first beat that is not heard"


@pytest.mark.parametrize("began", [1, 5, 120])
def test_a_store_that_is_away_for_a_while_costs_no_lease(tmp_path: Path, began: int) -> None:
    held = Beats(tmp_path, away=range(began, began + 7), until=began + 40)
    held.lease.keep()
    assert held.lost == []
    kept = holder_in(held.there)
    assert (kept.token, kept.beat) == (held.lease.holder.token, held.now - lease.BEAT)
    assert not kept.is_dead(held.now)


def test_who_took_the_lease_over_while_the_store_was_away_keeps_it(tmp_path: Path) -> None:
    held = Beats(tmp_path, away=range(1, 4))
    theirs = hold(held.there, since=held.now, beat=held.now)
    held.lease.keep()
    assert held.lost == [4 * lease.BEAT]
    assert holder_in(held.there) == theirs
    held.lease.give_back()
    assert holder_in(held.there) == theirs


NOW = 1_000_000_000.0


def take(store: Folder, patience: float, *, beats: bool = False) -> tuple[str, float]:
    """Who holds the lease after one waited for it, and how long that took; who held it may write to it every 30 s."""
    time_ = [NOW]

    async def sleep(seconds: float) -> None:
        time_[0] += max(seconds, 0.5)
        if beats and time_[0] % 30 < 1:
            kept = store.get("lease.json")
            assert kept is not None
            store.replace("lease.json", kept.content + b" ")

    async def hold_it() -> tuple[str, float]:
        async with lease.held(store, "lease.json", patience=patience, clock=lambda: time_[0], sleep=sleep) as held:
            return held.holder.by, time_[0] - NOW

    return asyncio.run(hold_it())


WHOLE = {"by": "ci@far", "pid": 1, "since": NOW - 9000, "beat": NOW - 9000, "token": "theirs", "place": "far"}
UNREADABLE = [
    WHOLE | {"beat": "x"},
    WHOLE | {"beat": None},
    WHOLE | {"pid": "x"},
    WHOLE | {"pid": 2**70},
    WHOLE | {"pid": -1},
    WHOLE | {"by": ["x"]},
    {"by": "ci@far"},
    [],
    None,
    "",
    WHOLE | {"$crc": "00000000"},
]
AHEAD = WHOLE | {"since": NOW + 7 * HOUR, "beat": NOW + 7 * HOUR}


@pytest.mark.parametrize("record", [*UNREADABLE, AHEAD])
def test_a_lease_whose_dates_say_nothing_is_judged_by_whether_anybody_writes_to_it(tmp_path: Path, record: Any) -> None:
    store = Folder(tmp_path)
    content = b"not JSON" if record is None else json.dumps(record).encode()
    store.replace("lease.json", content)
    with pytest.raises(AccountBusy, match=r"lease.json|clock is 7.0 h ahead") as refused:
        take(store, patience=0)
    assert "--lock-timeout 6m" in str(refused.value.hint)
    assert "lease SPEC --free" in str(refused.value.hint)
    with pytest.raises(AccountBusy):
        take(store, patience=HOUR, beats=True)
    store.replace("lease.json", content)
    by, waited = take(store, patience=HOUR)
    assert by != "ci@far"
    assert waited == pytest.approx(lease.DEAD, abs=3)


@pytest.mark.parametrize("more", [{"lasts": 9000}, {"lasts": 9000, "beat": "by number"}])
def test_a_lease_of_a_later_version_is_not_taken_over(tmp_path: Path, more: dict[str, Any]) -> None:
    store = Folder(tmp_path)
    store.replace("lease.json", dump_record(WHOLE | more))
    with pytest.raises(AccountBusy, match="of a later version"):
        take(store, patience=HOUR)
    found = lease.read(store, "lease.json")
    assert found is not None
    assert lease.free(store, "lease.json", found)
    assert take(store, patience=0)[1] == 0


def test_a_lease_that_changed_since_it_was_looked_at_is_not_freed(tmp_path: Path) -> None:
    store = Folder(tmp_path)
    hold(store, since=NOW, beat=NOW)
    found = lease.read(store, "lease.json")
    assert found is not None
    theirs = hold(store, since=NOW, beat=NOW + 30)
    assert not lease.free(store, "lease.json", found)
    assert holder_in(store) == theirs

"""No room: a disk that is full, a file that may not grow, memory that is not enough. All of it is real."""

from __future__ import annotations

import asyncio
import errno
import os
import resource
import shutil
import subprocess
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import pyarrow as pa
import pytest
from world import World, shop

from reconcile.apply import applier, audit
from reconcile.apply.model import Unheard
from reconcile.errors import DiskFull, MemoryShort, Unwritten
from reconcile.plan.model import Stage
from reconcile.state.capacity import LEAST, MIB, Capacity
from reconcile.state.engines.duckdb import DuckDB

SMALL = Capacity(LEAST, threads=1)
TEXT = "never mind what it says, it is long enough that a million of it do not fit: "


@pytest.fixture
def disk(tmp_path: Path) -> Iterator[Path]:
    """A disk of 8 MiB."""
    place = tmp_path / "disk"
    place.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=8m", "none", str(place)]
    if shutil.which("mount") is None or subprocess.run(mount, capture_output=True, check=False).returncode:
        pytest.skip("needs the right to mount a small disk")
    try:
        yield place
    finally:
        # Lazily: a plan keeps its file open for as long as it is there.
        subprocess.run(["umount", "--lazy", str(place)], check=True)


@pytest.fixture
def world(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> World:
    """A shop that is as the account says, and a folder of its own for what is temporary."""
    (tmp_path / "temporary").mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path / "temporary"))
    made = World(tmp_path)
    made.fill(shop(60))
    return made


def temporary(world: World) -> list[Path]:
    return list((world.folder / "temporary").iterdir())


def fill(disk: Path, *, but: int) -> None:
    """Leave so many bytes of a disk."""
    (disk / "ballast").write_bytes(b"x" * (shutil.disk_usage(disk).free - but))


@contextmanager
def files_no_larger_than(size: int) -> Iterator[None]:
    """`ulimit -f` for this process."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


def much(rows: int) -> pa.RecordBatchReader:
    """A stream of about a hundred bytes a row, no two alike."""
    schema = pa.schema([("n", pa.int64()), ("text", pa.string())])

    def batches() -> Iterator[pa.RecordBatch]:
        for start in range(0, rows, 50_000):
            numbers = range(start, min(start + 50_000, rows))
            yield pa.RecordBatch.from_pydict({"n": list(numbers), "text": [f"{TEXT}{n}" for n in numbers]}, schema)

    return pa.RecordBatchReader.from_batches(schema, batches())


def test_a_plan_that_does_not_fit_leaves_the_old_one_and_nothing_else(world: World, disk: Path) -> None:
    world.ours = replace(world.ours, workspace=world.folder / "temporary")
    old = world.plan("disk/shop.rplan")
    before = (disk / "shop.rplan").read_bytes()
    world.change(1, city="Elsewhere")
    fill(disk, but=4096)
    with pytest.raises(DiskFull, match=r"No room left for the plan in .*/disk/shop\.rplan: 0\.\d MiB are free") as full:
        world.plan("disk/shop.rplan")
    assert "--out" in str(full.value.hint)
    assert (disk / "shop.rplan").read_bytes() == before
    assert sorted(one.name for one in disk.iterdir()) == ["ballast", "shop.rplan"]
    assert temporary(world) == []
    (disk / "ballast").unlink()
    assert world.plan("disk/shop.rplan").id != old.id


def test_a_plan_larger_than_a_file_may_be_is_told_so(world: World) -> None:
    spec = world.spec()
    with files_no_larger_than(4096), pytest.raises(DiskFull, match="may not grow larger") as full:
        asyncio.run(world.ours.plan(spec, out=world.folder / "shop.rplan"))
    assert "size of files" in str(full.value.hint)
    assert not list(world.folder.glob("*.rplan*"))
    assert temporary(world) == []


def test_an_export_that_does_not_fit_is_told_and_leaves_nothing(world: World, disk: Path) -> None:
    world.settle()
    fill(disk, but=4096)
    world.ours = replace(world.ours, workspace=disk)
    with pytest.raises(DiskFull, match=r"No room left for an export in .*/disk/reconcile-.* are free") as full:
        world.plan("next.rplan")
    assert "--workspace" in str(full.value.hint)
    assert [one.name for one in disk.iterdir()] == ["ballast"]
    assert not (world.folder / "next.rplan").exists()


def test_a_workspace_that_is_not_there_is_told(world: World) -> None:
    world.ours = replace(world.ours, workspace=world.folder / "nowhere")
    with pytest.raises(Unwritten, match=r"nowhere: No such file or directory"):
        world.plan()


def test_what_does_not_fit_into_memory_spills_and_comes_back_whole() -> None:
    with DuckDB(SMALL) as workspace:
        rows = workspace.store("much", much(2_000_000))
        spilled = sum(one.stat().st_size for one in (workspace.folder / "spill").iterdir())
        assert spilled > 10 * MIB, "else this test proves nothing"
        ordered = workspace.keep("ordered", rows.order_by(rows.text.desc()))
        found = workspace.one(ordered.aggregate(rows=ordered.count(), sum=ordered.n.sum()))
        assert found == {"rows": 2_000_000, "sum": sum(range(2_000_000))}


def test_a_disk_too_small_for_what_spills_is_told_and_leaves_nothing(disk: Path) -> None:
    told = rf"No room left for the tables of this run in {disk}/reconcile-.* are free without them"
    with pytest.raises(DiskFull, match=told), DuckDB(SMALL, within=disk) as workspace:
        workspace.store("much", much(4_000_000))
    assert list(disk.iterdir()) == []


def test_a_spill_larger_than_a_file_may_be_is_told(tmp_path: Path) -> None:
    with (
        files_no_larger_than(4 * MIB),
        pytest.raises(DiskFull, match="may not grow larger"),
        DuckDB(SMALL, within=tmp_path) as workspace,
    ):
        workspace.store("much", much(4_000_000))
    assert list(tmp_path.iterdir()) == []


def test_memory_that_is_not_enough_is_told_with_the_way_out(tmp_path: Path) -> None:
    with DuckDB(SMALL, within=tmp_path) as workspace:
        rows = workspace.store("much", much(1_000_000))
        whole = rows.aggregate(all=rows.text.collect())  # one value: it cannot spill
        told = f"{LEAST // MIB} MiB for the process"
        for asked in (lambda: workspace.dicts(whole, limit=1), lambda: workspace.keep("whole", whole),
                      lambda: list(workspace.stream(whole))):  # fmt: skip
            with pytest.raises(MemoryShort, match=told) as short:
                asked()
            assert "--memory-limit" in str(short.value.hint)
        assert workspace.count(rows) == 1_000_000, "and the tables that were there still are"


class _AtUpserts(Unheard):
    """Does something when the upserts begin."""

    def __init__(self, do: Callable[[], object]) -> None:
        self._do = do

    def stage(self, stage: Stage, total: int) -> None:
        if stage is Stage.UPSERTS:
            self._do()


def test_a_state_that_fills_up_ends_the_run_before_the_next_write(
    world: World, disk: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(applier, "CHUNK", 1)
    world.ours = replace(world.ours, state=disk, workspace=world.folder / "temporary")
    plan = world.plan()
    report = asyncio.run(world.ours.apply(plan, events=_AtUpserts(lambda: fill(disk, but=0))))
    assert report.exit_status == 74
    assert "No room left for the journal of the run in " in report.stopped
    assert "then apply the same plan again to go on from here" in report.stopped
    assert report.unattempted > 0
    written = world.writes()
    (disk / "ballast").unlink()
    assert [one.step for one in world.ours.audit(world.spec())[0]] == [audit.Step.BEGUN], "its end had no room either"
    # The next run is another one, and gives it the end that the journal tells.
    world.change(1, city="Elsewhere")
    world.settle()
    assert world.writes() > written
    entries, findings = world.ours.audit(world.spec())
    assert [(str(one.step), one.status) for one in entries] == [
        ("begun", None),
        ("ended", None),
        ("begun", None),
        ("ended", 0),
    ]
    assert entries[1].outcomes["verified"] > 0
    assert (audit.unended(entries), findings) == ([], [])


@pytest.mark.parametrize("number", [errno.EROFS, errno.EIO, errno.EDQUOT, errno.EACCES], ids=errno.errorcode.get)
def test_a_journal_that_cannot_be_written_stops_every_write(
    world: World, monkeypatch: pytest.MonkeyPatch, number: int
) -> None:
    def fail(_: int) -> None:
        raise OSError(number, os.strerror(number))

    world.ours = replace(world.ours, workspace=world.folder / "temporary")
    plan, before = world.plan(), []

    def spoil() -> None:
        before.append(world.writes())
        monkeypatch.setattr(os, "fsync", fail)

    report = asyncio.run(world.ours.apply(plan, events=_AtUpserts(spoil)))
    assert (report.exit_status, world.writes()) == (74, before[0])
    assert "journal.ndjson" in report.stopped
    monkeypatch.undo()
    monkeypatch.setattr(tempfile, "tempdir", str(world.folder / "temporary"))
    assert world.apply(plan).converged, "it is gone on with"
    world.check()


def test_a_state_that_is_read_only_is_told_before_anything_is_written(world: World, disk: Path) -> None:
    world.ours = replace(world.ours, state=disk / "state", workspace=world.folder / "temporary")
    plan = world.plan()
    subprocess.run(["mount", "-o", "remount,ro", str(disk)], check=True)
    with pytest.raises(Unwritten, match=rf"Cannot write the state of the run to {disk}/state/.*: Read-only") as refused:
        world.apply(plan)
    assert (refused.value.exit_status, world.writes()) == (74, 0)
    subprocess.run(["mount", "-o", "remount,rw", str(disk)], check=True)
    world.apply(plan)
    world.check()

"""What a run may take: read from a limit, or from the machine, where a container's limit counts."""

from __future__ import annotations

from pathlib import Path

import pytest

from reconcile.errors import LimitUnfit
from reconcile.state import capacity
from reconcile.state.capacity import MIB

GIB = 1024 * MIB


def system(folder: Path, files: dict[str, str]) -> Path:
    """The files of `/proc` and `/sys` as a container sees them."""
    for name, text in files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text + "\n")
    return folder


@pytest.mark.parametrize(
    ("limit", "size"),
    [("1GB", 10**9), ("1GiB", GIB), ("1.5 gib", 1536 * MIB), ("800mb", 800 * 10**6), ("512MiB", 512 * MIB)],
)
def test_a_limit_is_what_it_says(limit: str, size: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(capacity, "memory", lambda: 8 * GIB)
    assert capacity.of(limit).memory == size


def test_the_engine_gets_what_is_left_beside_ourselves(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(capacity, "memory", lambda: 8 * GIB)
    monkeypatch.setattr(capacity, "processors", lambda: 16)
    assert capacity.of("25%").engine == 2 * GIB - capacity.OURS
    assert [capacity.of(limit).threads for limit in ("384MiB", "512MiB", "1GiB", "4GiB")] == [1, 1, 5, 16]


def test_without_a_limit_it_is_half_of_what_there_is_and_never_too_little(monkeypatch: pytest.MonkeyPatch) -> None:
    for there, chosen in ((8 * GIB, 4 * GIB), (512 * MIB, capacity.LEAST)):
        monkeypatch.setattr(capacity, "memory", lambda there=there: there)
        assert capacity.of().memory == chosen
    monkeypatch.setattr(capacity, "memory", lambda: 8 * GIB)
    assert capacity.of(most=512 * MIB).memory == 512 * MIB
    assert capacity.of("1GiB", most=512 * MIB).memory == GIB, "who names a limit means it"


@pytest.mark.parametrize(
    ("limit", "told"),
    [
        ("much", "no memory limit"),
        ("1024", "no memory limit"),
        ("-1GB", "no memory limit"),
        ("100MB", r"100MB \(95 MiB\) is too small"),
        ("1%", "too small"),
        ("9TB", r"more than there is \(8,192 MiB"),
    ],
)
def test_nonsense_is_refused(limit: str, told: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(capacity, "memory", lambda: 8 * GIB)
    with pytest.raises(LimitUnfit, match=told) as refused:
        capacity.of(limit)
    assert refused.value.hint


@pytest.mark.parametrize(
    "files",
    [
        {"proc/self/cgroup": "0::/", "sys/fs/cgroup/memory.max": str(GIB)},
        {"proc/self/cgroup": "0::/a/b", "sys/fs/cgroup/a/b/memory.max": "max", "sys/fs/cgroup/a/memory.max": str(GIB)},
        {"proc/self/cgroup": "0::/host/path", "sys/fs/cgroup/memory.max": str(GIB)},
        {"proc/self/cgroup": "7:memory:/x", "sys/fs/cgroup/memory/x/memory.limit_in_bytes": str(GIB)},
        {"proc/self/cgroup": "7:cpu,memory:/docker/1", "sys/fs/cgroup/memory/memory.limit_in_bytes": str(GIB)},
    ],
    ids=["v2", "v2 above", "v2 host path", "v1", "v1 host path"],
)
def test_a_containers_limit_counts(files: dict[str, str], tmp_path: Path) -> None:
    assert capacity.memory(system(tmp_path, files)) == GIB


def test_without_containers_the_machine_counts(tmp_path: Path) -> None:
    unlimited = {"proc/self/cgroup": "7:memory:/", "sys/fs/cgroup/memory/memory.limit_in_bytes": str(2**63 - 4096)}
    assert capacity.memory(system(tmp_path, unlimited)) == capacity.memory(tmp_path / "nothing") > GIB / 4


@pytest.mark.parametrize(
    "files",
    [
        {"proc/self/cgroup": "0::/", "sys/fs/cgroup/cpu.max": "50000 100000"},
        {"proc/self/cgroup": "3:cpu,cpuacct:/", "sys/fs/cgroup/cpu/cpu.cfs_quota_us": "100000",
         "sys/fs/cgroup/cpu/cpu.cfs_period_us": "100000"},
    ],
    ids=["v2", "v1"],
)  # fmt: skip
def test_a_containers_share_of_processors_counts(files: dict[str, str], tmp_path: Path) -> None:
    assert capacity.processors(system(tmp_path, files)) == 1


def test_unlimited_processors_are_all_there_are(tmp_path: Path) -> None:
    unlimited = {"proc/self/cgroup": "0::/", "sys/fs/cgroup/cpu.max": "max 100000"}
    assert capacity.processors(system(tmp_path, unlimited)) == capacity.processors(tmp_path / "nothing") >= 1

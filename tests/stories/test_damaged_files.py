"""Commands on files of ours that are damaged on purpose: each is told by its name, with the status of docs/flow.md."""

from __future__ import annotations

import json
import shutil
import time
import zipfile
from collections.abc import Callable
from pathlib import Path

import pytest
from world import Customer, World, shop

from reconcile import cli
from reconcile.apply import lease
from reconcile.apply.records import dump_record

Commands = Callable[..., tuple[int, str]]


@pytest.fixture(scope="module")
def kept(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a spec, a state of one run, its plan, another plan, and an approval."""
    world = World(tmp_path_factory.mktemp("kept"))
    world.time.now = time.time()  # commands go by the real clock
    world.fill(shop(4))
    world.plan()
    assert world.apply().converged
    world.fill([*shop(4), Customer(99, "newcomer@example.com")])
    world.plan("next.rplan")
    return world.folder


@pytest.fixture
def folder(kept: Path, tmp_path: Path) -> Path:
    shutil.copytree(kept, tmp_path / "kept")
    return tmp_path / "kept"


@pytest.fixture
def run(folder: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]) -> Commands:
    monkeypatch.chdir(folder)
    secrets = {"KEY": "demo-key", "SECRET": "demo-secret", "SAILTHRU_API_SECRET": "demo-secret"}
    for name, value in (secrets | {"SHOP": "sqlite:///shop.db"}).items():
        monkeypatch.setenv(name, value)

    def call(*words: str) -> tuple[int, str]:
        monkeypatch.setattr("sys.argv", ["reconcile", *words])
        with pytest.raises(SystemExit) as ended:
            cli.main()
        return int(str(ended.value.code or 0)), "".join(capfd.readouterr())

    return call


def pack_large_face(path: Path) -> None:
    """A plan whose face is 200 MB of nothing, in a file of a few hundred KB."""
    with zipfile.ZipFile(path) as plan:
        members = {name: plan.read(name) for name in plan.namelist()}
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as plan:
        for name, content in members.items():
            plan.writestr(name, content + b" " * 200_000_000 if name == "face.json" else content)


CASES: dict[str, tuple[str, bytes | Callable[[Path], None], str, int, str]] = {
    # file, content, command, status, what is told
    "report": ("runs/*/report.json", b"[]", "runs spec.yaml", 0, "damaged: shop/runs/*/report.json"),
    "report of a run": ("runs/*/report.json", b"[]", "status last spec.yaml", 0, "report.json is damaged"),
    "facts": ("runs/*/plan.json", b'{"counts": 3}', "runs spec.yaml", 0, "damaged: shop/runs/*/plan.json"),
    "report, for the audit": ("runs/*/report.json", b'{"audit": 5}', "audit spec.yaml --verify", 0, "chain is whole"),
    "report, applied again": ("runs/*/report.json", b"[]", "apply plan.rplan", 5, "already applied"),
    "audit": ("audit/00000001.json", b"{}", "audit spec.yaml", 0, "entry 1 cannot be read"),
    "audit, verified": ("audit/00000001.json", b"[]", "audit spec.yaml --verify", 5, "entry 1 cannot be read"),
    "journal": (
        "runs/*/journal.ndjson",
        b'{"i":0,"t":"run","plan":"5f0c9d7be1a24c33","total":9000000000000}\n',
        "status last spec.yaml",
        0,
        "Of 0 actions",
    ),
    "face": ("../../next.rplan", pack_large_face, "show next.rplan", 5, "or its end was cut off"),
    "observation": ("../../seen/observation.json", b"[]", "plan spec.yaml --observed seen", 5, "seen is damaged"),
    "approval": ("../../a.yaml", b"[" * 3000, "apply next.rplan --within a.yaml", 65, "a.yaml is no YAML"),
    "large approval": ("../../a.yaml", b"#" * 5_000_000, "apply next.rplan --within a.yaml", 65, "4,194,304 bytes"),
    "lease": ("lease.json", b'{"beat": "x"}', "lease spec.yaml", 0, "the lease is damaged"),
}  # fmt: skip


@pytest.mark.parametrize("case", CASES)
def test_a_damaged_file_is_told_by_its_name(folder: Path, run: Commands, case: str) -> None:
    name, content, command, status, told = CASES[case]
    found = [*(folder / ".reconcile/shop").glob(name)] or [folder / ".reconcile/shop" / name]
    found[0].parent.mkdir(exist_ok=True)
    if callable(content):
        content(found[0])
    else:
        found[0].write_bytes(content)
    ended, said = run(*command.split())
    beginning, _, end = told.partition("*")
    assert ended == status, said
    assert beginning in said
    assert end in said
    assert "This is a bug" not in said


def test_a_lease_is_shown_and_freed_by_spec_or_plan(folder: Path, run: Commands) -> None:
    path = folder / ".reconcile/shop/lease.json"
    theirs = {"by": "ci@far", "pid": 7, "since": 9e9, "beat": 9e9, "token": "theirs", "place": "far"}
    path.write_bytes(dump_record(theirs))
    assert "No apply holds" not in run("lease", "spec.yaml")[1]
    status, said = run("lease", "next.rplan", "--json")
    shown = json.loads(said)
    assert (status, shown["holder"]["by"], shown["held"], shown["dead"]) == (0, "ci@far", True, False)
    status, said = run("apply", "next.rplan")
    assert (status, "ahead of this machine" in said, "reconcile lease" in said) == (6, True, True)
    status, said = run("lease", "next.rplan", "--free")
    assert (status, f"{lease.BEAT:.0f} seconds" in said, path.exists()) == (0, True, False)
    assert "No apply holds the lease" in run("lease", "spec.yaml")[1]

"""A sealed plan: its face is for everybody, its body for those who hold an identity, and it is the same plan."""

from __future__ import annotations

import zipfile
from pathlib import Path

import pyrage
import pytest
from desk import PLANTED, Desk
from world import KEYS, SPEC, World, shop

import reconcile as rc
from reconcile.errors import PlanUnusable
from reconcile.plan import archive, sealing
from reconcile.simulator import Faults, Simulator
from reconcile.simulator.server import running

OURS, THEIRS = (pyrage.x25519.Identity.generate() for _ in range(2))
RECIPIENT = str(OURS.to_public())


@pytest.fixture(scope="module")
def plan(tmp_path_factory: pytest.TempPathFactory) -> rc.Plan:
    world = World(tmp_path_factory.mktemp("world"))
    world.fill(shop(300))
    return world.plan()


def key(folder: Path, identity: object) -> Path:
    file = folder / f"key{len(list(folder.iterdir()))}"
    file.write_text(f"# created: today\n{identity}\n")
    return file


def test_it_is_the_same_plan_again(plan: rc.Plan, tmp_path: Path) -> None:
    assert plan.path is not None
    sealed = tmp_path / "sealed.rplan"
    sealing.seal(plan, sealed, [str(THEIRS.to_public()), RECIPIENT])
    assert sealed.stat().st_mode & 0o077 == 0
    assert archive.read(sealed, KEYS).face == plan.face
    opened = sealing.read(sealed, tmp_path / "opened.rplan", key(tmp_path, OURS), KEYS).path
    assert opened is not None
    assert opened.read_bytes() == plan.path.read_bytes()
    assert sealing.read(plan.path, tmp_path / "none", None, KEYS).path == plan.path


def test_nobody_else_reads_who_is_in_it(plan: rc.Plan, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert plan.path is not None
    sealed = tmp_path / "sealed.rplan"
    sealing.seal(plan, sealed, [RECIPIENT])
    with zipfile.ZipFile(sealed) as parts:
        assert sorted(parts.namelist()) == ["actions.ndjson.zst.age", "face.json"]
        assert parts.read("actions.ndjson.zst.age").startswith(b"age-encryption.org/v1")
    for walk in (archive.walk, lambda one: archive.body(one, tmp_path / "body")):
        with pytest.raises(PlanUnusable, match="sealed"):
            list(walk(archive.read(sealed)))  # type: ignore[arg-type]
    monkeypatch.delenv(sealing.IDENTITY, raising=False)
    for identity, told in (
        (None, "no identity"),
        (key(tmp_path, THEIRS), "not sealed to"),
        (key(tmp_path, "x"), "cannot be read"),
    ):
        with pytest.raises(PlanUnusable, match=told):
            sealing.read(sealed, tmp_path / "opened.rplan", identity)
    assert not (tmp_path / "opened.rplan").exists()
    with pytest.raises(PlanUnusable, match="no public key"):
        sealing.seal(plan, sealed, ["age1nobody"])


def test_a_body_put_in_place_of_another_is_told(plan: rc.Plan, tmp_path: Path) -> None:
    """Whoever can seal can put a body of their own there: the face knows whose body it is of."""
    assert plan.path is not None
    sealed, forged = tmp_path / "sealed.rplan", tmp_path / "forged.rplan"
    sealing.seal(plan, sealed, [RECIPIENT])
    with zipfile.ZipFile(sealed) as parts, zipfile.ZipFile(forged, "w") as made:
        body = pyrage.decrypt(parts.read(archive.SEALED), [OURS])
        made.writestr(archive.FACE, parts.read(archive.FACE))
        made.writestr(archive.SEALED, pyrage.encrypt(body[: len(body) // 2], [OURS.to_public()]))
    with pytest.raises(PlanUnusable):
        sealing.read(forged, tmp_path / "opened.rplan", key(tmp_path, OURS), KEYS)


def test_by_hand(tmp_path: Path) -> None:
    simulator = Simulator(seed=1, faults=Faults.named("none"))
    with running(simulator) as url:
        desk = Desk(tmp_path, url, simulator)
        assert desk.run("plan", "--seal", RECIPIENT).returncode == 64
        assert desk.run("plan", "--out", "shop.rplan", "--seal", RECIPIENT).returncode == 0
        assert b"person1@" not in (tmp_path / "shop.rplan").read_bytes()
        assert "31 profiles to create" in desk.run("show", "shop.rplan").stdout
        assert desk.run("apply", "shop.rplan").returncode == 5
        assert desk.writes() == 0
        held = str(key(tmp_path, OURS))
        assert PLANTED[0] in desk.run("show", "shop.rplan", "--op", "create", "--reveal", "--identity", held).stdout
        assert desk.run("apply", "shop.rplan", "--identity", held).returncode == 0
        assert len(simulator.account.profiles) == 31

        before = people(simulator)
        desk.sql("update customers set city = 'Elsewhere' where id < 5")
        desk.spec(f"{SPEC}seal: {THEIRS.to_public()}\n")
        for options, status in ((("shop.rplan", "--seal", RECIPIENT), 64), (("--seal", "age1nobody"), 5)):
            assert desk.run("apply", *options).returncode == status
        assert desk.run("apply", "--yes", "--seal", RECIPIENT).returncode == 0
        assert people(simulator) != before
        assert [*tmp_path.glob("*.rplan")] == [tmp_path / "shop.rplan"]
        assert "; plan kept\n" in desk.run("runs").stdout
        for plan, status in (("last", 5), ("gone.rplan", 5), ("nothing", 64)):
            assert desk.run("rollback", plan).returncode == status, plan
        assert desk.run("rollback", "last", "--identity", held, "--out", "back.rplan").returncode == 0
        assert desk.run("apply", "back.rplan", "--identity", held).returncode == 5, "the spec seals it to others"
        assert desk.run("apply", "back.rplan", "--identity", str(key(tmp_path, THEIRS))).returncode == 0
        assert people(simulator) == before


def people(simulator: Simulator) -> dict[str, object]:
    """The vars, but for nulls, and lists of everybody."""
    return {
        one.keys["email"]: (
            {name: value for name, value in (one.vars or {}).items() if value is not None},
            set(one.lists or {}),
        )
        for one in simulator.account.profiles.values()
    }

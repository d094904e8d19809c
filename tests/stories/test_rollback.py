"""Taking back what a plan did: an inverse plan, reviewed and applied like any other, that says what it cannot undo."""

from __future__ import annotations

import asyncio
import shutil
import zipfile
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import orjson
import pyrage
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from world import KEYS, World, meddle, shop

import reconcile as rc
from reconcile.apply import journal as journals
from reconcile.apply import runs
from reconcile.errors import PlanUnusable, RunUnknown
from reconcile.plan import archive, explain, sealing
from reconcile.plan.model import Upsert
from reconcile.screen import history

IDENTITY = pyrage.x25519.Identity.generate()


def rollback(world: World, plan: rc.Plan, name: str = "inverse.rplan") -> rc.Plan:
    return asyncio.run(world.ours.rollback(world.spec(), plan, out=world.folder / name))


def sealed(plan: rc.Plan, folder: Path) -> rc.Plan:
    """The plan as whoever holds an identity reads it; its file is sealed by now."""
    assert plan.path is not None
    sealing.seal(plan, plan.path, [str(IDENTITY.to_public())])
    return opened(plan.path, folder)


def opened(file: Path, folder: Path) -> rc.Plan:
    key = folder / "identity"
    key.write_text(str(IDENTITY))
    return sealing.read(file, folder / "opened.rplan", key, KEYS)


def vars_and_lists(world: World) -> dict[str, Any]:
    return {email: (dict(vars_), lists) for email, (vars_, lists) in world.there().items()}


@dataclass
class Mistake:
    """A shop whose greetings went wrong in one run."""

    world: World
    plan: rc.Plan


@pytest.fixture(scope="module")
def mistake(tmp_path_factory: pytest.TempPathFactory) -> Mistake:
    world = World(tmp_path_factory.mktemp("mistake"))
    world.fill(shop(8))
    world.apply()
    return Mistake(world, run(world))


def run(world: World) -> rc.Plan:
    world.text = world.text.replace("Hi {{", "Oops {{")
    world.time.now += 60
    plan = world.plan()
    assert world.apply(plan).converged
    return plan


def test_a_run_is_taken_back_and_what_cannot_be_undone_is_told(tmp_path: Path) -> None:
    world = World(tmp_path)
    world.fill(shop(12))
    world.apply()
    before, text = vars_and_lists(world), world.text
    world.text = text.replace(">= 1000", ">= 300")
    world.change(3, news=0, city="Elsewhere")
    world.change(5, spent=5, city=None)
    world.customers[77] = replace(world.customers[1], id=77, email="joiner@example.com")
    plan = run(world)
    meddle(world, {"id": "person1@example.com", "vars": {"greeting": "by hand"}})

    world.text = world.text.replace("policy: {", "policy: {route: jobs, ")
    inverse = rollback(world, plan)
    assert inverse.face.route == "jobs"
    counts, undoes = inverse.face.counts, inverse.face.undoes
    assert (counts.create, counts.delete, counts.update) == (0, 0, 12)
    assert undoes is not None
    assert (undoes.people, undoes.changed, undoes.created, undoes.gone, undoes.unverified) == (13, 1, 1, 0, 0)
    told = "\n".join(explain.text(explain.view(inverse)))
    assert f"Takes back run {undoes.run}. Revert the spec too, or the next plan does it all again." in told
    assert "1 profile changed since and left alone" in told
    assert "1 profile created by the run: they stay" in told
    assert "example.com" not in told
    assert world.apply(inverse).converged
    after = vars_and_lists(world)
    assert after.pop("joiner@example.com") == ({"customer_id": 77}, set()), "whose profile it is stays known"
    assert after.pop("person1@example.com")[0]["greeting"] == "by hand"
    before.pop("person1@example.com")
    assert after == before

    world.text = text
    world.fill(shop(12))
    again = world.plan("again.rplan")
    assert (again.face.counts.total, again.face.counts.update) == (1, 1), "but for what somebody did by hand"


def test_a_key_that_a_run_gave_to_a_profile_is_never_taken_back(tmp_path: Path) -> None:
    """One that the run made, and one that had signed up by itself: the next at these addresses are other people."""
    world = World(tmp_path)
    meddle(world, {"id": "person1@example.com", "vars": {"card": "4711"}})
    world.fill(shop(3))
    plan = world.plan()
    assert world.apply(plan).converged
    assert world.apply(rollback(world, plan)).converged
    keys = {email: vars_["customer_id"] for email, (vars_, _) in vars_and_lists(world).items()}
    assert keys == {f"person{at}@example.com": at for at in world.customers}
    assert vars_and_lists(world)["person1@example.com"] == ({"customer_id": 1, "card": "4711"}, set())
    world.customers = {50 + at: replace(one, id=50 + at) for at, one in world.customers.items()}
    again = world.plan("again.rplan")
    assert again.face.empty, "none of them is given the profile of the one before"
    assert sum(one.count for one in again.face.invalid) == 3


def test_who_left_comes_back_by_the_name_of_the_run_and_a_deletion_does_not(tmp_path: Path) -> None:
    world = World(tmp_path)
    world.fill(shop(8))
    first = world.plan("first.rplan")
    world.apply(first)
    before = vars_and_lists(world)
    world.customers.pop(1)
    world.time.now += 60
    assert world.apply(sealed(world.plan(), tmp_path)).converged
    assert vars_and_lists(world)["person1@example.com"][1] == set()
    for file in tmp_path.glob("*.rplan"):
        file.unlink()

    kept = the_state_keeps_a_sealed_plan_and_no_other(world, first)
    inverse = rollback(world, opened(kept, tmp_path))
    assert world.apply(inverse).converged
    assert vars_and_lists(world) == before

    world.on_leave = "delete"
    world.time.now += 60
    plan = world.plan()
    assert plan.face.counts.delete == 1
    world.apply(plan)
    inverse = rollback(world, plan)
    assert inverse.face.empty
    assert inverse.face.undoes is not None
    assert inverse.face.undoes.deleted == 1
    assert "1 profile deleted by the run: they cannot be brought back." in "\n".join(
        explain.text(explain.view(inverse))
    )


def the_state_keeps_a_sealed_plan_and_no_other(world: World, first: rc.Plan) -> Path:
    """The plan of the last run, where the one before it was applied unsealed."""
    spec, ours = world.spec(), world.ours
    kept = ours.kept(spec, "last", world.folder)
    with zipfile.ZipFile(kept) as parts:
        assert parts.namelist() == [archive.SEALED, archive.FACE]
    state = world.folder / ".reconcile"
    assert not [path for path in state.rglob("*") if path.is_file() and b"example.com" in path.read_bytes()]

    assert [one.kept for one in ours.runs(spec)] == [True, False]
    assert f"reconcile rollback {kept.stem} plans" in "\n".join(history.status(ours.status(spec)))
    assert "only its file" in "\n".join(history.status(ours.status(spec, first.id)))
    with pytest.raises(PlanUnusable, match=rf"The plan {first.id} \(made at 2026-03-01T12:00:00.* was not sealed"):
        ours.kept(spec, first.id, world.folder)
    with pytest.raises(RunUnknown, match="No run is called 'nothing'"):
        ours.kept(spec, "nothing", world.folder)
    shutil.copy(kept, runs.of(state, first.face).sealed)
    with pytest.raises(PlanUnusable, match="is another one's"):
        ours.kept(spec, first.id, world.folder)
    return kept


def test_what_was_never_applied_is_not_taken_back(mistake: Mistake) -> None:
    world = mistake.world
    never = archive.read(Path(shutil.copy(mistake.plan.path or "", world.folder / "never.rplan")), KEYS)
    elsewhere = replace(world.ours, state=world.folder / "elsewhere")
    with pytest.raises(PlanUnusable, match="was not applied"):
        asyncio.run(elsewhere.rollback(world.spec(), never))


def test_what_a_run_did_before_it_was_cut_off_is_all_that_is_taken_back(mistake: Mistake) -> None:
    journal = next(mistake.world.folder.glob(f".reconcile/shop/runs/*{mistake.plan.id}/journal.ndjson"))
    whole = journal.read_bytes()
    lines = [orjson.loads(line) for line in whole.splitlines()]
    [receipt] = [line for line in lines if line.get("outcomes") == {"verified": [[0, 7]]}]
    receipt["outcomes"] = {"verified": [[0, 4]]}
    for line in lines:
        del line["crc"]
    journal.write_bytes(b"".join(journals._sealed(orjson.dumps(line)) for line in lines))
    try:
        inverse = rollback(mistake.world, mistake.plan)
    finally:
        journal.write_bytes(whole)
    assert inverse.face.undoes is not None
    assert (inverse.face.undoes.people, inverse.face.undoes.unverified, inverse.face.counts.update) == (5, 3, 5)
    first = [action.hash for _, action in archive.walk(mistake.plan) if isinstance(action, Upsert)][:5]
    assert [action.hash for _, action in archive.walk(inverse) if isinstance(action, Upsert)] == first
    assert "3 actions of the run left alone" in "\n".join(explain.text(explain.view(inverse)))


def test_guards_hold_for_a_rollback_too(mistake: Mistake) -> None:
    text = mistake.world.text
    mistake.world.text = text.replace("updates: 100%", "updates: 0")
    try:
        inverse = rollback(mistake.world, mistake.plan)
    finally:
        mistake.world.text = text
    assert [str(one.guard) for one in inverse.face.breaches] == ["updates"]


def test_who_exchanged_addresses_keep_them_and_get_all_else_back(tmp_path: Path) -> None:
    world = World(tmp_path)
    world.fill(shop(3))
    world.apply()
    before = vars_and_lists(world)
    world.change(1, email="person2@example.com", news=0)
    world.change(2, email="person1@example.com", news=1)
    plan = run(world)
    assert plan.face.counts.room
    inverse = rollback(world, plan)
    assert inverse.face.undoes is not None
    assert (inverse.face.undoes.people, inverse.face.undoes.moved, inverse.face.counts.moved) == (3, 2, 0)
    assert "2 profiles given a new e-mail address by the run: they keep it." in explain.notes(inverse.face)
    assert world.apply(inverse).converged
    after = vars_and_lists(world)
    assert after["person1@example.com"] == before["person2@example.com"]
    assert after["person2@example.com"] == before["person1@example.com"]


CHANGE = st.fixed_dictionaries(
    {
        "first_name": st.sampled_from([None, "Ada", 'Say "hi"', "明"]),
        "city": st.sampled_from([None, "1", "City 1", " "]),
        "spent": st.sampled_from([0.0, 5000.0]),
        "news": st.sampled_from([0, 1]),
    }
)


@pytest.fixture(scope="module")
def calm(tmp_path_factory: pytest.TempPathFactory) -> World:
    """An account that is as its shop says; every example of the law leaves it so."""
    world = World(tmp_path_factory.mktemp("law"))
    world.fill(shop(6))
    world.apply()
    return world


@settings(max_examples=2, deadline=None)
@given(changes=st.lists(CHANGE, min_size=1, max_size=5))
def test_taking_back_an_update_restores_what_was_there(calm: World, changes: list[dict[str, Any]]) -> None:
    before = vars_and_lists(calm)
    calm.fill(shop(6))
    for number, change in enumerate(changes, 1):
        calm.change(number, **change)
    calm.time.now += 60
    plan = calm.plan()
    if plan.face.empty:
        return
    assert calm.apply(plan).converged
    assert calm.apply(rollback(calm, plan)).converged
    assert vars_and_lists(calm) == before

"""An observation that is kept: good for the same plan without a call, and refused where it cannot be trusted."""

from __future__ import annotations

import asyncio
import json
import shutil
import stat
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import pytest
from world import KEYS, REGISTRY, Customer, World, shop

import reconcile as rc
from reconcile.errors import ObservationUnusable, Unwritten
from reconcile.plan import allowances, explain
from reconcile.review import composing, markdown

HOUR = 3600.0


def settled(folder: Path) -> World:
    """A settled shop of which one has changed, one has left and one is new; a plan may look nobody up."""
    world = World(folder)
    world.text = world.text.replace("policy: {", "policy: {lookups: 0, ")
    world.fill(shop(12))
    world.plan()
    assert world.apply().converged
    world.change(3, first_name="Grace")
    world.customers.pop(5)
    world.customers[99] = Customer(99, "newcomer@example.com", spent=2000)
    return world


@pytest.fixture(scope="module")
def kept(tmp_path_factory: pytest.TempPathFactory) -> World:
    """A world with an observation in its folder; tests that change it take a copy."""
    world = settled(tmp_path_factory.mktemp("kept"))
    observe(world)
    return world


def observe(world: World, name: str = "seen") -> Path:
    asyncio.run(world.ours.observe(world.spec(), world.folder / name))
    return world.folder / name


def plan(world: World, observed: Path, *allow: str) -> rc.Plan:
    allowed = [allowances.read(one) for one in allow]
    return asyncio.run(
        world.ours.plan(world.spec(), out=world.folder / "kept.rplan", observed=observed, allowed=allowed)
    )


def calls(world: World) -> int:
    return sum(world.simulator.calls_total.values())


@contextmanager
def saying(world: World, old: str, new: str) -> Iterator[None]:
    """The spec with something else in it, for a while."""
    text, world.text = world.text, world.text.replace(old, new)
    try:
        yield
    finally:
        world.text = text


@contextmanager
def as_of(world: World, hours: float) -> Iterator[None]:
    """So many hours later, for a while."""
    now, world.time.now = world.time.now, world.time.now + hours * HOUR
    try:
        yield
    finally:
        world.time.now = now


@contextmanager
def having(world: World, **setting: object) -> Iterator[None]:
    """Another setting of the engine, for a while."""
    ours, world.ours = world.ours, replace(world.ours, **setting)  # type: ignore[arg-type]
    try:
        yield
    finally:
        world.ours = ours


def copied(world: World, folder: Path) -> Path:
    return Path(shutil.copytree(world.folder / "seen", folder / "copy"))


def test_a_plan_on_an_observation_is_the_plan_of_the_account_without_a_call(kept: World) -> None:
    live = kept.plan()
    before = calls(kept)
    environ = {name: value for name, value in kept.ours.environ.items() if name != "KEY"}
    with having(kept, environ=environ, transport=None):
        made = plan(kept, kept.folder / "seen")
    assert made.id == live.id
    assert made.face.account == live.face.account
    assert (made.face.counts, made.face.lists, made.face.unlooked) == (live.face.counts, live.face.lists, 1)
    assert (made.face.counts.create, made.face.counts.update, made.face.observed) == (1, 2, 12)
    assert calls(kept) == before
    assert live.face.observation is None


def test_it_is_for_its_owner_alone_and_says_what_it_is(kept: World) -> None:
    seen = kept.folder / "seen"
    assert stat.S_IMODE(seen.stat().st_mode) == 0o700
    assert {stat.S_IMODE(path.stat().st_mode) for path in seen.iterdir()} == {0o600}
    told = json.loads((seen / "observation.json").read_text())
    assert [one["list"] for one in told["exports"]] == ["Big Spenders", "News", REGISTRY]
    assert {one["name"] for one in told["lists"]} == {"Big Spenders", "News", REGISTRY}
    assert told["vars"] == ["city", "customer_id", "firstName", "greeting"]
    assert told["hash_check"] == "matched"
    assert [one["rows"] for one in told["exports"]][-1] == 12
    assert all((seen / one["file"]).stat().st_size == one["bytes"] for one in told["exports"])
    assert "demo-key" not in json.dumps(told)
    assert "@" not in json.dumps(told)
    assert len(list(seen.iterdir())) == 4


def test_its_age_is_told_limited_and_no_part_of_the_plans_id(kept: World) -> None:
    seen = kept.folder / "seen"
    with saying(kept, "guards: {", "guards: {observation_age: 2, "):
        with as_of(kept, 1.5):
            young = plan(kept, seen)
        with as_of(kept, 2.5):
            old = plan(kept, seen)
            let_through = plan(kept, seen, "observation_age=3")
    assert young.id == old.id == let_through.id
    assert not young.face.breaches
    assert not let_through.face.breaches
    [breach] = old.face.breaches
    assert (breach.guard, breach.figure, breach.limit) == ("observation_age", 3, 2)
    assert "3 hours have passed since the account was observed; at most 2 may" in breach.told
    view = explain.view(old)
    assert any("Made from a kept observation of 2026-03-" in line and "2.5 hours old" in line for line in view.notes)
    assert "2.5 hours old" in markdown.text(composing.page(old))
    assert explain.as_json(view)["observation"]["age"] == pytest.approx(2.5 * HOUR, abs=60)
    with pytest.raises(rc.GuardBreached, match="guard blocks"):
        asyncio.run(kept.ours.apply(old))


def test_a_day_is_the_limit_when_the_spec_says_nothing(kept: World) -> None:
    with as_of(kept, 24.5):
        face = plan(kept, kept.folder / "seen").face
    assert [(one.guard, one.limit) for one in face.breaches] == [("observation_age", 24)]


@pytest.mark.parametrize(
    ("old", "new", "told"),
    [
        ("vars:\n", "vars:\n  name: first_name\n", 'lacks what the spec manages by now: the var "name"'),
        ("groups:\n", 'groups:\n  more: {list: Others, where: "spent > 1"}\n', 'by now: the list "Others"'),
        ("http://sailthru.test", "http://other.test", "is of the account"),
    ],
    ids=["a var", "a list", "another address"],
)
def test_what_it_does_not_have_is_an_error_and_not_empty(
    tmp_path: Path, kept: World, old: str, new: str, told: str
) -> None:
    seen = copied(kept, tmp_path)
    tell_of_list(seen, "Others")
    with saying(kept, old, new), pytest.raises(ObservationUnusable, match=told) as error:
        plan(kept, seen)
    assert "reconcile observe --out" in str(error.value.hint)


def tell_of_list(seen: Path, name: str) -> None:
    """A list that was at the account when it was observed, and not managed then."""
    from reconcile.sailthru import kept as keeping
    from reconcile.state.model import RemoteList

    manifest = keeping.read(seen, KEYS)
    (seen / keeping.MANIFEST).unlink()
    lists = (*manifest.lists, RemoteList("1", name, "natural"))
    keeping.write(seen, manifest.model_copy(update={"lists": lists}), KEYS)


def test_a_list_that_the_account_did_not_have_is_to_be_created(kept: World) -> None:
    with saying(kept, "groups:\n", 'groups:\n  more: {list: Fresh, where: "spent > 1"}\n'):
        assert plan(kept, kept.folder / "seen").face.new_lists == ("Fresh",)


def test_of_another_account_it_is_refused(kept: World) -> None:
    another = {**kept.ours.environ, "KEY": "another"}
    with having(kept, environ=another), pytest.raises(ObservationUnusable, match="another API key"):
        plan(kept, kept.folder / "seen")


def test_no_list_is_planned_on_that_is_not_as_it_came(tmp_path: Path, kept: World) -> None:
    spoilt: list[Callable[[Path], object]] = [
        lambda path: path.write_bytes(path.read_bytes()[:-7]),
        lambda path: path.write_bytes(path.read_bytes().replace(b"Valid", b"Inval", 1)),
        lambda path: path.write_bytes(b""),
        lambda path: path.unlink(),
    ]
    for number, spoil in enumerate(spoilt):
        seen = Path(shutil.copytree(kept.folder / "seen", tmp_path / str(number)))
        spoil(max(seen.glob("*.csv"), key=lambda path: path.stat().st_size))
        with pytest.raises(ObservationUnusable, match=f'list "{REGISTRY}" is not as it came'):
            plan(kept, seen)


@pytest.mark.parametrize(
    ("spoil", "told"),
    [
        (lambda path: path.write_text(path.read_text()[:-30]), "is not whole"),
        (lambda path: path.write_text(path.read_text().replace("2026-", "2027-", 1)), "was changed"),
        (lambda path: path.write_text(path.read_text().replace('"format": 2', '"format": 3')), "was changed"),
        (lambda path: path.unlink(), "no observation in"),
        (lambda path: shutil.rmtree(path.parent), "no observation in"),
    ],
    ids=["cut", "made younger", "another format", "gone", "all gone"],
)
def test_a_spoilt_manifest_is_refused(tmp_path: Path, kept: World, spoil: Callable[[Path], object], told: str) -> None:
    seen = copied(kept, tmp_path)
    spoil(seen / "observation.json")
    with pytest.raises(ObservationUnusable, match=told):
        plan(kept, seen)


def test_single_people_are_looked_up_live_where_the_spec_lets_them(tmp_path: Path, kept: World) -> None:
    before = kept.simulator.calls_total.copy()
    with saying(kept, "lookups: 0", "lookups: 10"):
        face = plan(kept, kept.folder / "seen").face
    assert (face.unlooked, face.unconfirmed) == (0, 0)
    assert kept.simulator.calls_total - before == {("GET", "user"): 2}  # who came and who left


def test_the_next_observation_takes_the_place_of_the_last_and_of_nothing_else(tmp_path: Path) -> None:
    world = World(tmp_path)
    world.fill(shop(3))
    for name in (REGISTRY, "Big Spenders", "News"):
        world.account.add_list(name, 1)
    first = json.loads((observe(world) / "observation.json").read_text())
    assert first["hash_check"] == "nobody"
    world.time.now += HOUR
    second = json.loads((observe(world) / "observation.json").read_text())
    assert second["taken_at"] > first["taken_at"]
    earlier = sorted(path.name for path in (tmp_path / "seen").iterdir())
    assert len(earlier) == 4
    (tmp_path / "papers").mkdir()
    (tmp_path / "papers" / "mine.csv").write_text("keep me")
    for place, kind in (
        ("papers", ObservationUnusable),
        ("spec.yaml", ObservationUnusable),
        ("no/such/one", Unwritten),
    ):
        with pytest.raises(kind):
            observe(world, place)
    world.account.add_list("News", 1)  # twins: no plan could be right
    with pytest.raises(rc.ReconcileError, match="same name"):
        observe(world)
    assert sorted(path.name for path in (tmp_path / "seen").iterdir()) == earlier
    assert (tmp_path / "papers" / "mine.csv").read_text() == "keep me"
    assert not [path for path in tmp_path.iterdir() if path.name.startswith(".seen")]

"""Every change says why, from what is wanted, what is there and what was last applied."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

import pyarrow.parquet as pq
import pytest
from spark_server import on_spark
from world import EPOCH, REGISTRY, Customer, World, meddle, shop

import reconcile as rc
from reconcile.apply.model import Receipt, Unheard
from reconcile.errors import StoreUnavailable
from reconcile.plan import archive, explain
from reconcile.plan.model import Face, RunKind, Stage, Upsert
from reconcile.review import composing, markdown
from reconcile.store.folder import Folder


@pytest.fixture
def world(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> World:
    monkeypatch.chdir(tmp_path)
    made = World(tmp_path)
    made.fill(shop(12))
    return made


def fields(face: Face) -> dict[str, Mapping[str, int]]:
    return {one.name: one.causes for one in (*face.vars, *face.lists) if one.causes}


def line_of(world: World, text: str) -> str:
    lines = (world.folder / "spec.yaml").read_text().splitlines()
    return f"spec.yaml:{next(number for number, line in enumerate(lines, 1) if text in line)}"


def test_a_shop_lives_and_every_plan_says_why(world: World) -> None:
    first = world.plan()
    assert (first.face.kind, first.face.ledger, first.face.causes) == (RunKind.CONFIG, None, {"new": 12, "drift": 0})
    assert "nothing was applied from this state yet" in "\n".join(explain.text(explain.view(first)))
    assert world.apply(first).converged

    # the source changes, somebody joins, somebody leaves: a data run
    world.change(1, city="Elsewhere")
    world.change(2, spent=9000.0)
    world.customers[13] = Customer(13, "thirteen@example.com", city="New Town", spent=10)
    del world.customers[12]
    meddle(world, {"id": "person4@example.com", "vars": {"city": "Hamlet"}, "lists": {"News": 1}})
    meddle(world, {"id": "person5@example.com", "lists": {"Big Spenders": 1}})
    plan = world.plan()
    face = plan.face
    assert face.kind is RunKind.DATA
    assert face.ledger is not None
    assert face.ledger.profiles == 12
    assert fields(face) == {
        "city": {"data": 1, "drift": 1, "new": 1},
        "customer_id": {"new": 1},
        "firstName": {"new": 1},
        "greeting": {"new": 1},
        "Big Spenders": {"data": 1, "drift": 1},
        "News": {"drift": 1},
        REGISTRY: {"data": 1, "new": 1},
    }
    assert face.causes_by_op == {"create": {"new": 1}, "update": {"data": 3, "drift": 2}}
    assert face.causes == {"new": 1, "data": 3, "drift": 2}
    causes = [action.cause for _, action in archive.walk(plan) if isinstance(action, Upsert)]
    assert sorted(map(str, causes)) == ["data", "data", "data", "drift", "drift", "new"]
    assert world.apply(plan).converged

    # the threshold of a group is lowered, and a property said in another way: a config run
    world.text = world.text.replace("spent >= 1000", "spent >= 300").replace("Hi {{", "Hello {{")
    world.change(3, city="Third")
    plan = world.plan()
    face = plan.face
    assert face.kind is RunKind.CONFIG
    assert fields(face) == {"greeting": {"spec": 12}, "Big Spenders": {"spec": face.lists[0].join}, "city": {"data": 1}}
    assert face.lists[0].join > 3
    places = {one.place: (one.changes, one.vars, one.lists) for one in face.spec_changes}
    assert places == {
        line_of(world, "Hello {{"): (12, ("greeting",), ()),
        line_of(world, "list: Big"): (face.lists[0].join, (), ("Big Spenders",)),
    }
    told = "\n".join(explain.text(explain.view(plan)))
    assert f"100 % spec: {line_of(world, 'Hello {{')}, {line_of(world, 'list: Big')}" in told
    assert line_of(world, "Hello {{") in markdown.text(composing.page(plan)).replace("\\", "")
    assert world.apply(plan).converged

    # what was deleted at the account by somebody is drift, and no newcomer
    gone = next(one for one in world.account.profiles.values() if one.keys["email"] == "person3@example.com")
    world.account.remove(gone, int(world.time.now))
    face = world.plan().face
    assert face.kind is RunKind.DATA
    assert face.causes_by_op == {"create": {"drift": 1}}


@on_spark
@pytest.mark.usefixtures("spark_url")
def test_spark_tells_the_same_causes(world: World) -> None:
    world.settle()
    world.text = world.text.replace("spent >= 1000", "spent >= 300").replace("Hi {{", "Hello {{")
    world.change(1, city="Elsewhere")
    world.customers[13] = Customer(13, "thirteen@example.com", city="New Town")
    del world.customers[12]
    meddle(world, {"id": "person4@example.com", "vars": {"city": "Hamlet"}, "lists": {"News": 1}})
    spec, engine = world.text, "engine: {spark: 'local[2]'}\n"
    told = {}
    for world.text in (spec, spec + engine):
        world.time.now = EPOCH + 3600
        plan = world.plan()
        person = asyncio.run(world.ours.explain(world.spec(), "person4@example.com"))
        told[world.text] = (plan.face.model_dump(), [*archive.walk(plan)], person.foretold)
    assert told[spec] == told[spec + engine]
    face, _, foretold = told[spec]
    assert {"new": 1, "data": 1, "spec": 11}.items() <= face["causes"].items()
    assert foretold.steps


class Stop(Unheard):
    """Ends the run after so many upserts."""

    def __init__(self, stop: asyncio.Event, after: int) -> None:
        self.stop = stop
        self.left = after

    def receipt(self, receipt: Receipt) -> None:
        self.left -= receipt.stage is Stage.UPSERTS
        if not self.left:
            self.stop.set()


def test_the_ledger_knows_what_was_seen_and_nobody(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("reconcile.apply.applier.CHUNK", 1)
    plan = world.plan()
    stop = asyncio.Event()
    events = Stop(stop, 1)
    report = asyncio.run(world.ours.apply(plan, events=events, stop=stop))
    done = report.outcomes[rc.Outcome.VERIFIED] - 3  # the lists
    assert report.unattempted > 0
    state = world.folder / ".reconcile" / "shop"
    head = json.loads((state / "ledger.json").read_text())
    assert (head["profiles"], head["definitions"]) == (done, {}), "only what was looked at, and no spec that was not"
    assert world.apply(plan).converged
    head = json.loads((state / "ledger.json").read_text())
    files = list(state.glob("ledger.*.parquet"))
    assert [f"shop/{one.name}" for one in files] == [head["file"]], "the earlier one is gone"
    rows = pq.read_table(files[0])
    assert rows.num_rows == head["profiles"] == 12
    assert rows.column("l:News").to_pylist().count(True) == sum(bool(one.news) for one in world.customers.values())
    told = repr(rows.to_pylist()) + json.dumps(head)
    assert not any(word in told for word in ("example.com", "City 1", "Zoë", "Hi "))


@pytest.mark.parametrize("how", ["lost", "damaged", "another secret"])
def test_without_its_ledger_a_plan_is_right_and_says_so(world: World, how: str) -> None:
    world.settle()
    world.change(1, city="Elsewhere")
    state = world.folder / ".reconcile" / "shop"
    ours = world.ours
    match how:
        case "lost":
            (state / "ledger.json").unlink()
        case "damaged":
            next(state.glob("ledger.*.parquet")).write_bytes(b"PAR1")
        case _:
            world.simulator._gate.keys["demo-key"] = "another"
            ours = replace(ours, environ={**ours.environ, "SECRET": "another"})
    plan = asyncio.run(ours.plan(world.spec(), out=world.folder / "plan.rplan"))
    assert (plan.face.counts.update, plan.face.ledger) == (1, None)
    words = {"lost": "or it was lost", "damaged": "is damaged", "another secret": "secret is another"}
    assert words[how] in plan.face.no_ledger
    assert asyncio.run(ours.apply(plan)).converged
    world.ours = ours
    world.change(1, city="Again")
    face = world.plan().face
    assert face.ledger is not None, "the apply has begun a new one"
    assert fields(face) == {"city": {"data": 1}}


def test_a_ledger_that_cannot_be_written_is_as_it_was(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    world.settle()
    world.change(1, city="Elsewhere")
    plan, written = world.plan(), Folder.replace

    def replaced(self: Folder, key: str, content: bytes) -> None:
        if key.endswith("ledger.json"):
            raise StoreUnavailable("The store is away.")
        written(self, key, content)

    with monkeypatch.context() as patched:
        patched.setattr(Folder, "replace", replaced)
        report = world.apply(plan)
    assert any("what was done is not remembered" in note for note in report.notes)
    world.change(2, city="Elsewhere")
    face = world.plan().face
    assert face.ledger is not None
    assert (face.ledger.profiles, face.causes) == (12, {"data": 1})

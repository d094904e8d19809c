"""What was applied and by whom: the runs, one run, and a chain of entries that tells when somebody had a hand in it."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

import pytest
from world import World, shop

import reconcile as rc
from reconcile import cli
from reconcile.apply import audit, history
from reconcile.errors import RunUnknown
from reconcile.screen import history as shown
from reconcile.store.folder import Folder


@dataclass
class Past:
    """A shop with three runs: one converged, one with a rejection, one of another spec."""

    world: World
    plans: list[rc.Plan]


@pytest.fixture(scope="module")
def past(tmp_path_factory: pytest.TempPathFactory) -> Past:
    world = World(tmp_path_factory.mktemp("past"))
    ci = {"GITHUB_SERVER_URL": "https://github.example", "GITHUB_REPOSITORY": "acme/crm", "GITHUB_RUN_ID": "7"}
    world.ours = replace(world.ours, environ={**world.ours.environ, **ci, "GITHUB_ACTOR": "ada"})
    world.fill(shop(8))
    made = Past(world, [])
    for change in (lambda: None, lambda: world.change(1, email="person1@bad@example.com"), greet(world)):
        change()
        world.time.now += 60
        made.plans.append(world.plan())
        world.apply(made.plans[-1])
    return made


def greet(world: World) -> Callable[[], None]:
    def change() -> None:
        world.text = world.text.replace("Hi {{", "Hello {{")

    return change


def store(past: Past) -> Folder:
    return Folder(past.world.folder / ".reconcile")


def test_runs_are_listed_the_latest_first_with_their_kind(past: Past) -> None:
    runs = past.world.ours.runs(past.world.spec())
    assert [one.plan["plan_id"] for one in runs] == [plan.id for plan in reversed(past.plans)]
    assert [one.plan["kind"] for one in runs] == ["config", "data", "config"]
    assert [one.outcome for one in runs] == ["converged"] * 3
    assert len(past.world.ours.runs(past.world.spec(), limit=1)) == 1
    told = shown.run(runs[0])
    assert "config run" in told
    assert "to update" in told


def test_a_run_is_told_by_the_beginning_of_its_plan(past: Past) -> None:
    spec = past.world.spec()
    found = past.world.ours.status(spec, past.plans[0].id[:8])
    assert (found.settled, found.total, found.attempts) == (11, 11, 1)
    told = "\n".join(shown.status(found))
    assert "Of 11 actions 11 are verified; 1 attempt." in told
    assert "Why: 100 % new." in told
    facts = {"counts": {"create": 3, "update": 7}, "causes": {"new": 3}}
    untold = replace(found, run=replace(found.run, plan={**found.run.plan, **facts}))
    assert "Why: 30 % new; 70 % data or spec, not told apart." in "\n".join(shown.status(untold)), "without a ledger"
    assert "example.com" not in told
    last = "\n".join(shown.status(past.world.ours.status(spec)))
    assert "% spec: " in last
    assert "spec.yaml:15" in last
    with pytest.raises(RunUnknown, match="No run is called 'nothing'"):
        past.world.ours.status(spec, "nothing")
    with pytest.raises(RunUnknown, match="3 runs are called '2026'"):
        past.world.ours.status(spec, "2026")


def test_a_run_that_was_killed_says_how_far_it_is(past: Past) -> None:
    there, name = store(past), "20270101T000000Z-0123456789abcdef"
    lines = [
        {"i": 0, "t": "run", "plan": "0123456789abcdef", "total": 6},
        {"i": 1, "t": "attempt", "at": "2027-01-01T00:00:00+00:00", "by": "ada@laptop", "pid": 1},
        {"i": 2, "t": "intend", "kind": "actions", "numbers": [[0, 3]]},
        {"i": 3, "t": "settle", "of": 2, "outcomes": {"verified": [[0, 1]]}},
    ]
    content = b"".join(json.dumps(line).encode() + b"\n" for line in lines)
    key = f"shop/runs/{name}/journal.ndjson"
    there.replace(key, content)
    try:
        found = history.status(there, "shop", "last")
        assert (found.run.outcome, found.settled, found.doubtful, found.total) == ("not ended", 2, 4, 6)
        assert "Apply the same plan again" in "\n".join(shown.status(found))
    finally:
        there.discard(key)


def test_the_audit_says_who_where_when_and_what(past: Past) -> None:
    entries, findings = past.world.ours.audit(past.world.spec())
    assert not findings
    assert [(one.number, str(one.step)) for one in entries] == [
        (number + 1, ("begun", "ended")[number % 2]) for number in range(6)
    ]
    ended = entries[1]
    assert (ended.plan_id, ended.status, ended.outcomes) == (past.plans[0].id, 0, {"verified": 11})
    assert (ended.actor, ended.job) == ("ada", "https://github.example/acme/crm/actions/runs/7")
    assert ended.spec_digest == past.plans[0].face.spec_digest
    assert "for ada at https://github.example/acme/crm/actions/runs/7" in shown.audited(ended)


def test_nobody_is_in_the_state(past: Past) -> None:
    found = {
        path: path.read_bytes().lower() for path in (past.world.folder / ".reconcile").rglob("*") if path.is_file()
    }
    assert {path.suffix for path in found} >= {".json", ".ndjson", ".parquet"}
    words = (
        "example.com",
        "Zoë",
        "City 1",
        "City 2",
        "O'Brien",
        *(profile.sid for profile in past.world.account.profiles.values()),
    )
    told = [(path.name, word) for path, text in found.items() for word in words if word.lower().encode() in text]
    assert told == []


def edited(content: bytes) -> bytes:
    return json.dumps(json.loads(content) | {"by": "nobody@nowhere"}).encode()


def forged(content: bytes) -> bytes:
    entry = audit.Entry.model_validate_json(edited(content))
    return entry.model_copy(update={"digest": audit.digest(entry)}).model_dump_json().encode()


@pytest.mark.parametrize(
    ("number", "hand", "told"),
    [
        (3, edited, ["entry 3 was changed after it was written"]),
        (3, forged, ["entry 4 does not follow from the one before it"]),
        (4, forged, ["entry 4 is not the one that run RUN wrote", "entry 5 does not follow from the one before it"]),
        (2, None, ["entry 2 is missing"]),
        (6, None, ["entry 6 is missing: the chain was cut off (run RUN wrote it)"]),
        (5, lambda _: b"{", ["entry 5 cannot be read"]),
    ],
    ids=["edited", "forged", "forged at an end", "taken out", "cut off", "garbled"],
)
def test_a_hand_in_the_chain_is_told_with_the_entry(
    past: Past, number: int, hand: Callable[[bytes], bytes] | None, told: list[str]
) -> None:
    there, key = store(past), f"shop/audit/{number:08}.json"
    kept = there.get(key)
    assert kept is not None
    run = json.loads(kept.content)["run"]
    there.discard(key) if hand is None else there.replace(key, hand(kept.content))
    try:
        _, findings = audit.verify(there, "shop")
        found = [str(one) for one in findings]
        assert [
            one for one in found if "is not the one" not in one or one in [t.replace("RUN", run) for t in told]
        ] == [one.replace("RUN", run) for one in told]
    finally:
        there.replace(key, kept.content)
    assert not audit.verify(there, "shop")[1]


def test_two_that_add_at_once_both_have_their_entry(tmp_path: Path) -> None:
    from concurrent.futures import ThreadPoolExecutor

    there = Folder(tmp_path)
    entry = audit.Entry(
        number=0, at="now", step=audit.Step.BEGUN, by="a@b", run="r", plan_id="p", spec_digest="s", actions=1
    )
    with ThreadPoolExecutor(4) as pool:
        made = list(
            pool.map(lambda at: audit.append(there, "shop", entry.model_copy(update={"at": str(at)})), range(8))
        )
    assert sorted(one.number for one in made) == list(range(1, 9))
    chain, findings = audit.verify(there, "shop")
    assert ([one.number for one in chain], findings) == ([*range(1, 9)], [])


def test_the_commands_say_the_same(
    past: Past, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    past.world.spec()
    monkeypatch.chdir(past.world.folder)

    heard: list[str] = []

    def run(*words: str) -> tuple[int, str]:
        monkeypatch.setattr("sys.argv", ["reconcile", *words])
        with pytest.raises(SystemExit) as ended:
            cli.main()
        said = capsys.readouterr()
        heard.append(said.err)
        return int(ended.value.code or 0), said.out

    status, out = run("runs", "spec.yaml", "--json", "--limit", "2")
    assert status == 0
    assert [json.loads(line)["plan"]["kind"] for line in out.splitlines()] == ["config", "data"]
    status, out = run("status", "last", "spec.yaml", "--json")
    assert (status, json.loads(out)["outcome"]) == (0, "converged")
    assert run("status", "spec.yaml", "--json") == run("status", "spec.yaml", "last", "--json") == (0, out)
    assert run("audit", "spec.yaml", "--verify")[0] == 0
    assert heard[-1] == "The chain is whole: 6 entries.\n"
    there = store(past)
    last = there.get("shop/audit/00000006.json")
    assert last is not None
    there.discard("shop/audit/00000006.json")
    run("audit", "spec.yaml")
    there.replace("shop/audit/00000006.json", last.content)
    assert f"Entry 5 has no end: the run {json.loads(last.content)['run']} is at work, was killed" in heard[-1]
    kept = there.get("shop/audit/00000003.json")
    assert kept is not None
    there.replace("shop/audit/00000003.json", edited(kept.content))
    status, out = run("audit", "spec.yaml", "--verify", "--json")
    there.replace("shop/audit/00000003.json", kept.content)
    assert status == 5
    assert json.loads(out.splitlines()[-1])["message"].endswith("entry 3 was changed after it was written.")

"""What guards are for: a source that collapsed, a template that lost its data, and the way out that is recorded."""

from __future__ import annotations

import asyncio
import json
from dataclasses import replace
from html import unescape
from pathlib import Path

import pytest
from world import REGISTRY, SPEC, WIDE, Customer, World, shop

import reconcile as rc
from reconcile import cli
from reconcile.apply import memory
from reconcile.errors import AllowanceUnfit, GuardBreached
from reconcile.plan import allowances, explain
from reconcile.plan.model import Allowance
from reconcile.review import composing, html, markdown
from reconcile.store.folder import Folder


def guarded(folder: Path, limits: str = "{}", **more: str) -> World:
    """A settled shop of 60 whose guards are as they come, but for `limits`."""
    made = World(folder, text=SPEC.replace(WIDE, limits), **more)  # type: ignore[arg-type]
    made.fill(shop(60))
    made.settle()
    return made


@pytest.fixture(scope="module")
def settled(tmp_path_factory: pytest.TempPathFactory) -> World:
    return guarded(tmp_path_factory.mktemp("settled"))


@pytest.fixture
def world(settled: World, tmp_path: Path) -> World:
    return settled.like(tmp_path)


def breached(plan: rc.Plan) -> dict[str, tuple[int, int]]:
    return {f"{one.guard}:{one.scope}": (one.figure, one.limit) for one in plan.face.breaches}


def allowed(*texts: str) -> list[Allowance]:
    return [allowances.read(text) for text in texts]


def collapse(world: World) -> None:
    world.fill(list(world.customers.values())[:20])


def test_a_first_fill_is_no_breach(tmp_path: Path) -> None:
    world = World(tmp_path, text=SPEC.replace(WIDE, "{}"))
    world.fill(shop(60))
    assert world.plan().face.breaches == ()
    world.settle()


def small_list(folder: Path) -> World:
    """A settled shop of 600, of whom 44 are on the list "Big Spenders"."""
    made = World(folder, text=SPEC.replace(WIDE, "{}"))
    made.fill(
        replace(one, spent=1000.0 if one.id <= 44 else 120.0 if one.id <= 380 else 10.0, news=0) for one in shop(600)
    )
    made.settle()
    return made


def test_a_typo_that_puts_hundreds_on_a_small_list_is_refused(tmp_path: Path) -> None:
    world = small_list(tmp_path)
    writes = world.writes()
    world.text = world.text.replace('where: "spent >= 1000"', 'where: "spent >= 100"')
    plan = world.plan()
    assert breached(plan) == {"joins:Big Spenders": (336, 25)}
    with pytest.raises(GuardBreached) as raised:
        world.apply(plan)
    assert raised.value.exit_status == 3
    [told] = raised.value.breaches
    assert told.startswith('joins: 336 people would join the list "Big Spenders" of 44 members; at most 25 may (')
    assert told.endswith("). To let it through once: --allow 'joins:Big Spenders=336'")
    assert world.writes() == writes, "something was written"
    with pytest.raises(GuardBreached):
        asyncio.run(world.ours.apply(plan, allowed=allowed("joins:Big Spenders=335")))
    report = asyncio.run(world.ours.apply(plan, allowed=allowed("joins:Big Spenders=336")))
    assert report.converged
    assert report.allowed == ("joins:Big Spenders=336",)
    world.check_calm()


def test_too_many_joins_are_told_in_every_form_with_the_way_out(tmp_path: Path) -> None:
    world = small_list(tmp_path)
    world.text = world.text.replace('where: "spent >= 1000"', 'where: "spent >= 100"')
    plan = world.plan()
    view, page = explain.view(plan), composing.page(plan)
    forms = {
        "text": "\n".join(explain.text(view)),
        "json": json.dumps(explain.as_json(view), ensure_ascii=False),
        "markdown": markdown.text(page),
        "html": unescape(html.text(page)),
    }
    for name, form in forms.items():
        read = form.replace('\\"', '"').replace("\u200b", "")
        assert '336 people would join the list "Big Spenders" of 44 members; at most 25 may' in read, name
        assert "--allow 'joins:Big Spenders=336'" in read, name


@pytest.mark.parametrize("mode", ["additive", "enrich", "observe"])
def test_joins_are_weighed_in_every_mode_that_adds(tmp_path: Path, mode: str) -> None:
    world = small_list(tmp_path)
    world.mode, world.text = mode, world.text.replace('where: "spent >= 1000"', 'where: "spent >= 100"')
    assert breached(world.plan()) == {"joins:Big Spenders": (336, 25)}


def test_a_list_whose_members_change_every_day_is_let_through(tmp_path: Path) -> None:
    world = World(tmp_path, text=SPEC.replace(WIDE, "{removals: 100%, updates: 100%}"))
    world.fill(replace(one, spent=1000.0 if one.id <= 44 else 10.0) for one in shop(160))
    world.settle()
    for one in list(world.customers.values()):
        world.change(one.id, spent=1000.0 if 44 < one.id <= 44 + 69 else 10.0)
    plan = world.plan()
    assert breached(plan) == {}
    assert {one.name: (one.join, one.leave) for one in plan.face.lists}["Big Spenders"] == (69, 44)
    world.change(150, spent=1000.0)
    assert breached(world.plan()) == {"joins:Big Spenders": (26, 25)}
    [breach] = world.plan().face.breaches
    assert breach.told.startswith(
        '26 people more would be on the list "Big Spenders" of 44 members (70 join, 44 leave)'
    )


def test_the_fill_of_an_empty_list_is_blocked_beyond_5_000_until_somebody_says_the_number(tmp_path: Path) -> None:
    world = World(tmp_path, text=SPEC.replace(WIDE, "{}"))
    world.fill(Customer(number, f"person{number}@example.com", news=int(number <= 5_000)) for number in range(1, 5_002))
    assert breached(world.plan()) == {}, "as many as may be; the registry, with one more, starts nothing"
    world.change(5_001, news=1)
    [breach] = world.plan().face.breaches
    assert (breach.guard, breach.scope, breach.figure, breach.limit) == ("joins", "News", 5_001, 5_000)
    assert breach.told == '5,001 people would join the list "News", which has no members; at most 5,000 may'
    world.text = SPEC.replace(WIDE, "{joins: {lists: {news: 5001}}}")
    assert breached(world.plan()) == {}
    world.text = SPEC.replace(WIDE, f'{{joins: {{lists: {{"{REGISTRY}": 5000, news: 5001}}}}}}')
    assert breached(world.plan()) == {f"joins:{REGISTRY}": (5_001, 5_000)}, "the registry where it is named"


def test_what_a_rollback_puts_back_on_a_list_is_weighed_as_joins(tmp_path: Path) -> None:
    world = World(tmp_path, text=SPEC.replace(WIDE, "{removals: 100%, updates: 100%}"))
    world.fill(replace(one, spent=1000.0) for one in shop(60))
    world.settle()
    for number in range(1, 41):
        world.change(number, spent=10.0)
    applied = world.plan("off.rplan")
    assert world.apply(applied).converged
    world.time.now += 60
    back = asyncio.run(world.ours.rollback(world.spec(), applied, out=world.folder / "back.rplan"))
    assert breached(back) == {"joins:Big Spenders": (40, 25)}
    with pytest.raises(GuardBreached):
        world.apply(back)


def test_a_collapsed_source_is_planned_shown_and_refused(world: World) -> None:
    collapse(world)
    writes = world.writes()
    plan = world.plan()
    assert breached(plan) == {
        "removals:Big Spenders": (36, 10),
        "removals:News": (20, 10),
        f"removals:{REGISTRY}": (40, 10),
        "updates:": (40, 36),
        "source_rows:customers": (40, 10),
    }
    assert plan.path is not None
    assert plan.path.exists(), "a breach never hides the plan"
    with pytest.raises(GuardBreached) as raised:
        world.apply(plan)
    assert raised.value.exit_status == 3
    assert len(raised.value.breaches) == 5
    assert "--allow source_rows:customers=40" in raised.value.breaches[-1]
    assert world.writes() == writes, "something was written"


def test_what_is_allowed_goes_through_and_is_recorded(world: World) -> None:
    collapse(world)
    plan, writes = world.plan(), world.writes()
    some = allowed("removals=40", "updates=40")
    with pytest.raises(GuardBreached) as raised:
        asyncio.run(world.ours.apply(plan, allowed=some))
    assert [told.partition(":")[0] for told in raised.value.breaches] == ["source_rows"]
    with pytest.raises(GuardBreached):
        asyncio.run(world.ours.apply(plan, allowed=[*some, *allowed("source_rows=39")]))
    assert world.writes() == writes
    report = asyncio.run(world.ours.apply(plan, allowed=[*some, *allowed("source_rows:customers=40")]))
    assert report.converged
    assert report.allowed == ("removals=40", "updates=40", "source_rows:customers=40")
    world.check_calm()


def test_what_is_allowed_with_the_plan_is_in_its_face(world: World) -> None:
    collapse(world)
    given = allowed("removals:News=20", "removals=40", "updates=40", "source_rows=40")
    plan = asyncio.run(world.ours.plan(world.spec(), out=world.folder / "allowed.rplan", allowed=given))
    assert plan.face.breaches == ()
    assert plan.face.allowed == tuple(given)
    assert any("removals:News=20, removals=40" in note for note in explain.view(plan).notes)
    assert world.apply(plan).allowed == ("removals:News=20", "removals=40", "updates=40", "source_rows=40")


@pytest.mark.parametrize("text", ["removals:Nwes=3", "nulled:first_name=3", "deletions:News=1"])
def test_an_allowance_for_something_that_is_not_there_is_refused(world: World, text: str) -> None:
    calls = sum(world.simulator.calls_total.values())
    with pytest.raises(AllowanceUnfit):
        asyncio.run(world.ours.plan(world.spec(), allowed=allowed(text)))
    assert sum(world.simulator.calls_total.values()) == calls, "it is said before anything is read"
    world.change(1, city="Rome")
    with pytest.raises(AllowanceUnfit):
        asyncio.run(world.ours.apply(world.plan(), allowed=allowed(text)))


def test_observe_is_what_it_was(world: World) -> None:
    collapse(world)
    world.mode = "observe"
    plan = world.plan()
    assert plan.face.breaches
    with pytest.raises(rc.PlanUnusable, match="observe"):
        world.apply(plan)


def test_additive_takes_nothing_away_and_so_breaches_nothing_by_it(world: World) -> None:
    collapse(world)
    world.mode = "additive"
    assert breached(world.plan()) == {"source_rows:customers": (40, 10)}


def test_deletions_need_a_number(tmp_path: Path) -> None:
    world = guarded(tmp_path, on_leave="delete")
    world.customers.pop(5)
    plan = world.plan()
    assert breached(plan) == {"deletions:": (1, 0)}
    with pytest.raises(GuardBreached):
        world.apply(plan)
    world.text = SPEC.replace(WIDE, "{deletions: 1}")
    assert world.apply().converged
    assert "person5@example.com" not in world.there()


def test_a_limit_of_one_list_is_found_by_its_group_or_name(tmp_path: Path) -> None:
    limits = f'{{source_rows: 100, updates: 100%, removals: {{default: 0, lists: {{news: 20, "{REGISTRY}": 40}}}}}}'
    world = guarded(tmp_path, limits)
    collapse(world)
    plan = world.plan()
    assert breached(plan) == {"removals:Big Spenders": (36, 0)}
    assert plan.face.breaches[0].where.rpartition("/")[2].startswith("spec.yaml:24:")


def test_a_column_that_went_empty_is_seen_by_var(world: World) -> None:
    for number in world.customers:
        world.change(number, city=None)
    found = breached(world.plan())
    assert found["nulled:city"] == (40, 12)
    assert "same_value:city" not in found


def test_a_column_that_became_one_value_is_seen_by_var_and_not_told(world: World) -> None:
    for number in world.customers:
        world.change(number, first_name="Plantedname")
    plan = world.plan()
    found = breached(plan)
    # Who had no name before loses nothing by having one now.
    assert found["same_value:firstName"] == (53, 12)
    assert found["same_value:greeting"] == (60, 12)
    assert "Plantedname" not in plan.face.model_dump_json()


def test_a_new_var_replaces_nothing(world: World) -> None:
    world.text = world.text.replace("vars:\n", "vars:\n  news: news\n")
    assert {name.partition(":")[0] for name in breached(world.plan())} == {"updates"}


def test_rows_that_cannot_be_used_are_weighed(world: World) -> None:
    for number in range(1, 12):
        world.change(number, email=f"nonsense {number}")
    assert breached(world.plan()) == {"invalid_rows:customers": (11, 10)}
    world.change(1, email="person1@example.com")
    assert breached(world.plan()) == {}


def test_a_shop_that_multiplies_is_seen(tmp_path: Path) -> None:
    world = World(tmp_path, text=SPEC.replace(WIDE, "{}"))
    world.fill(shop(6))
    world.settle()
    world.fill(shop(18))
    assert breached(world.plan()) == {}
    world.fill(shop(19))
    assert breached(world.plan()) == {"additions:": (13, 12)}


def test_rows_are_remembered_when_an_apply_converged_and_only_then(world: World) -> None:
    state = Folder(world.folder / ".reconcile")
    assert memory.recall(state, "shop") == {"customers": 60}
    assert memory.recall(state, "another") is None
    world.fill([*world.customers.values(), Customer(61, "sixty.one@example.com")])
    plan = world.plan()
    assert memory.recall(state, "shop") == {"customers": 60}
    assert world.apply(plan).converged
    assert memory.recall(state, "shop") == {"customers": 61}
    state.replace("shop/sources.json", b"{")
    assert memory.recall(state, "shop") is None
    collapse(world)
    assert "source_rows:customers" not in breached(world.plan())


def test_every_form_begins_with_what_blocks(world: World) -> None:
    collapse(world)
    plan = world.plan()
    view = explain.view(plan)
    text, told = list(explain.text(view)), markdown.text(composing.page(plan)).splitlines()
    assert text[0] == "BLOCKED: 5 guards are breached, so apply refuses this plan."
    assert text[1].startswith('  ! removals: 36 of 40 members would leave the list "Big Spenders"; at most 10 may (')
    assert told[0] == "## ⛔ Blocked: 5 guards are breached, apply refuses this plan"
    assert next(line for line in told if line.startswith(">")).startswith("> **Blocked by removals: 36 of 40 members")
    assert "    --allow 'removals:Big Spenders=36'" in told
    assert list(explain.as_json(view))[:2] == ["verified", "blocked"]
    assert json.loads(json.dumps(explain.as_json(view)))["breaches"][0]["guard"] == "removals"
    world.fill(shop(60))
    assert next(explain.text(explain.view(world.plan()))).startswith("Plan ")


def test_the_commands(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    """Plan shows and keeps, apply refuses with 3, what is allowed goes through and is told."""
    from reconcile.simulator.server import running

    world = guarded(tmp_path, "{deletions: 0}", on_leave="delete")
    monkeypatch.chdir(tmp_path)
    for name, value in {**world.ours.environ, "SAILTHRU_API_SECRET": "demo-secret"}.items():
        monkeypatch.setenv(name, value)

    def run(*words: str) -> tuple[int, str, str]:
        monkeypatch.setattr("sys.argv", ["reconcile", *words])
        with pytest.raises(SystemExit) as ended:
            cli.main()
        return int(str(ended.value.code)), *capsys.readouterr()

    with running(world.simulator) as url:
        world.text = world.text.replace("http://sailthru.test", url)
        world.customers.pop(5)
        world.spec()
        status, out, err = run("plan", "spec.yaml", "--out", "next.rplan")
        assert (status, out.splitlines()[0]) == (0, "BLOCKED: a guard is breached, so apply refuses this plan.")
        assert "Apply refuses it" in err
        assert run("plan", "spec.yaml", "--detailed-exitcode")[0] == 2
        assert run("plan", "spec.yaml", "--allow", "deletions=1")[1].startswith("Plan ")
        status, out, err = run("apply", "next.rplan")
        assert (status, out) == (3, "")
        assert "Error: deletions: 1 profile would be deleted for good; none may (" in err
        assert "A guard blocks this plan, and nothing was written." in err
        status, out, _ = run("apply", "next.rplan", "--json")
        error = json.loads(out.splitlines()[-1])
        assert (status, error["status"]) == (3, 3)
        assert "--allow deletions=1" in error["problems"][0]
        assert run("apply", "spec.yaml", "--yes")[0] == 3
        assert run("apply", "next.rplan", "--allow", "deletons=1")[0] == 64
        assert run("apply", "next.rplan", "--allow", "deletions:News=1")[0] == 64
        assert "person5@example.com" in world.there()
        status, out, _ = run("apply", "next.rplan", "--allow", "deletions=1")
        assert status == 0
        assert "Allowed for this run: deletions=1." in out
        assert "person5@example.com" not in world.there()

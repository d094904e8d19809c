"""What was approved goes through, and nothing beyond it: of a later plan, of another spec, or after its time."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest
from world import SPEC, WIDE, World, shop

import reconcile as rc
from reconcile import cli
from reconcile.errors import ApprovalExceeded, GuardBreached
from reconcile.plan import allowances, approvals
from reconcile.spec import approval
from reconcile.spec.approval import Approval

DAY = timedelta(days=1)


@pytest.fixture(scope="module")
def settled(tmp_path_factory: pytest.TempPathFactory) -> World:
    made = World(tmp_path_factory.mktemp("settled"))
    made.fill(shop(12))
    made.settle()
    return made


@pytest.fixture
def world(settled: World, tmp_path: Path) -> World:
    return settled.like(tmp_path)


def approved(world: World, plan: rc.Plan, tolerance: str = "0%", **more: bool) -> Approval:
    return approvals.of(plan.face, tolerance=tolerance, lasts=DAY, now=world.ours.now(), **more)


def go(world: World, within: Approval) -> rc.Report:
    return asyncio.run(world.ours.apply(world.plan("later.rplan"), within=within))


def refused(world: World, within: Approval) -> tuple[str, ...]:
    writes = world.writes()
    with pytest.raises(ApprovalExceeded) as raised:
        go(world, within)
    assert world.writes() == writes, "something was written"
    assert raised.value.exit_status == 3
    return raised.value.misfits


def test_a_later_plan_that_does_no_more_goes_through_and_is_recorded(world: World) -> None:
    for number in (1, 2, 3):
        world.change(number, city="Rome")
    within = approved(world, world.plan())
    world.change(3, city=None)  # as it was, so that less is to be done
    report = go(world, within)
    assert report.converged
    assert report.allowed[-1].startswith(f"what was approved of plan {within.plan} until ")
    world.check()


def test_a_plan_that_data_has_overtaken_is_refused_with_every_figure(world: World) -> None:
    world.change(1, city="Rome")
    within = approved(world, world.plan())
    world.change(2, city="Oslo", news=1)
    told = refused(world, within)
    assert "2 profiles would be changed; at most 1 may" in told
    assert '2 would get another value of the var "city"; at most 1 may' in told


def test_a_tolerance_lets_more_of_the_same_through_and_nothing_else(world: World) -> None:
    for number in (1, 2):
        world.change(number, city="Rome")
    within = approved(world, world.plan(), tolerance="50%")
    world.change(3, city="Rome")
    world.change(4, first_name="Eve")
    told = refused(world, within)
    assert any('of the var "firstName"; none may' in one for one in told), told
    assert not any('"city"' in one for one in told), told
    world.change(4, first_name="Ada")
    world.settle()


def test_an_approval_is_for_its_spec_its_account_and_its_time(world: World) -> None:
    world.change(1, city="Rome")
    within = approved(world, world.plan())
    world.text = world.text.replace('spent >= 1000"}\nvars', 'spent >= 2000"}\nvars')
    assert refused(world, within) == ("the spec, or the account's secret, has changed since it was approved",)
    assert go(world, approved(world, world.plan(), any_spec=True)).converged
    world.change(1, city="Oslo")
    within = approved(world, world.plan())
    world.time.now += 2 * DAY.total_seconds()
    assert refused(world, within) == (f"the approval expired at {within.expires and within.expires.isoformat()}",)
    other = within.model_copy(update={"account": "acme", "environment": "staging", "expires": None})
    assert len(refused(world, other)) == 2


def test_new_lists_and_deletions_are_named_first(world: World) -> None:
    within = approved(world, world.plan())
    world.text = world.text.replace("list: News", "list: Fresh News").replace("ON_LEAVE", "delete")
    del world.customers[5]
    told = refused(world, within.model_copy(update={"spec": None}))
    assert told[0] == 'the list "Fresh News" would be created, and may not'
    assert told[1] == "1 profile would be deleted for good; none may"


def test_an_approval_is_what_was_read(world: World, tmp_path: Path) -> None:
    world.text = world.text.replace("list: News", 'list: "Été: 50% #1"')
    within = approved(world, world.plan(), tolerance="2.5%")
    file = tmp_path / "approval.yaml"
    file.write_text(approval.text(within), encoding="utf-8")
    assert approval.read(file) == within
    assert within.new_lists == ("Été: 50% #1",)


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("version: 2", "account: Field required"),
        ("version: 3\naccount: shop", "version: Input should be 2"),
        ("account: shop\nlists: {News: {joins: 3}}", "lists.News.joins: Extra inputs are not permitted"),
        ("account: shop\ntolerance: lots", "tolerance: String should match pattern"),
        ("account: shop\nprofiles: {delete: -1}", "profiles.delete: Input should be greater than or equal to 0"),
        ("- a", "the file: Input should be a valid dictionary"),
        ("a: [", "is no YAML"),
    ],
)
def test_what_is_no_approval_is_told_with_the_key(tmp_path: Path, text: str, told: str) -> None:
    file = tmp_path / "approval.yaml"
    file.write_text(text)
    with pytest.raises(rc.errors.ApprovalUnreadable, match=r"approval\.yaml") as raised:
        approval.read(file)
    assert told in raised.value.message
    assert raised.value.exit_status == 65


def test_nobody_loosens_the_limit_that_they_trip_over(tmp_path: Path) -> None:
    world = World(tmp_path, text=SPEC.replace(WIDE, "{updates: 3}"))
    world.fill(shop(12))
    world.settle()
    for number in range(1, 7):
        world.change(number, city="Rome")
    base = world.spec()
    world.text = SPEC.replace(WIDE, "{updates: 100}")
    assert world.plan().face.breaches == ()
    [breach] = asyncio.run(world.ours.plan(world.spec(), base=base)).face.breaches
    assert (breach.guard, breach.figure, breach.limit) == ("updates", 6, 3)
    [same] = asyncio.run(world.ours.plan(base, base=world.spec())).face.breaches
    assert same.limit == 3


def test_a_limit_of_one_list_holds_though_the_change_gives_its_group_another_id(tmp_path: Path) -> None:
    world = World(tmp_path, text=SPEC.replace(WIDE, "{joins: {lists: {news: 1}}}"))
    world.fill(replace(one, news=0) for one in shop(12))
    world.apply()
    for number in (1, 2):
        world.change(number, news=1)
    base = world.spec()
    for change in (("  news: {list: News,", "  letter: {list: News,"), ("{list: News,", "{list: Fresh News,")):
        world.text = SPEC.replace(WIDE, "{}").replace(*change)
        assert world.plan().face.breaches == ()
        [breach] = asyncio.run(world.ours.plan(world.spec(), base=base)).face.breaches
        assert (breach.guard, breach.figure, breach.limit) == ("joins", 2, 1)


def test_an_approval_raises_no_limit_of_joins(tmp_path: Path) -> None:
    world = World(tmp_path, text=SPEC.replace(WIDE, "{joins: 1}"))
    world.fill(replace(one, news=0, spent=0) for one in shop(12))
    world.settle()
    for number in (1, 2):
        world.change(number, news=1)
    plan = world.plan()
    assert approved(world, plan).lists["News"].join == 2
    with pytest.raises(GuardBreached, match="nothing was written"):
        go(world, approved(world, plan))
    allowed = [allowances.read("joins:News=2")]
    later = world.plan("later.rplan")
    assert asyncio.run(world.ours.apply(later, within=approved(world, plan), allowed=allowed)).converged


def test_the_commands_approve_and_apply_within(
    world: World, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    world.change(1, city="Rome")
    plan, file = world.plan(), world.folder / "approvals" / "rome.yaml"
    assert command(monkeypatch, "approve", str(plan.path), "--out", str(file), "--for", "2d") == 0
    assert "Commit it" in capsys.readouterr().err
    assert approval.read(file).vars["city"].set == 1
    assert command(monkeypatch, "approve", str(plan.path), "--out", str(file), "--tolerance", "much") == 64
    world.change(2, city="Rome")
    later = world.plan("later.rplan")
    assert command(monkeypatch, "apply", str(later.path), "--within", str(file)) != 0
    assert command(monkeypatch, "apply", str(later.path), "--within", str(world.folder / "none.yaml")) == 65


def command(monkeypatch: pytest.MonkeyPatch, *words: str) -> int:
    monkeypatch.setattr("sys.argv", ["reconcile", *words])
    monkeypatch.setenv("KEY", "demo-key")
    monkeypatch.setenv("SECRET", "demo-secret")
    with pytest.raises(SystemExit) as ended:
        cli.main()
    return int(ended.value.code or 0)

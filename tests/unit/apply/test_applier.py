"""The applier, against an account that fails by script: what every action comes to, and what ends a run."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import pytest
from account import FakeAccount
from plans import MASKS, REGISTRY, of

import reconcile as rc
from reconcile.apply.applier import Applier
from reconcile.apply.brake import Brake
from reconcile.apply.endings import Interrupted
from reconcile.apply.journal import Journal, Past
from reconcile.apply.model import REREADS, Outcome, Receipt, Report, Tally, Unheard
from reconcile.errors import AccountUnavailable, ApiRejected, CredentialsRefused, ReconcileError, TwinLists
from reconcile.plan.model import Stage
from reconcile.state.engines.duckdb import DuckDB
from reconcile.state.model import RemoteList

CUSTOMERS = """\
id,email,city,spent
1,ada@example.com,Paris,2000
2,bob@example.com,Rome,10
3,cyd@example.com,,5000
"""


class Heard(Unheard):
    """Keeps receipts in the order in which they came."""

    def __init__(self) -> None:
        self.receipts: list[Receipt] = []
        self.stages: list[tuple[Stage, int]] = []

    def stage(self, stage: Stage, total: int) -> None:
        self.stages.append((stage, total))

    def receipt(self, receipt: Receipt) -> None:
        self.receipts.append(receipt)


class Run:
    """One apply of one plan."""

    def __init__(
        self, plan: rc.Plan, account: FakeAccount, brake: Brake | None = None, past: Past | None = None
    ) -> None:
        self.heard, self.error = Heard(), None
        self.tally = Tally(plan.face.counts.total + len(plan.face.new_lists))
        with DuckDB() as workspace:
            applier = Applier(account, workspace, MASKS, self.heard, 20, brake or Brake())  # type: ignore[arg-type]
            applier.past = past or Past()
            try:
                asyncio.run(applier.apply(plan, self.tally))
            except ReconcileError as error:
                self.error = error

    def of(self, email: str) -> Receipt:
        [found] = [one for one in self.heard.receipts if one.who == MASKS.person(email)]
        return found

    def outcomes(self) -> dict[str, int]:
        return {str(outcome): count for outcome, count in self.tally.outcomes.items() if count}


@pytest.fixture
def account() -> FakeAccount:
    return FakeAccount()


@pytest.fixture
def plan(tmp_path: Path, account: FakeAccount) -> rc.Plan:
    return of(tmp_path / "spec", CUSTOMERS, account)


def failing(email: str, error: ReconcileError, name: str = "upsert") -> Any:
    def trouble(called: str, subject: Any) -> ReconcileError | None:
        ref = getattr(subject, "ref", subject)
        return error if called == name and getattr(ref, "email", None) == email else None

    return trouble


def test_lists_come_first_one_at_a_time_then_everybody(plan: rc.Plan, account: FakeAccount) -> None:
    order: list[str] = []
    account.trouble = lambda name, _: order.append(name)
    run = Run(plan, account)
    assert run.outcomes() == {"verified": 5}
    assert [one.name for one in account.remote] == ["Big Spenders", REGISTRY]
    assert order.index("upsert") > max(index for index, name in enumerate(order) if name == "create_list")
    assert [stage for stage, _ in run.heard.stages] == [Stage.LISTS, Stage.UPSERTS]
    assert account.profiles["sid-01"].lists <= {"Big Spenders", REGISTRY}


def test_a_final_no_is_told_in_its_words_and_stops_nobody_else(plan: rc.Plan, account: FakeAccount) -> None:
    account.trouble = failing("bob@example.com", ApiRejected("Sailthru says: 11 Invalid Email", code=11, status=400))
    run = Run(plan, account)
    assert run.outcomes() == {"verified": 4, "rejected": 1}
    assert run.of("bob@example.com").why == "Sailthru says: 11 Invalid Email"
    assert {one.email for one in account.profiles.values()} == {"ada@example.com", "cyd@example.com"}


def test_trouble_that_outlasts_all_tries_is_failed(plan: rc.Plan, account: FakeAccount) -> None:
    account.trouble = failing("bob@example.com", AccountUnavailable("no answer after 8 tries"))
    assert Run(plan, account).of("bob@example.com").outcome is Outcome.FAILED


def test_an_ok_that_is_not_so_is_diverged_and_names_the_fields(plan: rc.Plan, account: FakeAccount) -> None:
    account.forgets = {"ada@example.com": {"var city", "list Big Spenders"}}
    run = Run(plan, account)
    told = run.of("ada@example.com")
    assert told.outcome is Outcome.DIVERGED
    assert "var city" in told.why
    assert "list Big Spenders" in told.why
    assert "Paris" not in told.why
    assert run.of("bob@example.com").outcome is Outcome.VERIFIED


def test_a_write_that_shows_late_is_looked_at_again_but_not_for_ever(plan: rc.Plan, account: FakeAccount) -> None:
    account.late = 3.0
    assert Run(plan, account).outcomes() == {"verified": 5}
    assert 3.0 <= sum(account.slept) < 30.0


def test_a_write_that_never_shows_ends_diverged(plan: rc.Plan, account: FakeAccount) -> None:
    account.late = 3600.0
    run = Run(plan, account)
    assert run.outcomes().get("diverged") == 3
    assert sum(account.slept) < 60.0


def test_a_list_that_cannot_be_made_stops_before_anybody_joins(plan: rc.Plan, account: FakeAccount) -> None:
    no = ApiRejected("Maximum list count reached: 2000", code=99, status=400)
    account.trouble = lambda name, subject: no if (name, subject) == ("create_list", "Big Spenders") else None
    run = Run(plan, account)
    assert run.error is not None
    assert run.error.exit_status == 4
    assert account.calls["upsert"] == 0
    assert "rejected" in run.outcomes()


def test_twins_that_turn_up_stop_the_run(plan: rc.Plan, account: FakeAccount) -> None:
    def twin(name: str, subject: Any) -> None:
        if (name, subject) == ("create_list", REGISTRY):
            account.remote.append(RemoteList("another", "Big Spenders", "natural"))

    account.trouble = twin
    run = Run(plan, account)
    assert isinstance(run.error, TwinLists)
    assert '"Big Spenders" (2 times)' in run.error.message
    assert account.calls["upsert"] == 0


def test_a_refused_key_stops_the_run(plan: rc.Plan, account: FakeAccount) -> None:
    account.trouble = failing("bob@example.com", CredentialsRefused("the key was taken back"))
    run = Run(plan, account)
    assert isinstance(run.error, CredentialsRefused)
    assert run.error.exit_status == 77


def test_nothing_is_begun_when_the_brake_was_pulled(plan: rc.Plan, account: FakeAccount) -> None:
    stop = asyncio.Event()
    stop.set()
    run = Run(plan, account, Brake(stop))
    assert run.error is not None
    assert (account.calls["upsert"], account.calls["create_list"], run.outcomes()) == (0, 0, {})


def test_calls_are_side_by_side_but_bounded(tmp_path: Path, account: FakeAccount) -> None:
    rows = "".join(f"{number},person{number}@example.com,Rome,1\n" for number in range(60))
    plan = of(tmp_path / "spec", f"id,email,city,spent\n{rows}", account)
    account.most_at_once = 0
    assert Run(plan, account).outcomes() == {"verified": 62}
    assert 1 < account.most_at_once <= 20


def report(total: int, stopped: str = "", **outcomes: int) -> Report:
    told = {Outcome(name): count for name, count in outcomes.items()}
    return Report("id", total, told, (), {}, {}, 1.0, stopped=stopped)


@pytest.mark.parametrize(
    ("made", "converged", "status"),
    [
        (report(3, verified=3), True, 0),
        (report(0), True, 0),
        (report(3, verified=2, diverged=1), False, 7),
        (report(3, verified=2, rejected=1), False, 4),
        (report(3, verified=2, failed=1), False, 4),
        (report(3, verified=1, diverged=1, failed=1), False, 4),
        (report(3, verified=2), False, 4),
        (report(3, verified=2, conflict=1), False, 4),
        (report(3, stopped="interrupted", verified=2), False, 4),
    ],
)
def test_exit_statuses(made: Report, converged: bool, status: int) -> None:
    assert (made.converged, made.exit_status) == (converged, status)


def test_the_next_chunk_is_written_while_the_last_is_looked_at(
    tmp_path: Path, account: FakeAccount, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("reconcile.apply.applier.CHUNK", 30)
    rows = "".join(f"{number},person{number}@example.com,Rome,1\n" for number in range(120))
    plan = of(tmp_path / "spec", f"id,email,city,spent\n{rows}", account)
    order: list[str] = []
    account.trouble = lambda name, _: order.append(name)
    account.most_at_once = 0
    assert Run(plan, account).outcomes() == {"verified": 122}
    told = [name for name in order if name in {"upsert", "look"}]
    assert told.index("look") < len(told) - 1 - told[::-1].index("upsert"), "all was written before anything was seen"
    assert told.count("upsert") == told.count("look") == 120
    assert account.most_at_once <= 40, "more than so many of a kind"


def test_writing_never_waits_for_one_that_shows_late(
    tmp_path: Path, account: FakeAccount, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("reconcile.apply.applier.CHUNK", 25)
    size, under_way, busy = 150, [0], []
    rows = "".join(f"{number},person{number}@example.com,Rome,1\n" for number in range(size))
    plan = of(tmp_path / "spec", f"id,email,city,spent\n{rows}", account)
    upsert, look = account.upsert, account.look

    async def written(write: Any) -> None:
        under_way[0] += 1
        if account.calls["upsert"] < size - 20:  # the last have nobody behind them
            busy.append(under_way[0])
        await ticks(10 + under_way[0] % 7)
        await upsert(write)
        under_way[0] -= 1

    async def looked(ref: Any, vars_: Any) -> Any:
        await ticks(15)
        return await look(ref, vars_)

    async def ticks(count: int) -> None:
        for _ in range(count):
            await asyncio.sleep(0)

    account.upsert, account.look, account.sleep = written, looked, lambda seconds: ticks(int(10 * seconds))  # type: ignore[method-assign, assignment]
    account.forgets = {"person3@example.com": {"var city"}}
    assert Run(plan, account).outcomes() == {"verified": size + 1, "diverged": 1}
    assert min(busy[20:]) > 10, "places stood empty although there was something to write"


def test_no_chunk_is_announced_before_the_last_is_under_way(
    tmp_path: Path, account: FakeAccount, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("reconcile.apply.applier.CHUNK", 25)
    rows = "".join(f"{number},person{number}@example.com,Rome,1\n" for number in range(150))
    plan = of(tmp_path / "spec", f"id,email,city,spent\n{rows}", account)
    ahead: list[int] = []
    announced = Journal.intend

    def intend(self: Journal, kind: str, numbers: Any = (), **facts: Any) -> int:
        numbers = list(numbers)
        ahead.append(numbers[0] - 2 - account.calls["upsert"])  # two lists come first
        return announced(self, kind, numbers, **facts)

    monkeypatch.setattr(Journal, "intend", intend)
    assert Run(plan, account).outcomes() == {"verified": 152}
    assert len(ahead) == 7
    assert max(ahead[1:]) <= 1


def test_an_end_while_one_chunk_is_in_doubt_cuts_off_no_write_of_another(
    tmp_path: Path, account: FakeAccount, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("reconcile.apply.applier.CHUNK", 20)
    rows = "".join(f"{number},person{number}@example.com,Rome,1\n" for number in range(60))
    plan = of(tmp_path / "spec", f"id,email,city,spent\n{rows}", account)
    brake, begun, upsert = Brake(), [0], account.upsert
    account.calls.clear()

    async def written(write: Any) -> None:
        begun[0] += 1
        for _ in range(50):
            await asyncio.sleep(0)
        await upsert(write)

    def trouble(name: str, _: Any) -> ReconcileError | None:
        if name != "look" or account.calls["look"] <= 20:  # the first chunk is seen not to be there
            return None
        brake.pull(Interrupted())
        return Interrupted()

    account.upsert, account.trouble = written, trouble  # type: ignore[method-assign]
    run = Run(plan, account, brake, Past(attempts=1))
    assert isinstance(run.error, Interrupted)
    assert begun[0] == account.calls["upsert"] == 20


@pytest.mark.parametrize("wrong", [0, 1])
def test_nobody_is_looked_at_twice_who_was_seen_to_be_right(tmp_path: Path, account: FakeAccount, wrong: int) -> None:
    """A look costs a call, for each of those who are in doubt after a kill."""
    rows = "".join(f"{number},person{number}@example.com,Rome,1\n" for number in range(30))
    plan = of(tmp_path / "spec", f"id,email,city,spent\n{rows}", account)
    assert Run(plan, account).outcomes() == {"verified": 32}
    for one in list(account.profiles.values())[:wrong]:
        one.vars["city"] = "Oslo"
    account.calls.clear()
    assert Run(plan, account, past=Past(attempts=1)).outcomes() == {"verified": 32}
    assert (account.calls["upsert"], account.calls["look"]) == (wrong, 30 + wrong)


def test_only_who_still_differs_is_looked_at_again(plan: rc.Plan, account: FakeAccount) -> None:
    account.calls.clear()
    account.forgets = {"ada@example.com": {"var city"}}
    assert Run(plan, account).outcomes() == {"verified": 4, "diverged": 1}
    assert account.calls["look"] == 3 + len(REREADS)

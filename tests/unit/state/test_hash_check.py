"""Members are recognised by hash, so it is made sure once that the account hashes as we do (SAILTHRU.md §15)."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from pathlib import Path

import pyarrow as pa
import pytest
from account import FakeAccount

from reconcile.errors import AccountUnfit
from reconcile.state import observed, values
from reconcile.state.engines.duckdb import DuckDB
from reconcile.state.workspace import Workspace

ADA, BOB = "ada@example.com", "bob@example.com"


@pytest.fixture(scope="module")
def workspace() -> Iterator[Workspace]:
    with DuckDB() as opened:
        yield opened


@pytest.fixture
def account(tmp_path: Path) -> FakeAccount:
    made = FakeAccount(tmp_path)
    made.person(ADA, sid="s1")
    return made


def check(account: FakeAccount, workspace: Workspace, exported: list[tuple[str, str]], ours: list[str]) -> int:
    """How many looks it took."""
    sids, hashes = ([one[at] for one in exported] for at in (0, 1))
    there = workspace.store(
        "there", pa.table({"sid": pa.array(sids, pa.string()), "hash": pa.array(hashes, pa.string())})
    )
    wanted = workspace.store("wanted", pa.table({"hash": pa.array([values.hash_of(one) for one in ours], pa.string())}))
    asyncio.run(observed.check_hash(account, there, wanted, workspace))
    return account.calls["look"]


def test_whoever_is_on_both_sides_proves_it_without_a_call(account: FakeAccount, workspace: Workspace) -> None:
    assert check(account, workspace, [("s1", values.hash_of(ADA)), ("s2", "e" * 32)], [ADA, BOB]) == 0


def test_where_nobody_is_a_member_is_asked_for_their_address(account: FakeAccount, workspace: Workspace) -> None:
    assert check(account, workspace, [("s1", values.hash_of(ADA))], [BOB]) == 1


def test_an_account_that_hashes_otherwise_is_refused(account: FakeAccount, workspace: Workspace) -> None:
    with pytest.raises(AccountUnfit, match="do not hash e-mail addresses as expected"):
        check(account, workspace, [("s1", values.hash_of("ADA@example.com "))], [ADA, BOB])


def test_nobody_can_be_asked_on_empty_lists_or_when_all_have_gone(account: FakeAccount, workspace: Workspace) -> None:
    assert check(account, workspace, [], [ADA]) == 0
    assert check(account, workspace, [("gone", "e" * 32)], [ADA]) == 1

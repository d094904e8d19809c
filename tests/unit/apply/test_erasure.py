"""Deleting: gone counts, ok does not."""

from __future__ import annotations

import asyncio

import pytest
from account import FakeAccount
from plans import MASKS, REGISTRY

from reconcile.apply.brake import Brake
from reconcile.apply.endings import Interrupted
from reconcile.apply.erasure import WAITS, Erasure
from reconcile.apply.model import Outcome, Receipt
from reconcile.errors import AccountUnavailable, ApiRejected, CredentialsRefused, ReconcileError
from reconcile.plan.model import Delete
from reconcile.state import values
from reconcile.state.model import Ref

ADA = Delete(values.hash_of("ada@example.com"), "ada@example.com", "s1")


@pytest.fixture
def account() -> FakeAccount:
    made = FakeAccount()
    made.person("ada@example.com", sid="s1", lists=[REGISTRY])
    return made


def erased(account: FakeAccount, action: Delete = ADA) -> Receipt:
    receipt = asyncio.run(Erasure(account, MASKS, Brake(), REGISTRY, asyncio.Semaphore(5)).of(action))
    assert receipt is not None
    assert receipt.who == MASKS.person(action.email or action.sid or "")
    return receipt


def test_who_is_gone_is_verified(account: FakeAccount) -> None:
    assert erased(account).outcome is Outcome.VERIFIED
    assert not account.profiles
    assert account.calls == {"look": 3, "delete": 1}, "one look before, and two that prove it: by address and by sid"


@pytest.mark.parametrize("lies", [1, 3, 2 * len(WAITS) - 1])
def test_a_deletion_that_lies_is_done_again(account: FakeAccount, lies: int) -> None:
    account.lies["s1"] = lies
    assert erased(account).outcome is Outcome.VERIFIED
    assert not account.profiles
    assert account.calls["delete"] == lies + 1


def test_a_deletion_that_always_lies_ends_and_is_told(account: FakeAccount) -> None:
    account.lies["s1"] = -1
    receipt = erased(account)
    assert (receipt.outcome, receipt.why) == (Outcome.DIVERGED, "Sailthru said ok, and the profile is still there")
    assert account.calls["delete"] == 2 * len(WAITS)
    assert sum(account.slept) == 2 * sum(WAITS)


def test_who_is_gone_already_is_not_deleted(account: FakeAccount) -> None:
    account.profiles.clear()
    assert erased(account).outcome is Outcome.VERIFIED
    assert account.calls["delete"] == 0


def test_a_deletion_that_shows_late_is_waited_for(account: FakeAccount) -> None:
    account.late = 2.0
    assert erased(account).outcome is Outcome.VERIFIED


def test_who_is_not_ours_any_more_is_left_alone(account: FakeAccount) -> None:
    account.profiles["s1"].lists.clear()
    receipt = erased(account)
    assert receipt.outcome is Outcome.CONFLICT
    assert REGISTRY in receipt.why
    assert account.calls["delete"] == 0


@pytest.mark.parametrize(
    ("error", "outcome"),
    [
        (ApiRejected("no such luck", code=99, status=400), Outcome.REJECTED),
        (AccountUnavailable("down"), Outcome.FAILED),
    ],
)
def test_errors_are_receipts_with_their_words(account: FakeAccount, error: ReconcileError, outcome: Outcome) -> None:
    account.trouble = lambda name, _: error if name == "delete" else None
    receipt = erased(account)
    assert (receipt.outcome, receipt.why) == (outcome, error.message)
    assert account.profiles


def test_a_refused_key_ends_the_run(account: FakeAccount) -> None:
    account.trouble = lambda name, _: CredentialsRefused("no") if name == "delete" else None
    with pytest.raises(CredentialsRefused):
        erased(account)


def test_nothing_is_begun_once_the_run_is_to_end(account: FakeAccount) -> None:
    brake = Brake()
    brake.stop.set()
    assert asyncio.run(Erasure(account, MASKS, brake, REGISTRY, asyncio.Semaphore(5)).of(ADA)) is None
    assert not account.calls


def test_who_is_gone_by_address_and_there_by_sid_is_still_there(account: FakeAccount) -> None:
    """A deletion that only takes the address away is none."""
    delete = account.delete

    async def detached(ref: Ref) -> None:
        if "s1" in account.profiles and account.calls["delete"] < 2:
            account.profiles["s1"].email = "detached@example.com"
            account.calls["delete"] += 1
        else:
            await delete(ref)

    account.delete = detached  # type: ignore[method-assign]
    assert erased(account).outcome is Outcome.VERIFIED
    assert not account.profiles


def test_who_never_goes_by_sid_is_not_deleted(account: FakeAccount) -> None:
    async def detached(_: Ref) -> None:
        account.profiles["s1"].email = "detached@example.com"

    account.delete = detached  # type: ignore[method-assign]
    assert erased(account).outcome is Outcome.DIVERGED


def test_who_goes_by_sid_and_is_there_by_address_is_still_there(account: FakeAccount) -> None:
    async def renumbered(_: Ref) -> None:
        if "s1" in account.profiles:
            account.profiles["s2"] = account.profiles.pop("s1")

    account.delete = renumbered  # type: ignore[method-assign]
    assert erased(account).outcome is Outcome.DIVERGED


def test_who_was_gone_by_address_before_and_is_there_by_sid_is_left_alone(account: FakeAccount) -> None:
    account.profiles["s1"].email = "moved@example.com"
    receipt = erased(account)
    assert (receipt.outcome, account.calls["delete"]) == (Outcome.CONFLICT, 0)
    assert "address has changed" in receipt.why


def test_who_never_goes_holds_up_the_end_of_a_run_for_one_try_only(account: FakeAccount) -> None:
    account.lies["s1"] = -1
    brake = Brake()
    account.trouble = lambda name, _: brake.pull(Interrupted()) if name == "delete" else None
    asyncio.run(Erasure(account, MASKS, brake, REGISTRY, asyncio.Semaphore(5)).of(ADA))
    assert account.calls["delete"] <= 2, "by address and by sid"
    assert sum(account.slept) <= 2 * WAITS[0]

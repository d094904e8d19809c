from __future__ import annotations

import pytest

from reconcile.sailthru import limits
from reconcile.sailthru.limits import Budget
from reconcile.sailthru.model import Rate

MINUTE = 600_000_000.0  # a full minute


def spent(budget: Budget, now: float, at_most: int = 100_000) -> int:
    """How many calls go at once, each answered without headers."""
    for count in range(at_most):
        if budget.wait(now):
            return count
        budget.spend(now)
        budget.settle(None)
    return at_most


@pytest.mark.parametrize(
    ("method", "endpoint", "figure"),
    [
        ("GET", "user", 18_000),
        ("GET", "job", 18_000),
        ("POST", "user", 18_000),
        ("POST", "list", 2_400),
        ("POST", "job", 2_400),
        ("DELETE", "user", 2_400),
    ],
)
def test_published_limits(method, endpoint, figure):
    assert limits.published(method, endpoint) == figure
    assert limits.quota()[f"{method} /{endpoint}"] == 0.75 * figure
    assert limits.quota(0.5)[f"{method} /{endpoint}"] == 0.5 * figure


def test_backoff_in_numbers():
    assert [limits.backoff(n, jitter=0) for n in (1, 2, 3, 7, 8, 5000)] == [0.25, 0.5, 1, 15, 15, 15]
    assert limits.backoff(1, jitter=0.5) == 0.375
    assert limits.backoff(100, jitter=0.999) < 30


def test_after_429_until_the_reset_and_a_second_or_two():
    assert limits.until_reset(MINUTE + 18, MINUTE + 60, jitter=0) == 43
    assert limits.until_reset(MINUTE + 18, MINUTE + 60, jitter=0.5) == 43.5
    assert limits.until_reset(MINUTE + 18, None, jitter=0) == 43


@pytest.mark.parametrize(("reset", "seconds"), [(-9_999, 1), (0, 1), (9_999, 61)])
def test_after_429_a_wrong_clock_costs_a_minute_at_most(reset, seconds):
    assert limits.until_reset(MINUTE, MINUTE + reset, jitter=0) == seconds


def test_a_minute_holds_our_share_in_one_burst():
    budget = Budget(2_400)
    assert spent(budget, MINUTE + 12) == 1_800
    assert budget.wait(MINUTE + 12) == 48
    assert spent(budget, MINUTE + 60) == 1_800


def test_headers_correct_the_limit_upwards_and_downwards():
    budget = Budget(18_000)
    budget.spend(MINUTE)
    budget.settle(Rate(36_000, 35_999, int(MINUTE) + 60))
    assert spent(budget, MINUTE) == 27_000 - 1
    budget.settle(Rate(100, 99, int(MINUTE) + 60))
    assert budget.wait(MINUTE + 1) == 59
    assert spent(budget, MINUTE + 60) == 75


def test_the_others_keep_their_share_when_they_use_it_first():
    budget = Budget(100)
    budget.spend(MINUTE)
    budget.settle(Rate(100, 40, int(MINUTE) + 60))  # 59 calls were somebody else's
    assert spent(budget, MINUTE) == 15  # down to 25 left


def test_an_answer_from_the_minute_before_says_nothing_of_this_one():
    budget = Budget(100)
    budget.spend(MINUTE + 59)
    assert budget.wait(MINUTE + 60) == 0
    budget.settle(Rate(100, 0, int(MINUTE) + 60))
    assert spent(budget, MINUTE + 60) == 75


def test_calls_under_way_are_thought_not_to_be_counted_yet():
    budget = Budget(100)
    for _ in range(10):
        budget.spend(MINUTE)
    budget.settle(Rate(100, 50, int(MINUTE) + 60))
    assert spent(budget, MINUTE) == 50 - 9 - 25


def test_closed_until_the_reset():
    budget = Budget(100)
    budget.close(MINUTE + 61.5)
    assert budget.wait(MINUTE + 10) == 51.5
    assert budget.wait(MINUTE + 60) == 1.5
    assert spent(budget, MINUTE + 61.5) == 75


def test_nonsense_in_the_headers_is_not_believed():
    budget = Budget(100)
    budget.spend(MINUTE)
    budget.settle(Rate(0, 0, 0))
    assert spent(budget, MINUTE) == 74


def test_a_tiny_limit_still_lets_one_call_go():
    assert spent(Budget(1), MINUTE) == 1


def test_the_accounts_clock_is_never_thought_to_be_ahead_of_what_it_is():
    skew = limits.Skew()
    assert skew.there(MINUTE) == MINUTE
    for tenth in range(40):  # theirs is 7.3 s ahead; an answer takes 0.2 s
        sent = MINUTE + tenth / 10
        skew.note(int(sent + 0.1 + 7.3), sent=sent, received=sent + 0.2)
        assert skew.there(MINUTE) <= MINUTE + 7.3
    assert skew.there(MINUTE) == pytest.approx(MINUTE + 7.2, abs=0.11)


def test_a_clock_that_is_put_right_is_followed():
    skew = limits.Skew()
    skew.note(MINUTE + 30, sent=MINUTE, received=MINUTE)
    assert skew.there(MINUTE) == MINUTE + 30
    skew.note(MINUTE + 100, sent=MINUTE + 100.5, received=MINUTE + 100.5)
    assert skew.there(MINUTE) == MINUTE - 0.5

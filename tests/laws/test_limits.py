"""Laws of pacing: our share of a minute is never exceeded, whatever the headers and the clock do."""

from __future__ import annotations

from collections import Counter

from hypothesis import given
from hypothesis import strategies as st

from reconcile.sailthru import limits
from reconcile.sailthru.limits import Budget
from reconcile.sailthru.model import Rate

shares = st.floats(0.01, 1.0)
jitters = st.floats(0, 1, exclude_max=True)
times = st.floats(0, 4e9)


@given(st.integers(2, 60), shares, st.lists(st.floats(0, 20), max_size=300), st.floats(1e9, 2e9))
def test_no_clock_minute_sees_more_than_our_share(limit, share, pauses, now):
    budget, gone = Budget(limit, share), Counter()
    for pause in pauses:
        now += pause
        now += budget.wait(now)
        assert budget.wait(now) == 0, "whoever waits as told may go"
        budget.spend(now)
        budget.settle(None)
        gone[now // 60] += 1
    assert max(gone.values(), default=0) <= max(1, share * limit)


@given(
    st.integers(4, 60),
    st.floats(0.25, 1.0),
    st.lists(st.tuples(st.floats(0, 20), st.integers(0, 80), st.booleans()), max_size=200),
)
def test_headers_only_ever_slow_us_down_below_our_share(limit, share, steps):
    budget, gone, now, flying = Budget(limit, share), Counter(), 1e9, 0
    for pause, remaining, answered in steps:
        now += pause
        if flying and answered:
            budget.settle(Rate(limit, min(remaining, limit), (int(now) // 60 + 1) * 60))
            flying -= 1
        if not budget.wait(now):
            budget.spend(now)
            flying += 1
            gone[now // 60] += 1
    assert max(gone.values(), default=0) <= max(1, share * limit)


@given(st.integers(1, 10_000), jitters)
def test_backoff_stays_between_half_its_step_and_the_whole(attempt, jitter):
    step = min(30.0, 0.5 * 2.0 ** min(attempt - 1, 50))
    assert step / 2 <= limits.backoff(attempt, jitter=jitter) <= step
    assert limits.backoff(attempt, jitter=jitter) <= limits.backoff(attempt + 1, jitter=jitter)


@given(times, st.none() | times, jitters)
def test_after_429_at_least_a_second_and_never_much_more_than_a_minute(now, reset, jitter):
    assert 1 <= limits.until_reset(now, reset, jitter=jitter) <= 62

from __future__ import annotations

from reconcile.plan import costs
from reconcile.plan.model import Counts, ListFace, Route
from reconcile.sailthru import limits

LISTS = tuple(
    ListFace(name=name, new=new, before=0, join=join, leave=0)
    for name, new, join in (("registry", True, 0), ("News", False, 5), ("Quiet", False, 0))
)


def estimate(counts: Counts, route: Route = Route.USER, share: float = 0.75):
    return costs.estimate(counts, LISTS, "registry", route, limits.quota(share))


def test_one_write_and_one_look_a_profile():
    cost = estimate(Counts(create=13_500, update=13_500))
    assert cost.calls == {"POST /user": 27_000, "GET /user": 27_000, "POST /list": 1, "GET /list": 2}
    assert cost.minutes == 2


def test_the_minutes_are_at_our_share():
    assert estimate(Counts(update=18_000), share=1.0).minutes == 1
    assert estimate(Counts(update=18_000), share=0.25).minutes == 4


def test_deletions_go_at_their_own_forty_a_second():
    cost = estimate(Counts(delete=24_000), share=1.0)
    assert cost.calls["DELETE /user"] == 24_000
    assert cost.calls["GET /user"] == 72_000
    assert cost.minutes == 10


def test_jobs_cost_files_exports_and_a_sample_and_the_rest_goes_one_by_one():
    cost = estimate(Counts(create=100_000, update=40, moved=10, unlist=20), Route.JOBS)
    assert cost.calls["POST /job"] == cost.calls["GET /job"] == 3 + 2  # 100,010 lines; the registry and News
    assert cost.calls["POST /user"] == 30
    assert cost.calls["GET /user"] == 30 + 1_000
    assert cost.minutes < 1


def test_nothing_to_do_costs_nothing():
    cost = costs.estimate(Counts(), (), "registry", Route.JOBS, limits.quota())
    assert (cost.calls, cost.minutes) == ({}, 0)

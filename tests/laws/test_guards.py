"""Laws of the guards: within the limits nothing is breached, and more of what is guarded is never less of a breach."""

from __future__ import annotations

from dataclasses import replace

from hypothesis import given
from hypothesis import strategies as st

from reconcile.plan import allowances, guards
from reconcile.plan.guards import Heads, Part
from reconcile.plan.model import Breach, Counts, ListFace
from reconcile.spec.guards import Guard, Guards, bound, graded, joining

NAMES = ("Big", "News", "reconcile: managed")
SIZES = st.integers(0, 50_000)
LIMITS = st.integers(0, 50_000) | st.integers(0, 300).map("{}%".format)
PER_LIST = LIMITS | st.builds(
    lambda default, lists: {"default": default, "lists": lists}, LIMITS, st.dictionaries(st.sampled_from(NAMES), LIMITS)
)
PARTS = st.builds(lambda whole, share: Part(whole * share // 100, whole), SIZES, st.integers(0, 100))
BY_LIST = st.dictionaries(st.sampled_from(NAMES), PARTS)
ROWS = st.dictionaries(st.sampled_from(("shop", "scores")), SIZES)

spec_guards = st.fixed_dictionaries(
    {},
    optional={
        "removals": PER_LIST,
        "joins": PER_LIST,
        "deletions": st.integers(0, 50_000),
        **dict.fromkeys(("updates", "additions", "nulled", "same_value", "source_rows", "invalid_rows"), LIMITS),
        "opted_out_joins": PER_LIST,
        "at_least": st.integers(0, 100),
    },
).map(Guards.model_validate)


def _list(name: str, before: int, leave: int, join: int) -> ListFace:
    return ListFace(name=name, new=False, before=before, join=join, leave=min(leave, before))


heads = st.builds(
    Heads,
    counts=st.builds(Counts, create=SIZES, update=SIZES, delete=SIZES),
    lists=st.tuples(*(st.builds(_list, st.just(name), SIZES, SIZES, SIZES) for name in NAMES)),
    observed=SIZES,
    managed=SIZES,
    nulled=st.dictionaries(st.sampled_from(("city", "plan")), BY_LIST),
    same_value=st.dictionaries(st.sampled_from(("city", "plan")), BY_LIST),
    sources=ROWS,
    last_good=st.none() | ROWS,
    invalid=st.dictionaries(st.sampled_from(("shop", "shop.city")), PARTS),
    opted_out=BY_LIST,
    registry=st.sampled_from(("", "reconcile: managed")),
)


def scopes(found: tuple[Breach, ...]) -> set[tuple[str, str]]:
    return {(one.guard, one.scope) for one in found}


@given(heads, spec_guards)
def test_whatever_is_breached_exceeds_its_limit(plan: Heads, limits: Guards) -> None:
    found = guards.breaches(plan, limits)
    assert all(one.figure > one.limit for one in found)
    assert len(scopes(found)) == len(found), "a rule speaks once of a scope"


@given(heads, spec_guards)
def test_a_plan_within_all_limits_has_no_breach(plan: Heads, limits: Guards) -> None:
    """Figures are cut down to their limits, worked out here by the rules as they are documented."""
    least = limits.at_least

    def cut(parts: dict[str, Part], limit: int | str) -> dict[str, Part]:
        return {name: Part(min(one.figure, bound(limit, one.whole, least)), one.whole) for name, one in parts.items()}

    def most(one: ListFace) -> int:
        own = limits.removals.lists.get(one.name, limits.removals.default)
        return graded(one.before, least) if own is None else bound(own, one.before, least)

    def more(one: ListFace) -> int:
        own = limits.joins.lists.get(one.name, limits.joins.default)
        if isinstance(own, int):
            return own
        return bound(own or "25%", one.before, max(25, least)) if one.before else 5_000

    def trimmed(one: ListFace) -> ListFace:
        leave = min(one.leave, most(one))
        return one.model_copy(update={"leave": leave, "join": min(one.join, leave + more(one))})

    last = plan.last_good or {}
    within = Heads(
        counts=Counts(
            create=min(plan.counts.create, bound(limits.additions, plan.managed, least)),
            update=min(plan.counts.update, bound(limits.updates, plan.observed, least)),
            delete=min(plan.counts.delete, limits.deletions),
        ),
        lists=tuple(map(trimmed, plan.lists)),
        observed=plan.observed,
        managed=plan.managed,
        nulled={var: cut(dict(lists), limits.nulled) for var, lists in plan.nulled.items()},
        same_value={var: cut(dict(lists), limits.same_value) for var, lists in plan.same_value.items()},
        sources={
            name: max(rows, last.get(name, 0) - bound(limits.source_rows, last.get(name, 0), least))
            for name, rows in plan.sources.items()
        },
        last_good=plan.last_good,
        invalid=cut(dict(plan.invalid), limits.invalid_rows),
    )
    assert guards.breaches(within, limits) == ()


@given(heads, spec_guards, st.sampled_from(NAMES), SIZES)
def test_removing_more_never_lifts_a_breach(plan: Heads, limits: Guards, name: str, more: int) -> None:
    lists = tuple(
        one.model_copy(update={"leave": min(one.before, one.leave + more)}) if one.name == name else one
        for one in plan.lists
    )
    counts = plan.counts.model_copy(update={"delete": plan.counts.delete + more})
    sources = {source: max(0, rows - more) for source, rows in plan.sources.items()}
    worse = replace(plan, lists=lists, counts=counts, sources=sources)
    before = {one for one in scopes(guards.breaches(plan, limits)) if one[0] != Guard.JOINS}  # who leaves offsets these
    assert before <= scopes(guards.breaches(worse, limits))


@given(heads, spec_guards, st.sampled_from(NAMES), SIZES)
def test_more_joins_never_lift_a_breach(plan: Heads, limits: Guards, name: str, more: int) -> None:
    lists = tuple(one.model_copy(update={"join": one.join + more}) if one.name == name else one for one in plan.lists)
    worse = guards.breaches(replace(plan, lists=lists), limits)
    assert scopes(guards.breaches(plan, limits)) <= scopes(worse)


@given(heads, spec_guards, st.sampled_from(NAMES), SIZES)
def test_as_many_who_leave_as_join_are_no_joins(plan: Heads, limits: Guards, name: str, both: int) -> None:
    """A list whose members change every day, such as of today's birthdays, is not held up for it."""
    lists = tuple(
        one.model_copy(update={"join": one.join + both, "leave": one.leave + both}) if one.name == name else one
        for one in plan.lists
    )
    turned = scopes(guards.breaches(replace(plan, lists=lists), limits))
    assert (Guard.JOINS, name) not in turned - scopes(guards.breaches(plan, limits))


@given(heads, spec_guards, st.sampled_from(("city", "plan")), st.sampled_from(NAMES), PARTS)
def test_nulling_more_never_lifts_a_breach(plan: Heads, limits: Guards, var: str, name: str, part: Part) -> None:
    before = plan.nulled.get(var, {}).get(name, Part(0, part.whole))
    worse = Part(min(before.whole, before.figure + part.figure), before.whole)
    changed = {**plan.nulled, var: {**plan.nulled.get(var, {}), name: worse}}
    assert scopes(guards.breaches(plan, limits)) <= scopes(guards.breaches(replace(plan, nulled=changed), limits))


@given(heads, spec_guards)
def test_what_a_breach_offers_lets_it_through(plan: Heads, limits: Guards) -> None:
    found = guards.breaches(plan, limits)
    offered = [allowances.read(one.way_out.removeprefix("--allow ").strip("'")) for one in found]
    assert guards.breaches(plan, limits, offered) == ()


@given(SIZES, SIZES, st.integers(0, 100))
def test_the_limit_of_a_larger_list_is_never_lower(small: int, more: int, at_least: int) -> None:
    assert at_least <= graded(small, at_least) <= graded(small + more, at_least)


@given(st.none() | st.integers(0, 300).map("{}%".format), st.integers(1, 50_000), SIZES, st.integers(0, 100))
def test_a_larger_list_may_gain_no_fewer(limit: str | None, small: int, more: int, at_least: int) -> None:
    assert 25 <= joining(limit, small, at_least) <= joining(limit, small + more, at_least)

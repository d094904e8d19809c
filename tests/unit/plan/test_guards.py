"""Every rule at its boundary: what is let through exactly, and what is one too many."""

from __future__ import annotations

from typing import Any

import pytest
from pydantic import ValidationError

from reconcile.errors import GuardBreached, Where
from reconcile.plan import guards
from reconcile.plan.guards import Heads, Part
from reconcile.plan.model import Allowance, Breach, Counts, ListFace
from reconcile.spec.guards import Guard, Guards, bound, graded


def one_list(leave: int, before: int, name: str = "News", join: int = 0) -> dict[str, Any]:
    return {"lists": [ListFace(name=name, new=False, before=before, join=join, leave=leave)]}


def of(heads: Heads, *allowed: Allowance, **limits: Any) -> list[tuple[str, str, int, int]]:
    found = guards.breaches(heads, Guards.model_validate(limits), allowed)
    return [(str(one.guard), one.scope, one.figure, one.limit) for one in found]


CASES: list[tuple[str, Heads, dict[str, Any], int | None]] = [
    # removals: 5 % of the first 10,000 and 1 % of the rest, at least 10
    ("removals", Heads(**one_list(10, 40)), {}, None),
    ("removals", Heads(**one_list(11, 40)), {}, 10),
    ("removals", Heads(**one_list(50, 1_000)), {}, None),
    ("removals", Heads(**one_list(51, 1_000)), {}, 50),
    ("removals", Heads(**one_list(500, 10_000)), {}, None),
    ("removals", Heads(**one_list(501, 10_000)), {}, 500),
    ("removals", Heads(**one_list(1_400, 100_000)), {}, None),
    ("removals", Heads(**one_list(1_401, 100_000)), {}, 1_400),
    ("removals", Heads(**one_list(21, 200)), {"removals": "10%"}, 20),
    ("removals", Heads(**one_list(20, 200)), {"removals": "10%"}, None),
    ("removals", Heads(**one_list(3, 200)), {"removals": 2}, 2),
    ("removals", Heads(**one_list(30, 200)), {"removals": {"lists": {"News": 30}}}, None),
    ("removals", Heads(**one_list(31, 200)), {"removals": {"lists": {"News": 30}}}, 30),
    ("removals", Heads(**one_list(31, 200), groups={"News": "news"}), {"removals": {"lists": {"news": 30}}}, 30),
    ("removals", Heads(**one_list(31, 200)), {"removals": {"default": 5, "lists": {"Other": 50}}}, 5),
    ("removals", Heads(**one_list(5, 40)), {"at_least": 0}, 2),
    # joins: those who join less those who leave, 25 % of the members, at least 25; 5,000 into an empty list
    ("joins", Heads(**one_list(0, 44, join=25)), {}, None),
    ("joins", Heads(**one_list(0, 44, join=26)), {}, 25),
    ("joins", Heads(**one_list(0, 44, join=336)), {}, 25),
    ("joins", Heads(**one_list(0, 1_000, join=250)), {}, None),
    ("joins", Heads(**one_list(0, 1_000, join=251)), {}, 250),
    ("joins", Heads(**one_list(40, 40, join=65)), {"removals": "100%"}, None),
    ("joins", Heads(**one_list(40, 40, join=66)), {"removals": "100%"}, 25),
    ("joins", Heads(**one_list(0, 1, join=26)), {"at_least": 0}, 25),
    ("joins", Heads(**one_list(0, 40, join=40)), {"at_least": 40}, None),
    ("joins", Heads(**one_list(0, 0, join=5_000)), {}, None),
    ("joins", Heads(**one_list(0, 0, join=5_001)), {}, 5_000),
    ("joins", Heads(**one_list(0, 0, join=5_001)), {"joins": "100%"}, 5_000),
    ("joins", Heads(**one_list(0, 0, join=6_000)), {"joins": 6_000}, None),
    ("joins", Heads(**one_list(0, 0, join=6)), {"joins": 5}, 5),
    ("joins", Heads(**one_list(0, 200, join=101)), {"joins": "50%"}, 100),
    ("joins", Heads(**one_list(0, 200, join=100)), {"joins": "50%"}, None),
    ("joins", Heads(**one_list(0, 20, join=25)), {"joins": "50%"}, None),
    ("joins", Heads(**one_list(0, 20, join=3)), {"joins": 2}, 2),
    ("joins", Heads(**one_list(0, 20, join=3)), {"joins": {"default": 9, "lists": {"News": 2}}}, 2),
    ("joins", Heads(**one_list(0, 20, join=3), groups={"News": "news"}), {"joins": {"lists": {"news": 2}}}, 2),
    ("joins", Heads(**one_list(0, 20, join=9)), {"joins": {"lists": {"Other": 2}}}, None),
    # ... and the registry only where the spec names it: how it grows is what additions and updates are about
    ("joins", Heads(**one_list(0, 20, "Ours", join=9_000), registry="Ours"), {"joins": 5}, None),
    ("joins", Heads(**one_list(0, 20, "Ours", join=9), registry="Ours"), {"joins": {"lists": {"Ours": 5}}}, 5),
    # observation_age: a day, and nothing to say of a fresh look
    ("observation_age", Heads(), {"observation_age": 0}, None),
    ("observation_age", Heads(observation_hours=24), {}, None),
    ("observation_age", Heads(observation_hours=25), {}, 24),
    ("observation_age", Heads(observation_hours=2), {"observation_age": 1}, 1),
    # deletions: none, unless the spec says how many
    ("deletions", Heads(Counts()), {}, None),
    ("deletions", Heads(Counts(delete=1)), {}, 0),
    ("deletions", Heads(Counts(delete=50)), {"deletions": 50}, None),
    ("deletions", Heads(Counts(delete=51)), {"deletions": 50}, 50),
    # updates: 60 % of those observed, at least 10
    ("updates", Heads(Counts(update=10), observed=10), {}, None),
    ("updates", Heads(Counts(update=24), observed=40), {}, None),
    ("updates", Heads(Counts(update=25), observed=40), {}, 24),
    ("updates", Heads(Counts(update=5), observed=40), {"updates": 4}, 4),
    # additions: 200 % of those managed, and no limit to the first fill
    ("additions", Heads(Counts(create=1_000_000)), {}, None),
    ("additions", Heads(Counts(create=10), managed=1), {}, None),
    ("additions", Heads(Counts(create=11), managed=1), {}, 10),
    ("additions", Heads(Counts(create=200), managed=100), {}, None),
    ("additions", Heads(Counts(create=201), managed=100), {}, 200),
    ("additions", Heads(Counts(create=201), managed=100, observed=5_000), {}, 200),
    # nulled, same_value: 20 % of the members of a list, at least 10
    ("nulled", Heads(nulled={"city": {"News": Part(10, 40)}}), {}, None),
    ("nulled", Heads(nulled={"city": {"News": Part(11, 40)}}), {}, 10),
    ("nulled", Heads(nulled={"city": {"News": Part(20, 100)}}), {}, None),
    ("nulled", Heads(nulled={"city": {"News": Part(21, 100)}}), {}, 20),
    ("nulled", Heads(nulled={"city": {"News": Part(21, 100)}}), {"nulled": "50%"}, None),
    ("same_value", Heads(same_value={"city": {"News": Part(10, 40)}}), {}, None),
    ("same_value", Heads(same_value={"city": {"News": Part(11, 40)}}), {}, 10),
    ("same_value", Heads(same_value={"city": {"News": Part(21, 100)}}), {}, 20),
    ("same_value", Heads(same_value={"city": {"News": Part(21, 100)}}), {"same_value": 5}, 5),
    # source_rows: a tenth less than at the last good run, at least 10
    ("source_rows", Heads(sources={"shop": 1}, last_good=None), {}, None),
    ("source_rows", Heads(sources={"shop": 1}, last_good={"other": 500}), {}, None),
    ("source_rows", Heads(sources={"shop": 900}, last_good={"shop": 1_000}), {}, None),
    ("source_rows", Heads(sources={"shop": 899}, last_good={"shop": 1_000}), {}, 100),
    ("source_rows", Heads(sources={"shop": 30}, last_good={"shop": 40}), {}, None),
    ("source_rows", Heads(sources={"shop": 29}, last_good={"shop": 40}), {}, 10),
    ("source_rows", Heads(sources={"shop": 5_000}, last_good={"shop": 40}), {}, None),
    # invalid_rows: 1 %, at least 10
    ("invalid_rows", Heads(invalid={"shop": Part(10, 40)}), {}, None),
    ("invalid_rows", Heads(invalid={"shop": Part(11, 40)}), {}, 10),
    ("invalid_rows", Heads(invalid={"shop": Part(20, 2_000)}), {}, None),
    ("invalid_rows", Heads(invalid={"shop": Part(21, 2_000)}), {}, 20),
    ("invalid_rows", Heads(invalid={"shop": Part(1, 2_000)}), {"invalid_rows": 0}, 0),
    # opted_out_joins: none, unless the spec says otherwise
    ("opted_out_joins", Heads(opted_out={}), {}, None),
    ("opted_out_joins", Heads(opted_out={"News": Part(1, 40)}), {}, 0),
    ("opted_out_joins", Heads(opted_out={"News": Part(3, 40)}), {"opted_out_joins": 3}, None),
    ("opted_out_joins", Heads(opted_out={"News": Part(11, 100)}), {"opted_out_joins": "5%"}, 10),
    ("new_references", Heads(new_references={}), {}, None),
    ("new_references", Heads(new_references={"env(X)": (["sources: a: connect"], "a.yaml:1:1")}), {}, 0),
    ("opted_out_joins", Heads(opted_out={"News": Part(9, 100)}), {"opted_out_joins": {"lists": {"News": 9}}}, None),
]


@pytest.mark.parametrize(("rule", "heads", "limits", "limit"), CASES)
def test_a_rule_at_its_boundary(rule: str, heads: Heads, limits: dict[str, Any], limit: int | None) -> None:
    found = of(heads, **limits)
    assert [(one[0], one[3]) for one in found] == ([] if limit is None else [(rule, limit)])


def test_every_rule_has_cases_on_both_sides() -> None:
    told = {(rule, limit is None) for rule, _, _, limit in CASES}
    assert told == {(str(rule), side) for rule in Guard for side in (True, False)}


def test_of_several_lists_the_one_with_the_most_people_speaks_for_a_var() -> None:
    lists = {"Big": Part(12, 20), "Huge": Part(100, 1_000), "News": Part(40, 90)}
    [found] = guards.breaches(Heads(nulled={"city": lists}), Guards())
    assert (found.scope, found.figure, found.limit) == ("city", 40, 18)
    assert found.told == 'the var "city" would lose its value for 40 of 90 members of "News"; at most 18 may'
    allowed = Allowance(guard=Guard.NULLED, scope="city", most=found.figure)
    assert of(Heads(nulled={"city": lists}), allowed) == []


ALL = Heads(
    counts=Counts(delete=5, update=90, create=500),
    lists=[
        *one_list(40, 100)["lists"],
        *one_list(0, 44, "Big", join=336)["lists"],
        *one_list(2_000, 9_000, "reconcile: managed")["lists"],
    ],
    observed=100,
    managed=100,
    nulled={"city": {"News": Part(50, 100)}},
    same_value={"plan": {"News": Part(50, 100)}},
    sources={"shop": 100},
    last_good={"shop": 500},
    invalid={"shop": Part(30, 100), "shop.city": Part(40, 100)},
    opted_out={"News": Part(2, 3)},
    observation_hours=30,
    new_references={"env(X)": (["sources: a: connect", "state"], "a.yaml:1:1")},
)


def test_the_way_out_lets_exactly_that_through_and_nothing_else() -> None:
    from reconcile.plan import allowances

    found = guards.breaches(ALL, Guards())
    assert {one.guard for one in found} == set(Guard)
    for one in found:
        text = one.way_out.removeprefix("--allow ").strip("'")
        left = guards.breaches(ALL, Guards(), [allowances.read(text)])
        assert left == tuple(other for other in found if other is not one)
        tight = allowances.read(text).model_copy(update={"most": one.figure - 1})
        assert any((other.guard, other.scope) == (one.guard, one.scope) for other in of_all(tight))


def of_all(*allowed: Allowance) -> tuple[Breach, ...]:
    return guards.breaches(ALL, Guards(), allowed)


def test_without_a_scope_every_scope_of_the_rule_is_meant() -> None:
    allowed = Allowance(guard=Guard.REMOVALS, most=2_000)
    assert Guard.REMOVALS not in {one.guard for one in of_all(allowed)}
    assert len(of_all(allowed)) == len(of_all()) - 2


def test_an_allowance_never_lowers_a_limit() -> None:
    assert of(Heads(Counts(update=9), observed=10), Allowance(guard=Guard.UPDATES, most=1)) == []


def test_a_breach_names_the_nearest_place_of_its_limit() -> None:
    asked = []

    def place(*path: str) -> Where:
        asked.append(path)
        return Where("specs/policy.yaml", 7, 3)

    limits = Guards.model_validate({"removals": {"lists": {"News": 1}}})
    [found] = guards.breaches(Heads(**one_list(2, 50)), limits, place=place)
    assert asked == [("policy", "guards", "removals", "lists", "News")]
    assert guards.sentence(found) == (
        'removals: 2 of 50 members would leave the list "News"; at most 1 may (specs/policy.yaml:7:3).'
        " To let it through once: --allow removals:News=2"
    )
    [found] = guards.breaches(Heads(Counts(delete=1)), Guards())
    assert guards.sentence(found) == (
        "deletions: 1 profile would be deleted for good; none may (the default of policy.guards.deletions)."
        " To let it through once: --allow deletions=1"
    )


@pytest.mark.parametrize(
    ("one", "told"),
    [
        (one_list(0, 44, join=336), '336 people would join the list "News" of 44 members; at most 25 may'),
        (one_list(0, 1, join=30), '30 people would join the list "News" of 1 member; at most 25 may'),
        (
            one_list(1, 44, join=337),
            '336 people more would be on the list "News" of 44 members (337 join, 1 leaves); at most 25 may',
        ),
        (
            one_list(0, 0, join=5_001),
            '5,001 people would join the list "News", which has no members; at most 5,000 may',
        ),
    ],
)
def test_too_many_joins_are_told_with_what_the_list_has(one: dict[str, Any], told: str) -> None:
    [found] = guards.breaches(Heads(**one), Guards())
    assert found.told == told
    assert found.way_out == f"--allow joins:News={found.figure}"


def test_a_single_join_that_is_too_much_is_one_person() -> None:
    [found] = guards.breaches(Heads(**one_list(0, 9, join=1)), Guards.model_validate({"joins": 0}))
    assert found.told == '1 person would join the list "News" of 9 members; none may'


def test_the_way_out_is_quoted_for_a_shell() -> None:
    heads = Heads(**one_list(20, 40, "reconcile: managed"))
    [found] = guards.breaches(heads, Guards())
    assert found.way_out == "--allow 'removals:reconcile: managed=20'"


def test_a_breach_error_says_all_of_it() -> None:
    error = GuardBreached(["one", "two"])
    assert (error.exit_status, error.breaches) == (3, ("one", "two"))
    assert "2 guards block" in error.message
    assert "A guard blocks" in GuardBreached(["one"]).message


@pytest.mark.parametrize(
    ("limit", "base", "at_least", "expected"),
    [(5, 1_000, 10, 5), (0, 1_000, 10, 0), ("0%", 1_000, 10, 10), ("0.5 %", 10_000, 0, 50), ("33.3%", 10, 0, 3)],
)
def test_a_limit_is_a_number_or_a_share(limit: Any, base: int, at_least: int, expected: int) -> None:
    assert bound(limit, base, at_least) == expected


def test_the_share_of_a_large_list_is_exact() -> None:
    assert graded(10_000_001, 10) == 500 + 99_900
    assert bound("0.1%", 3_000_000_000, 0) == 3_000_000


@pytest.mark.parametrize("limit", [-1, True, 0.5, "lots", "5", "-1%", "1e3%", "5%%", None, "٥%"])
def test_what_is_no_limit_is_refused(limit: Any) -> None:
    with pytest.raises(ValidationError, match="must be a whole number such as 500, or a share such as 5%"):
        Guards.model_validate({"updates": limit})

"""Laws of the diff: nothing differs from itself, and what is found turns one state into the other."""

from __future__ import annotations

from collections.abc import Iterator

import ibis
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from states import SHAPE, Person, table

from reconcile.state import diff, sieve, values
from reconcile.state.engines.duckdb import DuckDB
from reconcile.state.workspace import Workspace

EMAILS = [f"{name}@example.com" for name in ("ada", "bob", "cyd", "dan", "eve")]
TEXTS = st.sampled_from(["", "1", "Zürich", "a'b", 'say "hi"', "line\nbreak", "🙂", "nul\u0001"])
ALL_LISTS = [one.list for one in SHAPE.memberships]


def people() -> st.SearchStrategy[dict[str, Person]]:
    person = st.builds(
        lambda email, vars_, lists: Person(email, {name: text for name, text in vars_.items() if text}, lists),
        st.sampled_from(EMAILS),
        st.dictionaries(st.sampled_from([var.name for var in SHAPE.vars]), TEXTS),
        st.frozensets(st.sampled_from(ALL_LISTS)),
    )
    return st.lists(person, max_size=5, unique_by=lambda one: one.email).map(
        lambda all_: {one.email: one for one in all_}
    )


@pytest.fixture(scope="module")
def workspace() -> Iterator[Workspace]:
    with DuckDB() as opened:
        yield opened


def changed(workspace: Workspace, desired: dict[str, Person], observed: dict[str, Person]) -> list[dict[str, object]]:
    tables = table(workspace, "a", desired.values()), table(workspace, "b", observed.values())
    return workspace.dicts(diff.between(*tables, SHAPE), limit=100)


def performed(changes: list[dict[str, object]], observed: dict[str, Person]) -> dict[str, Person]:
    """What a table of changes says, done to people."""
    state = dict(observed)
    for row in changes:
        email = str(row["email"])
        old = state.get(email, Person(email))
        texts = {**old.vars, **{var.name: row[f"new:{var.name}"] for var in SHAPE.vars if row[f"set:{var.name}"]}}
        joined = {name for name in ALL_LISTS if row[f"join:{name}"]}
        left = {name for name in ALL_LISTS if row[f"leave:{name}"]}
        state[email] = Person(
            email, {name: str(text) for name, text in texts.items() if text is not None}, (old.lists | joined) - left
        )
    return state


def expected(desired: dict[str, Person], observed: dict[str, Person]) -> dict[str, Person]:
    """Desired, with what is not to be touched as it was: a `skip` var, and the vars of those who leave."""
    state = {email: Person(email, old.vars) for email, old in observed.items()}
    for email, want in desired.items():
        kept = {"tier": observed[email].vars["tier"]} if email in observed and "tier" in observed[email].vars else {}
        state[email] = Person(email, {**kept, **want.vars}, want.lists)
    return state


BOUNDED = settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])


@BOUNDED
@given(people())
def test_nothing_differs_from_itself(workspace: Workspace, state: dict[str, Person]) -> None:
    assert changed(workspace, state, state) == []


@settings(BOUNDED, max_examples=12)
@given(people(), people())
def test_the_changes_of_candidates_are_all_changes(
    workspace: Workspace, desired: dict[str, Person], observed: dict[str, Person]
) -> None:
    tables = table(workspace, "a", desired.values()), table(workspace, "b", observed.values())
    sifted = workspace.dicts(sieve.changes(*tables, SHAPE, workspace), limit=100)
    assert sorted(sifted, key=str) == sorted(changed(workspace, desired, observed), key=str)


@BOUNDED
@given(people(), people())
def test_doing_what_differs_turns_observed_into_desired(
    workspace: Workspace, desired: dict[str, Person], observed: dict[str, Person]
) -> None:
    assert performed(changed(workspace, desired, observed), observed) == expected(desired, observed)


@BOUNDED
@given(people(), people())
def test_doing_it_leaves_nothing_that_differs(
    workspace: Workspace, desired: dict[str, Person], observed: dict[str, Person]
) -> None:
    after = performed(changed(workspace, desired, observed), observed)
    assert changed(workspace, desired, after) == []


@BOUNDED
@given(people(), people(), st.frozensets(st.sampled_from(EMAILS)))
def test_what_is_left_open_is_left_as_it_is(
    workspace: Workspace, desired: dict[str, Person], observed: dict[str, Person], open_: frozenset[str]
) -> None:
    """Of those of whom a value does not fit, a var and a list stay, and a new profile is made without them."""

    def after(before: dict[str, Person]) -> dict[str, Person]:
        rows, other = table(workspace, "a", desired.values()), table(workspace, "b", before.values())
        left = rows.email.isin(sorted(open_)) if open_ else ibis.literal(value=False)
        kept = {
            "var:city": ibis.ifelse(left, ibis.literal(values.KEPT), rows["var:city"]),
            "list:Big": ibis.ifelse(left, ibis.null("boolean"), rows["list:Big"]),
        }
        sifted = workspace.dicts(sieve.changes(rows.mutate(**kept), other, SHAPE, workspace), limit=100)
        return performed(sifted, before)

    def with_theirs(email: str, person: Person) -> Person:
        there = observed.get(email, Person(email))
        texts = {name: text for name, text in person.vars.items() if name != "city"}
        city = {"city": there.vars["city"]} if "city" in there.vars else {}
        return Person(email, {**texts, **city}, (person.lists - {"Big"}) | (there.lists & {"Big"}))

    wanted = {email: with_theirs(email, one) if email in open_ else one for email, one in desired.items()}
    made = after(observed)
    assert made == expected(wanted, observed)
    assert after(made) == made

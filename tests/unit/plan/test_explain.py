"""A plan told to people: the same in every form, and nobody in it unless they are asked for."""

from __future__ import annotations

import json
import re
import textwrap

import pytest
from faces import full

import reconcile as rc
from reconcile.plan import explain
from reconcile.plan.model import Breach, Counts, ListFace, Plan
from reconcile.spec.guards import Guard

PEOPLE = re.compile(r"example\.com|Bern|Oslo|sid-")


@pytest.fixture
def hidden(plan: rc.Plan) -> explain.View:
    return explain.view(plan)


@pytest.fixture
def revealed(plan: rc.Plan) -> explain.View:
    return explain.view(plan, reveal=True)


def rows(view: explain.View, title: str) -> dict[str, tuple[str, str]]:
    section = next(one for one in view.sections if one.title == title)
    return {row.name: (row.glyph, row.told) for row in section.rows}


def test_every_kind_is_counted(hidden: explain.View) -> None:
    told = rows(hidden, "Profiles")
    assert told["delete"][0] == "-"
    assert told["create"] == ("+", "1")
    assert told["change"] == ("~", "1")
    assert told["new e-mail address"] == ("~", "1")
    assert told["take off our lists"] == ("~", "1 (1 put there by somebody else)")
    assert hidden.summary == "Plan: 1 profile to create, 3 to update, 1 to delete; 1 list to create."


def test_lists_say_how_many_there_are_before_and_after(hidden: explain.View) -> None:
    told = rows(hidden, "Lists")
    assert told["A|B"][0] == "+"
    assert told["A|B"][1].startswith("0 → 1 member")
    assert told["Big Spenders"][1].startswith("3 → 2 members (1 join, 2 leave)")


def test_what_cannot_be_undone_is_said_on_top(hidden: explain.View) -> None:
    assert "1 profile will be deleted for good, history and opt-outs included." in hidden.notes


@pytest.mark.parametrize("form", [explain.text, lambda view: [json.dumps(explain.as_json(view))]])
def test_nobody_is_shown(hidden: explain.View, form: object) -> None:
    told = "\n".join(form(hidden))  # type: ignore[operator]
    assert not PEOPLE.search(told)
    assert "u:" in told


def test_whoever_is_revealed_is_shown_field_by_field(revealed: explain.View) -> None:
    told = rows(revealed, "One by one")
    assert told["cyd@example.com"][0] == "+"
    assert "city: nothing → 'a|b'" in told["cyd@example.com"][1]
    assert "join A|B, Big Spenders" in told["cyd@example.com"][1]
    assert "city: 'Bern' → nothing" in told["dan@example.com"][1]
    assert "leave Big Spenders" in told["dan@example.com"][1]
    assert told["sid sid-02"] == ("~", "e-mail address → robert@example.com")
    assert told["gus@example.com"] == ("-", "delete profile")
    assert told["stranger@example.com"] == ("~", "leave Big Spenders (drift)")


def test_nobody_can_be_revealed_from_a_face_alone(plan: rc.Plan) -> None:
    with pytest.raises(rc.PlanUnusable, match="not kept"):
        explain.view(plan.face_only(), reveal=True)


def test_text_marks_each_line_and_ends_with_the_summary(hidden: explain.View) -> None:
    lines = list(explain.text(hidden))
    assert lines[0].startswith(f"Plan {hidden.details['plan_id']} for shop at http://sailthru.test")
    assert lines[-1] == hidden.summary
    assert all(line == line.rstrip() for line in lines)
    assert any(line.startswith("  + A|B") for line in lines)


def test_json_is_the_face_with_what_is_told_of_it(plan: rc.Plan, hidden: explain.View) -> None:
    told = json.loads(json.dumps(explain.as_json(hidden)))
    assert told["plan_id"] == plan.id
    counts = {name: count for name, count in told["counts"].items() if count}
    assert counts == {"create": 1, "update": 3, "moved": 1, "unlist": 1, "delete": 1, "unchanged": 1}
    assert (told["summary"], told["notes"]) == (hidden.summary, list(hidden.notes))


@pytest.mark.parametrize(
    ("counts", "lists", "told"),
    [
        (Counts(), 0, "No changes."),
        (Counts(unchanged=5), 0, "No changes."),
        (Counts(), 1, "Plan: 0 profiles to create, 0 to update, 0 to delete; 1 list to create."),
        (Counts(create=1500), 2, "Plan: 1,500 profiles to create, 0 to update, 0 to delete; 2 lists to create."),
        (
            Counts(create=1, update=1, delete=1),
            0,
            "Plan: 1 profile to create, 1 to update, 1 to delete; 0 lists to create.",
        ),
    ],
)
def test_the_last_line(plan: rc.Plan, counts: Counts, lists: int, told: str) -> None:
    made = tuple(ListFace(name=str(at), new=True, before=0, join=0, leave=0) for at in range(lists))
    face = plan.face.model_copy(update={"counts": counts, "lists": made})
    assert explain.summary(face) == told
    assert face.empty == (told == "No changes.")


@pytest.mark.parametrize("count", [1, 2, 5, 40])
def test_what_blocks_a_plan_is_seen_on_a_terminal_of_80_by_24(count: int) -> None:
    told = 'The list "High Value Customers" would lose 40 of 121 members, and 10 % of them, 12, may leave in one plan'
    way = "--allow 'removals:High Value Customers=40'"
    breach = Breach(guard=Guard.REMOVALS, scope="High Value Customers", figure=40, limit=12, told=told, way_out=way)
    lines = explain.text(explain.view(Plan(full(breaches=(breach,) * count))))
    seen = [part for line in lines for part in textwrap.wrap(line, 80) or [""]][-22:]  # the prompt and a hint below
    assert any(line.startswith("BLOCKED: ") for line in seen)
    assert way in " ".join(seen)
    assert any(line.startswith("Plan: ") for line in seen), "the counts with it"

"""The comment of a pull request: what comes first, what is left out first, and that a name is nothing but a name."""

from __future__ import annotations

import pages
import pytest
from faces import NAMES, NASTY, bare, full, named
from hypothesis import example, given, settings
from hypothesis import strategies as st

from reconcile.plan.model import Breach, Counts, Face, ListFace, Plan, Transition, VarFace
from reconcile.review import budget, composing, escaping, markdown
from reconcile.spec.guards import Guard
from reconcile.spec.model import Mode
from reconcile.spec.property import ValueType


def told(face: Face, **more: object) -> str:
    return markdown.text(composing.page(Plan(face)), **more)  # type: ignore[arg-type]


@settings(max_examples=20, deadline=None)
@given(st.lists(NAMES, min_size=3, max_size=3))
@example([NASTY[0], NASTY[1], NASTY[7]])
@example([NASTY[3], NASTY[5], NASTY[6]])
@example(["---", "- x", "1) x"])
def test_a_name_is_a_name_whatever_is_in_it(names: list[str]) -> None:
    found = told(named(names))
    assert pages.intruders(found) == []
    headings = [one for one in pages.tokens(found) if one.type == "heading_open"]
    assert len(headings) == 1 + len([part for part in composing.page(Plan(named(names))).parts if not part.folded])
    assert escaping.seen(f"{names[0]} (new)") in pages.cells(found, "Lists")
    assert len(found) <= markdown.BUDGET


@pytest.mark.parametrize(
    ("most", "name"),
    [(markdown.BUDGET, "a"), (32_000, "|" * 100), (6_000, "\u0105" * 100)],
    ids=["many", "nasty", "tight"],
)
def test_any_plan_fits(most: int, name: str) -> None:
    lists = tuple(
        ListFace(
            name=f"{name[:94]}{at:06}",
            new=False,
            before=at,
            join=0,
            leave=1,
            change=2,
            fields={f"v{var}": 20 for var in range(9)},
        )
        for at in range(1_200)
    )
    vars_ = tuple(
        VarFace(
            name=f"v{at}",
            type=ValueType.STRING,
            set=90,
            cleared=0,
            transitions=tuple(Transition(old=name, new=f"{to}{name}", count=10) for to in range(9)),
        )
        for at in range(200)
    )
    breaches = tuple(
        Breach(
            guard=Guard.REMOVALS,
            scope=one.name,
            figure=1,
            limit=0,
            told=f'1 of "{one.name}"',
            way_out=f"--allow '{one.name}'",
        )
        for one in lists
    )
    found = told(full(lists=lists, vars=vars_, breaches=breaches), most=most)
    assert len(found) <= most
    assert pages.intruders(found) == []
    assert found.startswith("## ⛔ Blocked: 1,200 guards are breached")
    assert "71 profiles will be deleted for good" in found
    assert "in this order: samples, variables, transitions" in found


def test_what_is_left_out_is_left_out_in_the_stated_order(face: Face) -> None:
    whole = told(face)
    assert "Left out" not in whole.replace("Left out of the plan", "")
    shorter = told(face, most=len(whole) - 1)
    assert "in this order: samples." in shorter
    assert "<details>" not in shorter
    names = [name for name, _ in budget.STEPS]
    page = composing.page(Plan(face))
    for smaller in budget.smaller(page):
        assert list(smaller.dropped) == [name for name in names if name in smaller.dropped]


def test_blocks_and_deletions_come_before_anything_else(face: Face) -> None:
    found = told(face)
    order = ["Blocked: 2 guards", "How many", "Why", "What to do", "Blocked by removals", "--allow deletions=71"]
    order += [
        "71 profiles will be deleted for good",
        "Side effect: 38,020 people join lists that may start journeys",
        "### Lists",
        "### Why",
        "### Lines of the spec that changed",
        "### Fields",
    ]
    order += ["### From which value to which", "<summary>Samples", "### Sources", "### Guards", "### Cost of apply"]
    at = [found.index(word) for word in order]
    assert at == sorted(at)
    assert "    --allow removals:Newsletter=38412\n" in found, "to be copied as it is"
    assert "93 % spec: specs/groups.yaml:14; 7 % data; &#60; 1 % drift" in found
    assert "config run: the spec is not the one that was last applied; mode sync" in found
    assert "| specs/groups.yaml:14 | groups.newsletter.where | 59,800 | Newsletter |" in found


def test_lists_stand_by_their_risk(face: Face) -> None:
    cells = pages.cells(told(face), "Lists")
    names = cells[7::7]
    assert names == [
        "Newsletter",
        "Lapsed",
        "High Value Customers",
        "reconcile: managed (everybody we manage)",
        "Winter Sale 2026 (new)",
    ]
    newsletter = cells[7:14]
    assert newsletter[1:5] == ["1,204", "12,000", "38,412", "412,900 → 375,692"]
    assert newsletter[5] == "tier 9,310 (2 %), city 2,700 (< 1 %), 1 more, < 10 each"
    assert newsletter[6] == "spec 95 %, data 5 %"


def test_small_groups_have_no_number(face: Face) -> None:
    found = pages.cells(told(face), "From which value to which")
    at = found.index("3 others, each of < 10")
    assert found[at + 2] == "< 10"


@pytest.mark.parametrize(
    ("face", "headline", "todo"),
    [
        (bare(), "💤 Nothing to do", "Nothing."),
        (bare(counts=Counts(create=1)), "✅ May go", "approve. It may be applied until 2026-03-02 12:00 UTC."),
        (bare(counts=Counts(delete=1)), "⚠️ May go, with care: 1 profile deleted for good", "cannot be undone"),
        (bare(counts=Counts(create=1), mode=Mode.OBSERVE), "👀 Only looks", "change policy.mode"),
        (full(), "⛔ Blocked: 2 guards are breached", "allow exactly this once"),
    ],
    ids=["nothing", "ready", "careful", "looks", "blocked"],
)
def test_the_headline_says_whether_it_may_go_and_what_to_do(face: Face, headline: str, todo: str) -> None:
    found = told(face)
    assert found.startswith(f"## {headline}")
    assert todo in found


def test_a_host_without_folds_gets_a_heading(face: Face) -> None:
    found = told(face, folds=False)
    assert "<details>" not in found
    assert "### Samples" in found


@pytest.mark.parametrize("text", ["reconcile: managed", "Łódź 東京", "u:7f3a91c2", "9:30 (5 %)", "O'Brien", "a-b"])
def test_what_is_harmless_stays_as_it_is(text: str) -> None:
    assert escaping.plain(text) == text

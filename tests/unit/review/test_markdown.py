"""The comment of a pull request: what comes first, what is left out first, and that a name is nothing but a name."""

from __future__ import annotations

import pages
import pytest
from faces import bare, full
from hypothesis import example, given, settings
from hypothesis import strategies as st

from reconcile.plan.model import Breach, Counts, Face, ListFace, Plan, Sample, Transition, VarFace
from reconcile.review import budget, composing, escaping, markdown
from reconcile.spec.guards import Guard
from reconcile.spec.model import Mode
from reconcile.spec.property import ValueType
from reconcile.state.model import Invalid, SourceFacts, Violation

NASTY = (
    "<script>alert(1)</script>", "</details><h1>ours</h1>", "[x](https://evil.example)", "![x](//evil.example/x.png)",
    "@everyone", "org/repo#12 GH-12 !12 ~label %1 $3 &9 :smile:", "https://evil.example www.evil.example a@b.example",
    "a|b||c \\| \\", "`` ` ```", "```\n# no", "    indented", "- [ ] item", "1. one", "# title", "> quote", "---",
    "***", "<!-- -->", "&lt;b&gt; &#60;", "[^1] [ref]: x", "\u202eevil\u202c \u200b\x00\x07", "{{ page }} {% raw %}",
    "*b* _i_ ~~s~~", "x" * 100, "|" * 100, "", "   ", "<a href='javascript:x'>", "https://[::1]/ ftp://x mailto:x@y.z",
)  # fmt: skip
NAMES = st.one_of(st.sampled_from(NASTY), st.text(max_size=100))


def told(face: Face, **more: object) -> str:
    return markdown.text(composing.page(Plan(face)), **more)  # type: ignore[arg-type]


def named(names: list[str]) -> Face:
    """A face in which every name, value and word from outside is one of these."""
    one, two, three = names
    return full(
        environment=two,
        variables={one: two, two: three},
        causes={f"spec {one}": 3, two or "data": 2},
        lists=(
            ListFace(name=one, new=True, before=0, join=30, leave=0),
            ListFace(name=two, new=False, before=90, join=0, leave=20, change=40, fields={three: 30, one: 2}),
        ),
        vars=(
            VarFace(
                name=three,
                type=ValueType.STRING,
                set=40,
                cleared=0,
                transitions=(Transition(old=one, new=two, count=40),),
            ),
        ),
        samples=(Sample(glyph="~", who="u:1", sets=(one,), joins=(two,), leaves=(three,)),),
        breaches=(
            Breach(
                guard=Guard.REMOVALS,
                scope=one,
                figure=2,
                limit=1,
                where=two,
                told=f'2 of "{one}"',
                way_out=f"--allow {one}",
            ),
        ),
        invalid=(Invalid(one, two, 3, (three,)),),
        sources=(SourceFacts(one, 3), SourceFacts(two, 4)),
        violations=(Violation(one, two, 1, 2, three, one),),
    )


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
    assert all(len(one) < 8_000 for one in found.splitlines())


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
    order += ["71 profiles will be deleted for good", "Side effect: 39,114 joins", "### Lists", "### Why", "### Fields"]
    order += ["### From which value to which", "<summary>Samples", "### Sources", "### Guards", "### Cost of apply"]
    at = [found.index(word) for word in order]
    assert at == sorted(at)
    assert "    --allow removals:Newsletter=38412\n" in found, "to be copied as it is"
    assert "93 % spec" in found


def test_lists_stand_by_their_risk(face: Face) -> None:
    cells = pages.cells(told(face), "Lists")
    names = cells[6::6]
    assert names == [
        "Newsletter",
        "Lapsed",
        "High Value Customers",
        "reconcile: managed (everybody we manage)",
        "Winter Sale 2026 (new)",
    ]
    newsletter = cells[6:12]
    assert newsletter[1:5] == ["1,204", "12,000", "38,412", "412,900 → 375,692"]
    assert newsletter[5] == "tier 9,310 (2 %), city 2,700 (< 1 %), 1 more, < 10 each"


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

"""The report: whatever a name is, it is text; bars and numbers say the same; nobody is in it unless revealed."""

from __future__ import annotations

from html.parser import HTMLParser

import pages
import pytest
from faces import NAMES, NASTY, full, named
from hypothesis import example, given, settings
from hypothesis import strategies as st

from reconcile.plan.model import Plan
from reconcile.review import composing, escaping, html
from reconcile.review.model import Flow

PLAIN = pages.Elements(html.text(composing.page(Plan(named(["a", "b", "c"])))))


class Texts(HTMLParser):
    """What is read of the headings of lists."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.inside, self.found = False, list[str]()
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: object) -> None:
        self.inside = tag == "h3"

    def handle_endtag(self, tag: str) -> None:
        self.inside = False

    def handle_data(self, data: str) -> None:
        if self.inside:
            self.found.append(data)


@settings(max_examples=25, deadline=None)
@given(st.lists(NAMES, min_size=3, max_size=3))
@example([NASTY[0], NASTY[1], "' onmouseover='x"])
@example(['"><img src=x onerror=x>', "javascript:x", "{{ 7 * 7 }}"])
def test_a_name_is_text_whatever_is_in_it(names: list[str]) -> None:
    page = html.text(composing.page(Plan(named(names))))
    found = pages.Elements(page)
    assert set(found.names) <= set(PLAIN.names)
    assert found.reaching == PLAIN.reaching
    assert escaping.seen(f"{names[0]} (new)") in Texts(page).found


@pytest.mark.parametrize(
    ("flow", "shares"),
    [
        (Flow("a", stay=90, join=10, leave=0), (90.0, 10.0, 0.0)),
        (Flow("a", stay=50, join=0, leave=50), (50.0, 0.0, 50.0)),
        (Flow("a", stay=0, join=5, leave=0), (0.0, 100.0, 0.0)),
        (Flow("a", stay=0, join=0, leave=0), (0.0, 0.0, 0.0)),
    ],
)
def test_bars_are_shares_of_the_longer_side(flow: Flow, shares: tuple[float, ...]) -> None:
    assert tuple(flow.share(count) for count in (flow.stay, flow.join, flow.leave)) == shares


def test_the_report_says_what_the_comment_says() -> None:
    page = html.text(composing.page(Plan(full())))
    for words in (
        "Blocked: 2 guards are breached",
        "--allow removals:Newsletter=38412",
        "412,900",
        "375,692",
        "specs/groups.yaml:14",
    ):
        assert words in page, words
    assert page.index("What blocks it") < page.index("Before you approve") < page.index("<h2>Lists")

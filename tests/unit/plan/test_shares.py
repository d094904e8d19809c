"""A share reads the same wherever a plan is shown."""

from __future__ import annotations

from html import unescape

import pytest
from faces import bare

from reconcile.plan import causes, explain
from reconcile.plan.model import Counts, LedgerFace, Plan, RunKind
from reconcile.review import composing, html, markdown


@pytest.mark.parametrize(
    ("found", "said"),
    [
        ({"data": 996, "spec": 4}, {"99 % data", "< 1 % spec"}),
        ({"data": 995, "spec": 5}, {"99 % data", "< 1 % spec"}),
        ({"data": 125, "spec": 75}, {"62 % data", "38 % spec"}),
        ({"data": 3, "unknown": 1}, {"75 % data", "25 % not known"}),
        ({"new": 1}, {"100 % new"}),
        ({"new": 1, "data": 1}, {"50 % new", "50 % data"}),
    ],
)
def test_text_markdown_and_html_say_the_same_share(found: dict[str, int], said: set[str]) -> None:
    told = LedgerFace(run="r", at="2026-02-01T00:00:00+00:00", profiles=9)
    face = bare(causes=found, counts=Counts(update=sum(found.values())), ledger=told, kind=RunKind.DATA)
    view, page = explain.view(Plan(face)), composing.page(Plan(face))
    for text in ("\n".join(explain.text(view)), markdown.text(page), html.text(page)):
        plain = unescape(text)
        assert {share for share in said if share in plain} == said, text


@pytest.mark.parametrize(
    ("count", "whole", "said"),
    [(0, 5, "0 %"), (1, 1000, "< 1 %"), (1, 100, "1 %"), (999, 1000, "99 %"), (5, 5, "100 %"), (9, 3, "300 %"),
     (1, 0, "")],
)  # fmt: skip
def test_neither_nothing_nor_all_is_said_of_what_is_only_nearly_so(count: int, whole: int, said: str) -> None:
    assert causes.tell_share(count, whole) == said

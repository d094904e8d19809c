"""Links between the pages lead somewhere: to a file that is there, and in it to a title that is there."""

from __future__ import annotations

import itertools
import re
from pathlib import Path

import pages
import pytest

ROOT = Path(__file__).parents[2]
PAGES = sorted([*ROOT.glob("*.md"), *(ROOT / "docs").glob("*.md")])


def targets(page: Path) -> list[str]:
    """What a page links to or shows as a picture, other than the web."""
    found = [
        str(one.attrs.get("href", one.attrs.get("src")))
        for one in pages.tokens(page.read_text(encoding="utf-8"))
        if one.type in ("link_open", "image")
    ]
    return [one for one in found if "://" not in one and not one.startswith("mailto:")]


def titles(page: Path) -> list[str]:
    """The anchors of a page's titles, as hosts of code make them."""
    tokens = pages.tokens(page.read_text(encoding="utf-8"))
    return [
        re.sub(r"[^\w -]", "", text.content.lower()).replace(" ", "-")
        for title, text in itertools.pairwise(tokens)
        if title.type == "heading_open"
    ]


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_every_link_leads_to_a_file_and_a_title_that_are_there(page: Path) -> None:
    lost = []
    for target in targets(page):
        name, _, anchor = target.partition("#")
        file = (page.parent / name).resolve() if name else page
        if not file.exists() or (anchor and anchor not in titles(file)):
            lost.append(target)
    assert lost == []

"""A page as Markdown for a pull request, within a budget of characters."""

from __future__ import annotations

import re
from functools import cache
from typing import TYPE_CHECKING

from reconcile.review import budget
from reconcile.review.escaping import plain, seen
from reconcile.review.model import Page, Tone
from reconcile.review.templating import house

if TYPE_CHECKING:
    from jinja2 import Template

BUDGET = 60_000
"""Characters of a comment at most, for hosts that take as many."""

_EMPTY = re.compile(r"\n{3,}")
_MARKS = {Tone.BLOCKED: "⛔", Tone.CAREFUL: "⚠️", Tone.READY: "✅", Tone.NOTHING: "💤", Tone.LOOKS: "👀"}


def text(page: Page, *, most: int = BUDGET, folds: bool = True) -> str:
    """The page, or as much of it as fits.

    Args:
        most: characters at most.
        folds: whether the host knows `<details>`.
    """
    told = ""
    for smaller in budget.smaller(page):
        rendered = _template().render(page=smaller, mark=_MARKS[page.tone], budget=f"{most:,}", folds=folds)
        told = _EMPTY.sub("\n\n", rendered)
        if len(told) <= most:
            return told
    return told[: most - 2].rsplit("\n", 1)[0] + "\n"


@cache
def _template() -> Template:
    """The template of a comment. What is put into it is escaped as Markdown where it is put, without exception."""
    from markupsafe import Markup

    def finished(value: object) -> object:
        return value if isinstance(value, Markup) else Markup(plain(str(value)))  # noqa: S704 -- escaped right here

    found = house(finished, keep_newline=True)
    found.filters["literal"] = lambda value: Markup(seen(value))  # noqa: S704 -- in an indented block all is text
    return found.get_template("comment.md.j2")

"""A page as one HTML file: no script, nothing fetched, light and dark, to be printed."""

from __future__ import annotations

from functools import cache
from importlib.resources import files
from typing import TYPE_CHECKING

from reconcile.review.escaping import seen
from reconcile.review.model import Page, Part
from reconcile.review.templating import house

if TYPE_CHECKING:
    from jinja2 import Template

DRAWN = 40
"""Lists that are drawn; the rest stand in a table."""


def text(page: Page) -> str:
    """The whole page. What is put into it is escaped by the template engine, and stands on one line."""
    from markupsafe import Markup

    style = files("reconcile.review").joinpath("templates/report.css").read_text(encoding="utf-8")
    return _template().render(
        page=page,
        parts={part.name: part for part in page.parts},
        style=Markup(style),  # noqa: S704 -- a file of ours
        drawn=DRAWN,
        rest=_rest(page),
    )


def _rest(page: Page) -> tuple[Part, ...]:
    """Parts that have no place of their own."""
    return tuple(part for part in page.parts if part.name not in {"lists", "causes", "spec", "transitions"})


@cache
def _template() -> Template:
    from markupsafe import Markup

    def finished(value: object) -> object:
        return seen(value) if isinstance(value, str) and not isinstance(value, Markup) else value

    return house(finished).get_template("report.html.j2")

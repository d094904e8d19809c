"""Making a page fit: what is left out first, in a fixed order that the page itself states."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from functools import partial
from typing import TypeAlias

from reconcile.review.model import Page, Part

Step: TypeAlias = tuple[str, Callable[[Page], Page]]
"""In words, and what it does to a page."""


def _dropped(name: str, page: Page) -> Page:
    return replace(page, parts=tuple(part for part in page.parts if part.name != name))


def _shortened(name: str, rows: int, page: Page) -> Page:
    return replace(page, parts=tuple(_first(part, rows) if part.name == name else part for part in page.parts))


def _first(part: Part, rows: int) -> Part:
    return replace(part, rows=part.rows[:rows], more=part.more + max(0, len(part.rows) - rows))


def _without(column: int, name: str, page: Page) -> Page:
    def cut(part: Part) -> Part:
        keep = [at for at in range(len(part.columns)) if at != column]
        rows = tuple(tuple(row[at] for at in keep) for row in part.rows)
        return replace(part, columns=tuple(part.columns[at] for at in keep), rows=rows)

    return replace(page, parts=tuple(cut(part) if part.name == name else part for part in page.parts))


def _fewer_blocks(most: int, page: Page) -> Page:
    return replace(page, blocks=page.blocks[:most])


def _fewer_notes(most: int, page: Page) -> Page:
    return replace(page, notes=page.notes[:most])


STEPS: tuple[Step, ...] = (
    ("samples", partial(_dropped, "samples")),
    ("variables", partial(_dropped, "variables")),
    ("references but 50", partial(_shortened, "references", 50)),
    ("transitions but 20", partial(_shortened, "transitions", 20)),
    ("rows left out but 20", partial(_shortened, "left out", 20)),
    ("sources but 20", partial(_shortened, "sources", 20)),
    ("fields but 30", partial(_shortened, "fields", 30)),
    ("lists but 100", partial(_shortened, "lists", 100)),
    ("guards but 20", partial(_shortened, "guards", 20)),
    ("fields of lists", partial(_without, 5, "lists")),
    ("lines of the spec but 10", partial(_shortened, "spec", 10)),
    ("transitions", partial(_dropped, "transitions")),
    ("fields", partial(_dropped, "fields")),
    ("sources", partial(_dropped, "sources")),
    ("rows left out", partial(_dropped, "left out")),
    ("causes but 10", partial(_shortened, "causes", 10)),
    ("lists but 20", partial(_shortened, "lists", 20)),
    ("table of guards", partial(_dropped, "guards")),
    ("blocks but 10", partial(_fewer_blocks, 10)),
    ("lists but 5", partial(_shortened, "lists", 5)),
    ("lines of the spec", partial(_dropped, "spec")),
    ("cost", partial(_dropped, "cost")),
    ("references", partial(_dropped, "references")),
    ("blocks but 3", partial(_fewer_blocks, 3)),
    ("causes", partial(_dropped, "causes")),
    ("notes but 3", partial(_fewer_notes, 3)),
    ("lists", partial(_dropped, "lists")),
)
"""What goes first. Blocks and deletions stay longest; a step that has nothing to leave out is not taken."""


def smaller(page: Page) -> Iterator[Page]:
    """The page, then ever smaller ones, each of which says what it lacks."""
    yield page
    for told, step in STEPS:
        smaller = step(page)
        if smaller != page:
            page = replace(smaller, dropped=(*page.dropped, told))
            yield page
    for name in sorted({part.name for part in page.parts}):  # parts that no step knows: those of a filtered plan
        page = replace(_dropped(name, page), dropped=(*page.dropped, name))
        yield page

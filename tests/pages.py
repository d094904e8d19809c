"""Pages read as a browser or a host would: what is structure in them, and what is text."""

from __future__ import annotations

import re
from html.parser import HTMLParser

from markdown_it import MarkdownIt
from markdown_it.token import Token

GAP = "\u200b"
_ACTIVE = re.compile(r"[@#!~%$&^]\w|://|www\.|\bgh-\d|:[\w+-]+:", re.IGNORECASE)
"""What one host or another makes a link, a mention or a picture of."""


def tokens(markdown: str) -> list[Token]:
    """Every token, those inside of lines too."""
    found = MarkdownIt("commonmark").enable(["table", "strikethrough"]).parse(markdown)
    return [part for one in found for part in (one, *(one.children or ()))]


def cells(markdown: str, title: str) -> list[str]:
    """The texts of the cells of the first table below a title, as they are read."""
    found, below, inside = [], False, False
    for one in MarkdownIt("commonmark").enable("table").parse(markdown):
        below = below or (one.type == "inline" and one.content == title)
        inside = inside or (below and one.type == "table_open")
        if inside and one.type == "table_close":
            break
        if inside and one.type == "inline":
            found.append("".join(part.content for part in one.children or ()).replace(GAP, ""))
    return found


def intruders(markdown: str) -> list[str]:
    """What is in a comment and not of ours: links, pictures, elements, and what hosts make links of."""
    wrong = []
    for one in tokens(markdown):
        if one.type in {"link_open", "image", "html_inline", "fence", "hr", "s_open", "em_open", "code_inline"}:
            wrong.append(f"{one.type} {one.content}")
        elif (
            one.type == "html_block"
            and not one.content.startswith(("<details><summary>", "</details>", "<!-- reconcile"))
        ) or (one.type == "text" and _ACTIVE.search(one.content)):
            wrong.append(one.content)
    return wrong


class Elements(HTMLParser):
    """The elements of a page, with what could fetch, run or lead anywhere."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.names: list[str] = []
        self.reaching: list[str] = []
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.names.append(tag)
        self.reaching += [
            f"{tag} {name}={value}"
            for name, value in attrs
            if name in {"src", "href", "action"} or name.startswith("on")
        ]

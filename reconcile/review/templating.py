"""How templates of this room are set up: whatever is put into one passes through its escaping, without exception."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from jinja2 import Environment


def house(finished: Callable[[object], object], *, keep_newline: bool = False) -> Environment:
    """The templates, strict and escaping.

    Args:
        finished: what becomes of everything that is put into one; what it does not mark as safe is escaped as HTML.
        keep_newline: the last newline of a template stays.
    """
    from jinja2 import Environment, PackageLoader, StrictUndefined

    return Environment(
        loader=PackageLoader("reconcile.review"),
        autoescape=True,
        finalize=finished,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=keep_newline,
    )

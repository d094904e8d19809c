"""Plain templates as expressions: texts and properties in a row need no Jinja, and no row of theirs becomes Python's.

Case is changed here only where all is ASCII: beyond that the engines and Python do not agree (`ß`, `İ`).
"""

from __future__ import annotations

import functools
import operator
from dataclasses import dataclass

import ibis

from reconcile.spec import templates
from reconcile.spec.jinja import Piece
from reconcile.state.model import Rows

_BEYOND_ASCII = r"[^\x00-\x7f]"


@dataclass(frozen=True, slots=True)
class Plain:
    """A template as an expression.

    Args:
        text: what it comes to; null where a null makes it unknown.
        fits: for which rows that is so.
        all: that is so for every row.
    """

    text: Rows
    fits: Rows
    all: bool


def plain(rows: Rows, template: str) -> Plain | None:
    """A template over these rows as an expression; None where it is more than texts in a row."""
    pieces = templates.pieces(template)
    named = [piece.property for piece in pieces or () if piece.property is not None]
    if not pieces or not all(rows[name].type().is_string() for name in named):
        return None
    texts = [_text(rows, piece) for piece in pieces]
    cased = [rows[piece.property] for piece in pieces if piece.property is not None and piece.cases]
    beyond = (column.re_search(_BEYOND_ASCII).fill_null(False) for column in cased)  # noqa: FBT003 -- Ibis's own signature
    fits = ~functools.reduce(operator.or_, beyond, ibis.literal(value=False))
    return Plain(functools.reduce(operator.add, texts), fits, not cased)


def _text(rows: Rows, piece: Piece) -> Rows:
    if piece.property is None:
        return ibis.literal(piece.text)
    text = rows[piece.property]
    if piece.text is not None:
        text = text.fill_null(piece.text)
    return functools.reduce(_cased, piece.cases, text)


def _cased(text: Rows, case: str) -> Rows:
    match case:
        case "lower":
            return text.lower()
        case "upper":
            return text.upper()
        case _:
            return text.left(1).upper() + text.substr(1).lower()

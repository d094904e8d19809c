"""The nouns of a page: what is said first, then parts, each a table. Frozen; texts are plain, forms escape them."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class Tone(StrEnum):
    """How a plan stands."""

    BLOCKED = "blocked"
    CAREFUL = "careful"
    READY = "ready"
    NOTHING = "nothing"
    LOOKS = "looks"
    """It only observes, or it is a part of a plan."""


@dataclass(frozen=True, slots=True)
class Block:
    """A guard that blocks: what is too much, and the option that lets exactly this through once."""

    told: str
    way_out: str


@dataclass(frozen=True, slots=True)
class Flow:
    """One list, in members: who stays, who joins, who leaves, of `most` on either side."""

    name: str
    stay: int
    join: int
    leave: int
    told: str = ""

    @property
    def before(self) -> int:
        """Members now."""
        return self.stay + self.leave

    @property
    def after(self) -> int:
        """Members when all is done."""
        return self.stay + self.join

    def share(self, count: int) -> float:
        """A count in per cent of the longer side."""
        return round(100 * count / max(self.before, self.after, 1), 2)


@dataclass(frozen=True, slots=True)
class Part:
    """A headed table.

    Args:
        name: a word for it, by which it is dropped.
        columns: titles; those that end in `#` hold numbers.
        share: per row, in per cent, where it can be drawn as a bar.
        more: rows that are not shown.
        folded: to be opened by who wants to see it.
        flows: the same rows as flows, for the form that draws.
    """

    name: str
    title: str
    columns: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    note: str = ""
    share: tuple[float, ...] = ()
    more: int = 0
    folded: bool = False
    flows: tuple[Flow, ...] = ()

    @property
    def heads(self) -> tuple[tuple[str, bool], ...]:
        """Titles, and whether numbers stand under them."""
        return tuple((title.removesuffix("#"), title.endswith("#")) for title in self.columns)


@dataclass(frozen=True, slots=True)
class Page:
    """A plan as it is judged.

    Args:
        about: the account and environment.
        facts: label and sentence: how many, of what kind, why, what to do.
        figures: label, number and whether it is dangerous, for the form that shows them large.
        notes: what to look at before the tables.
        foot: which plan this is.
        dropped: what was left out to fit, in words.
        warning: what is said before all else.
    """

    tone: Tone
    about: str
    headline: str
    facts: tuple[tuple[str, str], ...]
    figures: tuple[tuple[str, str, bool], ...]
    blocks: tuple[Block, ...]
    notes: tuple[str, ...]
    parts: tuple[Part, ...]
    foot: tuple[str, ...]
    dropped: tuple[str, ...] = ()
    warning: str = ""

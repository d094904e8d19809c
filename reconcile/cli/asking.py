"""Questions to the person at the terminal; where there is none, the only answer that is possible, or an error."""

from __future__ import annotations

import sys
from collections.abc import Sequence

import typer

from reconcile.cli import telling
from reconcile.spec.printable import escape_line

_SHOWN = 12
"""How many choices are named."""


def one(question: str, option: str, given: str | None, likely: Sequence[str], able: Sequence[str]) -> str:
    """One of these.

    Args:
        question: what is asked for, as a noun with its article.
        option: the option that answers it too.
        given: what the option says.
        likely: the answers that were found, the best first.
        able: all answers that are possible.
    """
    if given is not None:
        return _known(question, option, given, able)
    choices = likely or able
    if sys.stdin.isatty() and able:
        told = f"{question[:1].upper()}{question[1:]} ({_some(choices)})"
        return _until_known(told, able, choices[0] if likely or len(able) == 1 else None)
    if len(choices) == 1:
        return choices[0]
    found = f"may be one of {_some(likely)}" if likely else f"cannot be told; there is: {_some(able)}"
    raise typer.BadParameter(f"{question} {found}; say which.", param_hint=option)


def needed(question: str, option: str) -> str:
    """A text that nobody can guess."""
    if not sys.stdin.isatty():
        raise typer.BadParameter(f"{question} is needed.", param_hint=option)
    answer: str = typer.prompt(f"{question[:1].upper()}{question[1:]}", err=True)
    return answer


def some(question: str, option: str, given: str | None, able: Sequence[str]) -> tuple[str, ...]:
    """Any of these, by names with commas between; none where nobody says."""
    if given is None and sys.stdin.isatty():
        told = f"{question[:1].upper()}{question[1:]}, with commas between, or none ({_some(able)})"
        given = typer.prompt(told, default="", show_default=False, err=True)
    names = [name.strip() for name in (given or "").split(",")]
    return tuple(dict.fromkeys(_known(question, option, name, able) for name in names if name))


def text(question: str, given: str | None, default: str) -> str:
    """A text of the person's own."""
    if not given and sys.stdin.isatty():
        given = typer.prompt(question, default=default, err=True)
    return given or default


def _until_known(told: str, able: Sequence[str], default: str | None) -> str:
    while True:
        answer: str = typer.prompt(told, default=default, err=True)
        if answer in able:
            return answer
        telling.say(f"There is no {answer!r}. There is: {_some(able)}.")


def _known(question: str, option: str, name: str, able: Sequence[str]) -> str:
    if name not in able:
        raise typer.BadParameter(f"there is no {name!r} for {question}. There is: {_some(able)}.", param_hint=option)
    return name


def _some(names: Sequence[str]) -> str:
    more = f" and {len(names) - _SHOWN:,} more" if len(names) > _SHOWN else ""
    return (", ".join(map(escape_line, names[:_SHOWN])) + more) or "none"

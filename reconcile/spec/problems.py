"""How a problem looks to a person: the place, the sentence, the line with a caret under it, and what was meant."""

from __future__ import annotations

from reconcile.errors import Problem, Where

WIDEST = 110


def render(problem: Problem) -> str:
    """A problem as lines of text, without an end of line.

    specs/groups.yaml:4:12: where of group "vip": there is no property "lifetime_valu"
      |     where: lifetime_valu >= 1000
      |            ^
      Did you mean "lifetime_value"?
    """
    head = f"{problem.where}: {problem.message}" if problem.where else problem.message
    lines = [head, *_excerpt(problem.where)]
    if problem.hint:
        lines.append(f"  {problem.hint}")
    return "\n".join(lines)


def _excerpt(where: Where | None) -> list[str]:
    if where is None or not where.text.strip():
        return []
    text, column = _window(_plain(where.text), min(where.column, len(where.text) + 1) - 1)
    return [f"  | {text}", f"  | {' ' * column}^"]


def _plain(text: str) -> str:
    """One cell a character: tabs and what a terminal would obey become spaces."""
    return "".join(character if character.isprintable() else " " for character in text).rstrip()


def _window(text: str, column: int) -> tuple[str, int]:
    """The part of a long line that holds the column."""
    if len(text) <= WIDEST:
        return text, column
    start = max(0, min(column - WIDEST // 2, len(text) - WIDEST))
    cut = text[start : start + WIDEST]
    return (f"…{cut[1:]}" if start else cut), column - start

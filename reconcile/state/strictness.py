"""Values that do not fit the types of their properties: counted, or an error where the spec is strict."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping

from reconcile.errors import ValuesUnfit
from reconcile.spec.model import Spec
from reconcile.state.model import Invalid, Rows
from reconcile.state.workspace import Workspace

SAMPLES, LONGEST = 3, 20


def told(spec: Spec, counts: Mapping[str, int], raw: Rows, workspace: Workspace) -> tuple[Invalid, ...]:
    """What is left out of a plan, by property.

    Args:
        counts: property -> how many of its values do not fit.
        raw: the people, with `raw_column` of strict properties: the text of what does not fit.

    Raises:
        ValuesUnfit: some of them are of strict properties.
    """
    wrong = {name: count for name, count in counts.items() if count}
    strict = [_sentence(spec, name, wrong[name], raw, workspace) for name in wrong if spec.properties[name].strict]
    if strict:
        raise ValuesUnfit(strict)
    reason = "value does not fit its type (taken as null)"
    return tuple(Invalid(reason, f"property {name}", count) for name, count in wrong.items())


def raw_column(name: str) -> str:
    """The column of texts that do not fit a strict property."""
    return f"r:{name}"


def _sentence(spec: Spec, name: str, count: int, raw: Rows, workspace: Workspace) -> str:
    prop = spec.properties[name]
    place = spec.where("properties", name)
    values = f"{count:,} value does" if count == 1 else f"{count:,} values do"
    looks = [] if prop.pii or prop.private else list(_looks(name, raw, workspace))
    like = f", such as {', '.join(looks)} (x: a letter, 9: a digit)" if looks else ""
    at = f" ({place})" if place else ""
    return f'Property "{name}"{at} is strict, and {values} not fit its type {prop.type}{like}.'


def _looks(name: str, raw: Rows, workspace: Workspace) -> Iterator[str]:
    """What some of the values look like, without what they are."""
    if raw_column(name) not in raw.columns:
        return
    column = raw[raw_column(name)]
    some = raw.filter(column.notnull()).select(text=column).distinct().order_by("text")
    shapes = {shape(row["text"]) for row in workspace.dicts(some, limit=SAMPLES)}
    yield from sorted(f'"{one}"' for one in shapes)


def shape(text: str) -> str:
    """The look of a text: letters are x, digits 9, and no more of it than a glance."""
    masked = re.sub(r"[^\W\d_]", "x", re.sub(r"\d", "9", text))
    return masked if len(masked) <= LONGEST else f"{masked[:LONGEST]}…"

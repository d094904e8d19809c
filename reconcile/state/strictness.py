"""Values that do not fit the types of their properties: counted, or an error where the spec is strict."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping

from reconcile.errors import ValuesUnfit
from reconcile.spec import privacy, rules
from reconcile.spec.model import Spec
from reconcile.spec.property import OnMisfit
from reconcile.state import conversions, values
from reconcile.state.model import Invalid, Rows
from reconcile.state.workspace import Workspace

SAMPLES, LONGEST = 3, 20


def told(spec: Spec, counts: Mapping[tuple[str, int], int], raw: Rows, workspace: Workspace) -> tuple[Invalid, ...]:
    """What is left out of a plan, by property and by reason.

    Args:
        counts: property and `Misfit` -> how many of its values do not fit; with none, left out of its aggregate.
        raw: the people, with `why_column` and `raw_column` of these properties.

    Raises:
        ValuesUnfit: some of them are of strict properties.
    """
    wrong: dict[str, int] = {}
    for (name, _), count in counts.items():
        wrong[name] = wrong.get(name, 0) + count
    strict = [_sentence(spec, name, wrong[name], raw, workspace) for name in wrong if spec.properties[name].strict]
    if strict:
        raise ValuesUnfit(strict)
    return tuple(
        Invalid(
            _reason(spec, name, code, raw), f"property {name}", count, tuple(_looks(spec, name, raw, workspace, code))
        )
        for (name, code), count in counts.items()
    )


def raw_column(name: str) -> str:
    """The column of texts that do not fit a property."""
    return f"r:{name}"


def why_column(name: str) -> str:
    """The column that says why a value does not fit a property, as a `Misfit`."""
    return f"x:{name}"


def _reason(spec: Spec, name: str, code: int, raw: Rows) -> str:
    prop = spec.properties[name]
    kept = "taken as null" if prop.on_misfit is not OnMisfit.KEEP else "left as it is at Sailthru"
    if code == conversions.Misfit.NONE:
        if prop.where is not None and rules.parse(prop.where).may_fail:
            place = spec.where("properties", name, "where")
            fails = f"value does not fit its type, or its SQL{f' ({place})' if place else ''} fails on the row"
            return f"{fails}: left out of {prop.aggregate} ({kept})"
        return f"value does not fit its type: left out of {prop.aggregate} ({kept})"
    kind = prop.type or values.kind_of(raw[name])
    if code == conversions.Misfit.FORMULA:
        place = spec.where("properties", name, "sql")
        return f"its SQL{f' ({place})' if place else ''} fails on the row ({kept})"
    word = conversions.WORDS[conversions.Misfit(code)].format(type=kind)
    return f"value does not fit its type: {word} ({kept})"


def _sentence(spec: Spec, name: str, count: int, raw: Rows, workspace: Workspace) -> str:
    prop = spec.properties[name]
    place = spec.where("properties", name)
    words = f"{count:,} value does" if count == 1 else f"{count:,} values do"
    looks = list(_looks(spec, name, raw, workspace))
    like = f", such as {', '.join(looks)} (x: a letter, 9: a digit)" if looks else ""
    at = f" ({place})" if place else ""
    return f'Property "{name}"{at} is strict, and {words} not fit its type {prop.type}{like}.'


def _looks(spec: Spec, name: str, raw: Rows, workspace: Workspace, code: int | None = None) -> Iterator[str]:
    """What some of the values look like, without what they are; nothing of what is personal."""
    if raw_column(name) not in raw.columns or name in privacy.find_pii(spec) | privacy.find_private(spec):
        return
    column = raw[raw_column(name)]
    these = column.notnull() if code is None else column.notnull() & (raw[why_column(name)] == code)
    some = raw.filter(these).select(text=column).distinct().order_by("text")
    shapes = {shape(row["text"]) for row in workspace.dicts(some, limit=SAMPLES)}
    yield from sorted(f'"{one}"' for one in shapes)


def shape(text: str) -> str:
    """The look of a text: letters are x, digits 9, and no more of it than a glance."""
    masked = re.sub(r"[^\W\d_]", "x", re.sub(r"\d", "9", text))
    return masked if len(masked) <= LONGEST else f"{masked[:LONGEST]}…"

"""A group or a property previewed, in words and as JSON. Values are told only where they may be."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from reconcile.screen import cells

if TYPE_CHECKING:
    from reconcile.state.previews import GroupPreview, Preview, PropertyPreview, Samples

_UNTOLD = {
    "pii": "Values are not told: pii.",
    "private": "Values are not told without --reveal: private.",
    "too many different ones": "",
}


def preview(found: Preview, *, reveal: bool) -> Iterator[str]:
    """All of it as lines for a person."""
    parts = [_group(found.group, reveal=reveal)] if found.group else []
    parts += [_property(found.property, reveal=reveal)] if found.property else []
    for at, part in enumerate(parts):
        yield from ("", "") if at else ()
        yield from part
    if found.invalid:
        yield ""
    for one in found.invalid:
        yield f"  ! {one.count:,} in {one.source}: {one.reason}"


def _group(one: GroupPreview, *, reveal: bool) -> Iterator[str]:
    told = f"list {one.list}" if one.list else "no list, for other groups only"
    share = cells.share(one.members, one.people)
    yield f"Group {one.name}: {one.members:,} of {one.people:,} people ({share}); {told}"
    if one.asks:
        yield ""
        yield from _asks(one)
    yield from _samples(one.samples, reveal=reveal) if one.members else ("", "Nobody is in it.")


def _asks(one: GroupPreview) -> Iterator[str]:
    """What the group asks, with the counts of each answer on the right."""
    alone = any(ask.alone is not None for ask in one.asks)
    heads = ["true", "false", "null", *(["keeps out alone"] if alone else [])]
    rows = []
    for ask in one.asks:
        told = [f"{ask.true:,}", f"{ask.false:,}", f"{ask.null:,}"]
        rows.append(
            (f"{'  ' * ask.depth}{ask.told}", [*told, "" if ask.alone is None else f"{ask.alone:,}"][: len(heads)])
        )
    width = max(len("What it asks") - 2, *(len(text) for text, _ in rows))
    widths = [max(len(head), *(len(row[at]) for _, row in rows)) for at, head in enumerate(heads)]
    yield f"{'What it asks':<{width + 2}}  {_numbers(heads, widths)}"
    for text, numbers in rows:
        yield f"  {text:<{width}}  {_numbers(numbers, widths)}".rstrip()


def _numbers(cells: list[str], widths: list[int]) -> str:
    return "  ".join(cell.rjust(width) for cell, width in zip(cells, widths, strict=True))


def _property(one: PropertyPreview, *, reveal: bool) -> Iterator[str]:
    yield f"Property {one.name}: {one.type}, {one.how}"
    yield ""
    rows = [("filled", one.filled), ("null", one.null)]
    rows += [("do not fit the type", one.invalid)] if one.invalid else []
    width, wide = max(len(name) for name, _ in (*rows, ("different", 0))), len(f"{one.people:,}")
    for name, count in rows:
        yield f"  {name:<{width}}  {count:>{wide},}  {cells.share(count, one.people):>6}"
    yield f"  {'different':<{width}}  {one.distinct:>{wide},}"
    goes = [f"var {name}" for name in one.vars] + [f"group {name}" for name in one.groups]
    yield f"  used by {', '.join(goes) if goes else 'no var and no rule'}"
    yield from _frequent(one, reveal=reveal)
    yield from _samples(one.samples, reveal=reveal) if one.filled else ("", "Nobody has it.")


def _frequent(one: PropertyPreview, *, reveal: bool) -> Iterator[str]:
    if one.untold and (told := _UNTOLD[one.untold]) and one.distinct:
        yield f"  {told}"
    if not one.frequent:
        return
    rest = one.filled - sum(times for _, times in one.frequent)
    rows = [(cells.value(value, shown=True), times) for value, times in one.frequent]
    rows += [("(others)" if reveal else "(others, of few people each)", rest)] if rest else []
    wide = max(len(f"{times:,}") for _, times in rows)
    yield from cells.table(
        "Most frequent", [(text, f"{times:>{wide},}", f"{cells.share(times, one.people):>6}") for text, times in rows]
    )


def _samples(samples: Samples, *, reveal: bool) -> Iterator[str]:
    if not samples.rows:
        return
    shown = [reveal and not field.pii for field in samples.fields]
    head = ["", *(field.name for field in samples.fields)]
    rows = [
        [who, *(cells.value(value, shown=may) for value, may in zip(found, shown, strict=True))]
        for who, found in samples.rows
    ]
    title = "For example" if reveal else "For example (--reveal shows them)"
    yield from cells.table(title, [head, *rows] if samples.fields else rows)


def preview_json(found: Preview, *, reveal: bool) -> dict[str, Any]:
    """All of it as the fields of an event."""
    return {
        "group": _group_json(found.group, reveal=reveal) if found.group else None,
        "property": _property_json(found.property, reveal=reveal) if found.property else None,
        "invalid": [{"reason": one.reason, "source": one.source, "count": one.count} for one in found.invalid],
    }


def _group_json(one: GroupPreview, *, reveal: bool) -> dict[str, Any]:
    return {
        "name": one.name,
        "list": one.list,
        "people": one.people,
        "members": one.members,
        "asks": [
            {"text": a.told, "depth": a.depth, "true": a.true, "false": a.false, "null": a.null, "alone": a.alone}
            for a in one.asks
        ],
        "samples": _samples_json(one.samples, reveal=reveal),
    }


def _property_json(one: PropertyPreview, *, reveal: bool) -> dict[str, Any]:
    plain = ("name", "how", "type", "people", "filled", "null", "invalid", "distinct", "vars", "groups")
    return {
        **{name: getattr(one, name) for name in plain},
        "frequent": [{"value": cells.value(value, shown=True), "people": times} for value, times in one.frequent],
        "samples": _samples_json(one.samples, reveal=reveal),
    }


def _samples_json(samples: Samples, *, reveal: bool) -> list[dict[str, Any]]:
    return [
        {
            "who": who,
            "values": {
                field.name: cells.value(value, shown=reveal and not field.pii)
                for field, value in zip(samples.fields, found, strict=True)
            },
        }
        for who, found in samples.rows
    ]

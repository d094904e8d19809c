"""One person explained, in words and as JSON. Values are told only where they are revealed."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from reconcile.screen import cells
from reconcile.spec import cases
from reconcile.spec.model import Mode, Spec

if TYPE_CHECKING:
    from reconcile.plan.foretelling import Explanation
    from reconcile.spec.clauses import Clause
    from reconcile.state.tracing import Decision, Trace

_TRUTH = {True: "true ", False: "false", None: "null "}
_KEPT = "left as it is at Sailthru: a value does not fit"
_MEMBER = {True: "in", False: "not in", None: _KEPT}
_LISTED = {True: "on", False: "off", None: _KEPT}


def explained(spec: Spec, told: Explanation) -> Iterator[str]:
    """All of it as lines for a person."""
    if not told.traces:
        home = spec.profiles.from_
        yield f"Nobody has this key or address: looked for in {cases.key(spec)} and {spec.profiles.email} of {home}."
        if told.seen is not None:
            yield "The account has a profile that no source has a row for."
        elif spec.profiles.identity is None:
            yield "Who left can be found by their address only: profiles keep no key (profiles.identity)."
    for trace in told.traces:
        yield from _trace(trace, told)
    if told.circle is not None and (told.traces or told.seen or told.unseen):
        yield from _account(spec, told)


def _trace(trace: Trace, told: Explanation) -> Iterator[str]:
    names = [told.masks.person(name) for name in (trace.email, trace.key) if name]
    yield f"{names[0] if names else 'somebody'}{f', key {names[1]}' if len(names) > 1 else ''}"
    if trace.refused:
        yield f"  ! The row cannot be used: {trace.refused}."
        yield "    This person is held: what Sailthru has of them is neither changed nor taken for somebody who left."
        return
    yield from cells.table(
        "Source", [(one.how, one.name, one.type or "", _value(one.value, told, pii=one.pii)) for one in trace.columns]
    )
    yield from cells.table(
        "Properties",
        [(one.name, one.type or "", _value(one.value, told, pii=one.pii), one.how) for one in trace.properties],
    )
    yield ""
    yield "Groups"
    for decision in trace.groups:
        yield from _decision(decision)
    yield from cells.table(
        "Desired vars",
        [(name, _var(name, text, trace, told)) for name, text in (trace.vars or {}).items()],
    )
    yield from cells.table("Desired lists", [(name, _LISTED[on]) for name, on in (trace.lists or {}).items()])


def _decision(one: Decision) -> Iterator[str]:
    yield f"  {one.group}: {_MEMBER[one.member]}"
    yield from (f"    {_TRUTH[holds]}  {told}" for told, holds in one.terms)
    if one.rule is not None:
        yield from _clause(one.rule, iter(one.truths), "    ")


def _clause(clause: Clause, truths: Iterator[bool | None], indent: str) -> Iterator[str]:
    yield f"{indent}{_TRUTH[next(truths)]}  {clause.word or clause.text}"
    for part in clause.parts:
        yield from _clause(part, truths, f"{indent}  ")


def _account(spec: Spec, told: Explanation) -> Iterator[str]:
    yield ""
    yield "Observed"
    yield from _observed(told)
    yield ""
    yield "A plan would"
    yield from _planned(spec, told)


def _observed(told: Explanation) -> Iterator[str]:
    seen, circle = told.seen, told.circle
    if circle is not None and circle.other:
        yield "  ! The address is that of a profile of somebody else."
    if seen is None:
        yield f"  ! Not known: {told.unseen}." if told.unseen else "  The account has no such profile."
        return
    shape = circle.desired.shape if circle else None
    hidden = {var.name for var in shape.vars if var.pii} if shape else set()
    vars_ = [(name, _value(value, told, pii=name in hidden)) for name, value in sorted(seen.vars.items())]
    yield from list(cells.table("", vars_))[2:]
    lists = {one.list for one in shape.memberships} & seen.lists if shape else set()
    yield f"  on {len(lists)} of our lists{': ' + ', '.join(sorted(lists)) if lists else ''}"
    if told.traces and circle and circle.email and seen.email != circle.email:
        yield f"  its address is {told.masks.person(seen.email or seen.sid)}"
    if seen.opted_out:
        yield f"  ! opted out: {seen.opted_out}"


def _planned(spec: Spec, told: Explanation) -> Iterator[str]:
    """The plan's own lines about the person, why, and what keeps it from more."""
    foretold = told.foretold
    if foretold is None:
        return
    if not foretold.steps:
        held = foretold.held or foretold.taken or told.unseen or any(one.refused for one in told.traces)
        yield f"  do nothing{'' if held else ': the account is as desired'}."
    for row, why in foretold.steps:
        yield f"  {row.glyph} {row.name}  {row.told}"
        yield f"      as {why}."
    if foretold.taken:
        yield "  ! Who has the address stays, so this person is left out of the plan."
    if told.unknown:
        yield f"  ! {told.unknown[:1].upper()}{told.unknown[1:]}: this person is left out of the plan."
    yield from (f"  ! {held}." for held in foretold.held)
    for one in foretold.violations:
        yield f"  ! {one.sentence}: until it does, nobody is taken off a list or deleted."
    if foretold.steps and spec.policy.mode is Mode.OBSERVE:
        yield "  ! policy.mode is observe: it is planned, and never applied."


def _pii(trace: Trace) -> set[str]:
    """The vars whose values nobody is shown."""
    return {var.name for var in trace.shape.vars if var.pii} if trace.shape else set()


def _var(name: str, text: str | None, trace: Trace, told: Explanation) -> str:
    return _KEPT if name in trace.kept else _value(text, told, pii=name in _pii(trace))


def _value(value: Any, told: Explanation, *, pii: bool = False) -> str:
    return cells.value(value, shown=told.masks.reveal and not pii)


def explained_json(spec: Spec, told: Explanation) -> dict[str, Any]:
    """All of it as the fields of an event."""
    return {
        "people": [_person(trace, told) for trace in told.traces],
        "looked": told.looked,
        "there": told.seen is not None,
        "planned": [
            {"glyph": row.glyph, "who": row.name, "what": row.told, "why": why}
            for row, why in (told.foretold.steps if told.foretold else ())
        ],
        "held": list(told.foretold.held) if told.foretold else [],
        "taken": told.foretold is not None and told.foretold.taken,
        "unknown": told.unknown,
        "unseen": told.unseen,
        "mode": spec.policy.mode.value,
    }


def _person(trace: Trace, told: Explanation) -> dict[str, Any]:
    facts = {
        part: [{"name": f.name, "how": f.how, "type": f.type, "value": _value(f.value, told, pii=f.pii)} for f in found]
        for part, found in (("columns", trace.columns), ("properties", trace.properties))
    }
    return {
        "who": told.masks.person(trace.email or trace.key or ""),
        "refused": trace.refused,
        **facts,
        "groups": [
            {
                "group": one.group,
                "member": one.member,
                "clauses": [
                    {"text": clause.text, "truth": truth}
                    for clause, truth in zip(one.rule.walk() if one.rule else (), one.truths, strict=True)
                ],
                "terms": [{"text": told, "truth": holds} for told, holds in one.terms],
            }
            for one in trace.groups
        ],
        "vars": {name: _var(name, text, trace, told) for name, text in (trace.vars or {}).items()},
        "lists": dict(trace.lists or {}),
    }

"""One person explained, in words and as JSON. Values are told only where they are revealed."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from reconcile.screen import cells
from reconcile.spec import cases
from reconcile.spec.model import Mode, Spec

if TYPE_CHECKING:
    from reconcile.spec.clauses import Clause
    from reconcile.state.tracing import Decision, Told, Trace

_TRUTH = {True: "true ", False: "false", None: "null "}


def explained(spec: Spec, told: Told) -> Iterator[str]:
    """All of it as lines for a person."""
    if not told.traces:
        home = spec.profiles.from_
        yield f"Nobody has this key or address: looked for in {cases.key(spec)} and {spec.profiles.email} of {home}."
        return
    for trace in told.traces:
        yield from _trace(trace, told)
    if told.looked:
        yield from _account(spec, told)


def _trace(trace: Trace, told: Told) -> Iterator[str]:
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
        [(name, _value(text, told, pii=name in _pii(trace))) for name, text in (trace.vars or {}).items()],
    )
    yield from cells.table("Desired lists", [(name, "on" if on else "off") for name, on in (trace.lists or {}).items()])


def _decision(one: Decision) -> Iterator[str]:
    yield f"  {one.group}: {'in' if one.member else 'not in'}"
    yield from (f"    {_TRUTH[holds]}  {told}" for told, holds in one.terms)
    if one.rule is not None:
        yield from _clause(one.rule, iter(one.truths), "    ")


def _clause(clause: Clause, truths: Iterator[bool | None], indent: str) -> Iterator[str]:
    yield f"{indent}{_TRUTH[next(truths)]}  {clause.word or clause.text}"
    for part in clause.parts:
        yield from _clause(part, truths, f"{indent}  ")


def _account(spec: Spec, told: Told) -> Iterator[str]:
    yield ""
    yield "Observed"
    seen = told.seen
    if seen is None:
        yield "  The account has no such profile."
    else:
        hidden = {name for trace in told.traces for name in _pii(trace)}
        vars_ = [(name, _value(value, told, pii=name in hidden)) for name, value in sorted(seen.vars.items())]
        yield from list(cells.table("", vars_))[2:]
        lists = {one for trace in told.traces for one in trace.lists or {}} & seen.lists
        yield f"  on {len(lists)} of our lists{': ' + ', '.join(sorted(lists)) if lists else ''}"
        if seen.optout:
            yield f"  ! opted out: {seen.optout}"
    yield ""
    yield "A plan would"
    if not told.steps:
        yield "  do nothing: the account is as desired."
    for step in told.steps:
        values = (
            f": {_value(step.old, told, pii=step.pii)} -> {_value(step.new, told, pii=step.pii)}"
            if step.what.startswith("var ")
            else ""
        )
        yield f"  {step.glyph} {step.what}{values}"
    yield from _limits(spec, told)


def _limits(spec: Spec, told: Told) -> Iterator[str]:
    """What the policy keeps a plan from."""
    mode = spec.policy.mode
    if told.steps and mode is Mode.OBSERVE:
        yield "  ! policy.mode is observe: it is planned, and never applied."
    if told.seen is None and mode is Mode.ENRICH:
        yield "  ! policy.mode is enrich: no profile is created."
    if told.seen is None and spec.profiles.identity is not None:
        yield "  (Or move the profile of another address that keeps this id, which `reconcile plan` looks for.)"
    if mode is Mode.ADDITIVE and any(step.glyph == "-" for step in told.steps):
        yield "  ! policy.mode is additive: nobody is taken off a list."


def _pii(trace: Trace) -> set[str]:
    """The vars whose values nobody is shown."""
    return {var.name for var in trace.shape.vars if var.pii} if trace.shape else set()


def _value(value: Any, told: Told, *, pii: bool = False) -> str:
    return cells.value(value, shown=told.masks.reveal and not pii)


def explained_json(spec: Spec, told: Told) -> dict[str, Any]:
    """All of it as the fields of an event."""
    return {
        "people": [_person(trace, told) for trace in told.traces],
        "looked": told.looked,
        "there": told.seen is not None,
        "planned": [
            {
                "what": one.what,
                "glyph": one.glyph,
                "old": _value(one.old, told, pii=one.pii),
                "new": _value(one.new, told, pii=one.pii),
            }
            for one in told.steps
        ],
        "mode": spec.policy.mode.value,
    }


def _person(trace: Trace, told: Told) -> dict[str, Any]:
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
        "vars": {name: _value(text, told, pii=name in _pii(trace)) for name, text in (trace.vars or {}).items()},
        "lists": dict(trace.lists or {}),
    }

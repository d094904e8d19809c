"""From a plan's face to the page that is judged: may it go, how many, of what kind, why, what to do; then tables."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from datetime import UTC, datetime

from reconcile.plan import explain, guards, people
from reconcile.plan.causes import UNKNOWN, rank, sentence, tell_share
from reconcile.plan.details import SMALL
from reconcile.plan.explain import View
from reconcile.plan.model import Face, ListFace, Plan, Route
from reconcile.plan.people import Row
from reconcile.review.model import Block, Flow, Page, Part, Tone
from reconcile.spec.model import Mode, OnLeave

ROWS = 500
"""Rows of a table at most, whatever the form: who needs more asks `show` for a part, or for JSON."""

LONGEST = 120
"""Characters of a name or value at most."""

_ASKED = {"One by one": ("", "Who", "What")}
"""Columns of a part that was asked for, where they are not counts."""


def page(plan: Plan, *, reveal: bool = False) -> Page:
    """A whole plan; with the people and values in it if they are to be revealed, for the owner's eyes.

    Raises:
        PlanUnusable: people are to be revealed of a plan that was not kept in a file.
    """
    face = plan.face
    rows = people.revealed(plan) if reveal else [people.sampled(one) for one in face.samples]
    parts = (*_changes(face), _people(rows, reveal=reveal), *_around(face))
    tone, headline, todo = _verdict(face)
    return Page(
        tone=tone,
        about=face.about,
        headline=headline,
        facts=(
            ("How many", _how_many(face)),
            ("What kind", _kind(face)),
            *((("Why", why),) if (why := sentence(_causes(face), _total(face))) else ()),
            ("What to do", todo),
        ),
        figures=_figures(face),
        blocks=tuple(Block(guards.reason(one), one.way_out) for one in face.breaches),
        notes=tuple(_short(note, 600) for note in (*explain.notes(face), *_effects(face))),
        parts=tuple(part for part in parts if part.rows),
        foot=_foot(face),
        warning="" if plan.verified else explain.UNVERIFIED,
    )


def asked(plan: Plan, view: View) -> Page:
    """The part of a plan that somebody asked for, see `answers.asked`."""
    face = plan.face
    return Page(
        tone=Tone.LOOKS,
        about=face.about,
        headline="A part of the plan",
        facts=(("Asked for", _short(view.summary.removeprefix("Asked for: "), 600)),),
        figures=(),
        blocks=tuple(Block(guards.reason(one), one.way_out) for one in face.breaches),
        notes=(),
        parts=tuple(
            _part(one.title.lower(), one.title, _ASKED.get(one.title, ("", "Which", "How many")), map(_cells, one.rows))
            for one in view.sections
        ),
        foot=_foot(face),
        warning="" if plan.verified else explain.UNVERIFIED,
    )


# What is said first


def _verdict(face: Face) -> tuple[Tone, str, str]:
    """How the plan stands, in a word and a sentence, and what is to be done now."""
    count = len(face.breaches)
    if face.mode is Mode.OBSERVE:
        return (
            Tone.LOOKS,
            "Only looks: this plan cannot be applied",
            "Nothing. To apply, change policy.mode, plan again.",
        )
    if count:
        told = "a guard is" if count == 1 else f"{count:,} guards are"
        todo = "Mend what is wrong, change the limit in the spec, or allow exactly this once, as shown below."
        return Tone.BLOCKED, f"Blocked: {told} breached, apply refuses this plan", todo
    if face.empty:
        told = "nothing of the run can be taken back" if face.undoes else "the account is as the spec says"
        return Tone.NOTHING, f"Nothing to do: {told}", "Nothing."
    until = f"It may be applied until {_time(face.expires_at)}."
    if face.counts.delete:
        todo = f"See that these deletions are meant: they cannot be undone. Then approve. {until}"
        return (
            Tone.CAREFUL,
            f"May go, with care: {explain.counted(face.counts.delete, 'profile')} deleted for good",
            todo,
        )
    if face.violations:
        return Tone.CAREFUL, "May go, with care: a source breaks its contract", f"Mend the source, or approve. {until}"
    return Tone.READY, "May go", f"See that this is what was meant, and approve. {until}"


def _how_many(face: Face) -> str:
    counts = face.counts
    kinds = (
        (counts.delete, "deleted"),
        (counts.create, "created"),
        (counts.update - counts.unlist - counts.moved, "changed"),
        (counts.moved, "given a new e-mail address"),
        (counts.unlist, "taken off our lists"),
    )
    told = [f"{count:,} {word}" for count, word in kinds if count]
    lists = len(face.new_lists)
    told += [f"{explain.counted(lists, 'list')} created"] if lists else []
    rest = f"{counts.unchanged:,} stay as they are" if counts.unchanged else "nobody stays as they are"
    return f"{', '.join(told)}; {rest}." if told else f"Nobody; {rest}."


def _kind(face: Face) -> str:
    """What the mode and the policy let this plan do, and which way it goes."""
    leaving = {OnLeave.UNLIST: "taken off our lists", OnLeave.CLEAR: "cleared", OnLeave.DELETE: "deleted"}
    ways = {Route.USER: "one by one", Route.JOBS: "by bulk jobs"}
    run = f"{face.kind} run: {explain.RUNS[face.kind]}; " if face.ledger else ""
    return f"{run}mode {face.mode}; who leaves is {leaving[face.on_leave]}; sent {ways[face.route]}."


def _causes(face: Face) -> list[tuple[str, int, str]]:
    return rank(face.causes, face.spec_changes, _total(face), undoes=face.undoes is not None)


def _total(face: Face) -> int:
    return face.counts.create + face.counts.update + face.counts.delete


def _figures(face: Face) -> tuple[tuple[str, str, bool], ...]:
    counts = face.counts
    return (
        ("to delete", f"{counts.delete:,}", counts.delete > 0),
        ("to create", f"{counts.create:,}", False),
        ("to update", f"{counts.update:,}", False),
        ("to stay", f"{counts.unchanged:,}", False),
        ("new lists", f"{len(face.new_lists):,}", False),
    )


def _effects(face: Face) -> Iterator[str]:
    """What Sailthru may do of its own once this is applied."""
    if face.joining:
        told = "1 person joins" if face.joining == 1 else f"{face.joining:,} people join"
        yield f"Side effect: {told} lists that may start journeys and mails at Sailthru."
    if changed := [one.name for one in face.vars if one.set or one.cleared]:
        told = explain.counted(len(changed), "var")
        yield f"Side effect: {told} will change, which may start journeys and mails too."


# The tables


def _changes(face: Face) -> Iterator[Part]:
    """What changes: by list, cause and field."""
    lists = sorted((one for one in face.lists if _touched(one)), key=lambda one: _risk(one, face))
    total = _total(face)
    columns = ("List", "Join#", "Change#", "Leave#", "Now → after#", "Fields", "Why")
    note = "Riskiest first: lists that are blocked, then by the share of members who leave, then who join."
    part = _part("lists", "Lists", columns, (_list(one, face) for one in lists), note)
    yield replace(part, flows=tuple(_flow(one, face) for one in lists[:ROWS]))
    causes = _causes(face)
    rows = ((cause, f"{count:,}", tell_share(count, total), place) for cause, count, place in causes)
    part = _part("causes", "Why", ("Cause", "Profiles#", "Share#", "Where"), rows, _untold(face))
    yield replace(part, share=tuple(_percent(count, total) for _, count, _ in causes))
    lines = sorted(face.spec_changes, key=lambda one: (-one.changes, one.place))
    rows = ((one.place, one.what, f"{one.changes:,}", ", ".join((*one.lists, *one.vars))) for one in lines)
    yield _part("spec", "Lines of the spec that changed", ("Line", "What", "Profiles#", "Lists and fields"), rows)
    fields = [one for one in face.vars if one.set or one.cleared]
    told = ((one.name, str(one.type), f"{one.set:,}", f"{one.cleared:,}") for one in fields)
    yield _part("fields", "Fields", ("Field", "Type", "Set#", "Cleared#"), told)
    yield _transitions(face)


def _untold(face: Face) -> str:
    """Why causes are not known, where they are not: somebody new is new without a memory."""
    known = sum(count for cause, count in face.causes.items() if cause != UNKNOWN)
    untold = face.no_ledger and known < _total(face)
    return f"Not told apart: {face.no_ledger}. The plan is right without." if untold else ""


def _touched(one: ListFace) -> bool:
    return bool(one.new or one.join or one.leave or one.change)


def _risk(one: ListFace, face: Face) -> tuple[object, ...]:
    """A list that a guard is about comes first, then who leaves, then who joins, by share and number."""
    breached = any(breach.scope == one.name for breach in face.breaches)
    return (not breached, -_percent(one.leave, one.before), -one.leave, -_percent(one.join, one.before), one.name)


def _list(one: ListFace, face: Face) -> tuple[str, ...]:
    name = one.name + (" (new)" if one.new else "") + (" (everybody we manage)" if one.name == face.registry else "")
    fields = sorted(one.fields.items(), key=lambda field: (-field[1], field[0]))
    told = [f"{name} {_few(count)} ({tell_share(count, one.before)})" for name, count in fields[:6] if count >= SMALL]
    few = sum(count < SMALL for _, count in fields)
    told += [f"{few} more, < {SMALL} each"] if few else []
    moves = (f"{count:,}" if count else "" for count in (one.join, one.change, one.leave))
    causes = sorted(one.causes.items(), key=lambda cause: (-cause[1], cause[0]))
    why = ", ".join(f"{cause} {tell_share(count, sum(one.causes.values()))}" for cause, count in causes if count)
    return (name, *moves, f"{one.before:,} → {one.after:,}", ", ".join(told), why)


def _flow(one: ListFace, face: Face) -> Flow:
    return Flow(one.name, one.before - one.leave, one.join, one.leave, _list(one, face)[5])


def _transitions(face: Face) -> Part:
    found = [(var, one) for var in face.vars for one in var.transitions]
    totals = {var.name: var.set + var.cleared for var in face.vars}
    rows = (
        (
            var.name,
            f"{explain.counted(one.small, 'other')}, {'each ' if one.small > 1 else ''}of < {SMALL}",
            "",
            _few(one.count),
            tell_share(one.count, totals[var.name]),
        )
        if one.small
        else (var.name, _value(one.old), _value(one.new), f"{one.count:,}", tell_share(one.count, totals[var.name]))
        for var, one in found
    )
    note = "Of fields with a few values only, and of values that enough people share."
    columns = ("Field", "From", "To", "Profiles#", "Share#")
    part = _part("transitions", "From which value to which", columns, rows, note)
    return replace(part, share=tuple(_percent(one.count, totals[var.name]) for var, one in found))


def _people(rows: Sequence[Row], *, reveal: bool) -> Part:
    title = "People, as they are" if reveal else "Samples (people masked)"
    return replace(_part("samples", title, ("", "Who", "What"), map(_cells, rows)), folded=True)


def _cells(row: Row) -> tuple[str, ...]:
    return row.glyph.strip(), _short(row.name), _short(row.told, 4 * LONGEST)


def _around(face: Face) -> Iterator[Part]:
    """What the plan stands on, and what it costs."""
    broken = {
        one.source: [told.term for told in face.violations if told.source == one.source] for one in face.violations
    }
    rows = (
        (
            one.name,
            f"{one.rows:,}",
            f"broken: {', '.join(broken[one.name])}" if one.name in broken else "nothing broken",
        )
        for one in face.sources
    )
    yield _part("sources", "Sources", ("Source", "Rows#", "Contract"), rows, _age(face))
    left = ((one.reason, one.source, f"{one.count:,}", ", ".join(one.samples)) for one in face.invalid)
    yield _part("left out", "Left out of the plan", ("Reason", "Source", "Rows#", "Such as"), left)
    told = [(str(one.guard), one.scope, f"{one.figure:,}", f"{one.limit:,}", one.where) for one in face.breaches]
    told += [(str(one.guard), one.scope, "allowed", f"{one.most:,}", "--allow") for one in face.allowed]
    within = "Each rule that is not named here is within its limit."
    rows_ = told or [("every rule", "", "within its limit", "", "")]
    yield _part("guards", "Guards", ("Rule", "About", "Figure#", "Limit#", "Where"), rows_, within if told else "")
    calls = [(name, f"{count:,}") for name, count in face.cost.calls.items()]
    note = f"At best {explain.lasting(face.cost)}, at our share of the account's limits." if calls else ""
    yield _part("cost", "Cost of apply", ("Call", "Calls#"), calls, note)
    referred = ((one.name, one.key) for one in face.references)
    yield replace(_part("references", "Secrets that the spec refers to", ("Secret", "Where"), referred), folded=True)
    yield _part(
        "variables", "Variables", ("Name", "Value"), ((name, str(value)) for name, value in face.variables.items())
    )


def _age(face: Face) -> str:
    if face.observation is None:
        return f"Read {_time(face.created_at)}, with the account."
    hours = explain.counted(face.observation.hours, "hour")
    return f"Read {_time(face.created_at)}; the account {_time(face.observation.taken_at)}, up to {hours} earlier."


def _foot(face: Face) -> tuple[str, ...]:
    return (
        f"Plan {face.plan_id}",
        f"mode {face.mode}",
        f"account at {face.account.url}",
        f"made {_time(face.created_at)} by {face.tool}",
        f"good until {_time(face.expires_at)}",
    )


# Words


def _part(name: str, title: str, columns: tuple[str, ...], rows: Iterable[Sequence[str]], note: str = "") -> Part:
    told = [tuple(_short(cell, 4 * LONGEST) for cell in row) for row in rows]
    return Part(name, title, columns, tuple(told[:ROWS]), note, more=max(0, len(told) - ROWS))


def _short(text: str, most: int = LONGEST) -> str:
    return text if len(text) <= most else f"{text[: most - 1]}…"


def _time(iso: str) -> str:
    """A time of a face for people: `2026-03-01 12:00 UTC`."""
    return datetime.fromisoformat(iso).astimezone(UTC).strftime("%Y-%m-%d %H:%M UTC")


def _value(text: str | None) -> str:
    return "nothing" if text is None else _short(text, 60)


def _few(count: int) -> str:
    return f"< {SMALL}" if count < SMALL else f"{count:,}"


def _percent(count: int, whole: int) -> float:
    return round(100 * count / whole, 2) if whole else 0.0

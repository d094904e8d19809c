"""A plan told to people: one walk makes a view, and text and JSON are that view written down.

What a pull request and a report show is made in `reconcile.review`.

Nobody is shown as themselves here unless the caller reveals them.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from reconcile.plan import causes, guards, people
from reconcile.plan.model import Cost, Face, Plan, RunKind, UndoFace
from reconcile.plan.people import Row
from reconcile.spec.model import Mode
from reconcile.state import values
from reconcile.state.identity import TAKEN

RUNS = {
    RunKind.CONFIG: "the spec is not the one that was last applied",
    RunKind.DATA: "the spec is as last applied",
}
"""What a kind of run means."""
REPEATED = 3
"""Breaches that stand at the end too: so many fit into 24 lines of 80 characters."""


UNVERIFIED = (
    "NOT VERIFIED: there is no API secret here to verify this plan with, so anybody may have written it or changed it."
)
"""What is said before all else of a plan whose code was not checked."""


@dataclass(frozen=True, slots=True)
class Section:
    """A headed block of rows."""

    title: str
    rows: tuple[Row, ...]


@dataclass(frozen=True, slots=True)
class View:
    """A plan as it is told: what blocks it, a heading, what to look at, the sections, and the last line."""

    blocked: tuple[str, ...]
    heading: str
    notes: tuple[str, ...]
    sections: tuple[Section, ...]
    summary: str
    details: Mapping[str, Any]
    verified: bool = True


def view(plan: Plan, *, reveal: bool = False) -> View:
    """Walk a plan once.

    Args:
        reveal: show the first actions with the people and values in them; needs the plan's file.
    """
    face = plan.face
    rows = people.revealed(plan) if reveal else [people.sampled(sample) for sample in face.samples]
    sections = (
        Section("Profiles", tuple(_kinds(face))),
        Section("Lists", tuple(_lists(face))),
        Section("Vars", tuple(_vars(face))),
        Section("Why", tuple(_why(face))),
        Section("One by one" if reveal else "For example", tuple(rows)),
        Section("Left out of the plan", tuple(_left_out(face))),
        Section("Variables", tuple(Row(" ", name, str(value)) for name, value in sorted(face.variables.items()))),
        Section("Secrets that the spec refers to", tuple(Row(" ", one.name, one.key) for one in face.references)),
        Section("Sources", tuple(Row(" ", one.name, counted(one.rows, "row")) for one in face.sources)),
        Section("Cost of apply", tuple(_cost(face))),
    )
    return View(
        blocked=tuple(blocked(face)),
        heading=f"Plan {face.plan_id} for {face.account.name} at {face.account.url} ({how(face)})",
        notes=(*notes(face), *_journeys(face)),
        sections=tuple(section for section in sections if section.rows),
        summary=summary(face),
        details=face.model_dump(mode="json"),
        verified=plan.verified,
    )


def _why(face: Face) -> Iterator[Row]:
    """What kind of run it is, and the causes; or why nobody knows them."""
    if face.empty:
        return
    if face.ledger is None:
        if face.no_ledger:
            yield Row(" ", "not known", f"{face.no_ledger}; the plan is right without")
        return
    yield Row(" ", f"{face.kind} run", RUNS[face.kind])
    total = face.counts.create + face.counts.update + face.counts.delete
    ranked = causes.rank(face.causes, face.spec_changes, total, undoes=face.undoes is not None)
    yield Row(" ", "causes", causes.sentence(ranked, total))
    for one in face.spec_changes:
        yield Row("~", one.place, f"{one.what}: {_profiles(one.changes)}")


def how(face: Face) -> str:
    """Mode and environment."""
    return f"mode {face.mode}" + (f", environment {face.environment}" if face.environment else "")


def summary(face: Face) -> str:
    """The last line of every plan."""
    if face.empty:
        return "No changes."
    counts, lists = face.counts, len(face.new_lists)
    told = f"{_profiles(counts.create)} to create, {counts.update:,} to update, {counts.delete:,} to delete"
    return f"Plan: {told}; {lists:,} {'list' if lists == 1 else 'lists'} to create."


def text(view: View) -> Iterator[str]:
    """The view as lines for a terminal."""
    if not view.verified:
        yield UNVERIFIED
        yield ""
    yield from _first(view.blocked, head="", item="  ! ")
    yield view.heading
    for note in view.notes:
        yield f"  ! {note}"
    for section in view.sections:
        yield ""
        yield section.title
        width = max(len(row.name) for row in section.rows)
        for row in section.rows:
            yield f"  {row.glyph} {row.name:<{width}}  {row.told}".rstrip()
    yield ""
    yield view.summary
    yield from _last(view.blocked)


def as_json(view: View) -> dict[str, Any]:
    """The view as one JSON object: what blocks the plan, then its face, with what is told of it."""
    told = asdict(view)
    return {
        "verified": view.verified,
        "blocked": told["blocked"],
        **told.pop("details"),
        "summary": told["summary"],
        "notes": told["notes"],
    }


def _profiles(count: int) -> str:
    return counted(count, "profile")


def _people(count: int) -> str:
    return "1 person" if count == 1 else f"{count:,} people"


def counted(count: int, noun: str) -> str:
    """`1 list`, `2 lists`."""
    return f"{count:,} {noun}" if count == 1 else f"{count:,} {noun}s"


def _first(lines: Sequence[str], *, head: str, item: str) -> Iterator[str]:
    """What blocks a plan, before anything else."""
    yield from (f"{item if index else head}{line}" for index, line in enumerate(lines))
    if lines:
        yield ""


def _last(blocked: Sequence[str]) -> Iterator[str]:
    """What blocks a plan once more: on a small terminal the first lines have scrolled away."""
    for index, line in enumerate(blocked[: REPEATED + 1]):
        yield f"  ! {line}" if index else line
    if more := blocked[REPEATED + 1 :]:
        yield f"  ! And {len(more):,} more, which stand on top."


def blocked(face: Face) -> Iterator[str]:
    """What blocks a plan, in lines."""
    count = len(face.breaches)
    if count:
        told = "a guard is" if count == 1 else f"{count} guards are"
        yield f"BLOCKED: {told} breached, so apply refuses this plan."
    yield from (guards.sentence(one) for one in face.breaches)


def _times(face: Face) -> Iterator[str]:
    if face.as_of[:10] != face.created_at[:10]:
        yield f"Relative dates count from {face.as_of} (--as-of), and not from the day it was made."
    if face.observation is not None:
        yield (
            f"Made from a kept observation of {face.observation.taken_at}, {_age(face.observation.age)} old: what "
            "happened at the account since is not in this plan."
        )


def notes(face: Face) -> Iterator[str]:
    """What to look at before anything else, deletions first."""
    counts = face.counts
    if face.another_account:
        yield face.another_account
    if counts.delete:
        yield f"{_profiles(counts.delete)} will be deleted for good, history and opt-outs included."
    yield from _types(face)
    if face.undoes is not None:
        yield from _undoes(face.undoes)
    yield from _hands(face)
    yield from _consent(face)
    if face.allowed:
        yield f"Allowed for this plan: {', '.join(str(one) for one in face.allowed)}."
    yield from _times(face)
    if face.mode is Mode.OBSERVE:
        yield "The spec only observes (policy.mode: observe): this plan cannot be applied."
    if face.held_by_mode:
        told = ", ".join(f"{count:,} to {kind}" for kind, count in face.held_by_mode.items())
        yield f"Held back by mode {face.mode}: {told}."
    yield from (f"{one.sentence[:1].upper()}{one.sentence[1:]}." for one in face.violations)
    if face.violations:
        removals, deletions = (face.held_by_contract.get(name, 0) for name in ("removals", "deletions"))
        yield f"Held back until the contract holds: {_profiles(removals)} to take off lists, {deletions:,} to delete."
    if face.unlooked:
        yield (
            f"{_profiles(face.unlooked)} counted as new may exist already: more than policy.lookups allows to look up. "
            + (_UNSEEN if face.counts.unseen else "They are brought to the same state either way; ")
            + "whether they opted out is not known."
        )
    if face.unconfirmed:
        told = "not looked up (policy.lookups). Apply looks before it deletes."
        yield f"{_profiles(face.unconfirmed)} that left {_were(face.unconfirmed)} {told}"


_UNSEEN = (
    "Apply looks at each before it writes, one by one, and writes nothing where a profile keeps another key: raise "
    "policy.lookups to know it in the plan; "
)


def _types(face: Face) -> Iterator[str]:
    """Vars whose values are of another JSON type than the account has."""
    changed = [(one, one.before) for one in face.retyped if one.before is not None]
    if changed and face.undoes is None:
        what = "the type of a var" if len(changed) == 1 else f"the types of {len(changed)} vars"
        told = ", ".join(
            f"{one.name} was {values.json_type(before)} and is {values.json_type(one.type)}" for one, before in changed
        )
        yield (
            f"This changes {what}: {told}. What reads the same keeps its type at Sailthru until it is written again; "
            'to keep the type for all, say it: "type" of the property.'
        )
    for one in face.retyped:
        if one.found:
            kind = values.json_type(one.type)
            yield f"{_profiles(one.found)} with a {one.name} that is no {kind} at Sailthru: it is written as {kind}."


def _journeys(face: Face) -> Iterator[str]:
    if any(one.join for one in face.lists) or any(one.set or one.cleared for one in face.vars):
        yield "Joining a list or changing a var may start journeys and mails at Sailthru."


def _age(seconds: int) -> str:
    minutes = seconds // 60
    return counted(minutes, "minute") if minutes < 120 else f"{minutes / 60:,.1f} hours"


def _were(count: int) -> str:
    return "was" if count == 1 else "were"


def _undoes(undoes: UndoFace) -> Iterator[str]:
    """What is taken back, what is left alone, and what cannot be undone."""
    yield f"Takes back run {undoes.run}. Revert the spec too, or the next plan does it all again."
    told = {
        "changed": "changed since and left alone: their vars or lists are no longer as the run left them",
        "gone": "left alone: no longer there, or under another address",
        "unlooked": "left alone: on none of our lists, and more than policy.lookups allows to look up",
    }
    yield from (f"{_profiles(getattr(undoes, name))} {text}." for name, text in told.items() if getattr(undoes, name))
    if undoes.unverified:
        yield f"{counted(undoes.unverified, 'action')} of the run left alone: nobody knows whether they were done."
    forever = {
        "deleted": "deleted by the run: they cannot be brought back.",
        "created": "created by the run: they stay at the account, with their key alone and off our lists.",
        "moved": "given a new e-mail address by the run: they keep it.",
    }
    yield from (f"{_profiles(getattr(undoes, name))} {text}" for name, text in forever.items() if getattr(undoes, name))
    if undoes.lists:
        yield f"{counted(len(undoes.lists), 'list')} created by the run: they stay ({', '.join(undoes.lists)})."
    if undoes.foreign:
        yield f"{counted(undoes.foreign, 'value')} of another type than its var cannot be put back."
    if undoes.unseen:
        unknown = "not looked at before the run: what was there then is not known."
        yield f"{_profiles(undoes.unseen)} {_were(undoes.unseen)} {unknown}"


def _hands(face: Face) -> Iterator[str]:
    """Addresses that change hands."""
    counts = face.counts
    if counts.room:
        told = f", {counts.temporary:,} of them at a temporary address for a moment" if counts.temporary else ""
        yield f"Addresses change hands: {_profiles(counts.room)} will make room for other people first{told}."
    if counts.adopted:
        yield (
            f"{_people(counts.adopted)} will have a new e-mail address that a profile has already: that one is theirs "
            "from now on, and the one they had is treated as one that left. Two profiles are never merged."
        )
    if counts.duplicates:
        keeps = "keeps" if counts.duplicates == 1 else "keep"
        yield (
            f"{_profiles(counts.duplicates)} {keeps} the key of somebody who has another: the one with their address "
            "is theirs, and the other leaves our lists and stays as it is. Delete it at Sailthru if nobody needs it."
        )
    taken = sum(one.count for one in face.invalid if one.reason == TAKEN)
    if taken:
        yield (
            f"{_people(taken)} cannot have their address: "
            "it is that of a profile of somebody else, who stays. Nothing is done about them until it is gone: delete "
            "that profile at Sailthru, or give it another address or their key, and plan again."
        )


def _consent(face: Face) -> Iterator[str]:
    """What is known of opt-outs. Nothing that we send subscribes anybody, whatever is known."""
    consent = face.consent
    if consent.touched:
        yield (
            f"{_profiles(consent.touched)} of this plan opted out, as far as can be known; "
            "nothing here subscribes them again."
        )
    if consent.joining:
        told = ", ".join(f"{name} ({count:,})" for name, count in consent.joins.items())
        yield f"{_profiles(consent.joining)} that opted out would join a list: {told}."
    if consent.deleted:
        yield (
            f"{_profiles(consent.deleted)} that opted out would be deleted: their opt-out history goes with them, "
            "so whoever of them is added again is mailed again."
        )


def _kinds(face: Face) -> Iterator[Row]:
    """Profiles by what is to be done with them; nothing where nothing is."""
    counts = face.counts
    strangers = f" ({face.strangers:,} put there by somebody else)" if face.strangers else ""
    rows = (
        ("-", "delete", counts.delete, ", who left"),
        ("+", "create", counts.create, ""),
        ("~", "change", counts.update - counts.unlist - counts.moved, ""),
        ("~", "new e-mail address", counts.moved, ""),
        ("~", "take off our lists", counts.unlist, strangers),
    )
    told = [Row(glyph, name, f"{count:,}{more}") for glyph, name, count, more in rows if count]
    if told:
        yield from told
        yield Row(" ", "leave as they are", f"{counts.unchanged:,}" if counts.unchanged else "nobody")


def _lists(face: Face) -> Iterator[Row]:
    for one in face.lists:
        if not (one.new or one.join or one.leave):
            continue
        moves = moving(one.join, one.leave)
        told = f"{one.before:,} → {counted(one.after, 'member')}" + (f" ({moves})" if moves else "")
        told += ", to create" if one.new else ""
        told += "; everybody we manage" if one.name == face.registry else ""
        yield Row("+" if one.new else "~", one.name, told)


def moving(join: int, leave: int) -> str:
    """How many join and leave, as far as any do."""
    return ", ".join(f"{count:,} {word}" for word, count in (("join", join), ("leave", leave)) if count)


def _vars(face: Face) -> Iterator[Row]:
    for one in face.vars:
        told = [f"set for {one.set:,}"] if one.set else []
        told += [f"cleared for {one.cleared:,}"] if one.cleared else []
        if told:
            yield Row("~", one.name, f"{', '.join(told)} ({one.type})")


def _left_out(face: Face) -> Iterator[Row]:
    for one in face.invalid:
        told = f"{one.count:,}, such as {', '.join(one.samples)}" if one.samples else f"{one.count:,}"
        yield Row("!", f"{one.reason} ({one.source})", told)


def _cost(face: Face) -> Iterator[Row]:
    for name, calls in face.cost.calls.items():
        yield Row(" ", name, counted(calls, "call"))
    if face.cost.calls:
        yield Row(" ", "at best", f"{lasting(face.cost)} at our share of the account's limits")


def lasting(cost: Cost) -> str:
    """How long an apply takes at best."""
    return "under a minute" if cost.minutes < 1 else f"about {cost.minutes:,.0f} minutes"

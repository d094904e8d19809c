"""Answers about plans, told to people: the part that somebody asked for, and two plans beside each other.

Views as in `explain`, so every form of a plan is one of theirs too.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import asdict

from reconcile.plan import explain, people
from reconcile.plan.comparing import Change, Difference
from reconcile.plan.explain import Section, View
from reconcile.plan.model import Face, Plan
from reconcile.plan.people import Row
from reconcile.plan.picking import Op, Picked


def asked(plan: Plan, picked: Picked, *, reveal: bool = False) -> View:
    """The part of a plan that somebody asked for."""
    face, hidden = plan.face, people.pii(plan.face)
    rows = [people.as_is(one, hidden) if reveal else people.masked(one, picked.masks) for one in picked.shown]
    if picked.count > len(rows):
        rows.append(Row(" ", f"and {picked.count - len(rows):,} more", ""))
    causes = {cause or "not known": count for cause, count in picked.causes.items()}
    sections = (
        Section("Actions", tuple(Row(" ", _named(op), f"{count:,}") for op, count in picked.ops.items())),
        Section("Causes", tuple(Row(" ", cause, f"{count:,}") for cause, count in causes.items())),
        Section("Lists", tuple(Row("~", name, explain.moving(*moves)) for name, moves in picked.lists.items())),
        Section("Vars", tuple(Row("~", name, f"changed for {count:,}") for name, count in picked.fields.items())),
        Section("One by one", tuple(rows)),
    )
    total = face.counts.total + len(face.new_lists)
    told = f"Asked for: {_question(picked, reveal=reveal)}. {picked.count:,} of {explain.counted(total, 'action')}."
    return View(
        blocked=tuple(explain.blocked(face)),
        heading=f"Plan {face.plan_id} for {face.account.name} at {face.account.url} ({explain.how(face)})",
        notes=(),
        sections=tuple(section for section in sections if section.rows),
        summary=told,
        details={
            "plan_id": face.plan_id,
            "count": picked.count,
            "ops": {op.value: count for op, count in picked.ops.items()},
            "causes": causes,
            "lists": {name: {"join": join, "leave": leave} for name, (join, leave) in picked.lists.items()},
            "vars": dict(picked.fields),
            "actions": [asdict(row) for row in rows],
        },
        verified=plan.verified,
    )


def difference(found: Difference) -> View:
    """What the second of two plans does that the first does not."""
    first, second = found.first, found.second
    lists = ((f"{name}: {way}", change) for (name, way), change in found.lists.items())
    kinds = (
        ("Actions", ((_named(op), change) for op, change in found.ops.items())),
        ("Lists", lists),
        ("Vars", found.fields.items()),
    )
    sections = [
        Section(title, tuple(Row("~", name, _beside(change)) for name, change in rows)) for title, rows in kinds
    ]
    guarded = [Row("!", str(one.guard), one.told) for one in found.breached]
    guarded += [Row(" ", str(one.guard), "is not breached any more") for one in found.mended]
    sections.append(Section("Guards", tuple(guarded)))
    same = " (the same plan)" if first.plan_id == second.plan_id else ""
    shared = f"{explain.counted(found.same, 'action')} {'is' if found.same == 1 else 'are'} the same in both."
    return View(
        blocked=(),
        heading=f"Plan {second.plan_id} beside {first.plan_id}{same}: what it adds, and what it drops",
        notes=tuple(_apart(first, second)),
        sections=tuple(section for section in sections if section.rows),
        summary="Both do the same." if found.none else shared,
        details={
            "first": first.plan_id,
            "second": second.plan_id,
            "same": found.same,
            "ops": {op.value: asdict(change) for op, change in found.ops.items()},
            "lists": _by_list(found),
            "vars": {name: asdict(change) for name, change in found.fields.items()},
            "breached": [one.model_dump(mode="json") for one in found.breached],
            "mended": [one.model_dump(mode="json") for one in found.mended],
        },
        verified=found.verified,
    )


def _beside(change: Change) -> str:
    return ", ".join(f"{count:,} {word}" for count, word in ((change.more, "added"), (change.less, "dropped")) if count)


def _named(op: Op) -> str:
    """A kind of actions; what is counted in `update` too says so."""
    return f"update: {op}" if op in (Op.MOVE, Op.UNLIST) else op.value


def _by_list(found: Difference) -> dict[str, dict[str, dict[str, int]]]:
    told: dict[str, dict[str, dict[str, int]]] = {}
    for (name, way), change in found.lists.items():
        told.setdefault(name, {})[way] = asdict(change)
    return told


def _apart(first: Face, second: Face) -> Iterator[str]:
    """That two plans are about something else, or made by another spec or mode."""
    kinds = (
        ("accounts", first.account.name, second.account.name),
        ("environments", first.environment or "none", second.environment or "none"),
        ("modes", str(first.mode), str(second.mode)),
    )
    yield from (f"They are of different {what}: {one}, {other}." for what, one, other in kinds if one != other)
    if first.spec_digest != second.spec_digest:
        yield "The spec was changed in between."


def _question(picked: Picked, *, reveal: bool) -> str:
    wanted = picked.wanted
    kinds = (
        ("list", wanted.lists),
        ("field", wanted.fields),
        ("cause", wanted.causes),
        ("op", wanted.ops),
        ("key", wanted.keys if reveal else picked.people),
    )
    return ", and ".join(f"{what} {' or '.join(words)}" for what, words in kinds if words)

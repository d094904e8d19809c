"""From changes to a plan: what the policy lets us do about each, in which order, and what it comes to."""

from __future__ import annotations

import dataclasses
import functools
import itertools
import operator
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

import ibis

from reconcile.plan import actions, addresses, archive, causes, details, faces, guards, weighing
from reconcile.plan.model import Face, Plan, Stage
from reconcile.plan.setting import Setting
from reconcile.spec import references
from reconcile.spec.model import Mode, OnLeave, Policy, Spec
from reconcile.state import diff, identity, steps
from reconcile.state.desired import Desired
from reconcile.state.masks import Masks
from reconcile.state.model import Rows, Shape
from reconcile.state.observed import Observed, without_held
from reconcile.state.workspace import Workspace


def build(desired: Desired, observed: Observed, setting: Setting, path: Path | None) -> Plan:
    """Make the plan that turns `observed` into `desired`, as far as the policy goes.

    Args:
        path: where to keep the plan with its actions; None to keep the face only.
    """
    workspace = setting.workspace
    with steps.step(setting.progress, "comparing") as step:
        changes = compare(desired, observed.rows, workspace)
        step.advance(workspace.count(changes))
    with steps.step(setting.progress, "weighing the plan"):
        why = causes.Why.of(setting.memory, setting.spec, desired.shape, workspace)
        within = bounds(desired, observed, setting.spec, setting.policy, workspace, setting.masks)
        decision = settle(changes, desired, observed, within, why)
        face = _weighed(desired, observed, decision, why, setting)
    with steps.step(setting.progress, "writing the plan", unit="actions") as step:
        lines = itertools.chain(
            [actions.list_lines(face.new_lists)],
            _body(decision.decided, decision.settled.room, desired.shape, workspace),
        )
        written = archive.write(face, _counted(lines, step), path or workspace.folder / "plan", setting.keys)
        step.advance(face.counts.total)
    return written if path is not None else written.face_only()


@dataclass(frozen=True, slots=True)
class Decision:
    """What is to be done about changes.

    Args:
        settled: the changes that can be made, whatever the policy says of them.
        free: what the policy does about them.
        decided: the same, less what a broken contract of a source holds back.
    """

    settled: addresses.Settled
    free: Rows
    decided: Rows


def compare(desired: Desired, observed: Rows, workspace: Workspace) -> Rows:
    """The changes that turn `observed` into `desired`, second profiles of one person marked."""
    changes = workspace.keep("changes", diff.between(desired.rows, observed, desired.shape, desired.left_open))
    changes = without_held(changes, desired, workspace)
    return identity.mark_duplicates(changes, desired.owned, desired.shape, workspace)


def bounds(
    desired: Desired, observed: Observed, spec: Spec, policy: Policy, workspace: Workspace, masks: Masks
) -> addresses.Setting:
    """What addresses are settled in; nothing is deleted while a source breaks its contract."""
    hold, unseen = bool(desired.violations), observed.keyed and observed.unlooked > 0
    return addresses.Setting(policy, desired.shape, workspace, masks, spec.profiles.from_, hold=hold, unseen=unseen)


def settle(changes: Rows, desired: Desired, observed: Observed, bounds: addresses.Setting, why: causes.Why) -> Decision:
    """Say what becomes of each change: by the addresses that people can have, and by the policy."""
    workspace, policy, shape = bounds.workspace, bounds.policy, desired.shape
    settled = addresses.settle(changes, observed.rows, bounds)
    decided = free = workspace.keep("decided", why.traced(decide(settled.changes, shape, policy)))
    if desired.violations:
        decided = workspace.keep("decided held", why.traced(decide(settled.changes, shape, policy, hold=True)))
    return Decision(settled, free, decided)


def _weighed(desired: Desired, observed: Observed, decision: Decision, why: causes.Why, setting: Setting) -> Face:
    """The face, with what is held back while a source breaks its contract."""
    workspace, settled, decided = setting.workspace, decision.settled, decision.decided
    face = _guarded(faces.of(desired, observed, settled, decided, setting), observed, decided, setting)
    if (told := why.told(decided)) is not None:
        face = _caused(face, told)
    if desired.violations:
        held = {
            "held_by_mode": faces.held(settled.changes, decision.free, workspace),
            "held_by_contract": faces.held_back(decision.free, desired.shape, workspace),
        }
        face = face.model_copy(update=held)
    return face


def _caused(face: Face, told: causes.Told) -> Face:
    """The face with counts by cause."""
    lists = tuple(one.model_copy(update={"causes": told.lists.get(one.name, {})}) for one in face.lists)
    vars_ = tuple(one.model_copy(update={"causes": told.vars.get(one.name, {})}) for one in face.vars)
    found = {"causes": told.causes, "causes_by_op": told.by_op, "spec_changes": told.lines}
    return face.model_copy(update=found | {"lists": lists, "vars": vars_})


def _counted(lines: Iterable[bytes | memoryview], step: steps.Step) -> Iterator[bytes | memoryview]:
    for piece in lines:
        yield piece
        step.advance(0, size=len(piece))


def decide(changes: Rows, shape: Shape, policy: Policy, *, hold: bool = False) -> Rows:
    """What the policy does about each change: the changes that are left, with `op`, `stage` and `cause`.

    `additive` takes nobody off a list and leaves those who left alone; `enrich` does what `additive` does, and only to
    profiles that exist.

    Args:
        hold: nobody is taken off a list and nothing is deleted, whatever the mode.
    """
    gone = changes.kind == "leave"
    ours = changes[f"leave:{shape.registry.list}"]
    edits: dict[str, Rows] = {}
    if hold or policy.mode in (Mode.ADDITIVE, Mode.ENRICH):
        edits |= {f"leave:{one.list}": ibis.literal(value=False) for one in shape.memberships}
    left = gone & ours & ~changes.duplicate
    if policy.on_leave is OnLeave.CLEAR:
        # Without its key the profile would be taken for that of whoever has the address next.
        edits |= {
            f"set:{var.name}": changes[f"set:{var.name}"] | (left & changes[f"old:{var.name}"].notnull())
            for var in shape.vars
            if var.name != shape.identity
        }
    deletes = left if policy.on_leave is OnLeave.DELETE else ibis.literal(value=False)
    rows = changes.mutate(
        **edits,
        op=ibis.ifelse(deletes, "delete", "upsert"),
        stage=ibis.cases((deletes, int(Stage.DELETIONS)), (gone, int(Stage.REMOVALS)), else_=int(Stage.UPSERTS)),
        # A newcomer is new, and a stranger on our list was put there by hand; the rest needs a memory of last time.
        cause=ibis.cases((changes.kind == "create", "new"), (gone & ~ours, "drift"), else_=ibis.null("string")),
    )
    allowed = functools.reduce(operator.or_, (rows.kind == kind for kind in _kinds(policy.mode, hold=hold)))
    effect = (rows["op"] == "delete") | (rows.kind == "create") | rows.moved
    return rows.filter(allowed & (effect | diff.any_of(rows, diff.differences(shape))))


def _kinds(mode: Mode, *, hold: bool) -> tuple[str, ...]:
    match mode:
        case Mode.ENRICH:
            return ("update",)
        case Mode.ADDITIVE:
            return ("create", "update")
        case Mode.SYNC | Mode.OBSERVE:
            return ("create", "update") if hold else ("create", "update", "leave")


def _body(decided: Rows, room: Rows | None, shape: Shape, workspace: Workspace) -> Iterator[bytes | memoryview]:
    if room is not None:
        yield from workspace.text(addresses.lines(room))
    yield from workspace.text(actions.lines(decided, shape))


def _guarded(face: Face, observed: Observed, decided: Rows, setting: Setting) -> Face:
    """The face with what guards and consent have to say."""
    spec, workspace = setting.spec, setting.workspace
    known = workspace.keep("known", weighing.known(decided, observed.rows, face.shape))
    face = face.model_copy(update={"consent": weighing.consent(known, face.shape, workspace)})
    face = details.add(face, known, decided, setting.masks, workspace)
    heads = weighing.heads(face, known, setting)
    if setting.base is not None:
        heads = dataclasses.replace(heads, new_references=_new_references(spec, setting.base))
    found = guards.breaches(heads, spec.policy.guards, setting.allowed, spec.where)
    if (base := setting.base) is not None:
        # A limit of the base holds for its list, and for its group, whatever the change makes of ids and names.
        heads = dataclasses.replace(heads, groups={**spec.lists, **base.lists})
        found = guards.stricter(found, guards.breaches(heads, base.policy.guards, setting.allowed, base.where))
    return face.model_copy(update={"breaches": found, "allowed": setting.allowed})


def _new_references(spec: Spec, base: Spec) -> dict[str, tuple[list[str], str]]:
    """Secret -> where the spec refers to it and the base does not: the keys, and the first place."""
    found: dict[str, tuple[list[str], str]] = {}
    for one in references.find_new(spec, base):
        keys, _ = found.setdefault(one.reference.told, ([], str(spec.where(*one.path) or "")))
        keys.append(one.key)
    return found

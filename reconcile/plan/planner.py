"""From changes to a plan: what the policy lets us do about each, in which order, and what it comes to."""

from __future__ import annotations

import dataclasses
import functools
import itertools
import operator
from collections.abc import Iterable, Iterator
from pathlib import Path

import ibis

from reconcile.plan import actions, addresses, archive, causes, details, faces, guards, weighing
from reconcile.plan.model import Face, Plan, Stage
from reconcile.plan.setting import Setting
from reconcile.spec.model import Mode, OnLeave, Policy, Spec
from reconcile.state import diff, steps
from reconcile.state.desired import Desired
from reconcile.state.masks import Masks
from reconcile.state.model import Rows, Shape
from reconcile.state.observed import Observed
from reconcile.state.workspace import Workspace


def build(desired: Desired, observed: Observed, setting: Setting, path: Path | None) -> Plan:
    """Make the plan that turns `observed` into `desired`, as far as the policy goes.

    Args:
        path: where to keep the plan with its actions; None to keep the face only.
    """
    workspace = setting.workspace
    with steps.step(setting.progress, "comparing") as step:
        changes = workspace.keep("changes", diff.between(desired.rows, observed.rows, desired.shape))
        step.advance(workspace.count(changes))
    with steps.step(setting.progress, "weighing the plan"):
        settled = addresses.settle(changes, observed.rows, hands(desired, setting.spec, workspace, setting.masks))
        face, decided = _weighed(desired, observed, settled, setting)
    with steps.step(setting.progress, "writing the plan", unit="actions") as step:
        lines = itertools.chain(
            [actions.list_lines(face.new_lists)], _body(decided, settled.room, desired.shape, workspace)
        )
        written = archive.write(face, _counted(lines, step), path or workspace.folder / "plan")
        step.advance(face.counts.total)
    return written if path is not None else written.face_only()


def hands(desired: Desired, spec: Spec, workspace: Workspace, masks: Masks) -> addresses.Setting:
    """What addresses are settled in; nothing is deleted while a source breaks its contract."""
    hold = bool(desired.violations)
    return addresses.Setting(spec.policy, desired.shape, workspace, masks, spec.profiles.from_, hold=hold)


def _weighed(desired: Desired, observed: Observed, settled: addresses.Settled, setting: Setting) -> tuple[Face, Rows]:
    """The face, and what is to be done; less of it while a source breaks its contract."""
    workspace, policy, changes, shape = setting.workspace, setting.policy, settled.changes, desired.shape
    why = causes.Why.of(setting.memory, setting.spec, shape, workspace, setting.masks)
    decided = free = workspace.keep("decided", why.traced(decide(changes, shape, policy)))
    if desired.violations:
        decided = workspace.keep("decided held", why.traced(decide(changes, shape, policy, hold=True)))
    face = _guarded(faces.of(desired, observed, settled, decided, setting), observed, decided, setting)
    if (told := why.told(decided)) is not None:
        face = _caused(face, told)
    if desired.violations:
        held = {
            "held_by_mode": faces.held(changes, free, workspace),
            "held_by_contract": faces.held_back(free, desired.shape, workspace),
        }
        face = face.model_copy(update=held)
    return face, decided


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

    `additive` takes nobody off a list and leaves those who left alone; `enrich` writes only to profiles that exist.

    Args:
        hold: nobody is taken off a list and nothing is deleted, whatever the mode.
    """
    gone = changes.kind == "leave"
    ours = changes[f"leave:{shape.registry.list}"]
    edits: dict[str, Rows] = {}
    if hold or policy.mode is Mode.ADDITIVE:
        edits |= {f"leave:{one.list}": ibis.literal(value=False) for one in shape.memberships}
    if policy.on_leave is OnLeave.CLEAR:
        edits |= {
            f"set:{var.name}": changes[f"set:{var.name}"] | (gone & ours & changes[f"old:{var.name}"].notnull())
            for var in shape.vars
        }
    deletes = gone & ours if policy.on_leave is OnLeave.DELETE else ibis.literal(value=False)
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
    found = guards.breaches(heads, spec.policy.guards, setting.allowed, spec.where)
    if (base := setting.base) is not None:
        # A limit of the base holds for its list, and for its group, whatever the change makes of ids and names.
        heads = dataclasses.replace(heads, groups={**spec.lists, **base.lists})
        found = guards.stricter(found, guards.breaches(heads, base.policy.guards, setting.allowed, base.where))
    return face.model_copy(update={"breaches": found, "allowed": setting.allowed})

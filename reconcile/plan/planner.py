"""From changes to a plan: what the policy lets us do about each, in which order, and what it comes to."""

from __future__ import annotations

import functools
import importlib.metadata
import itertools
import operator
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any, assert_never

import ibis

from reconcile.plan import actions, addresses, archive, causes, costs, details, guards, integrity, weighing
from reconcile.plan.model import (
    AccountFace,
    Allowance,
    Conduct,
    Counts,
    Face,
    ListFace,
    ObservationFace,
    Plan,
    Route,
    Sample,
    Stage,
    UndoFace,
    VarFace,
)
from reconcile.spec import definitions
from reconcile.spec.model import Mode, OnLeave, Policy, Routing, Spec
from reconcile.state import diff, steps
from reconcile.state.desired import Desired
from reconcile.state.masks import Masks
from reconcile.state.model import Progress, Rows, Shape, Silent
from reconcile.state.observed import Observed
from reconcile.state.workspace import Workspace

DISTRIBUTION = "sailthru-reconcile"
SAMPLES = 5
"""Masked samples shown of each kind of change."""


@dataclass(frozen=True, slots=True)
class Setting:
    """What a plan is made in: things that are the same for every row.

    Args:
        as_of: the clock of relative dates.
        url: where the account answers, references resolved.
        quota: calls a minute we may make, by method and endpoint (`POST /user`), for the estimate.
        fingerprint: of the account's API key, see `integrity.fingerprint`.
        made_at: when the plan is made, if not at `as_of`.
        last_good: rows of each source at the last apply that converged; None where nobody remembers.
        allowed: limits of the guards that are raised for this plan.
        base: the spec whose guards hold too, whichever is stricter; None for those of `spec` alone.
        memory: what was last applied, to tell causes by.
        observed_at: when the kept observation was taken that the plan is made from; None for a fresh look.
        undoes: what the plan takes back, if it is an inverse one.
        progress: hears of every step.
    """

    spec: Spec
    workspace: Workspace
    masks: Masks
    as_of: datetime
    url: str
    quota: Mapping[str, float]
    fingerprint: str = ""
    made_at: datetime | None = None
    last_good: Mapping[str, int] | None = None
    allowed: tuple[Allowance, ...] = ()
    base: Spec | None = None
    memory: causes.Memory = field(default_factory=causes.Memory)
    observed_at: datetime | None = None
    undoes: UndoFace | None = None
    progress: Progress = field(default_factory=Silent)

    @property
    def policy(self) -> Policy:
        """What the plan may do. One that takes another back may take off a list whoever that has put there."""
        policy = self.spec.policy
        if self.undoes is None or policy.mode is Mode.OBSERVE:
            return policy
        return policy.model_copy(update={"mode": Mode.SYNC})


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
    face = _guarded(_face(desired, observed, settled, decided, setting), observed, decided, setting)
    if (told := why.told(decided)) is not None:
        face = _caused(face, told)
    if desired.violations:
        held = {
            "held_by_mode": _held(changes, free, workspace),
            "held_by_contract": _left(free, desired.shape, workspace),
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


def _face(desired: Desired, observed: Observed, settled: addresses.Settled, decided: Rows, setting: Setting) -> Face:
    spec, workspace, shape = setting.spec, setting.workspace, desired.shape
    sums = workspace.one(decided.aggregate(**_sums(decided, shape)))
    counts = _counts(sums, desired.total, settled, _adopted(decided, shape, workspace))
    route = _route(spec.policy, counts)
    lists = tuple(
        _list(one.list, one.list in observed.missing, observed.members[one.list], sums) for one in shape.memberships
    )
    made_at = setting.made_at or setting.as_of
    return Face(
        tool=f"reconcile {importlib.metadata.version(DISTRIBUTION)}",
        created_at=made_at.isoformat(timespec="seconds"),
        expires_at=integrity.expiry(made_at, spec.policy.expires_hours),
        as_of=setting.as_of.isoformat(timespec="seconds"),
        account=_account(spec, setting),
        state=spec.state,
        environment=spec.environment,
        variables=spec.variables,
        spec_digest=spec.digest,
        mode=setting.policy.mode,
        on_leave=spec.policy.on_leave,
        at_once=spec.policy.at_once,
        share=spec.policy.share,
        job_hours=spec.policy.job_hours,
        export_again=spec.policy.export_again,
        conduct=_conduct(spec.policy),
        route=route,
        registry=shape.registry.list,
        identity=shape.identity,
        counts=counts,
        causes={"new": counts.create, "drift": sums["n:drift"] or 0},
        strangers=int(sums["n:drift"] or 0),
        kind=causes.kind_of(spec, setting.memory),
        ledger=causes.face_of(setting.memory.ledger),
        no_ledger=setting.memory.lacking,
        definitions=definitions.of(spec),
        joining=sums["n:joining"] or 0,
        lists=lists,
        vars=tuple(
            VarFace(
                name=var.name,
                type=var.type,
                set=sums[f"n:set:{var.name}"] or 0,
                cleared=sums[f"n:clear:{var.name}"] or 0,
                skip_nulls=var.skip_nulls,
                pii=var.pii,
            )
            for var in shape.vars
        ),
        held_by_mode=_held(settled.changes, decided, workspace),
        unlooked=observed.unlooked,
        unconfirmed=observed.unconfirmed,
        invalid=(*desired.invalid, *settled.left_out),
        sources=desired.sources,
        violations=desired.violations,
        desired=desired.total,
        observed=observed.total,
        cost=costs.estimate(counts, lists, shape.registry.list, route, setting.quota),
        samples=tuple(_samples(decided, shape, workspace, setting.masks)),
        observation=_observation(setting.observed_at, made_at),
        undoes=setting.undoes,
    )


def _observation(taken_at: datetime | None, made_at: datetime) -> ObservationFace | None:
    if taken_at is None:
        return None
    age = max(0, int((made_at - taken_at).total_seconds()))
    return ObservationFace(taken_at=taken_at.isoformat(timespec="seconds"), age=age)


def _guarded(face: Face, observed: Observed, decided: Rows, setting: Setting) -> Face:
    """The face with what guards and consent have to say."""
    spec, workspace = setting.spec, setting.workspace
    known = workspace.keep("known", weighing.known(decided, observed.rows, face.shape))
    face = face.model_copy(update={"consent": weighing.consent(known, face.shape, workspace)})
    face = details.add(face, known, decided, setting.masks, workspace)
    heads = weighing.heads(face, known, spec, workspace, setting.last_good)
    found = guards.breaches(heads, spec.policy.guards, setting.allowed, spec.where)
    if (base := setting.base) is not None:
        found = guards.stricter(found, guards.breaches(heads, base.policy.guards, setting.allowed, base.where))
    return face.model_copy(update={"breaches": found, "allowed": setting.allowed})


def _route(policy: Policy, counts: Counts) -> Route:
    """One by one up to about a minute of quota, where errors have words and effects are at once; jobs above."""
    match policy.route:
        case Routing.AUTO:
            return Route.JOBS if counts.create + counts.update - counts.unlist > policy.bulk_from else Route.USER
        case Routing.USER:
            return Route.USER
        case Routing.JOBS:
            return Route.JOBS
        case _:
            assert_never(policy.route)


def _account(spec: Spec, setting: Setting) -> AccountFace:
    account = spec.account
    return AccountFace(
        name=account.name,
        url=setting.url,
        api_key=account.api_key,
        api_secret=account.api_secret,
        fingerprint=setting.fingerprint,
    )


def _conduct(policy: Policy) -> Conduct:
    return Conduct(
        give_up_share=policy.give_up.share,
        give_up_after=policy.give_up.after,
        downtime_hours=policy.downtime_hours,
    )


def _sums(rows: Rows, shape: Shape) -> dict[str, Rows]:
    kinds = {
        "n:create": rows.kind == "create",
        "n:update": (rows.kind != "create") & (rows["op"] == "upsert"),
        "n:known": rows.kind == "update",
        "n:moved": rows.moved,
        "n:unlist": (rows.kind == "leave") & (rows["op"] == "upsert"),
        "n:delete": rows["op"] == "delete",
        "n:drift": (rows.kind == "leave") & (rows.cause == "drift"),
    }
    columns = {name: flag.sum() for name, flag in kinds.items()}
    columns["n:joining"] = rows.count(where=diff.any_of(rows, [f"join:{one.list}" for one in shape.lists]))
    for var in shape.vars:
        flag, new = rows[f"set:{var.name}"], rows[f"new:{var.name}"]
        columns[f"n:set:{var.name}"] = (flag & new.notnull()).sum()
        columns[f"n:clear:{var.name}"] = (flag & new.isnull()).sum()
    for one in shape.memberships:
        for way in ("join", "leave"):
            columns[f"n:{way}:{one.list}"] = rows[f"{way}:{one.list}"].sum()
    return columns


def _counts(sums: Mapping[str, Any], desired: int, settled: addresses.Settled, adopted: int) -> Counts:
    found = {name: int(sums[f"n:{name}"] or 0) for name in ("create", "update", "moved", "unlist", "delete")}
    touched = found["create"] + int(sums["n:known"] or 0)
    return Counts(
        **found,
        unchanged=max(0, desired - touched),
        room=settled.moving,
        temporary=settled.temporary,
        adopted=adopted,
    )


def _adopted(decided: Rows, shape: Shape, workspace: Workspace) -> int:
    """People whose new address had a profile that nobody's id was known of, while the one they had has left."""
    if shape.identity is None:
        return 0
    new, old = f"new:{shape.identity}", f"old:{shape.identity}"
    found = decided.filter((decided.kind == "update") & decided[old].isnull()).select(id=new)
    left = decided.filter((decided.kind == "leave") & decided[old].notnull()).select(id=old)
    return workspace.count(left.semi_join(found, "id"))


def _list(name: str, new: bool, before: int, sums: Mapping[str, Any]) -> ListFace:  # noqa: FBT001 -- a fact
    return ListFace(
        name=name,
        new=new,
        before=before,
        join=int(sums[f"n:join:{name}"] or 0),
        leave=int(sums[f"n:leave:{name}"] or 0),
    )


def _held(changes: Rows, decided: Rows, workspace: Workspace) -> dict[str, int]:
    """Differences that the mode leaves alone, by kind."""
    rest = changes.anti_join(decided, ["hash", "kind"])
    rows = workspace.dicts(rest.group_by("kind").aggregate(count=rest.count()), limit=10)
    return {row["kind"]: row["count"] for row in sorted(rows, key=lambda row: str(row["kind"]))}


def _left(free: Rows, shape: Shape, workspace: Workspace) -> dict[str, int]:
    """Profiles that would be taken off a list, or deleted: what is held back while a contract does not hold."""
    leaving = diff.any_of(free, [f"leave:{one.list}" for one in shape.memberships])
    deleted = free["op"] == "delete"
    sums = workspace.one(free.aggregate(removals=(leaving & ~deleted).sum(), deletions=deleted.sum()))
    return {name: int(count) for name, count in sums.items() if count}


def _samples(decided: Rows, shape: Shape, workspace: Workspace, masks: Masks) -> Iterator[Sample]:
    kinds = (
        decided["op"] == "delete",
        decided.kind == "create",
        decided.moved,
        (decided.kind == "update") & ~decided.moved,
        (decided.kind == "leave") & (decided["op"] == "upsert"),
    )
    for kind in kinds:
        some = decided.filter(kind).order_by("hash")
        for row in workspace.dicts(some, limit=SAMPLES):
            yield _sample(row, shape, masks)


def _sample(row: Mapping[str, Any], shape: Shape, masks: Masks) -> Sample:
    return Sample(
        glyph="-" if row["op"] == "delete" else "+" if row["kind"] == "create" else "~",
        who=masks.person(row["email"] or row["sid"]),
        sets=tuple(var.name for var in shape.vars if row[f"set:{var.name}"]),
        # Everybody new joins the registry: said once, in the table of lists.
        joins=tuple(one.list for one in shape.lists if row[f"join:{one.list}"]),
        leaves=tuple(one.list for one in shape.memberships if row[f"leave:{one.list}"]),
        moved=row["moved"],
    )

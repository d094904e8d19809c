"""The face of a plan: what its actions come to, in heads only, and a few of them masked."""

from __future__ import annotations

import importlib.metadata
from collections.abc import Iterator, Mapping
from datetime import datetime
from typing import Any, assert_never

from reconcile.plan import addresses, causes, costs, integrity
from reconcile.plan.model import (
    UNSEEN,
    AccountFace,
    Conduct,
    Counts,
    Face,
    ListFace,
    ObservationFace,
    ReferenceFace,
    Retyped,
    Route,
    Sample,
    VarFace,
)
from reconcile.plan.setting import Setting
from reconcile.spec import definitions, references
from reconcile.spec.model import Policy, Routing, Spec
from reconcile.spec.property import ValueType
from reconcile.state import diff, ledger, values
from reconcile.state.desired import Desired
from reconcile.state.masks import Masks
from reconcile.state.model import Rows, Shape
from reconcile.state.observed import Observed
from reconcile.state.workspace import Workspace

DISTRIBUTION = "sailthru-reconcile"
SAMPLES = 5
"""Masked samples shown of each kind of change."""


def of(desired: Desired, observed: Observed, settled: addresses.Settled, decided: Rows, setting: Setting) -> Face:
    """What a plan's actions come to, before anything weighs it.

    Args:
        decided: what is to be done, see `planner.decide`.
    """
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
        references=tuple(
            ReferenceFace(name=one.reference.told, key=one.key) for one in references.find_references(spec)
        ),
        spec_digest=setting.keys.spec_digest(spec.digest),
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
        kind=causes.kind_of(spec, setting.memory, setting.keys),
        ledger=causes.face_of(setting.memory.ledger),
        no_ledger=setting.memory.lacking,
        another_account=setting.memory.another,
        rekeyed=setting.memory.rekeyed,
        definitions=ledger.key_definitions(definitions.of(spec), setting.memory.salt or ledger.salt(setting.keys)),
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
        retyped=tuple(_retyped(spec, shape, setting.memory.types, sums)),
        held_by_mode=held(settled.changes, decided, workspace),
        unlooked=observed.unlooked,
        unconfirmed=observed.unconfirmed,
        invalid=(*desired.invalid, *settled.left_out),
        sources=desired.sources,
        violations=desired.violations,
        desired=desired.total,
        observed=observed.total,
        cost=costs.estimate(counts, lists, shape.registry.list, route, setting.quota),
        samples=tuple(_samples(decided, counts, shape, workspace, setting.masks)),
        observation=_observation(setting.observed_at, made_at),
        undoes=setting.undoes,
    )


def _observation(taken_at: datetime | None, made_at: datetime) -> ObservationFace | None:
    if taken_at is None:
        return None
    age = max(0, int((made_at - taken_at).total_seconds()))
    return ObservationFace(taken_at=taken_at.isoformat(timespec="seconds"), age=age)


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
        id=setting.ids.id,
        customer_id=setting.ids.customer_id,
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
        "n:duplicates": rows.duplicate,
        "n:unseen": (rows.holder == UNSEEN).fill_null(False),  # noqa: FBT003 -- Ibis's own signature
    }
    columns = {name: flag.sum() for name, flag in kinds.items()}
    columns["n:joining"] = rows.count(where=diff.any_of(rows, [f"join:{one.list}" for one in shape.lists]))
    for var in shape.vars:
        flag, new = rows[f"set:{var.name}"], rows[f"new:{var.name}"]
        columns[f"n:set:{var.name}"] = (flag & new.notnull()).sum()
        columns[f"n:clear:{var.name}"] = (flag & new.isnull()).sum()
        foreign = rows[f"old:{var.name}"].startswith(values.FOREIGN) & ~new.startswith(values.FOREIGN)
        columns[f"n:foreign:{var.name}"] = (flag & foreign).sum()
    for one in shape.memberships:
        for way in ("join", "leave"):
            columns[f"n:{way}:{one.list}"] = rows[f"{way}:{one.list}"].sum()
    return columns


def _retyped(spec: Spec, shape: Shape, before: Mapping[str, ValueType], sums: Mapping[str, Any]) -> Iterator[Retyped]:
    """The vars whose values are of another JSON type than last time, or than those that were seen at the account."""
    for var in shape.vars:
        last, found = before.get(var.name, var.type), int(sums[f"n:foreign:{var.name}"] or 0)
        changed = values.json_type(last) != values.json_type(var.type) and not _typed_by_row(spec, var.name)
        if changed or found:
            yield Retyped(name=var.name, before=last if changed else None, type=var.type, found=found)


def _typed_by_row(spec: Spec, var: str) -> bool:
    """Whether each row says what its value is, so that the type of the column says little."""
    own = spec.vars.get(var)
    prop = spec.properties[own.property] if own else None  # the identity
    if prop is not None and (prop.type is not None or prop.column is None or prop.aggregate is not None):
        return False
    return spec.sources[(prop and prop.source) or spec.profiles.from_].is_typed_by_row


def _counts(sums: Mapping[str, Any], desired: int, settled: addresses.Settled, adopted: int) -> Counts:
    found = {name: int(sums[f"n:{name}"] or 0) for name in ("create", "update", "moved", "unlist", "delete")}
    touched = found["create"] + int(sums["n:known"] or 0)
    return Counts(
        **found,
        unchanged=max(0, desired - touched),
        room=settled.moving,
        temporary=settled.temporary,
        adopted=adopted,
        duplicates=int(sums["n:duplicates"] or 0),
        unseen=int(sums["n:unseen"] or 0),
    )


def _adopted(decided: Rows, shape: Shape, workspace: Workspace) -> int:
    """People whose new address had a profile that nobody's id was known of, while the one they had has left."""
    if shape.identity is None:
        return 0
    new, old = f"new:{shape.identity}", f"old:{shape.identity}"
    found = decided.filter((decided.kind == "update") & decided[old].isnull()).select(id=new)
    left = decided.filter((decided.kind == "leave") & decided[old].notnull() & ~decided.duplicate).select(id=old)
    return workspace.count(left.semi_join(found, "id"))


def _list(name: str, new: bool, before: int, sums: Mapping[str, Any]) -> ListFace:  # noqa: FBT001 -- a fact
    return ListFace(
        name=name,
        new=new,
        before=before,
        join=int(sums[f"n:join:{name}"] or 0),
        leave=int(sums[f"n:leave:{name}"] or 0),
    )


def held(changes: Rows, decided: Rows, workspace: Workspace) -> dict[str, int]:
    """Differences that the mode leaves alone, by kind."""
    rest = changes.anti_join(decided, ["hash", "kind"])
    rows = workspace.dicts(rest.group_by("kind").aggregate(count=rest.count()), limit=10)
    return {row["kind"]: row["count"] for row in sorted(rows, key=lambda row: str(row["kind"]))}


def held_back(free: Rows, shape: Shape, workspace: Workspace) -> dict[str, int]:
    """Profiles that would be taken off a list, or deleted: what is held back while a contract does not hold."""
    leaving = diff.any_of(free, [f"leave:{one.list}" for one in shape.memberships])
    deleted = free["op"] == "delete"
    sums = workspace.one(free.aggregate(removals=(leaving & ~deleted).sum(), deletions=deleted.sum()))
    return {name: int(count) for name, count in sums.items() if count}


def _samples(decided: Rows, counts: Counts, shape: Shape, workspace: Workspace, masks: Masks) -> Iterator[Sample]:
    rows = decided.select("op", "kind", "moved", "hash", "email", "sid", "cause", *diff.differences(shape))
    kinds = (
        (counts.delete, rows["op"] == "delete"),
        (counts.create, rows.kind == "create"),
        (counts.moved, rows.moved),
        (counts.update, (rows.kind == "update") & ~rows.moved),
        (counts.unlist, (rows.kind == "leave") & (rows["op"] == "upsert")),
    )
    for some in (rows.filter(kind).order_by("hash") for count, kind in kinds if count):
        for row in workspace.dicts(some, limit=SAMPLES):
            yield _sample(row, shape, masks)


def _sample(row: Mapping[str, Any], shape: Shape, masks: Masks) -> Sample:
    sets = tuple(var.name for var in shape.vars if row[f"set:{var.name}"])
    joins = tuple(one.list for one in shape.memberships if row[f"join:{one.list}"])
    others = tuple(name for name in joins if name != shape.registry.list)
    return Sample(
        glyph="-" if row["op"] == "delete" else "+" if row["kind"] == "create" else "~",
        who=masks.person(row["email"] or row["sid"]),
        sets=sets,
        # Everybody new joins the registry: said once, in the table of lists, and of whom there is nothing else to say.
        joins=others if sets or others else joins,
        leaves=tuple(one.list for one in shape.memberships if row[f"leave:{one.list}"]),
        moved=row["moved"],
        cause=row["cause"],
    )

"""What guards ask of a plan that its counts do not tell, worked out where the rows are."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from typing import Any

from reconcile.plan.guards import Heads, Part
from reconcile.plan.model import Consent, Face
from reconcile.plan.setting import Setting
from reconcile.spec.guards import Guard, Guards, bound
from reconcile.spec.model import Spec
from reconcile.state import diff
from reconcile.state.model import Rows, Shape
from reconcile.state.workspace import Workspace


def known(decided: Rows, observed: Rows, shape: Shape) -> Rows:
    """The decided changes of profiles that were there, with `optout` and `on:L`: whether they are on list L now."""
    there = observed.select("sid", "optout", **{f"on:{one.list}": observed[one.column] for one in shape.memberships})
    return decided.inner_join(there, "sid")


def consent(known: Rows, shape: Shape, workspace: Workspace) -> Consent:
    """The opted-out among the profiles that a plan touches, as far as it is known of them."""
    rows = known.filter(known.optout.notnull())
    joins = {f"join:{one.list}": rows[f"join:{one.list}"].sum() for one in shape.lists}
    joining = rows.count(where=diff.any_of(rows, joins))
    sums = workspace.one(
        rows.aggregate(touched=rows.count(), joining=joining, deleted=(rows["op"] == "delete").sum(), **joins)
    )
    return Consent(
        touched=sums["touched"],
        joining=sums["joining"] or 0,
        joins={one.list: sums[f"join:{one.list}"] for one in shape.lists if sums[f"join:{one.list}"]},
        deleted=sums["deleted"] or 0,
    )


def heads(face: Face, known: Rows, setting: Setting) -> Heads:
    """All that guards weigh; `face` already tells of consent."""
    spec, workspace = setting.spec, setting.workspace
    members, joins = {one.name: one.before for one in face.lists}, {one.name: one.join for one in face.lists}
    limits = [one.policy.guards for one in (spec, setting.base) if one is not None]
    emptied = [one.name for one in face.vars if _much(one.cleared, Guard.NULLED, members, limits)]
    filled = [one.name for one in face.vars if _much(one.set, Guard.SAME_VALUE, members, limits)]
    return Heads(
        counts=face.counts,
        lists=face.lists,
        observed=face.observed,
        managed=members[face.registry],
        nulled=_nulled(known, emptied, members, workspace),
        same_value={name: _same(known, name, members, workspace) for name in filled},
        sources={one.name: one.rows for one in face.sources},
        last_good=setting.last_good,
        invalid=_invalid(face, spec),
        opted_out={name: Part(count, joins[name]) for name, count in face.consent.joins.items()},
        groups=spec.lists,
        registry=face.registry,
        observation_hours=face.observation.hours if face.observation else None,
    )


def _much(figure: int, guard: Guard, members: Mapping[str, int], limits: Iterable[Guards]) -> bool:
    """Whether so many would be too many for some list, if all were on it; else nobody has to look who is on which."""
    return any(figure > bound(getattr(one, guard), whole, one.at_least) for one in limits for whole in members.values())


def _nulled(
    known: Rows, vars: list[str], members: Mapping[str, int], workspace: Workspace
) -> dict[str, dict[str, Part]]:
    """Members who have a value of a var and are to have none, by var and list."""
    if not vars:
        return {}
    losing = {var: known[f"set:{var}"] & known[f"old:{var}"].notnull() & known[f"new:{var}"].isnull() for var in vars}
    flags = {(var, name): (losing[var] & known[f"on:{name}"]).sum() for var in vars for name in members}
    sums = numbered(flags, known, workspace)
    return {var: {name: Part(sums[var, name], members[name]) for name in members} for var in vars}


def _same(known: Rows, var: str, members: Mapping[str, int], workspace: Workspace) -> dict[str, Part]:
    """Members who have a value of a var and are to have another, the same for most of them, by list."""
    new, old = known[f"new:{var}"], known[f"old:{var}"]
    rows = known.filter(known[f"set:{var}"] & old.notnull() & new.notnull())
    values = rows.group_by(f"new:{var}").aggregate(**{f"on:{name}": rows[f"on:{name}"].sum() for name in members})
    sums = numbered({name: values[f"on:{name}"].max() for name in members}, values, workspace)
    return {name: Part(sums[name], members[name]) for name in members}


def numbered(columns: Mapping[Any, Rows], rows: Rows, workspace: Workspace) -> dict[Any, int]:
    """Aggregates under any keys: a name made of a var and a list could be another's."""
    found = workspace.one(rows.aggregate(**{str(index): column for index, column in enumerate(columns.values())}))
    return {key: found[str(index)] or 0 for index, key in enumerate(columns)}


def _invalid(face: Face, spec: Spec) -> dict[str, Part]:
    """What cannot be used, by source, `source.column` or `property name`, and of how many rows."""
    rows = {one.name: one.rows for one in face.sources}
    found: Counter[str] = Counter()
    for one in face.invalid:
        found[one.source] += one.count
    return {name: Part(count, rows.get(_source(name, rows, spec), 0)) for name, count in found.items()}


def _source(name: str, sources: Mapping[str, int], spec: Spec) -> str:
    """The source that a reason is about; a property's is the people's own."""
    named = [source for source in sources if name == source or name.startswith(f"{source}.")]
    return max(named, key=len, default=spec.profiles.from_)

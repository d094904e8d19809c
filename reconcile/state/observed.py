"""What is there: the managed part of the account, as a table of the same shape as the desired one.

Members come in bulk by export (sid, MD5 of the address, vars as untyped text; SAILTHRU.md §9.3) and are matched by
hash. What no export can tell is read one by one, typed: whether a newcomer exists at all, and whether somebody who
seems to have left is really still there (an export may show the deleted for hours, SAILTHRU.md §15).
"""

from __future__ import annotations

import functools
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import ibis

from reconcile.errors import AccountUnfit, TwinLists
from reconcile.state import abreast, values
from reconcile.state.desired import Desired
from reconcile.state.model import (
    Export,
    Exporter,
    Membership,
    Observable,
    Progress,
    Ref,
    RemoteList,
    Rows,
    Shape,
    Sighting,
    Silent,
)
from reconcile.state.workspace import Workspace, arrow

SOME = "some"
"""Opted out, of what an export does not tell (SAILTHRU.md §9.3)."""

_OPTED_OUT = r"opt(ed)?[ _-]?out"
_SUBSCRIBED = frozenset({None, "", "none", "valid"})
"""Words of a look-up for nobody who opted out (SAILTHRU.md §7.3)."""

PROBE = 1_000
"""Members in which somebody of ours is looked for: in all but a foreign account the first is one."""

PAGE = 1_000
"""Profiles that are read one by one before their rows are put away."""


@dataclass(frozen=True, slots=True)
class Observed:
    """The observed state.

    Args:
        rows: an observed table of the desired shape.
        missing: managed lists that do not exist yet, the registry included.
        looked_up: profiles that were read one by one.
        unlooked: newcomers nobody looked up, because they were more than the spec lets a plan read.
        unconfirmed: profiles that seem to have left and were not looked up, for the same reason.
    """

    rows: Rows
    missing: tuple[str, ...]
    looked_up: int
    unlooked: int
    unconfirmed: int
    total: int


async def build(
    account: Observable,
    desired: Desired,
    workspace: Workspace,
    *,
    lookups: int | None,
    at_once: int,
    progress: Progress | None = None,
) -> Observed:
    """Look at the account.

    Args:
        lookups: how many profiles may be read one by one; None for as many as it takes.

    Raises:
        TwinLists: a managed list exists twice.
        AccountUnfit: a managed name is a smart list's, or the account does not hash addresses as we do.
        ExportBroken: the file of a list is no whole list.
    """
    progress = progress or Silent()
    remote = check_lists(await account.lists(), desired.shape.memberships)
    exported = await members_of(account, desired.shape, remote, workspace, progress)
    if not account.hash_checked:
        await check_hash(account, exported, desired.rows, workspace)
    ours = _hands_off(exported, desired, workspace)
    leaving = workspace.keep("leaving", ours.anti_join(desired.rows, "hash").select("sid"))
    coming = workspace.keep("coming", desired.rows.anti_join(exported, "hash").select("email"))
    budget = _Budget(lookups, workspace)
    asked = [("sid", leaving, budget.allows(leaving)), ("email", coming, budget.allows(coming))]
    looker = _Looker(account, desired.shape, workspace, at_once, progress)
    seen = await looker.look([(by, rows) for by, rows, allowed in asked if allowed])
    gone = leaving if asked[0][2] else leaving.limit(0)
    rows = _merged(ours, workspace.keep("seen so far", seen), gone)
    return Observed(
        rows=rows,
        missing=tuple(one.list for one in desired.shape.memberships if one.list not in remote),
        looked_up=looker.count,
        unlooked=0 if asked[1][2] else workspace.count(coming),
        unconfirmed=0 if asked[0][2] else workspace.count(leaving),
        total=workspace.count(rows),
    )


def check_lists(found: Sequence[RemoteList], managed: Sequence[Membership]) -> dict[str, RemoteList]:
    """The managed lists that exist, by name.

    Raises:
        TwinLists: a name is there more than once.
        AccountUnfit: a name belongs to a smart list, which changes by itself and is never written (SAILTHRU.md §8.4).
    """
    names = {one.list for one in managed}
    times = Counter(one.name for one in found if one.name in names)
    twins = sorted(name for name, count in times.items() if count > 1)
    if twins:
        told = ", ".join(f'"{name}" ({times[name]} times)' for name in twins)
        raise TwinLists(
            f"The account has lists of the same name: {told}.",
            hint="A name is how members are added, so nothing can be right. Delete or rename all but one at Sailthru.",
        )
    for one in found:
        if one.name in names and one.type == "smart":
            raise AccountUnfit(
                f'"{one.name}" is a smart list: it follows its own query and cannot be managed.',
                hint="Give the group a natural list of another name.",
            )
    return {one.name: one for one in found if one.name in names}


async def members_of(
    account: Exporter, shape: Shape, lists: Iterable[str], workspace: Workspace, progress: Progress
) -> Rows:
    """All members of these lists, a row a profile, as table `exported` of this shape."""
    exports = await exports_of(account, sorted(lists), [var.name for var in shape.vars], progress)
    if not exports:
        return workspace.store("exported", _as_arrow([], shape))
    return workspace.keep("exported", _everybody(exports, shape, workspace))


async def exports_of(account: Exporter, lists: Sequence[str], vars: Sequence[str], progress: Progress) -> list[Export]:
    """The exports of these lists, all asked for at once: how many go side by side is the account's to say."""
    step = "reading lists"
    progress.start(step, len(lists))

    async def fetch(name: str) -> Export:
        export = await account.export(name, vars)
        progress.advance(step)
        return export

    found = await abreast.each(lists, fetch, at_once=max(1, len(lists)))
    progress.finish(step)
    return found


def _everybody(exports: Sequence[Export], shape: Shape, workspace: Workspace) -> Rows:
    """One row a profile, with the lists it was found on.

    The registry's export has nearly everybody, and so their vars; of the other lists the sids are enough, but for
    those who are on no registry.
    """
    kept = [
        workspace.keep(f"export {index}", _needed(export, shape, workspace)) for index, export in enumerate(exports)
    ]
    parts = [(export, _profiles(rows, export, shape)) for export, rows in zip(exports, kept, strict=True)]
    registry = [rows for export, rows in parts if export.list == shape.registry.list]
    others = [rows for export, rows in parts if export.list != shape.registry.list]
    groups = [_one_each(rows, workspace) for rows in registry]
    if others:
        strangers = functools.reduce(lambda a, b: a.union(b), others)
        for ours in groups:
            strangers = strangers.anti_join(ours, "sid")
        groups.append(workspace.keep("strangers", _first_each(strangers)))
    everybody = functools.reduce(lambda a, b: a.union(b), groups)
    for export, rows in parts:
        members = rows.select("sid").distinct().mutate(**{f"list:{export.list}": ibis.literal(value=True)})
        everybody = everybody.left_join(members, "sid").drop("sid_right")
    flags = {one.column: _flag(everybody, one.column) for one in shape.memberships}
    return everybody.mutate(**flags).select(*_columns(shape))


def _flag(rows: Rows, column: str) -> Rows:
    return rows[column].fill_null(False) if column in rows.columns else ibis.literal(value=False)  # noqa: FBT003 -- Ibis's


def _needed(export: Export, shape: Shape, workspace: Workspace) -> Rows:
    """The columns of an export that are looked at; the rest of the file is never kept."""
    names = {export.sid_column, export.hash_column, export.optout_column, export.status_column}
    names |= {export.var_columns.get(var.name) for var in shape.vars}
    return workspace.records(export).select(sorted(name for name in names if name is not None))


def _profiles(rows: Rows, export: Export, shape: Shape) -> Rows:
    """The members of one list with their vars, in the columns of an observed table but for the lists."""
    columns = {
        "hash": rows[export.hash_column].lower(),
        "email": ibis.null("string"),
        "sid": rows[export.sid_column],
        "optout": _optout(rows, export),
    }
    for var in shape.vars:
        column = export.var_columns.get(var.name)
        columns[var.column] = values.canonical(rows[column], var.type) if column else ibis.null("string")
    return rows.select(**columns)


def _optout(rows: Rows, export: Export) -> Rows:
    """What an export tells: a time of opt-out, or a status that says so; the recorded ones all said `Valid` (§9.3)."""
    told = ibis.literal(value=False)
    if export.optout_column is not None:
        told |= rows[export.optout_column].strip().nullif("").notnull()
    if export.status_column is not None:
        told |= rows[export.status_column].lower().re_search(_OPTED_OUT)
    return ibis.ifelse(told, SOME, ibis.null("string"))


def _one_each(rows: Rows, workspace: Workspace) -> Rows:
    """The rows as they are, or one a profile where an export should ever show one twice."""
    counted = workspace.one(rows.aggregate(rows=rows.count(), profiles=rows.sid.nunique()))
    return rows if counted["rows"] == counted["profiles"] else _first_each(rows)


def _first_each(rows: Rows) -> Rows:
    """One row a profile: its vars are the same in every export."""
    columns = {name: rows[name].max() for name in rows.columns if name != "sid"}
    return rows.group_by("sid").aggregate(**columns).select(*rows.columns)


async def check_hash(account: Observable, exported: Rows, desired: Rows, workspace: Workspace) -> None:
    """Make sure that this account hashes addresses as we do (§15).

    Whoever is found on both sides by hash is proof; else a member's address is asked for.
    """
    if not workspace.dicts(desired.semi_join(exported.limit(PROBE), "hash").select("hash"), limit=1):
        await ask_hash(account, exported, workspace)


async def ask_hash(account: Observable, exported: Rows, workspace: Workspace) -> bool:
    """Whether a member whose address was asked for proves it (§15); False when nobody could be asked.

    Raises:
        AccountUnfit: a member proves the contrary.
    """
    for row in workspace.dicts(exported.order_by("hash").select("sid", "hash"), limit=5):
        sighting = await account.look(Ref(sid=row["sid"]), ())
        if sighting is None or sighting.email is None:
            continue
        if values.hash_of(sighting.email.strip().lower()) == row["hash"]:
            return True
        raise AccountUnfit(
            "The account's exports do not hash e-mail addresses as expected (MD5 of the lower-cased address).",
            hint="Without that no member can be recognised, so nothing was planned. Please report this.",
        )
    return False


def _hands_off(exported: Rows, desired: Desired, workspace: Workspace) -> Rows:
    """The exported profiles without those whose rows on our side cannot be used."""
    held = workspace.keep("held", desired.held)
    rows = exported.anti_join(held, "hash")
    if desired.shape.identity is not None:
        rows = rows.anti_join(held, [(f"var:{desired.shape.identity}", "identity")])
    return rows


@dataclass(slots=True)
class _Budget:
    """How many more profiles may be read one by one; a set is read whole or not at all."""

    left: int | None
    workspace: Workspace

    def allows(self, rows: Rows) -> bool:
        if self.left is None:
            return True
        size = self.workspace.count(rows)
        if size > self.left:
            return False
        self.left -= size
        return True


@dataclass(slots=True)
class _Looker:
    """Reads profiles one by one, side by side, and puts them away a page at a time."""

    account: Observable
    shape: Shape
    workspace: Workspace
    at_once: int
    progress: Progress
    count: int = 0

    async def look(self, asked: Sequence[tuple[str, Rows]]) -> Rows:
        """Those of the asked-for that exist, typed: `asked` has a column of refs, `sid` or `email`, in each table."""
        self.progress.start("looking up profiles", sum(self.workspace.count(rows) for _, rows in asked))
        seen = self.workspace.store("seen", _as_arrow([], self.shape))
        for by, rows in asked:
            for page in self.workspace.stream(rows, size=PAGE):
                refs = [Ref(**{by: name}) for name in page.column(by).to_pylist()]
                found = await abreast.each(refs, self._one, at_once=self.at_once)
                self.workspace.append("seen", _as_arrow([one for one in found if one is not None], self.shape))
                self.count += len(refs)
        self.progress.finish("looking up profiles")
        return _canonical(seen, self.shape)

    async def _one(self, ref: Ref) -> Sighting | None:
        sighting = await self.account.look(ref, [var.name for var in self.shape.vars])
        self.progress.advance("looking up profiles")
        return sighting


def _merged(exported: Rows, seen: Rows, gone: Rows) -> Rows:
    """Who was read one by one stands in for their exported row; who was looked for and not found is gone."""
    bulk = exported.anti_join(seen, "sid").anti_join(gone, "sid")
    # A newcomer found by address may also have been exported by now: one row a profile.
    return bulk.union(seen.distinct(on="sid", keep="first").select(*bulk.columns))


def _columns(shape: Shape) -> list[str]:
    return [
        "hash",
        "email",
        "sid",
        "optout",
        *(var.column for var in shape.vars),
        *(one.column for one in shape.memberships),
    ]


def _as_arrow(sightings: Sequence[Sighting], shape: Shape) -> object:
    """Sightings as a table of raw text: what `values.seen` makes of each var, null where there is none."""
    emails = [(one.email or "").strip().lower() or None for one in sightings]
    columns: dict[str, list[object]] = {
        "hash": [
            values.hash_of(email) if email else f"sid:{one.sid}" for email, one in zip(emails, sightings, strict=True)
        ],
        "email": list(emails),
        "sid": [one.sid for one in sightings],
        "optout": [None if one.optout in _SUBSCRIBED else one.optout for one in sightings],
    }
    for var in shape.vars:
        columns[var.column] = [values.seen(one.vars.get(var.name), var.type) for one in sightings]
    for membership in shape.memberships:
        columns[membership.column] = [membership.list in one.lists for one in sightings]
    lists = {one.column for one in shape.memberships}
    return arrow(columns, {name: "bool" if name in lists else "string" for name in _columns(shape)})


def _canonical(rows: Rows, shape: Shape) -> Rows:
    return rows.mutate(**{var.column: values.canonical(rows[var.column], var.type) for var in shape.vars})

"""What is there: the managed part of the account, as a table of the same shape as the desired one.

Members come in bulk by export (sid, MD5 of the address, vars as untyped text; SAILTHRU.md §9.3) and are matched by
hash. What no export can tell is read one by one, typed: whether a newcomer exists at all, and whether somebody who
seems to have left is really still there (an export may show the deleted for hours, SAILTHRU.md §15).
"""

from __future__ import annotations

import itertools
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Protocol

import ibis

from reconcile.errors import AccountUnfit, AnswerGarbled, TwinLists
from reconcile.spec.folding import fold_address, fold_list
from reconcile.state import abreast, diff, exported, identity, sieve, sightings, steps, values
from reconcile.state.desired import Desired
from reconcile.state.masks import Masks
from reconcile.state.model import (
    Export,
    Exporter,
    Invalid,
    Membership,
    Observable,
    Progress,
    Ref,
    RemoteList,
    Rows,
    Shape,
    Silent,
)
from reconcile.state.people import SAMPLES
from reconcile.state.workspace import Workspace, stacked

PROBE = 1_000
"""Members in which somebody of ours is looked for: in all but a foreign account the first is one."""


@dataclass(frozen=True, slots=True)
class Observed:
    """The observed state.

    Args:
        rows: an observed table of the desired shape, of those who may differ.
        missing: managed lists that do not exist yet, the registry included.
        members: list -> how many are on it; of all that are observed, however few are in `rows`.
        looked_up: profiles that were read one by one.
        unlooked: newcomers nobody looked up, because they were more than the spec lets a plan read.
        unconfirmed: profiles that seem to have left and were not looked up, for the same reason.
        keyed: whether profiles may keep somebody's key: there is a registry, or an export shows a key.
    """

    rows: Rows
    missing: tuple[str, ...]
    members: Mapping[str, int]
    looked_up: int
    unlooked: int
    unconfirmed: int
    total: int
    keyed: bool = False


class Around(Protocol):
    """Restricts what is read one by one to those who may concern one person. Satisfied by `state.circle`."""

    async def look(
        self,
        looker: sightings.Looker,
        asked: Sequence[tuple[str, Rows]],
        desired: Desired,
        there: Rows,
        workspace: Workspace,
    ) -> tuple[Rows, Rows]:
        """As `Looker.look`, of those of the asked-for who may concern the person."""
        ...


async def build(  # noqa: PLR0913 -- what is looked at, and how, all of it by name
    account: Observable,
    desired: Desired,
    workspace: Workspace,
    *,
    lookups: int | None,
    at_once: int,
    progress: Progress | None = None,
    masks: Masks | None = None,
    around: Around | None = None,
) -> tuple[Desired, Observed]:
    """Look at the account. Gives back the desired state too, with the rows of those alone who may differ.

    Args:
        lookups: how many profiles may be read one by one; None for as many as it takes.
        masks: how people are shown who are left out because nothing can be said of their profile.
        around: reads those alone who may concern one person, of all that may be read one by one.

    Raises:
        AnswerGarbled: one look after the other is answered by what is none of Sailthru's answers.
        TwinLists: a managed list exists twice.
        AccountUnfit: a managed name is a smart list's, or the account does not hash addresses as we do.
        ExportBroken: the file of a list is no whole list.
        SpecInvalid: an expression of the spec fails on a value.
    """
    progress, shape = progress or Silent(), desired.shape
    remote = check_lists(await account.lists(), shape.memberships)
    exports = await exports_of(account, sorted(remote), [var.name for var in shape.vars], progress)
    sifted = _sifted(desired, exports, workspace, progress)
    with steps.step(progress, "reading who may differ") as step:
        desired = desired.among(sifted.candidates) if sifted else desired.whole()
        there, twice = _nobody(shape, workspace), None
        if sifted:
            there, twice = _everybody(exports, sifted.candidates, shape, workspace)
        step.advance(workspace.count(desired.rows))
    if not (account.hash_checked or (sifted and sifted.same)):  # who is the same proves it too
        await check_hash(account, there, desired.rows, workspace)
    ours = workspace.keep("ours", hands_off(there, desired, workspace))
    # Which of two profiles has an address is not to be told from exports: both are looked up as if none had been seen.
    unsure = None if twice is None else workspace.keep("unsure", twice.semi_join(ours, "hash"))
    sure = ours if unsure is None else ours.anti_join(unsure, "hash")
    left = sure.select("hash", "sid") if unsure is None else sure.select("hash", "sid").union(unsure)
    leaving = workspace.keep("leaving", left.anti_join(desired.rows, "hash"))
    coming = workspace.keep("coming", desired.rows.anti_join(sure, "hash").select("hash", "email"))
    budget = sightings.Budget(lookups, workspace)
    asked = [("sid", leaving, budget.allows(leaving)), ("email", coming, budget.allows(coming))]
    looker = sightings.Looker(account, shape, workspace, at_once, progress)
    refs = [(by, rows) for by, rows, allowed in asked if allowed]
    look = looker.look(refs) if around is None else around.look(looker, refs, desired, ours, workspace)
    seen, unknown = await look
    seen = hands_off(workspace.keep("seen so far", seen), desired, workspace)
    bulk = ours if unsure is None or not asked[1][2] else ours.anti_join(unsure.semi_join(desired.rows, "hash"), "hash")
    gone = (leaving if asked[0][2] else leaving.limit(0)).anti_join(unknown, "sid")
    rows = workspace.keep("observed", _merged(bulk, seen, gone))
    desired, rows = without_unknown(desired, rows, unknown, workspace, masks)
    total, members = _counted(rows, shape, sifted, workspace)
    return desired, Observed(
        rows=rows,
        missing=tuple(one.list for one in shape.memberships if one.list not in remote),
        members=members,
        looked_up=looker.count,
        unlooked=0 if asked[1][2] else workspace.count(desired.rows.anti_join(ours, "hash")),
        unconfirmed=0 if asked[0][2] else workspace.count(leaving),
        total=total,
        keyed=shape.registry.list in remote or _keyed(there, shape, workspace),
    )


def _keyed(there: Rows, shape: Shape, workspace: Workspace) -> bool:
    if shape.identity is None:
        return False
    key = there[f"var:{shape.identity}"]
    return workspace.count(there.filter(key.notnull()).limit(1)) > 0


async def among(
    account: Observable,
    asked: Rows,
    shape: Shape,
    workspace: Workspace,
    *,
    lookups: int | None,
    at_once: int,
    progress: Progress,
) -> tuple[Observed, int]:
    """Look at a few people, wherever they are: the observed state with their rows alone, and how many nobody looked at.

    Args:
        asked: `hash, sid, email` of them; who is on no managed list is looked up by sid, else by address.
        lookups: how many of those may be read one by one; they are read all or not at all.

    Raises: as `build`.
    """
    remote = check_lists(await account.lists(), shape.memberships)
    exports = await exports_of(account, sorted(remote), [var.name for var in shape.vars], progress)
    keys = workspace.keep("asked", asked.select(**values.keys(asked["hash"])))
    bulk = _nobody(shape, workspace)
    if exports:
        bulk, _ = _everybody(exports, sieve.marked(exports, keys, shape, workspace), shape, workspace)
    absent = workspace.keep("absent", asked.anti_join(bulk, "hash").select("sid", "email"))
    allowed = sightings.Budget(lookups, workspace).allows(absent)
    looker = sightings.Looker(account, shape, workspace, at_once, progress)
    known = absent.filter(absent.sid.notnull()).select("sid")
    named = absent.filter(absent.sid.isnull()).select("email")
    seen, unknown = await looker.look([("sid", known), ("email", named)] if allowed else [])
    members = {export.list: workspace.count(workspace.records(export)) for export in exports}
    return Observed(
        rows=workspace.keep("observed", _merged(bulk, workspace.keep("seen so far", seen), bulk.limit(0))),
        missing=tuple(one.list for one in shape.memberships if one.list not in remote),
        members={one.list: members.get(one.list, 0) for one in shape.memberships},
        looked_up=looker.count,
        unlooked=0,
        unconfirmed=0,
        total=members.get(shape.registry.list, 0),
    ), workspace.count(unknown if allowed else absent)


def _sifted(
    desired: Desired, exports: Sequence[Export], workspace: Workspace, progress: Progress
) -> sieve.Sifted | None:
    """Who may differ; None where nobody is exported, and so everybody does."""
    if not exports:
        return None
    with steps.step(progress, "finding who may differ") as step:
        sifted = sieve.sift(desired.rows, exports, desired.shape, workspace, desired.settle)
        step.advance(desired.total, size=sum(Path(export.path).stat().st_size for export in exports))
    return sifted


def _counted(rows: Rows, shape: Shape, sifted: sieve.Sifted | None, workspace: Workspace) -> tuple[int, dict[str, int]]:
    """How many people are observed, and how many on each list: those in the rows, and those who are the same."""
    sums = {one.column: rows[one.column].sum() for one in shape.memberships}
    found = workspace.one(rows.aggregate(people=rows.count(), **sums))
    members = {one.list: int(found[one.column] or 0) for one in shape.memberships}
    if sifted is None:
        return int(found["people"]), members
    return int(found["people"]) + sifted.same, {name: count + sifted.members[name] for name, count in members.items()}


def check_lists(found: Sequence[RemoteList], managed: Sequence[Membership]) -> dict[str, RemoteList]:
    """The managed lists that exist, by name.

    Raises:
        TwinLists: a name is there more than once.
        AccountUnfit: a name belongs to a smart list, which changes by itself and is never written (SAILTHRU.md §8.4);
            or a list that is not there yet would differ from one that is in case or outer space only.
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
    there = {one.name for one in found}
    alike = {fold_list(name): name for name in sorted(names - there)}
    for one in found:
        if one.name not in names and (name := alike.get(fold_list(one.name))) is not None:
            raise AccountUnfit(
                f'The account has a list "{one.name}", which differs only in case or outer space from "{name}".',
                hint=f'Call it "{one.name}" in the spec, or rename that list at Sailthru: nobody tells two such apart.',
            )
    return {one.name: one for one in found if one.name in names}


async def members_of(
    account: Exporter, shape: Shape, lists: Iterable[str], among: Rows, workspace: Workspace, progress: Progress
) -> Rows:
    """Members of these lists, a row a profile, as table `exported` of this shape.

    Args:
        among: a table with a `hash` of those who matter.
    """
    exports = await exports_of(account, sorted(lists), [var.name for var in shape.vars], progress)
    if not exports:
        return _nobody(shape, workspace)
    keys = among.select(**values.keys(among["hash"]))
    return _everybody(exports, sieve.marked(exports, keys, shape, workspace), shape, workspace)[0]


async def exports_of(account: Exporter, lists: Sequence[str], vars: Sequence[str], progress: Progress) -> list[Export]:
    """The exports of these lists, all asked for at once: how many go side by side is the account's to say."""
    with steps.step(progress, "exporting lists", len(lists), unit="lists") as step:

        async def fetch(name: str) -> Export:
            export = await account.export(name, vars, lambda size: step.advance(0, size=size))
            step.advance()
            return export

        return await abreast.each(lists, fetch, at_once=max(1, len(lists)))


def _nobody(shape: Shape, workspace: Workspace) -> Rows:
    return workspace.store("exported", sightings.as_arrow([], shape))


def _everybody(
    exports: Sequence[Export], candidates: Rows, shape: Shape, workspace: Workspace
) -> tuple[Rows, Rows | None]:
    """One row for each candidate who is on a list, as table `exported`, and `hash, sid` of who is there twice, if any.

    The registry's export has nearly everybody, and so their vars; the others are read for those who are on no registry.

    Args:
        candidates: see `sieve.Sifted`.
    """
    member = diff.any_of(candidates, (one.column for one in shape.memberships))
    there = workspace.keep("there", candidates.filter(member))
    ours = [export for export in exports if export.list == shape.registry.list]
    parts = [(_records(ours, there, shape, workspace, "registered"), there)] if ours else []
    strangers = there.filter(~there[shape.registry.column])
    if others := _with_any(strangers, [export for export in exports if export not in ours], workspace):
        parts.append((_records(others, strangers, shape, workspace, "strangers"), strangers))
    if not parts:
        return _nobody(shape, workspace), None
    columns, groups = sightings.columns(shape), [_one_each(rows, among) for rows, among in parts]
    found = workspace.keep("exported", stacked(groups).select(*columns, "first"))
    if not workspace.count(found.filter(found.first != found.sid).limit(1)):
        return found.drop("first"), None
    doubles = workspace.keep("exported twice", found.filter(found.first != found.sid).select("hash", latest="sid"))
    records = [rows.select("hash", "sid").semi_join(doubles, "hash") for rows, _ in parts]
    twice = workspace.keep("each of two", stacked(records).distinct())
    latest = [_one_each(_latest(rows, doubles), among) for rows, among in parts]
    return workspace.keep("exported once", stacked(latest).select(*columns)), twice


def _with_any(rows: Rows, exports: Sequence[Export], workspace: Workspace) -> list[Export]:
    """The exports of lists that any of these people is on."""
    if not exports:
        return []
    on = [rows[Membership(export.list).column].any() for export in exports]
    found = workspace.one(rows.aggregate(**{str(at): any_ for at, any_ in enumerate(on)}))
    return [export for export, any_ in zip(exports, found.values(), strict=True) if any_]


def _records(exports: Sequence[Export], among: Rows, shape: Shape, workspace: Workspace, table: str) -> Rows:
    """What some exports say of these people, record by record."""
    parts = []
    for export in exports:
        records = workspace.records(export)
        # First who, then what: the rest of most records is never looked at.
        few = records.mutate(**exported.key(records, export)).semi_join(among, list(values.KEYS))
        parts.append(exported.profiles(few, export, shape))
    return workspace.keep(table, stacked(parts))


def _one_each(records: Rows, among: Rows) -> Rows:
    """One row a person, with the lists they are on, and `first`, the least of their sids.

    An export that shows one twice is no reason to fail.
    """
    keys = list(values.KEYS)
    columns = {name: records[name].max() for name in records.columns if name not in keys}
    return records.group_by(keys).aggregate(**columns, first=records.sid.min()).inner_join(among, keys)


def _latest(records: Rows, doubles: Rows) -> Rows:
    """The records without those of earlier profiles at an address: sids begin with their time."""
    found = records.left_join(doubles, "hash")
    return found.filter(found.latest.isnull() | (found.latest == found.sid)).select(*records.columns)


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
        AnswerGarbled: what was answered is none of Sailthru's answers, and nobody else proves it.
    """
    unclear: AnswerGarbled | None = None
    for row in workspace.dicts(exported.order_by("hash").select("sid", "hash"), limit=5):
        sighting = await sightings.look(account, Ref(sid=row["sid"]), ())
        if isinstance(sighting, sightings.Unknown):
            unclear = sighting.error or unclear
            continue
        if sighting is None or sighting.email is None:
            continue
        if values.hash_of(fold_address(sighting.email)) == row["hash"]:
            return True
        raise AccountUnfit(
            "The account's exports do not hash e-mail addresses as expected (MD5 of the lower-cased address).",
            hint="Without that no member can be recognised, so nothing was planned. Please report this.",
        )
    if unclear is not None:
        raise unclear
    return False


def hands_off(there: Rows, desired: Desired, workspace: Workspace) -> Rows:
    """The profiles without those whose rows on our side cannot be used.

    But for those whose address somebody is to have: it is taken. See `without_held` for what becomes of them.
    """
    held = workspace.keep("held", desired.held)
    if not workspace.count(held.limit(1)):
        return there
    rows = there.anti_join(held, "hash")
    if desired.shape.identity is None:
        return rows
    key = f"var:{desired.shape.identity}"
    known = rows.mutate(key=identity.said(rows[key]))
    out = workspace.keep("hands off", known.semi_join(held, [("key", "identity")]).select("sid", "hash"))
    return rows.anti_join(out.anti_join(desired.rows, "hash"), "sid")


def without_held(changes: Rows, desired: Desired, workspace: Workspace) -> Rows:
    """The changes without those of profiles whose rows on our side cannot be used."""
    if desired.shape.identity is None or not workspace.count(desired.held.limit(1)):
        return changes
    held = desired.held.filter(desired.held.identity.notnull()).select(held="identity").distinct()
    known = changes.left_join(held, identity.said(changes[f"old:{desired.shape.identity}"]) == held.held)
    return known.filter((known.kind != "leave") | known.held.isnull()).drop("held")


def without_unknown(
    desired: Desired, rows: Rows, unknown: Rows, workspace: Workspace, masks: Masks | None = None
) -> tuple[Desired, Rows]:
    """Both states without people of whom a look could not say whether they have a profile, and which.

    Their row and their profile are left out together, whichever of the two could not be looked at; and so is whoever is
    to have the address of a profile that is left alone for this.

    Args:
        rows: an observed table.
        unknown: see `sightings.Looker.look`.
    """
    if not workspace.count(unknown):
        return desired, rows
    held = workspace.keep("unknown people", _people_of(unknown, desired, rows))
    for turn in itertools.count(1):
        kept = workspace.keep("observed and known", _without(rows, held, desired.shape))
        wanted = workspace.keep("desired and known", _without(desired.rows, held, desired.shape))
        taken = wanted.semi_join(rows.anti_join(kept, "sid"), "hash")
        if not workspace.count(taken):
            break
        named = taken.mutate(sid=ibis.null("string"), reason=ibis.literal(identity.TAKEN))
        held = workspace.keep(f"unknown people {turn}", held.union(_held(named, desired.shape)))
    found = held.group_by("reason").aggregate(count=held.count()).order_by("reason")
    home = desired.sources[0].name
    invalid = tuple(
        Invalid(row["reason"], home, row["count"], _samples(held, row["reason"], workspace, masks))
        for row in workspace.dicts(found, limit=10)
    )
    left_out = workspace.count(desired.rows) - workspace.count(wanted)
    return (
        replace(desired, rows=wanted, invalid=(*desired.invalid, *invalid), total=desired.total - left_out),
        kept,
    )


def _people_of(unknown: Rows, desired: Desired, rows: Rows) -> Rows:
    """`hash, identity, name, reason` of people who were looked for by address, and of profiles by sid."""
    by_address = desired.rows.mutate(sid=ibis.null("string")).inner_join(unknown.select("email", "reason"), "email")
    by_sid = rows.inner_join(unknown.select("sid", "reason"), "sid")
    return _held(by_address, desired.shape).union(_held(by_sid, desired.shape))


def _held(rows: Rows, shape: Shape) -> Rows:
    key = ibis.null("string") if shape.identity is None else identity.said(rows[f"var:{shape.identity}"])
    return rows.select("hash", "reason", identity=key, name=ibis.coalesce(rows.email, rows.sid))


def _without(rows: Rows, held: Rows, shape: Shape) -> Rows:
    left = rows.anti_join(held, "hash")
    if shape.identity is None:
        return left
    mine = identity.said(left[f"var:{shape.identity}"])
    return left.mutate(identity=mine).anti_join(held, "identity").drop("identity")


def _samples(held: Rows, reason: str, workspace: Workspace, masks: Masks | None) -> tuple[str, ...]:
    some = workspace.dicts(held.filter(held.reason == reason).order_by("hash"), limit=SAMPLES)
    return tuple(masks.person(row["name"]) for row in some) if masks else ()


def _merged(there: Rows, seen: Rows, gone: Rows) -> Rows:
    """Who was read one by one stands in for their exported row; who was looked for and not found is gone."""
    bulk = there.anti_join(seen, "sid").anti_join(gone, "sid")
    # A newcomer found by address may also have been exported by now: one row a profile.
    return bulk.union(seen.distinct(on="sid", keep="first").select(*bulk.columns))

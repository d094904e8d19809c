"""Taking an observation of an account, and looking at a kept one as if it were the account."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from datetime import datetime
from pathlib import Path

from reconcile.errors import ObservationUnusable
from reconcile.sailthru import exports, kept
from reconcile.sailthru.kept import HashCheck, KeptExport, Manifest, Whose
from reconcile.sailthru.model import Export
from reconcile.sailthru.target import Target
from reconcile.state import observed
from reconcile.state.keys import Keys
from reconcile.state.model import Arrived, Membership, Observable, Progress, Ref, RemoteList, Sighting
from reconcile.state.workspace import Workspace


async def take(  # noqa: PLR0913 -- what is looked at, where it goes, and what is told of it
    account: Target,
    workspace: Workspace,
    folder: Path,
    *,
    lists: Sequence[str],
    vars: Sequence[str],
    whose: Whose,
    keys: Keys,
    taken_at: datetime,
    progress: Progress,
) -> Manifest:
    """Look at the account as a plan would, and keep in `folder`, where it puts its exports, what was read in bulk.

    Args:
        lists, vars: those that are managed.

    Raises:
        TwinLists, AccountUnfit: no plan could be right, see `observed.build`.
        ExportBroken: the file of a list is no whole list.
    """
    ids, catalogue = await account.identify(), tuple(await account.lists())
    there = observed.check_lists(catalogue, [Membership(name) for name in lists])
    found = await observed.exports_of(account, sorted(there), vars, progress)
    files, check = [], HashCheck.NOBODY
    for export in found:
        rows = workspace.records(export)
        rows = workspace.keep("export", rows.select(sid=rows[export.sid_column], hash=rows[export.hash_column]))
        if check is HashCheck.NOBODY and await observed.ask_hash(account, rows, workspace):
            check = HashCheck.MATCHED
        files.append(kept.file(folder, export.list, Path(export.path), workspace.count(rows)))
    manifest = Manifest(
        account=whose,
        taken_at=taken_at,
        lists=catalogue,
        vars=tuple(vars),
        exports=tuple(files),
        hash_check=check,
        ids=ids,
    )
    return kept.write(folder, manifest, keys)


class Kept:
    """A kept observation in place of the account; satisfies `state.model.Observable`.

    Args:
        live: the account itself, for look-ups of single people; None where there are to be none.
    """

    def __init__(self, folder: Path, manifest: Manifest, live: Observable | None) -> None:
        self._folder = folder
        self._manifest = manifest
        self._live = live
        self._exports: dict[str, KeptExport] = {one.list: one for one in manifest.exports}

    @property
    def hash_checked(self) -> bool:
        """Whether it was looked at when the observation was taken."""
        return self._manifest.hash_check is HashCheck.MATCHED

    async def lists(self) -> Sequence[RemoteList]:
        """All lists that the account had."""
        return self._manifest.lists

    async def export(self, list_name: str, vars: Sequence[str], arrived: Arrived | None = None) -> Export:
        """The file of a list as it came.

        Raises:
            ObservationUnusable: it is not as it came, or was not asked for these vars.
        """
        kept.check_fit(self._folder, self._manifest, [list_name], vars)
        path = await asyncio.to_thread(kept.check_file, self._folder, self._exports[list_name])
        if arrived is not None:
            arrived(self._exports[list_name].bytes)
        found = exports.described(list_name, vars, path)
        if found is None:
            raise exports.unfit(list_name)
        return found

    async def look(self, ref: Ref, vars: Sequence[str], *, most: int | None = None) -> Sighting | None:
        """One profile as it is now, by the live account.

        Raises:
            ObservationUnusable: there are to be no look-ups.
        """
        if self._live is None:
            raise ObservationUnusable(
                f"The observation in {self._folder} never showed how the account hashes addresses, "
                "and policy.lookups lets nobody be asked.",
                hint="Observe again when the lists have members, or let policy.lookups be more than 0.",
            )
        return await self._live.look(ref, vars, most=most)


def opened(folder: Path, whose: Whose, keys: Keys, *, lists: Sequence[str], vars: Sequence[str]) -> Manifest:
    """A kept observation, good for a plan of this account that manages these lists and vars.

    Raises:
        ObservationUnusable: it is damaged, of another account, or lacks something.
    """
    manifest = kept.read(folder, keys)
    kept.check_whose(folder, manifest, whose)
    kept.check_fit(folder, manifest, lists, vars)
    return manifest

"""Jobs: what Sailthru does by and by (SAILTHRU.md §9): the export of a list, and the update of many profiles."""

from __future__ import annotations

import itertools
import re
import secrets
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, Final

from reconcile.errors import AccountUnavailable, ApiRejected, JobForbidden
from reconcile.sailthru import exports
from reconcile.sailthru.client import Client
from reconcile.sailthru.model import Call, Export, NotFound, Unsure
from reconcile.state.model import Arrived

ASKED: Final = 2
"""How often an export is asked for, at most."""

_FORBIDDEN: Final = re.compile(r"\bnot permitted to perform\b", re.IGNORECASE)
_WAYS_OUT: Final = {
    "export_list_data": "Ask Sailthru to permit it for this key: without exports nobody can know who is on a list.",
    "update": "Ask Sailthru to permit it for this key, and apply the same plan again to go on. Or plan again with "
    "policy.route: user, which sends changes one by one and takes longer.",
}

_POLLS: Final = (0.2, 1.0, 2.0, 4.0, 8.0, 15.0)
_SLOWEST: Final = 30.0
_LAG: Final = 10.0
"""Seconds in which a job that was just accepted may still be unknown (eventual consistency, SAILTHRU.md §6)."""


async def export(
    client: Client, list_name: str, vars: Sequence[str], folder: Path, arrived: Arrived | None = None
) -> Export:
    """The members of a list, as a file in `folder`.

    Raises:
        ApiRejected: Sailthru will not export it, or the job ended with an error.
        JobForbidden: the key may not export.
        ExportBroken: what came is no export.
        AccountUnavailable: it took longer than the deadline, or could not be fetched whole.
    """
    fields = {"fields": {"vars": dict.fromkeys(vars, 1)}} if vars else {}
    path, found = _new_file(folder), None
    try:
        await _exported(client, {"job": "export_list_data", "list": list_name, **fields}, path, arrived)
        found = exports.described(list_name, vars, path)
    except ApiRejected as error:
        if not fields or error.code != 99:
            raise
    if found is None and fields:
        # Which names `fields` knows is not documented; should it be refused, or leave out all else, take everything.
        await _exported(client, {"job": "export_list_data", "list": list_name}, path, arrived)
        found = exports.described(list_name, vars, path)
    if found is None:
        raise exports.unfit(list_name)
    return found


async def _exported(client: Client, params: Mapping[str, Any], path: Path, arrived: Arrived | None) -> None:
    """Have the file made and fetch it.

    A second export is harmless (SAILTHRU.md §17), so one that fails, or whose URL died before we came for it, is asked
    for again, and so is one that takes long: it may never end. Then whichever is there first is taken.
    """
    what, began = f'The export of the list "{params["list"]}"', client.clock()
    jobs, asked = {await _posted(client, params): began}, 1
    for wait in _polls():
        await client.sleep(wait)
        for job, posted in tuple(jobs.items()):
            try:
                if (url := await _finished(client, job, what, client.clock() - posted)) is not None:
                    called = f"the download of {what[0].lower()}{what[1:]}"
                    return await client.download(url, path, called, arrived)
            except ApiRejected:
                del jobs[job]
                if not jobs and asked == ASKED:
                    raise
        waited = client.clock() - began
        if waited >= client.patience.job:
            break
        if asked < ASKED and (not jobs or waited >= client.patience.again * client.patience.job):
            jobs[await _posted(client, params)] = client.clock()
            asked += 1
    raise _late(client, what)


async def _posted(client: Client, params: Mapping[str, Any]) -> str:
    """Start an export; a second one is harmless (SAILTHRU.md §17), so an unsure one is just asked for again."""
    for attempt in itertools.count(1):
        try:
            answer = await client.call(Call("POST", "job", params))
        except ApiRejected as error:
            raise _forbidden(error, str(params["job"])) or error from None
        except Unsure as unsure:
            if attempt >= client.patience.tries:
                raise
            cause = unsure.cause
        else:
            return str(answer.body["job_id"])
        await client.pause(attempt, cause)
    raise AssertionError  # pragma: no cover -- the loop has no end of its own


async def start_update(client: Client, path: Path) -> str:
    """Hand in a file of JSON lines to be done to as many profiles (SAILTHRU.md §9.4); the job's id.

    Raises:
        Unsure: it may have been taken, or not: look at the effect, and do not hand it in again.
        JobForbidden: the key may not run such a job.
    """
    try:
        answer = await client.call(Call("POST", "job", {"job": "update"}, file=path))
    except ApiRejected as error:
        raise _forbidden(error, "update") or error from None
    return str(answer.body["job_id"])


def _forbidden(error: ApiRejected, job: str) -> JobForbidden | None:
    """The refusal of a kind of job, where Sailthru's words say so (SAILTHRU.md §4.4); the HTTP status is not known."""
    if not _FORBIDDEN.search(error.message):
        return None
    return JobForbidden(f"The API key may not run jobs of the kind {job}. {error.message}", hint=_WAYS_OUT.get(job))


async def finish_update(client: Client, job_id: str) -> None:
    """Wait until an update has ended. That it did says nothing of its lines: bad ones are skipped silently (§15).

    Raises:
        ApiRejected: the job ended with an error.
        AccountUnavailable: it took longer than the deadline.
    """
    what = "The update of many profiles"
    if (await _ended(client, job_id, what)).get("status") != "completed":
        raise _failed(what, "error")


async def _finished(client: Client, job_id: str, what: str, waited: float) -> str | None:
    """The URL of an export's file; None while it is not there yet.

    Raises:
        NotFound: the file has expired.
        ApiRejected: the job ended with an error, or is unknown.
    """
    body = await _polled(client, job_id, waited)
    match body.get("status"):
        case "completed" if isinstance(body.get("export_url"), str):
            return str(body["export_url"])
        case "completed" if body.get("expired"):
            raise NotFound(f"{what} has expired.", code=None, status=200)
        case "completed" | "error" as status:
            raise _failed(what, f"{status}, without a file")
        case _:  # any other word is "still going" (SAILTHRU.md §9.1)
            return None


async def _ended(client: Client, job_id: str, what: str) -> Mapping[str, Any]:
    """What is told of a job when it has ended, well or not."""
    began = client.clock()
    for wait in _polls():
        await client.sleep(wait)
        waited = client.clock() - began
        body = await _polled(client, job_id, waited)
        if body.get("status") in {"completed", "error"}:
            return body
        if waited >= client.patience.job:
            break
    raise _late(client, what)


def _polls() -> Iterator[float]:
    """Seconds between two looks at a job: they grow apart."""
    return itertools.chain(_POLLS, itertools.repeat(_SLOWEST))


def _late(client: Client, what: str) -> AccountUnavailable:
    return AccountUnavailable(
        f"{what} did not finish within {client.patience.job / 3600:g} hours.",
        hint="Sailthru's queue may be long; try again later, or raise policy.job_hours.",
    )


def _failed(what: str, status: str) -> ApiRejected:
    return ApiRejected(
        f"{what} failed at Sailthru: its job is {status}.",
        code=None,
        status=200,
        hint="Try again; if it fails again, ask Sailthru's support.",
    )


async def _polled(client: Client, job_id: str, waited: float) -> Mapping[str, Any]:
    try:
        return (await client.call(Call("GET", "job", {"job_id": job_id}))).body
    except ApiRejected as error:
        if error.code == 99 and waited < _LAG:
            return {}
        raise


def _new_file(folder: Path) -> Path:
    """A name that is nobody's, made up by us: what Sailthru calls the file is no safe path."""
    return folder / f"export-{secrets.token_hex(8)}.csv"

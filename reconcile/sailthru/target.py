"""A Sailthru account as the rest of us sees it: satisfies `state.model.Observable` and `apply.model.Executor`."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from reconcile.apply.model import Write
from reconcile.errors import AccountUnavailable, ApiRejected, CredentialsRefused, ReconcileError
from reconcile.plan.model import NO_IDS, AccountIds
from reconcile.sailthru import jobs, limits, lines, probing
from reconcile.sailthru.client import Client, Patience
from reconcile.sailthru.model import URL, Call, Credentials, Endpoint, Export, Method, NotFound, Unsure
from reconcile.sailthru.probing import Finding, State
from reconcile.state.masks import Masks
from reconcile.state.model import Arrived, Ref, RemoteList, Rows, Shape, Sighting

EXPORTS_AT_ONCE: Final = 3
"""Jobs side by side: no limit is documented, and nobody was seen to run more (SAILTHRU.md §9.1, §15)."""

_SETTLE: Final = (0.5, 1.5, 4.0)
"""Seconds between looks for what an unsure call may have done: a write may take 5 s to show (SAILTHRU.md §6)."""

_SETTINGS_TRIES: Final = 3
"""Tries of `GET /settings`: without an answer the account is known by its address and key."""

_SEEN: Final = {"keys": 1, "vars": 1, "lists": 1, "optout_email": 1}


@dataclass(frozen=True, slots=True)
class Facts:
    """What a connection test finds: how many lists, and what the account says of itself, as far as the key may ask."""

    lists: int
    timezone: str | None
    ids: AccountIds = NO_IDS


class Target:
    """One account.

    Args:
        client: makes the calls.
        folder: where exports are put; they hold people.
    """

    def __init__(self, client: Client, folder: Path) -> None:
        self._client = client
        self._folder = folder
        self._exports = asyncio.Semaphore(EXPORTS_AT_ONCE)
        self._creating = asyncio.Lock()
        self.unidentified = ""
        """Why the account did not say its ids when it was last asked, where the key may ask; else empty."""

    @property
    def hash_checked(self) -> bool:
        """Nobody has looked yet."""
        return False

    @property
    def calls(self) -> Mapping[str, int]:
        """Calls sent so far, by name (`POST /user`), repeats included."""
        return {f"{method} /{endpoint}": count for (method, endpoint), count in sorted(self._client.counts.items())}

    @property
    def retries(self) -> Mapping[str, int]:
        """Repeats so far, by cause."""
        return dict(sorted(self._client.retries.items()))

    @property
    def waited(self) -> Mapping[str, float]:
        """Seconds in which calls were held back so far, by cause."""
        return self._client.waits.seconds

    async def sleep(self, seconds: float) -> None:
        """Wait; virtual in tests."""
        await self._client.sleep(seconds)

    async def check(self) -> Facts:
        """Whether the account answers, and what it says of itself.

        Raises:
            CredentialsRefused, AccountUnavailable: it does not.
        """
        found, settings = await self.lists(), await self._settings()
        zone = settings.get("timezone")
        return Facts(len(found), zone if isinstance(zone, str) else None, _ids(settings))

    async def probe(self, url: str, *, export: Sequence[str] | None) -> AsyncIterator[Finding]:
        """What the key may do, as far as reads tell.

        Args:
            url: of the account, to be shown.
            export: lists, of which the first that is there is exported too; no export is made when None.
        """
        answers = False
        async for finding in probing.probe(self._client, url):
            answers = answers or finding.name == "lists"
            yield finding
        if answers:
            yield await self._probe_export(export)

    async def _probe_export(self, names: Sequence[str] | None) -> Finding:
        if names is None:
            told = "Whether exports are permitted was not tried, as one takes a job."
            return Finding("export", State.SKIPPED, told, "--export makes one, such as every plan makes.")
        try:
            there = {one.name for one in await self.lists()}
            name = next((name for name in names if name in there), None)
            if name is None:
                return Finding(
                    "export", State.SKIPPED, "None of the spec's lists is at the account, so none was exported."
                )
            await self.export(name, ())  # into the folder of this run, which goes with it
        except ReconcileError as error:
            return probing.find_problem("export", error)
        return Finding("export", State.OK, f'The list "{name}" was exported; its file was not kept.')

    async def identify(self) -> AccountIds:
        """Which account the key is for, so that one that is refused is refused at once.

        Empty where the key may not ask, or where there is no answer: see `unidentified`.

        Raises:
            CredentialsRefused, AccountUnavailable: it does not answer.
        """
        if not (settings := await self._settings()):
            await self.lists()
        return _ids(settings)

    async def lists(self) -> Sequence[RemoteList]:
        """All lists, twins included. The account's cap is 2,000 and there are no pages (SAILTHRU.md §2, §8.4)."""
        return [one for one, _ in await self.counted_lists()]

    async def counted_lists(self) -> Sequence[tuple[RemoteList, int | None]]:
        """All lists with how many members Sailthru counts: never too few, often too many (SAILTHRU.md §8.1)."""
        body = await self._call("GET", "list", {})
        return [(_remote_list(one), _count(one)) for one in body["lists"] or ()]

    async def export(self, list_name: str, vars: Sequence[str], arrived: Arrived | None = None) -> Export:
        """The members of one list, by a job. Complete or an error; `arrived` is told of bytes as they come."""
        async with self._exports:
            return await jobs.export(self._client, list_name, vars, self._folder, arrived)

    def update_lines(self, actions: Rows, shape: Shape) -> Rows:
        """The lines of an update file for a table of actions; see `lines.update`."""
        return lines.update(actions, shape)

    async def start_update(self, path: Path) -> str:
        """Hand in a file of update lines; the job's id. See `jobs.start_update`."""
        return await jobs.start_update(self._client, path)

    async def finish_update(self, job_id: str) -> None:
        """Wait until an update has ended. See `jobs.finish_update`."""
        await jobs.finish_update(self._client, job_id)

    async def look(self, ref: Ref, vars: Sequence[str], *, most: int | None = None) -> Sighting | None:
        """One profile, typed; None only when Sailthru says that it does not exist (SAILTHRU.md §4.4)."""
        try:
            call = Call("GET", "user", {**_named(ref), "fields": _SEEN})
            body = (await self._client.call(call, garbled=most)).body
        except NotFound:
            return None
        return _sighting(body, frozenset(vars))

    async def create_list(self, name: str, *, doubtful: bool = False) -> None:
        """Make sure that a list of this name exists.

        One at a time, looked up first and again when a call was unsure: else there are twins (SAILTHRU.md §14.8).

        Args:
            doubtful: an earlier attempt may have made it just now, and it may not show yet.
        """
        if "$" in name:
            raise ApiRejected(f'A list name may not hold "$": "{name}".', code=None, status=0)
        async with self._creating:
            attempt = 0
            while not await self._has_list(name, _SETTLE if doubtful or attempt else ()):
                attempt += 1
                try:
                    await self._call("POST", "list", {"list": name})
                except Unsure as unsure:
                    if attempt >= self._client.patience.tries:
                        raise
                    cause = unsure.cause
                else:
                    return
                await self._client.pause(attempt, cause)

    async def upsert(self, write: Write) -> None:
        """One write. Sets what it names and nothing else (SAILTHRU.md §7.3)."""
        ref = await self._renamed(write) if write.email else write.ref
        rename = write.email if write.email and ref.sid else None
        params = _named(ref) | {"keysconflict": "error", "fields": {"keys": 1}}
        if rename:
            params["keys"] = {"email": rename}
        if write.vars:
            params["vars"] = dict(write.vars)
        if write.lists:
            params["lists"] = {name: int(member) for name, member in write.lists.items()}
        await self._call("POST", "user", params)

    async def delete(self, ref: Ref) -> None:
        """One call to delete; no proof of anything: it answers 200 for the dead as well (SAILTHRU.md §7.4)."""
        try:
            await self._call("DELETE", "user", _named(ref))
        except NotFound:
            return

    async def _renamed(self, write: Write) -> Ref:
        """Whom a write with a new address is about.

        By sid: by its old address a repeat would find nobody, and make somebody. Where the old address is nobody's, the
        new one is meant: the change has been made before, or there is nobody to change.
        """
        if write.ref.sid:
            return Ref(sid=write.ref.sid)
        seen = await self.look(write.ref, ())
        return Ref(email=write.email) if seen is None else Ref(sid=seen.sid)

    async def _has_list(self, name: str, waits: Sequence[float]) -> bool:
        for wait in (0.0, *waits):
            if wait:
                await self.sleep(wait)
            try:
                await self._call("GET", "list", {"list": name})
            except NotFound:
                continue
            return True
        return False

    async def _settings(self) -> Mapping[str, Any]:
        self.unidentified = ""
        try:
            return (await self._client.call(Call("GET", "settings", {}), most=_SETTINGS_TRIES)).body
        except (ApiRejected, CredentialsRefused):
            pass  # the key may work, and be for `user`, `list` and `job` alone (SAILTHRU.md §3.4)
        except AccountUnavailable as error:  # nothing that is planned or written depends on the answer
            self.unidentified = error.message
        return {}

    async def _call(self, method: Method, endpoint: Endpoint, params: Mapping[str, Any]) -> Mapping[str, Any]:
        return (await self._client.call(Call(method, endpoint, params))).body


@asynccontextmanager
async def connect(  # noqa: PLR0913 -- the seam: all that is outside comes in here
    credentials: Credentials,
    *,
    masks: Masks,
    folder: Path,
    url: str = URL,
    at_once: int = 20,
    share: float = limits.SHARE,
    job_hours: float = 6.0,
    export_again: float = 0.25,
    transport: Any = None,
    sleep: Callable[[float], Awaitable[Any]] = asyncio.sleep,
    clock: Callable[[], float] = time.time,
) -> AsyncIterator[Target]:
    """An account to work with. Nothing is sent yet.

    Args:
        folder: where exports are put; they hold people.
        url: where the API answers, without the endpoint.
        at_once: calls under way side by side.
        share: of the account's rate limits, for us.
        job_hours: how long to wait for a job.
        export_again: after this share of it an export is asked for once more.
        transport: an httpx transport in place of the network.
    """
    client = Client(
        credentials,
        url=url,
        masks=masks,
        transport=transport,
        at_once=at_once,
        clock=clock,
        sleep=sleep,
        patience=Patience(share=share, job=job_hours * 3600, again=export_again),
    )
    async with client:
        yield Target(client, folder)


def _named(ref: Ref) -> dict[str, Any]:
    """Always with `key`, else its type is guessed (SAILTHRU.md §14.22); by address where we know it."""
    if ref.email is not None:
        return {"id": ref.email, "key": "email"}
    if ref.sid is not None:
        return {"id": ref.sid, "key": "sid"}
    raise ValueError("a ref without a name")


def _ids(settings: Mapping[str, Any]) -> AccountIds:
    """The account's ids (SAILTHRU.md §10), numbers or words."""
    found = (settings.get(name) for name in AccountIds._fields)
    return AccountIds(*(str(one) if isinstance(one, str | int) and not isinstance(one, bool) else "" for one in found))


def _remote_list(one: Mapping[str, Any]) -> RemoteList:
    kind = str(one["type"])
    return RemoteList(str(one["list_id"]), str(one["name"]), "natural" if kind == "normal" else kind)


def _count(one: Mapping[str, Any]) -> int | None:
    count = one.get("email_count")
    return count if isinstance(count, int) else None


def _sighting(body: Mapping[str, Any], wanted: frozenset[str]) -> Sighting:
    """`vars` may be null, [], {} or missing, `lists` null: all mean none (SAILTHRU.md §7.2)."""
    keys, lists = body["keys"], body.get("lists") or ()
    vars_ = body.get("vars") or {}
    return Sighting(
        email=keys.get("email"),
        sid=keys["sid"],
        vars={name: value for name, value in vars_.items() if name in wanted},
        lists=frozenset(lists),
        optout=body.get("optout_email"),
    )

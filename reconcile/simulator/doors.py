"""Which call goes where, and the faults that are played inside a call.

Twins, lying deletes, lagging reads.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

from reconcile.simulator import lists, settings, users
from reconcile.simulator.account import Account
from reconcile.simulator.calls import Call
from reconcile.simulator.jobs import Jobs
from reconcile.simulator.mischief import Mischief
from reconcile.simulator.model import Refusal

Body = dict[str, Any]


class Doors:
    """The endpoints of one account."""

    def __init__(self, account: Account, jobs: Jobs, mischief: Mischief) -> None:
        self._account = account
        self._mischief = mischief
        self._doors: dict[tuple[str, str], Callable[[Call], Body]] = {
            ("GET", "user"): self._get_user,
            ("POST", "user"): lambda call: users.post(account, call),
            ("DELETE", "user"): self._delete_user,
            ("GET", "list"): self._get_list,
            ("POST", "list"): lambda call: lists.post(account, call),
            ("DELETE", "list"): lambda call: lists.delete(account, call),
            ("GET", "job"): jobs.get,
            ("POST", "job"): jobs.post,
            ("GET", "settings"): lambda call: settings.get(account, call),
            ("GET", "stats"): lambda call: settings.stats(account, call),
        }

    async def enter(self, call: Call) -> Body:
        """Do the call; a Refusal is the API's own no."""
        door = self._doors.get((call.method, call.endpoint))
        if door is None:
            raise _unknown(call)
        if self._mischief.faults.lists.twins and call.method == "POST":
            await self._look_first(call)
        return door(call)

    async def _look_first(self, call: Call) -> None:
        """Between the look for a list and its making others may look as well.

        So twins come to be (§14, 8).
        """
        look = {"user": users.missing_lists, "list": lists.missing}.get(call.endpoint)
        call.unseen = look(self._account, call.params) if look else frozenset()
        if call.unseen:
            self._mischief.note("list-race")
            await asyncio.sleep(self._mischief.faults.lists.window)
            if any(self._account.named(name) for name in call.unseen):
                self._mischief.note("twin-list")

    def _get_user(self, call: Call) -> Body:
        history = self._account.history
        if history is None:
            return users.get(self._account, call)
        key, profile = users.subject(self._account, call.params)
        lag = self._mischief.read_lag(call.params)
        then = history.find(key.kind, key.value, lag, self._account.find)
        if then is not profile:
            self._mischief.note("stale-read")
        return users.read(self._account, then, key, call)

    def _get_list(self, call: Call) -> Body:
        lag = self._mischief.read_lag(call.params) if self._mischief.faults.reads.lists else 0
        if any(lists.is_too_young(one, call, lag) for one in self._account.lists.values()):
            self._mischief.note("stale-read")
        return lists.get(self._account, call, lag)

    def _delete_user(self, call: Call) -> Body:
        _, profile = users.subject(self._account, call.params)
        if profile is not None and self._mischief.delete_lies(profile):
            return {"ok": True}
        return users.delete(self._account, call)


def _unknown(call: Call) -> Refusal:
    """What the API says to what it does not know (SAILTHRU.md §4.4); the words for the rest are guessed."""
    match call.endpoint:
        case "blast":
            return Refusal(13, f"Unknown blast_id: {call.params.get('blast_id', '')}", 404)
        case "template":
            return Refusal(14, f"Unknown template: {call.params.get('template', '')}", 404)
        case "send":
            return Refusal(12, f"Unknown send_id: {call.params.get('send_id', '')}", 404)
        case _:
            return Refusal(99, "Unknown API endpoint", 404)

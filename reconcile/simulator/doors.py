"""Which call goes where, and the faults that are played inside a call.

Twins, lying deletes, lagging reads.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from typing import Any, Final

from reconcile.simulator import lists, settings, users, values
from reconcile.simulator.account import Account
from reconcile.simulator.calls import METHODS, Call
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

        self._methods = dict(_OTHERS)
        for method, endpoint in self._doors:
            self._methods[endpoint] = self._methods.get(endpoint, frozenset()) | {method}

    async def enter(self, call: Call) -> Body:
        """Do the call; a Refusal is the API's own no."""
        door = self._doors.get((call.method, call.endpoint))
        if door is None:
            if call.method not in self._methods.get(call.endpoint, METHODS):
                raise Refusal(1, "Unsupported HTTPS method", 405)
            raise _unknown(self._account, call)
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
        counts = self._mischief.faults.reads.counts
        if counts and any(self._account.count(m, counts) != m.count for m in list(self._account.lists.values())):
            self._mischief.note("stale-count")
        return lists.get(self._account, call, lag, counts)

    def _delete_user(self, call: Call) -> Body:
        _, profile = users.subject(self._account, call.params)
        if profile is not None and self._mischief.delete_lies(profile):
            return {"ok": True}
        return users.delete(self._account, call)


#: The methods of the endpoints that are not played from the inside, as far as the vendor's clients use them.
_OTHERS: Final[Mapping[str, frozenset[str]]] = {
    "send": METHODS,
    "blast": METHODS,
    "template": METHODS,
    "purchase": frozenset({"GET", "POST"}),
    "event": frozenset({"POST"}),
    "preview": frozenset({"POST"}),
    "return": frozenset({"POST"}),
}


def _unknown(account: Account, call: Call) -> Refusal:
    """What the API says to what it does not know (SAILTHRU.md §4.4); the words for the rest are guessed."""
    params, template = call.params, values.text(call.params.get("template"))
    match call.method, call.endpoint:
        case _, "blast":
            return Refusal(13, f"Unknown blast_id: {values.text(params.get('blast_id'))}", 404)
        case (_, "template") | ("POST", "send"):
            return Refusal(14, f"Unknown template: {template}", account.guesses.unknown_template)
        case _, "send":
            return Refusal(12, f"Unknown send_id: {values.text(params.get('send_id'))}", 404)
        case "POST", "purchase":
            values.valid_email(values.required(params, "email"))
            return Refusal(99, "No items in purchase")
        case _:
            return Refusal(99, "Unknown API endpoint", 404)

"""The account: profiles, lists and what follows from them. State and rules only; the time is always given.

Users of this room: `users` and `lists` speak the API's language over it, `jobs` changes it in bulk, tests
look at it.
"""

from __future__ import annotations

import secrets
from collections.abc import Iterator
from collections.abc import Set as AbstractSet
from typing import Any, Final
from zoneinfo import ZoneInfo

from reconcile.simulator import values
from reconcile.simulator.flows import Flows
from reconcile.simulator.guesses import Guesses
from reconcile.simulator.history import History
from reconcile.simulator.ids import COOKIE, Ids
from reconcile.simulator.model import NOTHING, MailList, Profile, Refusal

MAX_LISTS: Final = 2000
MAX_PRIMARY: Final = 50
MAX_VARS: Final = 1000


class Account:
    """One Sailthru account.

    Attributes:
        profiles: sid to profile, in the order of creation.
        lists: list_id to list, in the order of creation; names may repeat.
        history: what profiles were a moment ago, kept only where reads are to lag.
        guesses: how it behaves where nobody knows how the real one does.
        flows: its journeys, and who entered them.
        zone: the account's time zone, in which all its times are told.
        client_id, customer_id: its own, whatever the seed: another simulator is another account.
    """

    def __init__(self, *, timezone: str = "America/New_York", seed: int = 0, guesses: Guesses | None = None) -> None:
        self.guesses = guesses or Guesses()
        self.history: History | None = None
        self.flows = Flows(self.guesses.flows_by_jobs)
        self.zone = ZoneInfo(timezone)
        self.ids = Ids(seed)
        self.client_id, self.customer_id = (secrets.randbelow(9 * 10**8) + 10**8 for _ in range(2))
        self.profiles: dict[str, Profile] = {}
        self.lists: dict[str, MailList] = {}
        self.restricted: dict[str, None] = {}
        self.var_names: set[str] = set()
        self._sid_of_email: dict[str, str] = {}
        self._sid_of_key: dict[tuple[str, str], str] = {}
        self._named: dict[str, list[MailList]] = {}

    # -- profiles

    def find(self, kind: str, value: str) -> Profile | None:
        """The profile with this key, or None. E-mails must be in their stored form."""
        match kind:
            case "email":
                sid = self._sid_of_email.get(value)
            case "sid":
                sid = value.lower()
            case "cookie":
                sid = self._sid_of_cookie(value.lower())
            case _:
                sid = self._sid_of_key.get((kind, value))
        return None if sid is None else self.profiles.get(sid)

    def _sid_of_cookie(self, cookie: str) -> str | None:
        if not COOKIE.fullmatch(cookie):
            return None
        sid = cookie[32:56]
        return sid if self.ids.cookie(sid, None)[:32] == cookie[:32] else None

    def new_profile(self, second: int, email: str | None = None) -> Profile:
        """A profile that is not yet in the account; `put` puts it there."""
        return Profile(self.ids.new(second), email, second, second)

    def put(self, profile: Profile) -> None:
        """Make this the profile of its sid, whatever was there; indexes and list memberships follow."""
        old = self.profiles.get(profile.sid)
        if self.history is not None:
            self.history.note(profile.sid, old)
        self._index(old, profile)
        self._enrol(profile, NOTHING if old is None else old.joined)
        self.profiles[profile.sid] = profile
        if profile.bounced or profile.optout_email != "none":
            self.restricted[profile.sid] = None
        elif self.restricted:
            self.restricted.pop(profile.sid, None)

    def _index(self, old: Profile | None, new: Profile) -> None:
        if old is not None and old.email != new.email and old.email is not None:
            del self._sid_of_email[old.email]
        if new.email is not None:
            self._sid_of_email[new.email] = new.sid
        if old is not None:
            for item in old.others.items() - new.others.items():
                del self._sid_of_key[item]
        for item in new.others.items():
            self._sid_of_key[item] = new.sid

    def _enrol(self, profile: Profile, before: dict[MailList, int]) -> None:
        if profile.joined is before:
            return
        if self.history is not None:
            for mail_list in before.keys() ^ profile.joined.keys():
                self.history.note_count(mail_list.list_id, mail_list.count)
        for mail_list in before.keys() - profile.joined.keys():
            mail_list.leave(profile.sid)
        for mail_list in profile.joined.keys() - before.keys():
            mail_list.join(profile.sid)

    def remove(self, profile: Profile, second: int) -> None:
        """Delete a profile; its lists forget it, and go on counting it (SAILTHRU.md §8.1)."""
        if self.history is not None:
            self.history.note(profile.sid, profile)
        del self.profiles[profile.sid]
        self.restricted.pop(profile.sid, None)
        if profile.email is not None:
            del self._sid_of_email[profile.email]
        for item in profile.others.items():
            del self._sid_of_key[item]
        for mail_list in profile.joined:
            mail_list.forget(profile.sid, second)

    def admit_vars(self, names: AbstractSet[str]) -> None:
        """Note custom fields that are about to be used.

        Error 99 above the account's limit, with nothing noted.
        """
        fresh = names - self.var_names
        if len(self.var_names) + len(fresh) > MAX_VARS:
            raise Refusal(99, f"Maximum custom field count reached: {MAX_VARS}")
        self.var_names |= fresh

    # -- lists

    def named(self, name: str) -> list[MailList]:
        """All lists of this name: none, one, or twins."""
        return self._named.get(name, [])

    def admit_lists(self, fresh: int) -> None:
        """Error 99 where so many new lists would go over the cap (SAILTHRU.md §8.4)."""
        if fresh and len(self.lists) + fresh > MAX_LISTS:
            raise Refusal(99, f"Maximum list count reached: {MAX_LISTS}")

    def add_list(self, name: str, second: int, **traits: Any) -> MailList:
        """A new list, even where the name is taken: that is how twins come to be. Error 99 at the cap."""
        self.admit_lists(1)
        made = MailList(self.ids.new(second), name, second, **traits)
        self.put_list(made)
        return made

    def put_list(self, mail_list: MailList) -> None:
        """Take up a list that was made elsewhere, with the count it has."""
        self.lists[mail_list.list_id] = mail_list
        self._named.setdefault(mail_list.name, []).append(mail_list)

    def drop_list(self, mail_list: MailList) -> None:
        """Delete a list; its memberships go, its members stay (SAILTHRU.md §8.3)."""
        for sid in list(mail_list.members):
            profile = self.profiles[sid]
            rest = {k: v for k, v in profile.joined.items() if k is not mail_list}
            self.profiles[sid] = profile._replace(joined=rest or NOTHING)
        mail_list.members.clear()
        if self.history is not None:
            self.history.forget_list(mail_list.list_id)
        del self.lists[mail_list.list_id]
        self._named[mail_list.name].remove(mail_list)
        if not self._named[mail_list.name]:
            del self._named[mail_list.name]

    def refresh(self, mail_list: MailList, second: int) -> None:
        """Recount a list whose count has been too high for long enough."""
        stale = mail_list.stale_since
        if stale is not None and second - stale >= self.guesses.recount_seconds:
            if self.history is not None:
                self.history.note_count(mail_list.list_id, mail_list.count)
            mail_list.recount()

    def count(self, mail_list: MailList, lag: float = 0) -> int:
        """What the API tells, `lag` seconds behind the writes."""
        if lag and self.history is not None:
            return self.history.count(mail_list.list_id, mail_list.count, lag)
        return mail_list.count

    def valid_count(self, mail_list: MailList, lag: float = 0) -> int:
        """`count` without those known to be unmailable."""
        barred = sum(1 for sid in list(self.restricted) if sid in mail_list.members)
        return max(0, self.count(mail_list, lag) - barred)

    # -- for tests and people

    def profile(self, email: str) -> Profile | None:
        """The profile of this address, or None."""
        return self.find("email", values.email(email))

    def members(self, list_name: str) -> set[str]:
        """The e-mails of all members of all lists of this name."""
        return {p.email for p in self._members(list_name) if p.email is not None}

    def _members(self, list_name: str) -> Iterator[Profile]:
        for mail_list in list(self.named(list_name)):
            for sid in list(mail_list.members):
                profile = self.profiles.get(sid)
                if profile is not None:
                    yield profile

    def list_names(self) -> list[str]:
        """The names of all lists, sorted; a name with twins stands as often as it has lists."""
        return sorted(mail_list.name for mail_list in list(self.lists.values()))

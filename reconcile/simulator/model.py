"""The nouns: a profile, a list, a refusal. No I/O, no HTTP, no clock.

Profiles are values: a write puts a new one in the place of the old. So a snapshot of a million profiles (for
an export, a lagging read, a save) costs one pointer each, and stays true while the account moves on.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final, NamedTuple

#: What a profile on no list and with no further keys shares with all others of its kind; never written to.
NOTHING: Final[dict[Any, Any]] = {}

#: From the mildest to the most restrictive; a merge keeps the most restrictive (SAILTHRU.md §7.3).
OPTOUTS: Final = ("none", "blast", "basic", "all")

#: The kinds of key a profile may have besides its sid, in the order they are echoed (SAILTHRU.md §7.1, §7.2).
OTHER_KEYS: Final = ("extid", "sms", "fb", "twitter")


class Refusal(Exception):
    """The API says no.

    Its own error code, the HTTP status that goes with it, and its words (SAILTHRU.md §4.4).
    """

    def __init__(self, code: int, text: str, status: int = 400) -> None:
        super().__init__(text)
        self.code = code
        self.text = text
        self.status = status


@dataclass(slots=True, eq=False)
class MailList:
    """A list as the account knows it. Two lists may share one name (twins), never one id.

    `count` is what the API tells: everyone who ever joined and did not leave by a membership write; a deleted
    user still counts until `recounted` (SAILTHRU.md §8.1). `members` is the truth, in the order of joining.
    """

    list_id: str
    name: str
    created: int
    kind: str = "normal"
    primary: bool = False
    query: Mapping[str, Any] | None = None
    vars: Mapping[str, Any] = field(default_factory=dict)
    public_name: str | None = None
    count: int = 0
    stale_since: int | None = None
    members: dict[str, None] = field(default_factory=dict)

    def join(self, sid: str) -> None:
        """Make this profile a member; a member already stays what it is."""
        if sid not in self.members:
            self.members[sid] = None
            self.count += 1

    def leave(self, sid: str) -> None:
        """Take this profile off by a membership write: the only thing that lowers the count at once."""
        if sid in self.members:
            del self.members[sid]
            self.count = max(0, self.count - 1)

    def forget(self, sid: str, second: int) -> None:
        """Take a deleted profile off; the count stays too high (SAILTHRU.md §8.1)."""
        self.members.pop(sid, None)
        if self.stale_since is None:
            self.stale_since = second

    def recount(self) -> None:
        """What the vendor does some time later: the count is the members again."""
        self.count = len(self.members)
        self.stale_since = None


class Profile(NamedTuple):
    """One person. Times are whole Unix seconds; `signup` can be set, `created` cannot.

    `joined` holds the lists with the second of joining.
    """

    sid: str
    email: str | None
    created: int
    signup: int
    vars: dict[str, Any] = NOTHING
    joined: dict[MailList, int] = NOTHING
    others: dict[str, str] = NOTHING
    optout_email: str = "none"
    optout_time: int | None = None
    bounced: bool = False

    @property
    def keys(self) -> dict[str, str]:
        """All keys that are set, without the cookie (which follows from sid and e-mail)."""
        email = {} if self.email is None else {"email": self.email}
        return {"sid": self.sid, **email, **self.others}

    @property
    def lists(self) -> dict[str, int]:
        """List name to the Unix second of joining; a member of twins is shown once."""
        return {mail_list.name: second for mail_list, second in self.joined.items()}

"""The nouns of the Sailthru wing: a call, its answer, and the ways it can go wrong. No I/O."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path
from typing import Any, Final, Literal

from reconcile.errors import AccountUnavailable, ApiRejected

Method = Literal["GET", "POST", "DELETE"]
Endpoint = Literal["user", "list", "job", "settings"]
"""What we call; never `send`, `event` or `purchase`, which mail people (SAILTHRU.md §10)."""

URL: Final = "https://api.sailthru.com"
"""Where the API answers (SAILTHRU.md §2)."""


@dataclass(frozen=True, slots=True)
class Credentials:
    """An API key and its shared secret; the secret is not in the repr."""

    key: str
    secret: str = field(repr=False)


@dataclass(frozen=True, slots=True)
class Call:
    """One call: what the `json` parameter holds, and a file to go with it (POST only).

    The repr tells neither, since both hold people.
    """

    method: Method
    endpoint: Endpoint
    params: Mapping[str, Any] = field(default_factory=dict, repr=False)
    file: Path | None = field(default=None, repr=False)

    @property
    def name(self) -> str:
        """As people write it: `POST /user`."""
        return f"{self.method} /{self.endpoint}"

    @property
    def repeatable(self) -> bool:
        """Whether doing it twice is doing it once: a second POST of a list or job may make a second one (§6)."""
        return not (self.method == "POST" and self.endpoint in {"list", "job"})


@dataclass(frozen=True, slots=True)
class Rate:
    """What the three rate headers say: calls a minute, calls left in it, Unix second of its end (SAILTHRU.md §5)."""

    limit: int
    remaining: int
    reset: int


@dataclass(frozen=True, slots=True)
class Answer:
    """An answer that says yes. The repr does not tell the body."""

    body: Mapping[str, Any] = field(repr=False)
    rate: Rate | None = None


class Group(StrEnum):
    """What the caller can do about an answer, or the lack of one."""

    ABSENT = "absent"
    """What was asked about does not exist: an answer like any other."""
    PASSING = "passing"
    """Ask again later."""
    CREDENTIALS = "credentials"
    """Key, secret or our address are refused."""
    FINAL = "final"
    """Asking again will not help."""


class Cause(StrEnum):
    """Why a call is repeated, or why there is no answer."""

    NAME = "name not resolved"
    CONNECTION = "no connection"
    TIMEOUT = "no answer in time"
    BROKEN = "connection broken"
    SERVER = "server error"
    GARBLED = "answer not understood"
    INTERNAL = "internal error 9"
    THROTTLED = "rate limit"
    ADDRESS = "no such address"
    PROXY = "no way through the proxy"
    NONE = "none"


class Trouble(Exception):
    """A call that did not get its yes; `client` decides what becomes of it. Never leaves this wing.

    Args:
        sent: whether Sailthru may have seen the call.
        said: Sailthru's own words, unmasked; therefore in no text or repr of this.
    """

    def __init__(
        self,
        group: Group,
        cause: Cause = Cause.NONE,
        *,
        sent: bool = True,
        status: int = 0,
        code: int | None = None,
        said: str = "",
        rate: Rate | None = None,
    ) -> None:
        super().__init__(f"{group}: {cause} (HTTP {status}, error {code})")
        self.group = group
        self.cause = cause
        self.sent = sent
        self.status = status
        self.code = code
        self.said = said
        self.rate = rate

    @property
    def unsure(self) -> bool:
        """Whether the call may have been carried out all the same: error 9 may have saved, a 503 may have passed on."""
        return self.group is Group.PASSING and self.sent and self.cause is not Cause.THROTTLED


class NotFound(ApiRejected):
    """What was asked about does not exist; only ever from the exact answers of SAILTHRU.md §4.4."""


class Unsure(AccountUnavailable):
    """A call that must not be repeated blindly may or may not have been carried out: look, then repeat."""

    def __init__(self, message: str, cause: Cause) -> None:
        super().__init__(message)
        self.cause = cause


@dataclass(frozen=True, slots=True)
class Export:
    """The members of one list as a CSV file with a header record (SAILTHRU.md §9.3).

    Args:
        list: the list's name.
        path: the file: complete, UTF-8, PHP's quoting; values may hold line ends.
        columns: a made-up name for each column by position; the header itself may hold twins.
        sid_column: the column of the sid.
        hash_column: the column of the MD5 of the address, in hex.
        optout_column: the column of the time of the opt-out; None where there is none.
        status_column: the column of the address's status; None where there is none.
        var_columns: var name -> column, for those vars asked for that the file has.
    """

    list: str
    path: str
    columns: tuple[str, ...]
    sid_column: str
    hash_column: str
    optout_column: str | None
    status_column: str | None
    var_columns: Mapping[str, str]

"""The protocol, without any I/O: what a call looks like as a request, and what an answer means.

The facts are SAILTHRU.md §2 to §4; `tests/wire` holds this file to what was recorded of the real API.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

import orjson

from reconcile.errors import ApiRejected
from reconcile.sailthru.model import Answer, Call, Cause, Credentials, Group, Method, Rate, Trouble

_UNKNOWN_USER: Final = "User not found with "
_ABSENT: Final = {
    ("GET", "user", 400, 99): _UNKNOWN_USER,
    ("DELETE", "user", 404, 99): _UNKNOWN_USER,
    ("GET", "list", 404, 15): "",
    ("DELETE", "list", 404, 15): "",
}
"""Exactly what says that something does not exist, with the words it must begin with: 99 alone says nothing (§4.4)."""


@dataclass(frozen=True, slots=True)
class Request:
    """One HTTP request: names and values are text, not yet URL-encoded; GET and DELETE have a query, POST a form.

    The repr tells only where it goes.
    """

    method: Method
    path: str
    query: Mapping[str, str] = field(default_factory=dict, repr=False)
    form: Mapping[str, str] = field(default_factory=dict, repr=False)
    file: Path | None = field(default=None, repr=False)


def sign(secret: str, values: Iterable[str]) -> str:
    """The signature of these values, of all text parameters but `sig`, in any order (SAILTHRU.md §3.1).

    Python sorts text by code point, which is the byte order of its UTF-8.
    """
    text = secret + "".join(sorted(values))
    return hashlib.md5(text.encode(), usedforsecurity=False).hexdigest()


def encode(call: Call, credentials: Credentials) -> Request:
    """The signed request for a call. The text that is signed is the text that is sent.

    Raises:
        ApiRejected: a value has no JSON form (a lone surrogate, a whole number beyond 64 bits).
    """
    texts = {"api_key": credentials.key, "format": "json", "json": to_json(call.params)}
    texts["sig"] = sign(credentials.secret, texts.values())
    if call.method == "POST":
        return Request(call.method, f"/{call.endpoint}", form=texts, file=call.file)
    return Request(call.method, f"/{call.endpoint}", query=texts)


def to_json(value: Any) -> str:
    """Compact JSON, raw UTF-8, in the order given.

    Raises:
        ApiRejected: there is no such form.
    """
    try:
        return orjson.dumps(value).decode()
    except TypeError:
        # The cause is cut off: orjson's text is harmless today, but nobody promises that it stays so.
        raise ApiRejected("A value has no JSON form.", code=None, status=0) from None


def decode(call: Call, status: int, headers: Mapping[str, str], body: bytes) -> Answer:
    """What an answer says.

    Args:
        headers: by lower-case name (or a mapping that does not care).

    Raises:
        Trouble: everything but a yes, grouped by what can be done about it.
    """
    rate = rate_of(headers)
    content = _content(body)
    if content is None:
        cause = Cause.SERVER if status >= 500 else Cause.THROTTLED if status == 429 else Cause.GARBLED
        raise Trouble(Group.PASSING, cause, status=status, rate=rate)
    if status < 400 and not _is_error(content):
        if (call.method, call.endpoint) == ("GET", "user"):
            _check_user(content, status, rate)
        return Answer(content, rate)
    code, said = _error(content)
    group, cause = _grouped(call, status, code, said)
    raise Trouble(group, cause, status=status, code=code, said=said, rate=rate)


def _check_user(content: Mapping[str, Any], status: int, rate: Rate | None) -> None:
    """A user without `keys` is none: so it was said in 2016 (SAILTHRU.md §7.2). Keys without a sid say nothing."""
    if "keys" not in content:
        raise Trouble(Group.ABSENT, status=status, said="User not found", rate=rate)
    keys = content["keys"]
    if not isinstance(keys, dict) or not isinstance(keys.get("sid"), str):
        raise Trouble(Group.PASSING, Cause.GARBLED, status=status, rate=rate)


def _grouped(call: Call, status: int, code: int | None, said: str) -> tuple[Group, Cause]:
    """The table: what can be done about an error."""
    match status, code:
        case (429, _) | (_, 43):
            return Group.PASSING, Cause.THROTTLED
        case _, 9:
            return Group.PASSING, Cause.INTERNAL
        case _ if status >= 500:
            return Group.PASSING, Cause.SERVER
        case _, 3 | 4 | 5:
            return Group.CREDENTIALS, Cause.NONE
        case _, int() if said.startswith(_ABSENT.get((call.method, call.endpoint, status, code), "\0")):
            return Group.ABSENT, Cause.NONE
        case _:
            return Group.FINAL, Cause.NONE


def rate_of(headers: Mapping[str, str]) -> Rate | None:
    """The rate headers, which stand on every answer (SAILTHRU.md §4.1); None where they are missing or no numbers."""
    try:
        limit, remaining, reset = (int(headers[f"x-rate-limit-{name}"]) for name in ("limit", "remaining", "reset"))
    except (KeyError, ValueError):
        return None
    return Rate(limit, remaining, reset)


def _content(body: bytes) -> dict[str, Any] | None:
    try:
        content = orjson.loads(body)
    except orjson.JSONDecodeError:
        return None
    return content if isinstance(content, dict) else None


def _is_error(content: Mapping[str, Any]) -> bool:
    """Errors may come with HTTP 200 (SAILTHRU.md §4.2); a job that failed may tell its own `error`, and is none."""
    return "error" in content and "job_id" not in content


def _error(content: Mapping[str, Any]) -> tuple[int | None, str]:
    code = content.get("error")
    if isinstance(code, str) and code.isdecimal():
        code = int(code)
    said = content.get("errormsg")
    return code if isinstance(code, int) else None, said if isinstance(said, str) else ""

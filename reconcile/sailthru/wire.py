"""The protocol, without any I/O: what a call looks like as a request, and what an answer means.

The facts are SAILTHRU.md §2 to §4; `tests/wire` holds this file to what was recorded of the real API.
"""

from __future__ import annotations

import hashlib
import html
import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

import orjson

from reconcile.errors import ApiRejected
from reconcile.sailthru.model import Answer, Call, Cause, Credentials, Group, Method, Rate, Trouble
from reconcile.spec.folding import fold_address

_DIGITS: Final = 12
"""A number of Sailthru's has fewer digits; what has more is not its own."""

_ABSENT: Final = {
    ("GET", "user", 400, 99): "User not found with ",
    ("DELETE", "user", 404, 99): "User not found with ",
    ("GET", "list", 404, 15): "Unknown list",
    ("DELETE", "list", 404, 15): "Unknown list",
}
"""What proves that something does not exist, with the words that it must begin with: 99 alone says nothing (§4.4)."""


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

    A success is 2xx and has the shape that the call promises, an error is Sailthru's own code and text. Everything else
    (a redirect, a page of a proxy, an empty object, the answer to another call) says nothing and proves nothing.

    Args:
        headers: by lower-case name (or a mapping that does not care).

    Raises:
        Trouble: everything but a yes, grouped by what can be done about it.
    """
    rate = rate_of(headers)
    content = _content(body)
    error = None if content is None else _error(call, content)
    if (
        content is not None
        and error is None
        and 200 <= status < 300
        and _SHAPES[call.method, call.endpoint](content, call.params)
    ):
        return Answer(content, rate)
    code, said = error or (None, _redirect(status, headers))
    group, cause = _grouped(call, status, code, said)
    raise Trouble(group, cause, status=status, code=code, said=said, rate=rate)


def _redirect(status: int, headers: Mapping[str, str]) -> str:
    """Where a redirect leads: to the host of a login page, mostly; nothing of its path is shown."""
    if not 300 <= status < 400:
        return ""
    host = re.match(r"(?:https?:)?//([A-Za-z0-9.-]{1,253})(?:[:/?#]|$)", headers.get("location", ""))
    return f"{Cause.GARBLED}: it sends us on to {host[1] if host else 'another place'}"


def _grouped(call: Call, status: int, code: int | None, said: str) -> tuple[Group, Cause]:
    """The table: what can be done about an answer that is no yes.

    Args:
        code: Sailthru's own; None where the answer is no error of Sailthru's.
    """
    match status, code:
        case (429, _) | (_, 43):
            return Group.PASSING, Cause.THROTTLED
        case _, 9:
            return Group.PASSING, Cause.INTERNAL
        case _ if status >= 500 or status == 408:  # 408: what stands between has waited too long for one of us
            return Group.PASSING, Cause.SERVER if status >= 500 else Cause.TIMEOUT
        case _ if code is None or not (200 <= status < 300 or status >= 400):
            return Group.PASSING, Cause.GARBLED
        case _, 3 | 4 | 5:
            return Group.CREDENTIALS, Cause.NONE
        case _:
            return _final(call, status, code, said)


def _final(call: Call, status: int, code: int | None, said: str) -> tuple[Group, Cause]:
    """Whether Sailthru says that something does not exist, or no to the call itself."""
    if not said.startswith(_ABSENT.get((call.method, call.endpoint, status, code or 0), "\0")):
        return Group.FINAL, Cause.NONE
    if not _is_about(call, said):
        # The answer to another call: a gateway that mixes answers up proves nothing.
        return Group.PASSING, Cause.GARBLED
    return Group.ABSENT, Cause.NONE


def _is_about(call: Call, said: str) -> bool:
    """Whether these words can be about this call: "User not found with <key>: <id>" echoes its key and id (§4.4)."""
    if call.endpoint == "list":
        return "list" in call.params
    head, _, name = html.unescape(said).partition(": ")
    asked = fold_address(str(call.params.get("id")))
    return head == f"User not found with {call.params.get('key')}" and fold_address(name) == asked


# -- the shapes of success


def _is_user(content: Mapping[str, Any], params: Mapping[str, Any]) -> bool:
    """A profile as asked for: `vars` may be null, [], {} or missing, `lists` is null for who is on none (§7.2)."""
    vars_, lists = content.get("vars"), content.get("lists")
    return (
        _is_subject(content.get("keys"), params)
        and (not vars_ or isinstance(vars_, dict))
        and (not lists or isinstance(lists, dict))
        and ("lists" in content or "lists" not in params.get("fields", {}))
    )


def _is_subject(keys: Any, params: Mapping[str, Any]) -> bool:
    """Whether these are keys of the profile that the call is about."""
    if not isinstance(keys, dict) or not _is_text(keys.get("sid")):
        return False
    kind = params.get("key")
    renamed = kind in (params.get("keys") or {})
    echoed = keys.get(kind, params.get("id"))
    return renamed or (isinstance(echoed, str) and fold_address(echoed) == fold_address(str(params.get("id"))))


def _is_write(content: Mapping[str, Any], params: Mapping[str, Any]) -> bool:
    return content.get("ok") is True and ("keys" not in content or _is_subject(content["keys"], params))


def _is_list(content: Mapping[str, Any], params: Mapping[str, Any]) -> bool:
    """One list, or all of them: a catalogue that says nothing of lists is not an account without any (§8.1)."""
    if "list" in params:
        return _is_text(content.get("list_id")) and _is_text(content.get("list"))
    lists = content.get("lists")
    if lists is None or lists == []:
        return content.keys() == {"lists"}
    return isinstance(lists, list) and all(
        isinstance(one, dict) and all(_is_text(one.get(name)) for name in ("list_id", "name", "type")) for one in lists
    )


def _is_job(content: Mapping[str, Any], params: Mapping[str, Any]) -> bool:
    return content.get("job_id") == params.get("job_id") and _is_text(content.get("status"))


def _is_settings(content: Mapping[str, Any], _params: Mapping[str, Any]) -> bool:
    """What it promises is not recorded: some of what it was seen to have (§10)."""
    return not content.keys().isdisjoint(
        {"id", "customer_id", "features", "domains", "from_emails", "lists_primary", "timezone"}
    )


def _is_text(value: Any) -> bool:
    return isinstance(value, str) and value != ""


_SHAPES: Final[Mapping[tuple[str, str], Callable[[Mapping[str, Any], Mapping[str, Any]], bool]]] = {
    ("GET", "user"): _is_user,
    ("POST", "user"): _is_write,
    ("DELETE", "user"): lambda content, _params: content.get("ok") is True,
    ("GET", "list"): _is_list,
    ("POST", "list"): _is_list,
    ("DELETE", "list"): lambda content, _params: content.get("ok") is True,
    ("GET", "job"): _is_job,
    ("POST", "job"): lambda content, _params: _is_text(content.get("job_id")),
    ("GET", "settings"): _is_settings,
}
"""What the answer to each call has when it is a yes (SAILTHRU.md §7 to §10)."""


def rate_of(headers: Mapping[str, str]) -> Rate | None:
    """The rate headers, which stand on every answer (SAILTHRU.md §4.1); None where they are missing or no numbers."""
    try:
        limit, remaining, reset = (int(headers[f"x-rate-limit-{name}"]) for name in ("limit", "remaining", "reset"))
    except (KeyError, ValueError):
        return None
    if max(abs(limit), abs(remaining), abs(reset)) >= 10**_DIGITS:
        return None
    return Rate(limit, remaining, reset)


def _content(body: bytes) -> dict[str, Any] | None:
    try:
        content = orjson.loads(body.removeprefix(b"\xef\xbb\xbf"))  # a gateway may have put a BOM there
    except orjson.JSONDecodeError:
        return None
    return content if isinstance(content, dict) else None


def _error(call: Call, content: Mapping[str, Any]) -> tuple[int | None, str] | None:
    """Code and text of an error, code None where they are not Sailthru's (§4.2); None where the answer is no error.

    Errors may come with HTTP 200, and a job that failed may tell its own `error`, and is none.
    """
    if "error" not in content or (call.endpoint == "job" and "job_id" in content):
        return None
    code, said = content["error"], content.get("errormsg")
    if isinstance(code, str) and code.isascii() and code.isdecimal() and len(code) < _DIGITS:
        code = int(code)
    if not isinstance(code, int) or isinstance(code, bool) or not isinstance(said, str):
        return None, ""
    return code, said

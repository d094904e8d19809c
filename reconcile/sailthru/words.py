"""What is said when Sailthru does not say yes. The only place that turns its words into ours, masked.

Sailthru echoes addresses, sids and values; a traceback is read by people who may not see them.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any, Final

from reconcile.errors import AccountUnavailable, AnswerGarbled, ApiRejected, CredentialsRefused
from reconcile.sailthru.model import Call, Cause, Group, NotFound, Trouble, Unsure
from reconcile.state.masks import Masks

_LONGEST: Final = 300
_SHORTEST_VALUE: Final = 4
_ID: Final = re.compile(r"\b[0-9a-f]{24,88}\b")
"""A sid, or a cookie, which holds one (SAILTHRU.md §7.1)."""

_HINTS: Final = {
    3: "Check account.api_key.",
    4: "This machine's address is not on the account's list of allowed ones; have it added at Sailthru.",
    5: "Check account.api_secret: it does not belong to the key.",
}


def rejected(call: Call, trouble: Trouble, masks: Masks) -> ApiRejected:
    """A final no, or something that does not exist."""
    kind = NotFound if trouble.group is Group.ABSENT else ApiRejected
    message = f"Sailthru rejected {_subject(call, masks)}: {_reason(trouble, masks, call)}."
    return kind(message, code=trouble.code, status=trouble.status)


def refused(trouble: Trouble, masks: Masks, at: str) -> CredentialsRefused:
    """Credentials that are not taken at this address."""
    return CredentialsRefused(
        f"Sailthru at {at} refused the credentials: {_reason(trouble, masks, None)}.",
        hint=_HINTS.get(trouble.code or 0),
    )


def unsure(call: Call, trouble: Trouble, masks: Masks) -> Unsure:
    """A call that may have been carried out."""
    message = f"{_subject(call, masks)} may or may not have been carried out: {_reason(trouble, masks, call)}."
    return Unsure(message, trouble.cause)


def unavailable(what: str, trouble: Trouble, masks: Masks, at: str, call: Call | None = None) -> AccountUnavailable:
    """Passing trouble that did not pass.

    Args:
        what: was tried; the call itself where there is one.
        at: the address that was asked.
    """
    subject = f"{what if call is None else _subject(call, masks)} at {at}"
    if trouble.cause is Cause.ADDRESS:
        return AccountUnavailable(
            f"{subject} was not tried: there is no such URL.", hint="Check account.url; it begins with https://."
        )
    if trouble.cause is Cause.PROXY:
        return AccountUnavailable(
            f"{subject} did not get through to Sailthru: {trouble.said}.",
            hint="Check the variable that names the proxy, or name the account's host in no_proxy.",
        )
    if trouble.cause is Cause.GARBLED:
        return AnswerGarbled(
            f"No answer to {subject} was one of Sailthru's, in all tries: {_reason(trouble, masks, call)}.",
            hint="Check account.url, and what stands between (a proxy, a gateway, a login page); then try again.",
        )
    return AccountUnavailable(
        f"Sailthru gave no answer to {subject} in all tries; the last time: {_reason(trouble, masks, call)}.",
        hint="Try again later; what was done stays done.",
    )


def _subject(call: Call, masks: Masks) -> str:
    """The call and whom or what it is about, masked."""
    who = call.params.get("id")
    if isinstance(who, str):
        return f"{call.name} for {masks.person(who)}"
    name = call.params.get("list")
    return f'{call.name} for the list "{name}"' if isinstance(name, str) else call.name


def _reason(trouble: Trouble, masks: Masks, call: Call | None) -> str:
    parts = [f"error {trouble.code}"] if trouble.code is not None else []
    parts += [f"HTTP {trouble.status}"] if trouble.status else []
    said = _masked(trouble.said, masks, call)[:_LONGEST].rstrip(". ")
    text = said or (trouble.cause if trouble.cause is not Cause.NONE else "it gave no reason")
    return f"{text} ({', '.join(parts)})" if parts else text


def _masked(said: str, masks: Masks, call: Call | None) -> str:
    """Sailthru's words without any person in them."""
    if masks.reveal:
        return said
    for name in _names(call):
        said = re.sub(re.escape(name), masks.person(name), said, flags=re.IGNORECASE)
    said = masks.text(said)
    if call is None or call.endpoint != "user":
        return said
    said = _ID.sub(lambda found: masks.person(found[0]), said)
    for value in _values(call.params.get("vars")):
        said = said.replace(value, "…")
    return said


def _names(call: Call | None) -> Iterator[str]:
    """All that the call names people by; Sailthru echoes it trimmed and lower-cased (SAILTHRU.md §4.4)."""
    params = call.params if call is not None else {}
    keys = params.get("keys")
    for name in (params.get("id"), *(keys.values() if isinstance(keys, dict) else ())):
        if isinstance(name, str) and name.strip():
            yield name.strip()


def _values(vars_: Any) -> Iterator[str]:
    """Values that the call sends, the longer ones first; the short ones say nothing and would spoil the sentence."""
    texts = {str(value) for value in vars_.values()} if isinstance(vars_, dict) else set()
    yield from sorted((text for text in texts if len(text) >= _SHORTEST_VALUE), key=len, reverse=True)

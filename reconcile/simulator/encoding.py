"""From what the account says to an HTTP answer.

Compact JSON as PHP writes it, or XML where `format` is missing.
"""

from __future__ import annotations

import gzip
import json
from email.utils import formatdate
from functools import lru_cache
from typing import Any, Final
from xml.sax.saxutils import escape

import orjson

from reconcile.simulator.faults import Wire
from reconcile.simulator.limits import Quota
from reconcile.simulator.messages import BASE, Answer
from reconcile.simulator.model import Refusal

#: The answer of DELETE: its 11 bytes come without `Vary` (SAILTHRU.md §4.1).
_BARE: Final = b'{"ok":true}'
_VARY: Final = (b"Vary", b"Accept-Encoding")
_XML_BASE: Final = ((b"Content-Type", b"application/xml"), *BASE[1:])


def success(body: dict[str, Any], quota: Quota, *, xml: bool = False) -> Answer:
    """A 200 with its length and, unless it is the bare ok, `Vary`."""
    text = to_xml(body) if xml else to_json(body)
    headers = _headers(quota, xml=xml)
    if text != _BARE:
        headers.append(_VARY)
    headers.append((b"Content-Length", str(len(text)).encode()))
    return Answer(200, headers, text)


def refusal(no: Refusal, quota: Quota, *, xml: bool = False) -> Answer:
    """An error; it carries no length and so goes out chunked."""
    body = {"error": no.code, "errormsg": no.text}
    headers = _headers(quota, xml=xml)
    if no.status == 200:
        headers.append(_VARY)
    return Answer(no.status, headers, to_xml(body) if xml else to_json(body))


def dressed(answer: Answer, wire: Wire, accepted: str) -> Answer:
    """The same answer as these knobs send it; `accepted` is the caller's Accept-Encoding."""
    packed = wire.gzip and _VARY in answer.headers and "gzip" in accepted.lower()
    if packed:
        answer.body = gzip.compress(answer.body, 1, mtime=0)
        answer.headers.append((b"Content-Encoding", b"gzip"))
    if packed or wire.chunked:
        answer.headers = [header for header in answer.headers if header[0] != b"Content-Length"]
    if wire.close:
        answer.headers.append((b"Connection", b"close"))
    return answer


def page(status: int) -> Answer:
    """What a proxy in front of a failing server says: HTML, and nothing of the API."""
    text = b"<html><head><title>%d</title></head><body><h1>%d</h1><hr>nginx</body></html>\r\n" % (status, status)
    length = str(len(text)).encode()
    return Answer(status, [(b"Content-Type", b"text/html"), (b"Content-Length", length)], text)


_GATEWAY: Final = (
    (302, b'{"login":"required"}'),
    (302, b""),
    (200, b"{}"),
    (200, b"[]"),
    (200, b'"ok"'),
    (204, b""),
    (200, b"<html><body>Sign in</body></html>"),
    (404, b'{"message":"no Route matched with those values"}'),
)


def gateway(nth: int) -> Answer:
    """What something in front of the API says in its place: nothing that the API ever says, each in its turn."""
    status, body = _GATEWAY[nth % len(_GATEWAY)]
    kind = b"text/html" if body.startswith(b"<") else b"application/json"
    return Answer(status, [(b"Content-Type", kind), (b"Content-Length", str(len(body)).encode())], body)


def _headers(quota: Quota, *, xml: bool) -> list[tuple[bytes, bytes]]:
    return [
        *(_XML_BASE if xml else BASE),
        (b"Date", _date(quota.second)),
        (b"X-Rate-Limit-Limit", str(quota.limit).encode()),
        (b"X-Rate-Limit-Remaining", str(quota.remaining).encode()),
        (b"X-Rate-Limit-Reset", str(quota.reset).encode()),
    ]


@lru_cache(maxsize=16)
def _date(second: int) -> bytes:
    return formatdate(second, usegmt=True).encode()


def to_json(value: Any) -> bytes:
    r"""Compact, `/` as `\/`, nothing but ASCII (SAILTHRU.md §2, JSON style)."""
    text: bytes = orjson.dumps(value)
    if not text.isascii():
        text = json.dumps(value, separators=(",", ":")).encode()
    return text.replace(b"/", rb"\/") if b"/" in text else text


def to_xml(body: dict[str, Any]) -> bytes:
    """The same body for callers without `format=json`; only the error's shape is known (SAILTHRU.md §4.2)."""
    return f'<?xml version="1.0" encoding="UTF-8"?>\n<triggermail>{_inner(body)}</triggermail>'.encode()


def _inner(value: Any) -> str:
    match value:
        case None:
            return ""
        case bool():
            return str(int(value))
        case dict():
            return "".join(f"<{_tag(name)}>{_inner(inner)}</{_tag(name)}>" for name, inner in value.items())
        case list():
            return "".join(f"<item>{_inner(inner)}</item>" for inner in value)
        case _:
            return escape("".join(c for c in str(value) if c.isprintable() or c in "\t\n\r"))


def _tag(name: str) -> str:
    """A name that XML allows for an element."""
    safe = "".join(c if c.isascii() and (c.isalnum() or c in "_-.") else "_" for c in name)
    return safe if safe[:1].isalpha() or safe[:1] == "_" else f"_{safe}"

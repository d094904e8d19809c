"""From an HTTP request to named values: query, form or multipart.

`json` or the flattened parameters of old clients.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any, Final
from urllib.parse import parse_qsl

import orjson

from reconcile.simulator.messages import Request
from reconcile.simulator.model import NOTHING, Refusal

#: No vendor limit is known; uploads are said to stay under 100 MB (SAILTHRU.md §9.2).
MAX_BODY: Final = 110 * 1024 * 1024
_MAX_FIELDS: Final = 20_000
_MAX_DEPTH: Final = 100
_BRACKETS: Final = re.compile(r"\[([^\[\]]*)\]")
_RESERVED: Final = frozenset({"api_key", "sig", "format", "json"})


@dataclass(slots=True)
class Sent:
    """The text parameters, by their names as sent (the last of equal names counts), and the file, if any."""

    texts: dict[str, str] = field(default_factory=dict)
    file: bytes | None = None

    def signed(self) -> list[str]:
        """The values that the signature covers: all but itself; never the file."""
        return [value for name, value in self.texts.items() if name != "sig"]

    def params(self) -> dict[str, Any]:
        """What the call is about; absent, null, `[]` and `{}` all mean nothing (SAILTHRU.md §16, 2)."""
        raw = self.texts.get("json")
        if raw is None:
            return _unfolded({n: v for n, v in self.texts.items() if n not in _RESERVED})
        params = parsed(raw)
        return params if isinstance(params, dict) else NOTHING


def sent(request: Request) -> Sent:
    """All that the request carries.

    Text that is not UTF-8 is refused, as is a body above every known size.
    """
    if len(request.body) > MAX_BODY:
        raise Refusal(99, "Unable To Stream", 413)
    kind = request.headers.get("content-type", "") if request.body else ""
    if kind.startswith("multipart/form-data"):
        texts, file = _multipart(kind, request.body)
        return Sent(_texts(request.query) | texts, file)
    if kind.startswith("application/x-www-form-urlencoded"):
        own = _texts(request.body)
        return Sent(_texts(request.query) | own if request.query else own)
    return Sent(_texts(request.query))


def _texts(encoded: bytes) -> dict[str, str]:
    try:
        pairs = parse_qsl(encoded.decode("ascii"), keep_blank_values=True, errors="strict", max_num_fields=_MAX_FIELDS)
    except UnicodeError:
        raise Refusal(6, "Invalid UTF-8 characters for field") from None
    except ValueError:
        raise Refusal(99, "Too many parameters") from None
    return _named(pairs)


def _named(pairs: Iterable[tuple[str, str]]) -> dict[str, str]:
    """Pairs by name; `a[]` counts up, as in PHP."""
    named: dict[str, str] = {}
    appended = 0
    for name, value in pairs:
        if name.endswith("[]"):
            named[f"{name[:-1]}{appended}]"] = value
            appended += 1
        else:
            named[name] = value
    return named


def _multipart(kind: str, body: bytes) -> tuple[dict[str, str], bytes | None]:
    """The text parts and the part named `file` of an upload."""
    from python_multipart.exceptions import FormParserError
    from python_multipart.multipart import Field, File, create_form_parser

    texts: list[tuple[bytes, bytes]] = []
    files: list[bytes] = []

    def on_field(part: Field) -> None:
        texts.append((part.field_name or b"", part.value or b""))

    def on_file(part: File) -> None:
        part.file_object.seek(0)
        content = part.file_object.read()
        if part.field_name == b"file":
            files.append(content)
        part.close()

    try:
        parser = create_form_parser({"Content-Type": kind.encode()}, on_field, on_file)
        parser.write(body)
        parser.finalize()
    except (FormParserError, ValueError):
        raise Refusal(99, "Unable To Stream") from None
    try:
        decoded = [(name.decode(), value.decode()) for name, value in texts]
    except UnicodeDecodeError:
        raise Refusal(6, "Invalid UTF-8 characters for field") from None
    return _named(decoded), files[-1] if files else None


def parsed(raw: str | bytes) -> Any:
    """One JSON text; what is none, or is nested absurdly deep, is refused."""
    try:
        value = orjson.loads(raw)
    except orjson.JSONDecodeError:
        raise Refusal(99, "Invalid JSON") from None
    if isinstance(value, dict | list) and _too_deep(raw, value):
        raise Refusal(99, "Invalid JSON")
    return value


def _too_deep(raw: str | bytes, value: Any) -> bool:
    """Whether maps and lists stand absurdly deep in each other; counted level by level, without recursion."""
    marks: tuple[Any, Any] = ("[", "{") if isinstance(raw, str) else (b"[", b"{")
    if raw.count(marks[0]) + raw.count(marks[1]) <= _MAX_DEPTH:
        return False
    level = [value]
    for _ in range(_MAX_DEPTH):
        insides = (outer.values() if isinstance(outer, dict) else outer for outer in level)
        level = [inner for inside in insides for inner in inside if isinstance(inner, dict | list)]
        if not level:
            return False
    return True


def _unfolded(flat: dict[str, str]) -> dict[str, Any]:
    """`a[b][c]=v` as nested maps, the way of clients from before the `json` parameter (SAILTHRU.md §2)."""
    params: dict[str, Any] = {}
    for name, value in flat.items():
        first, bracket, rest = name.partition("[")
        path = [first, *_BRACKETS.findall(bracket + rest)][:_MAX_DEPTH]
        place = params
        for step in path[:-1]:
            inner = place.get(step)
            if not isinstance(inner, dict):
                inner = place[step] = {}
            place = inner
        place[path[-1]] = value
    return params

"""What the wire tests share.

Signed calls to a simulator over real HTTP, and templates of recorded answers.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import httpx

HERE = Path(__file__).parent
KEY, SECRET = "demo-key", "demo-secret"


def signed(values: list[str], secret: str = SECRET) -> str:
    """The signature, worked out here again so that no code of the simulator judges itself."""
    return hashlib.md5((secret + "".join(sorted(values, key=str.encode))).encode()).hexdigest()


def parameters(payload: Any, *, key: str = KEY, secret: str = SECRET) -> dict[str, str]:
    text = payload if isinstance(payload, str) else json.dumps(payload, separators=(",", ":"))
    return {"api_key": key, "format": "json", "json": text, "sig": signed([key, "json", text], secret)}


def call(client: httpx.Client, method: str, endpoint: str, payload: Any, **signing: str) -> httpx.Response:
    sent = parameters(payload, **signing)
    if method == "POST":
        return client.post(endpoint, data=sent)
    return client.request(method, endpoint, params=sent)


class Template:
    """Recorded answers with placeholders.

    Matches real ones, and remembers what each placeholder stood for.
    """

    def __init__(self, placeholders: Mapping[str, Mapping[str, str]]) -> None:
        self._patterns = {name: spec["pattern"] for name, spec in placeholders.items()}
        self.bound: dict[str, str] = {}

    def fill(self, value: Any) -> Any:
        text = json.dumps(value)
        for name, found in self.bound.items():
            text = text.replace(name, found)
        return json.loads(text)

    def matches(self, template: str, actual: str) -> bool:
        names: dict[str, str] = {}
        parts = []
        for part in re.split(r"(<[a-z_0-9]+>)", template):
            if part not in self._patterns:
                parts.append(re.escape(part))
            elif part in self.bound:
                parts.append(re.escape(self.bound[part]))
            elif part in names:
                parts.append(f"(?P={names[part]})")
            else:
                names[part] = f"p{len(names)}"
                parts.append(f"(?P<{names[part]}>{self._patterns[part]})")
        found = re.fullmatch("".join(parts), actual)
        if found is None:
            return False
        keep = {name: found[group] for name, group in names.items() if name not in {"<int>", "<any>", "<time>"}}
        self.bound.update(keep)
        return True

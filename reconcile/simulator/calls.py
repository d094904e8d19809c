"""A call as the account sees it, after transport, signature and quota are done with."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final, Literal

#: Every endpoint that the vendor has; the simulator knows only some of them from the inside.
ENDPOINTS: Final = frozenset(
    {
        *("user", "list", "job", "settings", "stats", "send", "event", "purchase", "blast", "blast_repeat"),
        *("template", "include", "content", "trigger", "ad-plan", "preview", "return", "block", "email"),
    }
)
_LARGE: Final = 8000  # bytes; ten thousand calls are remembered
METHODS: Final = frozenset({"GET", "POST", "DELETE"})

Route = Literal["user", "job", "seed"]
"""By which way a profile is written; journeys depend on it (SAILTHRU.md §10)."""


@dataclass(slots=True)
class Call:
    """One call.

    `params` is the content of the `json` parameter (or the unfolded legacy parameters), `file` an uploaded
    file, `base_url` what the caller knows us by,
    `api_key` who it is, `at` Unix seconds. `unseen` are list names that this call
    has looked for and not found: it will create them, even if somebody else has by now (SAILTHRU.md §14, 8).
    `route` is how it came about: a call to `/user`, a line of a job, or a line of a seed file.
    """

    method: str
    endpoint: str
    params: Mapping[str, Any]
    at: float
    base_url: str = ""
    api_key: str = ""
    file: bytes | None = None
    unseen: frozenset[str] = frozenset()
    route: Route = "user"

    @property
    def second(self) -> int:
        """The whole Unix second of the call."""
        return int(self.at)


@dataclass(frozen=True, slots=True)
class Logged:
    """A call as it is remembered; `status` 0 means that no answer was given (`fault` says why)."""

    method: str
    endpoint: str
    params: Mapping[str, Any]
    status: int
    at: float
    fault: str | None = None


def noted(params: Mapping[str, Any], size: int) -> Mapping[str, Any]:
    """The parameters as they are remembered: whole, or, of a large request, only its short texts and numbers."""
    if size <= _LARGE:
        return params
    return {name: value for name, value in params.items() if isinstance(value, int) or _short(value)}


def _short(value: Any) -> bool:
    return isinstance(value, str) and len(value) <= _LARGE // 10

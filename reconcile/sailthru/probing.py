"""What a key may do, as far as reads tell.

Nothing is written. No job is a probe either: what an update or an import without a source touches may be everybody
(SAILTHRU.md §9.5).
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, Final

from reconcile.errors import AccountUnavailable, ApiRejected, CredentialsRefused, ReconcileError
from reconcile.sailthru.client import Client
from reconcile.sailthru.model import Call, NotFound

TRIES: Final = 3
"""Tries of one read: somebody waits for the answer."""

CLOCK: Final = 30.0
"""Seconds by which a clock may differ: rate limits are counted by the account's minutes."""

NOBODY: Final = "nobody@example.com"
"""An address that is nobody's (RFC 2606)."""

_READS: Final = (
    ("users", Call("GET", "user", {"id": NOBODY, "key": "email", "fields": {"keys": 1}}), "Profiles may be looked up."),
    ("settings", Call("GET", "settings", {}), "The account's settings may be read."),
)
_PERMIT: Final = "Ask Sailthru to permit it for this key; plans and applies need it."
_UNNEEDED: Final = "They may not be read, and need not be: the account is known by its URL and key."


class State(StrEnum):
    """How a finding stands."""

    OK = "ok"
    PROBLEM = "problem"
    SKIPPED = "skipped"


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that was looked at.

    Args:
        told: what was found, as a sentence.
        hint: what to do now; empty where nothing is to be done.
    """

    name: str
    state: State
    told: str
    hint: str = ""


def find_problem(name: str, error: ReconcileError) -> Finding:
    """The finding that an error comes to."""
    return Finding(name, State.PROBLEM, error.message, error.hint or "")


async def probe(client: Client, url: str) -> AsyncIterator[Finding]:
    """Whether the account answers, whether its clock is ours, and what the key may read."""
    try:
        lists = _names((await client.call(Call("GET", "list", {}), most=TRIES)).body)
        answer = Finding("lists", State.OK, f"Lists may be read; there are {len(lists):,}.")
    except (AccountUnavailable, CredentialsRefused) as error:
        yield find_problem("account", error)
        return
    except ApiRejected as error:
        answer = Finding("lists", State.PROBLEM, error.message, _PERMIT)
    shown = url.rpartition("@")[2].partition("?")[0]  # whatever else stands there may be a secret
    yield Finding("account", State.OK, f"The account at {shown} answers, and takes the key and its secret.")
    yield _find_clock(client.clock_ahead)
    yield answer
    for name, call, said in _READS:
        try:
            await client.call(call, most=TRIES)
        except NotFound:
            pass  # that is an answer: the call itself is permitted
        except ApiRejected as error:
            needed = name != "settings"
            yield Finding(name, State.PROBLEM, error.message, _PERMIT) if needed else Finding(name, State.OK, _UNNEEDED)
            continue
        except ReconcileError as error:
            yield find_problem(name, error)
            continue
        yield Finding(name, State.OK, said)


def _names(body: Mapping[str, Any]) -> Sequence[str]:
    return [str(one["name"]) for one in body["lists"] or ()]


def _find_clock(ahead: float | None) -> Finding:
    if ahead is None:
        return Finding(
            "clock", State.SKIPPED, "The account's answers have no date to compare this machine's clock with."
        )
    if abs(ahead) <= CLOCK:
        return Finding("clock", State.OK, "This machine's clock is the account's, within seconds.")
    told = f"This machine's clock is {abs(ahead):,.0f} seconds {'behind' if ahead > 0 else 'ahead of'} the account's."
    hint = "Set it (NTP): plans expire by it, and relative dates count from it."
    return Finding("clock", State.PROBLEM, told, hint)

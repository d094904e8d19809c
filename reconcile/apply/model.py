"""The nouns of apply: what an account must be able to do for us, receipts, and the report of a run. No I/O."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any, Protocol

from reconcile.state.model import Ref, RemoteList, Sighting


@dataclass(frozen=True, slots=True)
class Write:
    """One absolute statement about one profile: doing it twice is doing it once.

    Args:
        ref: who; a profile named by an address that does not exist is created.
        email: a new address for the profile, else None.
        vars: name -> typed JSON value; None sets the var to null.
        lists: name -> True (member) or False (not a member).
    """

    ref: Ref
    vars: Mapping[str, Any] = field(default_factory=dict)
    lists: Mapping[str, bool] = field(default_factory=dict)
    email: str | None = None


class Executor(Protocol):
    """An account that can be changed. Satisfied by `sailthru.target`; every call retries what is passing.

    Every method raises `ApiRejected` (final, with Sailthru's own words, masked), `AccountUnavailable`
    (passing trouble outlasted all tries) or `CredentialsRefused`.
    """

    async def lists(self) -> Sequence[RemoteList]:
        """All lists, twins included."""
        ...

    async def create_list(self, name: str) -> None:
        """Make sure that a natural list of this name exists: looked up first, and again after an unsure answer."""
        ...

    async def upsert(self, write: Write) -> None:
        """One write."""
        ...

    async def delete(self, ref: Ref) -> None:
        """One call to delete; no proof of anything. An unknown profile is no error."""
        ...

    async def look(self, ref: Ref, vars: Sequence[str]) -> Sighting | None:
        """One profile, typed; None only when the account says that it does not exist."""
        ...

    async def sleep(self, seconds: float) -> None:
        """Wait; virtual in tests."""
        ...


class Outcome(StrEnum):
    """What came of one action."""

    DONE = "done"
    VERIFIED = "verified"
    DIVERGED = "diverged"
    REJECTED = "rejected"
    FAILED = "failed"


@dataclass(frozen=True, slots=True)
class Receipt:
    """What came of one action.

    Args:
        who: the profile, masked, or the list's name.
        what: the action in the infinitive (`create list`, `upsert`, `delete`).
        outcome: see `Outcome`.
        why: Sailthru's own words (masked), or the fields that still differ; empty when all is well.
    """

    who: str
    what: str
    outcome: Outcome
    why: str = ""

"""Who applied what, from where, when and with which limits raised: a chain of entries that is only ever added to.

    shop/audit/00000001.json, 00000002.json, ...

Each entry has the digest of the one before it and of itself, so that one that was edited, swapped or taken out is told
by its number. What the chain cannot tell by itself is that its end was cut off; for that every run's own report says
which entries it wrote. An entry is written only where none is yet, before the first write to the account and at the
end of a run. It is no signature: who may write to the store may make a new chain, and new reports that fit it.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import NamedTuple

import orjson
from pydantic import BaseModel, ConfigDict, ValidationError

from reconcile.apply import reporting, runs
from reconcile.apply.records import LARGEST, Damaged
from reconcile.apply.store import Store
from reconcile.errors import StoreUnavailable

_FIRST = "0" * 64
_CI = (
    (("GITHUB_SERVER_URL", "GITHUB_REPOSITORY", "GITHUB_RUN_ID"), "{}/{}/actions/runs/{}"),
    (("CI_JOB_URL",), "{}"),
    (("BUILD_URL",), "{}"),
    (("BITBUCKET_GIT_HTTP_ORIGIN", "BITBUCKET_BUILD_NUMBER"), "{}/pipelines/results/{}"),
)
"""Where a job of CI can be looked at: GitHub, GitLab, Jenkins, Bitbucket."""
_NUMBER = re.compile(r"[0-9]{1,15}")
_ACTORS = ("GITHUB_ACTOR", "GITLAB_USER_LOGIN", "BUILD_REQUESTEDFOR")


class Step(StrEnum):
    """What an entry is about."""

    BEGUN = "begun"
    ENDED = "ended"


class Entry(BaseModel):
    """One entry. `actor` and `job` are those that CI tells of; `status` and `outcomes` are of an end."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    number: int
    at: str
    step: Step
    by: str
    actor: str = ""
    job: str = ""
    run: str
    plan_id: str
    environment: str | None = None
    kind: str = ""
    spec_digest: str
    overrides: tuple[str, ...] = ()
    actions: int
    status: int | None = None
    outcomes: Mapping[str, int] = {}
    previous: str = ""
    digest: str = ""


@dataclass(frozen=True, slots=True)
class Finding:
    """Something wrong with the chain, and at which entry."""

    number: int
    what: str

    def __str__(self) -> str:
        """`entry 3 was changed after it was written`."""
        return f"entry {self.number} {self.what}"


class Last(NamedTuple):
    """The end of the chain. An entry that cannot be read has no digest: `verify` tells of it."""

    number: int
    digest: str
    entry: Entry | None = None

    @classmethod
    def of(cls, entry: Entry) -> Last:
        """The end that an entry is."""
        return cls(entry.number, entry.digest, entry)


def whereabouts(environ: Mapping[str, str]) -> dict[str, str]:
    """Who asked for it and where it can be looked at, as far as CI says."""
    actor = next((environ[name] for name in _ACTORS if environ.get(name)), "")
    job = next((form.format(*map(environ.get, names)) for names, form in _CI if all(map(environ.get, names))), "")
    return {"actor": actor, "job": job}


def append(store: Store, account: str, entry: Entry, *, after: Last | None = None) -> Entry:
    """Add an entry at the end of the chain; it gets its number and digests here.

    Args:
        after: the last entry, where somebody has looked already.

    Raises:
        StoreUnavailable: it is not there.
    """
    for _ in range(100):  # others may add theirs meanwhile: a holder that lost its lease
        end, after = after or last(store, account), None
        number = end.number + 1
        made = entry.model_copy(update={"number": number, "previous": end.digest})
        made = made.model_copy(update={"digest": digest(made)})
        content = made.model_dump_json(indent=2).encode()
        if store.put(_key(account, number), content, over=None) is not None:
            return made
        if (there := store.get(_key(account, number))) is not None and there.content == content:
            return made  # the answer was lost
    raise StoreUnavailable(f"The audit in {store.told} could not be added to.")


def digest(entry: Entry) -> str:
    """SHA-256 of all that an entry says, the digest of the one before it included."""
    said = entry.model_dump(mode="json", exclude={"digest"})
    return hashlib.sha256(orjson.dumps(said, option=orjson.OPT_SORT_KEYS)).hexdigest()


def entries(store: Store, account: str) -> Iterator[Entry | Finding]:
    """The chain from its beginning; a finding in the place of an entry that cannot be read."""
    for key in store.list(f"{runs.key(account, 'audit')}/"):
        yield _read(store, key)


def verify(store: Store, account: str) -> tuple[list[Entry], list[Finding]]:
    """The entries that can be read, and everything that is wrong with the chain: nothing when it is whole."""
    found: list[Finding] = []
    chain: list[Entry] = []
    digests: dict[int, str] = {}
    before, number = _FIRST, 0
    for one in entries(store, account):
        found += [Finding(missing, "is missing") for missing in range(number + 1, one.number)]
        number = one.number
        if isinstance(one, Finding):
            found.append(one)
            before = ""
            continue
        chain.append(one)
        digests[number] = one.digest
        if one.digest != digest(one):
            found.append(Finding(number, "was changed after it was written"))
        elif before and one.previous != before and (number - 1 in digests or number == 1):
            found.append(Finding(number, "does not follow from the one before it"))
        before = one.digest
    found += [one for one in _cut(store, account, digests, number) if one not in found]
    return chain, sorted(found, key=lambda one: one.number)


def unended(chain: Sequence[Entry]) -> list[Entry]:
    """The last beginnings of runs that have no end after them: at work, killed, or not able to say so."""
    last = {one.run: one for one in chain}
    return [one for one in last.values() if one.step is Step.BEGUN]


def _cut(store: Store, account: str, digests: Mapping[int, str], last: int) -> Iterator[Finding]:
    """What the reports of runs say of entries that are not there, or are others."""
    for key in store.list(f"{runs.key(account, 'runs')}/"):
        if not key.endswith("/report.json") or (kept := store.get(key)) is None:
            continue
        try:
            told = reporting.load_report(kept.content).get("audit", {})
        except Damaged:  # `reconcile runs` and `status` tell of it
            continue
        for number, was in ((int(number), was) for number, was in told.items()):
            run = key.split("/")[-2]
            if number > last:
                yield Finding(number, f"is missing: the chain was cut off (run {run} wrote it)")
            elif number in digests and digests[number] != was:
                yield Finding(number, f"is not the one that run {run} wrote")


def last(store: Store, account: str) -> Last:
    """The last entry of the chain."""
    keys = list(store.list(f"{runs.key(account, 'audit')}/"))
    if not keys:
        return Last(0, _FIRST)
    found = _read(store, keys[-1])
    return Last.of(found) if isinstance(found, Entry) else Last(found.number, "")


def _read(store: Store, key: str) -> Entry | Finding:
    name = key.rpartition("/")[2].removesuffix(".json")
    number, kept = int(name) if _NUMBER.fullmatch(name) else 0, store.get(key)
    try:
        entry = Entry.model_validate_json(kept.content if kept and len(kept.content) <= LARGEST else b"")
    except ValidationError:
        return Finding(number, "cannot be read")
    return entry if entry.number == number else Finding(number, f"is entry {entry.number}, put in its place")


def _key(account: str, number: int) -> str:
    return runs.key(account, "audit", f"{number:08}.json")

"""What `import` and `update` do to many profiles: line by line, and silently past the lines that are no good.

See SAILTHRU.md §9.2 and §9.4. Every line is an upsert: one that names an unknown address makes a profile,
even when all it says is to leave a list (§14, 29).
"""

from __future__ import annotations

import csv
import io
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass
from typing import Any, Final

from reconcile.simulator import decoding, users, values
from reconcile.simulator.account import Account
from reconcile.simulator.calls import Call
from reconcile.simulator.model import OPTOUTS, Profile, Refusal
from reconcile.simulator.times import moment

#: One line: what `POST /user` takes, and `signup_date`.
Line = Mapping[str, Any]
#: Whether a line, by its number, is left out without a word.
Skips = Callable[[int], bool]


@dataclass(frozen=True, slots=True)
class Change:
    """What an update job does to every profile it touches, besides what the line says."""

    line: Line
    optout: str | None
    delete_vars: frozenset[str]

    @classmethod
    def read(cls, update: Mapping[str, Any]) -> Change:
        """From the `update` parameter (SAILTHRU.md §9.4)."""
        line = {name: update[name] for name in ("vars", "lists", "signup_date") if name in update}
        level = values.text(update.get("optout")) if "optout" in update else None
        gone = update.get("delete_vars")
        if isinstance(gone, dict):
            gone = list(gone.values())
        names = frozenset(map(values.text, gone)) if isinstance(gone, list) else frozenset()
        return cls(line, level, names)


# -- reading lines


def of_emails(emails: str) -> Iterator[Line]:
    """The lines of a comma-separated string of addresses."""
    return ({"id": address.strip(), "key": "email"} for address in emails.split(",") if address.strip())


def of_profiles(profiles: Iterable[Profile]) -> Iterator[Line]:
    """The lines that name these profiles."""
    return ({"id": profile.sid, "key": "sid"} for profile in profiles)


def of_json_lines(content: bytes) -> Iterator[Line | None]:
    """The lines of an update file: JSON, one object each; None for a line that is none."""
    for raw in io.BytesIO(content):
        if not raw.strip():
            continue
        try:
            line = decoding.parsed(raw)
        except Refusal:
            yield None
            continue
        yield _modern(line) if isinstance(line, dict) else None


def _modern(line: Line) -> Line:
    """The older form names the profile by `email` (SAILTHRU.md §9.4)."""
    return line if "id" in line else {**line, "id": line.get("email"), "key": "email"}


def of_csv(content: bytes, *, dated: bool, keep_empty: bool) -> Iterator[Line | None]:
    """The lines of an import file: CSV, the key first, every other column a var; cells stay text.

    Raises:
        Refusal: the header is not one.
    """
    reader = csv.reader(io.StringIO(content.decode("utf-8-sig", "replace"), newline=""))
    header = next(reader, [])
    kind = header[0].strip().lower() if header else ""
    if kind not in {"email", "extid"}:
        raise Refusal(99, "Invalid file: the first column must be email or extid")
    if dated and header[1:2] != ["signup_date"]:
        raise Refusal(99, "Invalid file: the second column must be signup_date")
    names = header[2:] if dated else header[1:]
    for row in reader:
        if len(row) != len(header) or not row[0].strip():
            if row:
                yield None
            continue
        cells = row[2:] if dated else row[1:]
        found = {name: cell for name, cell in zip(names, cells, strict=True) if cell or keep_empty}
        yield {"id": row[0], "key": kind, "vars": found, **({"signup_date": row[1]} if dated else {})}


# -- doing them

_STEP: Final = 1000


def apply(account: Account, lines: Iterable[Line | None], change: Change, second: int, skips: Skips) -> Iterator[None]:
    """Do the lines, with a pause after every thousand.

    Bad ones and skipped ones are passed over in silence.
    """
    for number, line in enumerate(lines):
        if line is not None and not skips(number):
            with suppress(Refusal):
                _one(account, line, change, second)
        if number % _STEP == _STEP - 1:
            yield


def _one(account: Account, line: Line, change: Change, second: int) -> None:
    who = {"id": line.get("id"), "key": line.get("key")}
    users.post(account, Call("POST", "user", line, second, route="job"))
    if change.line:
        users.post(account, Call("POST", "user", {**who, **change.line}, second, route="job"))
    before = profile = users.subject(account, who)[1]
    if before is None or profile is None:
        return
    if change.optout is not None:
        # Any word that is not known opts people in (SAILTHRU.md §14, 11).
        level = change.optout if change.optout in OPTOUTS else "none"
        profile = users.optout(profile, level, second)
    if change.delete_vars:
        kept = {name: value for name, value in profile.vars.items() if name not in change.delete_vars}
        profile = profile._replace(vars=kept)
    profile = _dated(account, profile, line, change, second)
    account.put(profile)
    account.flows.note(before, profile, second, "job")


def _dated(account: Account, profile: Profile, line: Line, change: Change, now: int) -> Profile:
    """With its sign-up date, unless the batch sets lists as well.

    Then it is forgotten (SAILTHRU.md §14, 12).
    """
    date = values.text(change.line.get("signup_date") or line.get("signup_date"))
    if not date or "lists" in line or "lists" in change.line:
        return profile
    second = moment(date, account.zone, now)
    return profile if second is None else profile._replace(signup=second)

"""The CSV of `export_list_data`: recorded header, PHP's quoting, untyped cells, a hash for the address.

See SAILTHRU.md §9.3. An export is a snapshot (profiles are values) that is written when somebody fetches it,
as a stream: memory does not grow with it.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final
from zoneinfo import ZoneInfo

import orjson

from reconcile.simulator import values
from reconcile.simulator.guesses import Guesses
from reconcile.simulator.model import MailList, Profile
from reconcile.simulator.times import local

Cell = Callable[["Export", Profile], str]

_QUOTED: Final = re.compile(r'[\s",\\]')
_PHP_QUOTE: Final = re.compile(r'(?<!\\)"')
_CHUNK_ROWS: Final = 2000


@dataclass(frozen=True, slots=True)
class Export:
    """What one job exports: these profiles as they were, seen from this list (or from none).

    `columns` are the native ones asked for (None: all), `var_names` the vars asked for (None: all that
    occur).
    """

    mail_list: MailList | None
    profiles: Sequence[Profile]
    zone: ZoneInfo
    guesses: Guesses
    columns: frozenset[str] | None = None
    var_names: tuple[str, ...] | None = None

    def chunks(self) -> Iterator[bytes]:
        """The file, in pieces of a few hundred kB."""
        cells = [
            (name, cell)
            for name, cell in COLUMNS.items()
            if (self.columns is None or name in self.columns) and (name != EXTID or self.guesses.export_extid)
        ]
        variables = self._variables()
        yield (",".join(self.quoted(n) for n in [*(name for name, _ in cells), *variables]) + "\n").encode()
        write = [cell for _, cell in cells]
        for start in range(0, len(self.profiles), _CHUNK_ROWS):
            rows = self.profiles[start : start + _CHUNK_ROWS]
            yield "".join([self._row(write, variables, profile) for profile in rows]).encode()

    def _variables(self) -> Sequence[str]:
        if self.var_names is not None:
            return self.var_names
        names: set[str] = set()
        for profile in self.profiles:
            names.update(profile.vars)
        return sorted(names)

    def _row(self, write: Sequence[Cell | str], variables: Sequence[str], profile: Profile) -> str:
        native = [cell if isinstance(cell, str) else cell(self, profile) for cell in write]
        own = profile.vars
        return ",".join([*native, *[self.cell(own.get(name)) for name in variables]]) + "\n"

    def cell(self, value: Any) -> str:
        """A var's value without its type: number 10 and text "10" look alike; null, missing and "" too."""
        match value:
            case None:
                return ""
            case bool():
                return self.guesses.export_true if value else self.guesses.export_false
            case str():
                return self.quoted(value)
            case dict() | list():
                return self.quoted(orjson.dumps(value).decode())
            case _:
                return str(value)

    def quoted(self, text: str) -> str:
        """As PHP's `fputcsv` quotes: only what holds white space, a comma, a quote or a backslash."""
        if not _QUOTED.search(text):
            return text
        if self.guesses.export_quotes == "php":
            return f'"{_PHP_QUOTE.sub(chr(34) * 2, text)}"'
        return f'"{text.replace(chr(34), chr(34) * 2)}"'


def email_hash(address: str) -> str:
    """The column `Email Hash`: MD5 of the trimmed, lower-cased address (SAILTHRU.md §9.3)."""
    return hashlib.md5(values.email(address).encode(), usedforsecurity=False).hexdigest()


def _hash(_export: Export, profile: Profile) -> str:
    return "" if profile.email is None else email_hash(profile.email)


def _domain(_export: Export, profile: Profile) -> str:
    return "" if profile.email is None else profile.email.rpartition("@")[2]


def _lists(export: Export, profile: Profile) -> str:
    if export.guesses.export_lists == "exported" and export.mail_list is not None:
        return export.quoted(export.mail_list.name)
    return export.quoted(",".join(profile.lists))


def _created(export: Export, profile: Profile) -> str:
    return f'"{local(profile.created, export.zone)}"'


def _signup(export: Export, profile: Profile) -> str:
    return f'"{local(profile.signup, export.zone)}"'


def _optout_time(export: Export, profile: Profile) -> str:
    return "" if profile.optout_time is None else f'"{local(profile.optout_time, export.zone)}"'


def _list_signup(export: Export, profile: Profile) -> str:
    second = None if export.mail_list is None else profile.joined.get(export.mail_list)
    return "" if second is None else f'"{local(second, export.zone)}"'


def _status(_export: Export, profile: Profile) -> str:
    if profile.bounced:
        return "Hardbounce"
    return "Optout" if profile.optout_email == "all" else "Valid"


def _extid(export: Export, profile: Profile) -> str:
    return export.quoted(profile.others.get("extid", ""))


#: Not in the recorded header; a connector of later years says that it is always there (SAILTHRU.md §9.3).
EXTID: Final = "Extid"

#: The recorded header, in its order; what never changes here stands as it stood in the recorded row.
COLUMNS: Final[Mapping[str, Cell | str]] = {
    "Profile Id": lambda _, profile: profile.sid,
    "Email Hash": _hash,
    EXTID: _extid,
    "Domain": _domain,
    "Engagement": "new",
    "Lists": _lists,
    "Profile Created Date": _created,
    "Signup": _signup,
    "Opens": "0",
    "Clicks": "0",
    "Pageviews": "0",
    "Last Open": "",
    "Last Click": "",
    "Last Pageview": "",
    "Optout Time": _optout_time,
    "List Signup": _list_signup,
    "Geolocation City": "",
    "Geolocation State": "",
    "Geolocation Country": "",
    "Geolocation Zip": "",
    "Lifetime Message": "0",
    "First Purchase Time": "",
    "Purchase Count": "0",
    "Purchase Price": "",
    "Purchase Incomplete": "0",
    "Last Purchase Time": "",
    "Largest Purchase Item Price": "",
    "Top Device": "",
    "Email Status": _status,
}


def columns_asked(fields: Mapping[str, Any]) -> frozenset[str] | None:
    """The native columns that `fields` names, as in the header or in snake case.

    None (all) where it names none.
    """
    asked = {name.replace("_", " ").lower() for name, on in fields.items() if on}
    named = frozenset(name for name in COLUMNS if name.lower() in asked)
    return named or None


def vars_asked(fields: Mapping[str, Any]) -> tuple[str, ...] | None:
    """The vars that `fields` names; None (all) where it says nothing of vars, or just that it wants them."""
    wanted = fields.get("vars")
    if isinstance(wanted, dict):
        return tuple(name for name, on in wanted.items() if on)
    if fields and not wanted and columns_asked(fields) is not None:
        return ()
    return None


def filename(list_name: str) -> str:
    """`Just Eli` makes `just_eli.csv` (SAILTHRU.md §9.1)."""
    return re.sub(r"[^a-z0-9]+", "_", list_name.lower()).strip("_") + ".csv"

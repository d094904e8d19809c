"""Times as the API writes them.

With the account's offset in JSON, without any in exports (SAILTHRU.md §9.3).
"""

from __future__ import annotations

import re
from datetime import datetime
from email.utils import parsedate_to_datetime
from functools import lru_cache
from typing import Final
from zoneinfo import ZoneInfo

_SECONDS_DIGITS: Final = 12
_DAYS: Final = ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")
_MONTHS: Final = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")


@lru_cache(maxsize=4096)
def stamp(second: int, zone: ZoneInfo) -> str:
    """RFC 2822 in the account's zone, whatever the locale: `Sat, 02 Oct 2021 16:46:59 -0700`."""
    at = datetime.fromtimestamp(second, zone)
    return f"{_DAYS[at.weekday()]}, {at:%d} {_MONTHS[at.month - 1]} {at:%Y %H:%M:%S %z}"


@lru_cache(maxsize=4096)
def local(second: int, zone: ZoneInfo) -> str:
    """Account-local, no offset, as in exports: `2015/05/07 15:03:49`."""
    return f"{datetime.fromtimestamp(second, zone):%Y/%m/%d %H:%M:%S}"


_RELATIVE: Final = re.compile(r"([+-]?\d{1,6}) *(minute|hour|day|week|month|year)s?( ago)?", re.IGNORECASE)
FAR: Final = 6 * 10**10
"""Seconds beyond which nothing is a date."""
_SECONDS: Final = {"minute": 60, "hour": 3600, "day": 86400, "week": 604800, "month": 2592000, "year": 31536000}


def moment(text: str, zone: ZoneInfo, now: int) -> int | None:
    """The Unix second of a date as callers write it; None where it is none.

    Unix seconds, ISO, RFC 2822, or relative to now (`-30 days`; a month has 30, a year 365).
    A date without a time is its midnight in the account's zone (what the real API takes it for is not known).
    """
    if found := _RELATIVE.fullmatch(text.strip()):
        seconds = int(found[1]) * _SECONDS[found[2].lower()]
        then = now - seconds if found[3] else now + seconds
        return then if abs(then) < FAR else None
    if text.isascii() and text.isdigit():
        return int(text) if len(text) < _SECONDS_DIGITS else None
    for read in (datetime.fromisoformat, parsedate_to_datetime):
        try:
            at = read(text)
            return int((at if at.tzinfo else at.replace(tzinfo=zone)).timestamp())
        except (ValueError, OverflowError, IndexError, TypeError):
            continue
    return None

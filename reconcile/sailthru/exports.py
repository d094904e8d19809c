"""What the file of an export says of itself, in its header (SAILTHRU.md §9.3)."""

from __future__ import annotations

import csv
import itertools
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Final

from reconcile.errors import ExportBroken
from reconcile.sailthru.model import Export

SID: Final = "Profile Id"
HASH: Final = "Email Hash"
OPTOUT: Final = "Optout Time"
STATUS: Final = "Email Status"
NATIVE: Final = frozenset(
    {
        SID,
        HASH,
        "Domain",
        "Engagement",
        "Lists",
        "Profile Created Date",
        "Signup",
        "Opens",
        "Clicks",
        "Pageviews",
        "Last Open",
        "Last Click",
        "Last Pageview",
        OPTOUT,
        "List Signup",
        "Geolocation City",
        "Geolocation State",
        "Geolocation Country",
        "Geolocation Zip",
        "Lifetime Message",
        "First Purchase Time",
        "Purchase Count",
        "Purchase Price",
        "Purchase Incomplete",
        "Last Purchase Time",
        "Largest Purchase Item Price",
        "Top Device",
        STATUS,
    }
)
"""The recorded header without the vars (SAILTHRU.md §9.3)."""


def described(list_name: str, names: Sequence[str], path: Path) -> Export | None:
    """Where things are in the file; None where there is no sid or no hash."""
    header = _header(path)
    if SID not in header or HASH not in header:
        return None
    columns = tuple(f"c{index}" for index in range(len(header)))
    found = {name: _position(header, name) for name in names}
    return Export(
        list=list_name,
        path=str(path),
        columns=columns,
        sid_column=columns[header.index(SID)],
        hash_column=columns[header.index(HASH)],
        optout_column=columns[header.index(OPTOUT)] if OPTOUT in header else None,
        status_column=columns[header.index(STATUS)] if STATUS in header else None,
        var_columns={name: columns[index] for name, index in found.items() if index is not None},
    )


def _position(header: Sequence[str], var: str) -> int | None:
    """Where a var stands; one that is named like a native column is the second of that name (SAILTHRU.md §14.16)."""
    places = [index for index, name in enumerate(header) if name == var]
    nth = 1 if var in NATIVE else 0
    return places[nth] if len(places) > nth else None


def _header(path: Path) -> list[str]:
    with path.open(encoding="utf-8-sig", errors="replace", newline="") as file:
        records: Iterator[list[str]] = csv.reader(file)
        try:
            return next(records, [])
        except csv.Error:  # a record without end
            return []


def unfit(list_name: str) -> ExportBroken:
    """What came as the export of a list is none: a page of words, an empty file, or a header that is cut."""
    return ExportBroken([list_name], f'its header has no columns "{SID}" and "{HASH}"')


def vars_in(path: Path) -> tuple[str, ...]:
    """The vars that an export without `fields` shows: all columns that are not native, or are so a second time."""
    header = _header(path)
    return tuple(name for at, name in enumerate(header) if name not in NATIVE or name in header[:at])


def sids(export: Export, most: int) -> list[str]:
    """The sids of the first members of an export."""
    at = export.columns.index(export.sid_column)
    with Path(export.path).open(encoding="utf-8-sig", errors="replace", newline="") as file:
        records = itertools.islice(csv.reader(file), 1, most + 1)
        return [record[at] for record in records if len(record) > at]

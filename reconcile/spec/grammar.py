"""The grammar of values: which texts are a whole number, a number, a boolean, a date or a time.

One grammar for all that reads a text: columns of sources, values in rules, rows of tests, and what an account exports.
A text that is not in it is a misfit. The patterns mean the same to RE2, Java and Python; they are for whole texts.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from datetime import date, datetime, timedelta

from reconcile.spec.property import ValueType

GAP = r"[ \t\n\x0b\f\r]*"
"""ASCII white space around a value, which counts for nothing."""

WHOLE = r"[+-]?[0-9]+(?:\.0+)?"
NUMBER = r"[+-]?(?:[0-9]+(?:\.[0-9]*)?|\.[0-9]+)(?:[eE][+-]?[0-9]+)?"
_YEAR = r"(?:[1-9][0-9]{3}|0[1-9][0-9]{2}|00[1-9][0-9]|000[1-9])"
_MONTH, _DAY = r"(?:0?[1-9]|1[0-2])", r"(?:0?[1-9]|[12][0-9]|3[01])"
DATE = rf"{_YEAR}(?:-{_MONTH}-{_DAY}|/{_MONTH}/{_DAY})"
_MINUTE = r"(?:[01]?[0-9]|2[0-3]):[0-5]?[0-9]"
_SECOND = r":[0-5]?[0-9](?:\.[0-9]*)?"
_OFFSET = r"(?:Z|[+-](?:0[0-9]|1[0-5])(?::?[0-5][0-9](?::?[0-5][0-9])?)?)"
DATETIME = rf"{DATE}(?:(?:T| +){_MINUTE}(?:{_SECOND})?(?: UTC| ?{_OFFSET})?)?"
UTC = rf"{DATE}(?:(?:T| +){_MINUTE}(?:{_SECOND}(?:Z| UTC)?)?)?"
"""A date, or a date and a time, in UTC."""
ZONED = rf"{DATE}(?:T| +){_MINUTE}{_SECOND}{_OFFSET}"
"""A time to the second with its offset."""
MISFIT = "\ufdd0no value"
"""What a template gives where it comes to something that is no value; the first character is none that a text has."""

TRUE, FALSE = ("true", "t", "yes", "y", "1"), ("false", "f", "no", "n", "0")

PARTS = rf"({DATE})(?:T| +)({_MINUTE})({_SECOND})? ?(UTC|{_OFFSET})"
"""A time with an offset, taken apart: day, time to the minute, seconds, offset."""

EXPRESSIONS: Mapping[ValueType, str] = {
    ValueType.INTEGER: WHOLE,
    ValueType.FLOAT: NUMBER,
    ValueType.DATE: DATETIME,
    ValueType.DATETIME: DATETIME,
    ValueType.BOOLEAN: "|".join((*TRUE, *FALSE)),
}
"""Of the types that have one. A date may be followed by a time."""


def around(expression: str) -> str:
    """A pattern for whole texts, with white space around what counts."""
    return f"^{GAP}(?:{expression}){GAP}$"


_READ = {kind: re.compile(f"{GAP}({text}){GAP}", re.ASCII) for kind, text in EXPRESSIONS.items()}


def read(text: str, kind: ValueType) -> str | None:
    """The text without what counts for nothing around it; None where it is not of the grammar of its type."""
    found = _READ[kind].fullmatch(text.lower() if kind is ValueType.BOOLEAN else text)
    return found[1] if found else None


def read_date(text: str) -> date | None:
    """The day of a text that is a date and nothing more."""
    found = re.fullmatch(f"{GAP}({DATE}){GAP}", text, re.ASCII)
    try:
        return date(*map(int, re.split("[-/]", found[1]))) if found else None
    except ValueError:  # the 30th of February
        return None


_MOMENT = re.compile(
    rf"({DATE})(?:(?:T| +)([0-9]+):([0-9]+)(?::([0-9]+)(?:\.([0-9]*))?)?"
    r"(?: UTC| ?Z| ?([+-])([0-9]{2}):?([0-9]{2})?:?([0-9]{2})?)?)?",
    re.ASCII,
)


def read_moment(text: str) -> datetime | None:
    """The moment of a text that is a date, or a date and a time, in UTC and without an offset."""
    bare = read(text, ValueType.DATETIME)
    found = _MOMENT.fullmatch(bare) if bare else None
    day = read_date(found[1]) if found else None
    if found is None or day is None:
        return None
    hour, minute, second, ahead, back, seconds = (int(found[at] or 0) for at in (2, 3, 4, 7, 8, 9))
    local = datetime(day.year, day.month, day.day, hour, minute, second, int(f"{found[5] or 0:0<6}"[:6]))  # noqa: DTZ001 -- it is made UTC
    offset = timedelta(hours=ahead, minutes=back, seconds=seconds)
    try:
        return local + offset if found[6] == "-" else local - offset
    except OverflowError:  # before the year 1, or after 9999
        return None


# For people

_FREE = {
    ValueType.INTEGER: (
        "digits, with or without a sign; an empty fraction",
        "`17`, `-3`, `+4`, `007`, `17.0`",
        "`17.6`, `1e3`, `0x10`, `1_000`, `1,000`; more than 64 bits",
        "a plus, leading zeros, the empty fraction",
    ),
    ValueType.FLOAT: (
        "digits with a point or without, and an exponent",
        "`1.5`, `-.5`, `5.`, `1e-7`",
        "`nan`, `inf`, `1,5`, `1_000`, `0x10`; whole numbers that a double would round",
        "a plus, zeros that say nothing, how the exponent is written; a fraction is the double next to it",
    ),
    ValueType.BOOLEAN: (
        "one of ten words, in capitals or small letters",
        ", ".join(f"`{word}`" for word in (*TRUE, *FALSE)),
        "`on`, `2`, `ja`",
        "which of the words it is",
    ),
    ValueType.DATE: (
        "year, month, day, of the years 1 to 9999, with `-` or with `/`; a time may follow",
        "`2026-01-31`, `2026-1-31`, `2026/01/31`, `2026-01-31T09:00:00Z`",
        "`2026-02-31`, `20260131`, `99999-01-01`, `today`, `epoch`, `infinity`",
        "leading zeros, the sign between, the time with its offset: it is cut",
    ),
    ValueType.DATETIME: (
        "a date; then `T` or a space, hours and minutes, seconds, an offset (`Z`, ` UTC`, `+02`, `+02:00`, `+0200`)",
        "`2026-01-31T09:00:00Z`, `2026-01-31 09:00`, `2026-01-31T09:00:00.123+02:00`, `2026-01-31`",
        "`10:00:00`, `2026-01-31T25:00`, `2026-01-31T09:00:00 CET`, `now`, `infinity`",
        "leading zeros, fractions of a second: they are cut; no offset is UTC, no time is midnight",
    ),
}


def table() -> Iterator[str]:
    """The grammar for people, in Markdown."""
    yield "| `type` | a text fits that is | such as | a misfit is | what counts for nothing |"
    yield "|---|---|---|---|---|"
    for kind, cells in _FREE.items():
        yield f"| `{kind}` | {' | '.join(cells)} |"


_BEGIN, _END = "<!-- The grammar is made by", "<!-- end of the grammar -->"


def within(page: str) -> str:
    """A page with the grammar in the place that it has for it."""
    head, begin, rest = page.partition(_BEGIN)
    mark, _, rest = rest.partition("\n")
    return "\n".join([f"{head}{begin}{mark}", "", *table(), "", f"{_END}{rest.partition(_END)[2]}"])


def examples() -> Iterator[tuple[ValueType, bool, str]]:
    """Each example of the table with its type, and whether it fits."""
    for kind, (_, fitting, misfits, _) in _FREE.items():
        yield from ((kind, True, text) for text in re.findall("`([^`]+)`", fitting))
        yield from ((kind, False, text) for text in re.findall("`([^`]+)`", misfits))

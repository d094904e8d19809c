"""Telephone numbers in their one international form (E.164), by Google's rules; the only door to their library."""

from __future__ import annotations

import re
from collections.abc import Iterable

_INTERNATIONAL = re.compile(r"\+[1-9][0-9]{6,14}")


def regions() -> frozenset[str]:
    """The regions whose national numbers can be read: two letters, as in `GB`."""
    import phonenumbers

    return frozenset(phonenumbers.SUPPORTED_REGIONS)


def is_international(text: str) -> bool:
    """Whether a text looks like E.164: a plus and digits."""
    return _INTERNATIONAL.fullmatch(text) is not None


def e164(texts: Iterable[str | None], region: str | None) -> list[str | None]:
    """Each number in E.164, None where it is no number that can be assigned.

    Args:
        region: where numbers without a country belong; None to take those with one only.
    """
    return [None if text is None else _one(text, region) for text in texts]


def _one(text: str, region: str | None) -> str | None:
    import phonenumbers

    try:
        number = phonenumbers.parse(text, region)
    except phonenumbers.NumberParseException:
        return None
    if not phonenumbers.is_valid_number(number):
        return None
    return str(phonenumbers.format_number(number, phonenumbers.PhoneNumberFormat.E164))

"""Single values, as YAML writes them and as a spec may hold them."""

from __future__ import annotations

import json
import math

from reconcile.spec.part import Scalar

LARGEST_WHOLE = 2**53
"""Beyond this a JSON number is no longer exact (SAILTHRU.md §15)."""


NO_TAGS = "Tags have no meaning here."
_BOOLEANS = {
    "true": True, "yes": True, "on": True, "y": True, "false": False, "no": False, "off": False, "n": False,
}  # fmt: skip
"""Plain words that YAML 1.2 takes for a boolean are true and false; the others need `!!bool` or `%YAML 1.1`."""


class Odd(ValueError):
    """A value that YAML can say and a spec cannot; holds why, as a hint."""


def value(kind: str, text: str) -> Scalar:
    """The value of a text by the kind that YAML gives it. Dates stay text: what they mean is said by who uses them.

    Raises:
        Odd: a spec cannot hold it.
    """
    match kind:
        case "str" | "timestamp":
            return plain(text)
        case "null":
            return None
        case "bool":
            if text.lower() not in _BOOLEANS:
                raise Odd("It is neither true nor false.")
            return _BOOLEANS[text.lower()]
        case "float":
            return _finite(text.replace("_", "").lower())
        case "int":
            return _whole(text.replace("_", ""))
        case "merge" | "value":  # a bare << or =
            raise Odd("Put it in quotes.")
    raise Odd(NO_TAGS)


def plain(text: str) -> str:
    r"""The text, with the two halves of a character (`\ud83d\ude00`, as JSON writes it) joined.

    Raises:
        Odd: it holds what cannot be written down: half a character, or a zero byte.
    """
    try:
        joined = text if text.isascii() else text.encode("utf-16", "surrogatepass").decode("utf-16")
    except UnicodeDecodeError:
        joined = "\0"
    if "\0" in joined:
        raise Odd("It holds a character that is no text.")
    return joined


def is_nested(text: str) -> bool:
    """Whether a text is a JSON object or list."""
    try:
        return isinstance(json.loads(text), dict | list)
    except ValueError:
        return False


def _finite(text: str) -> float:
    try:
        number = float(text.replace(".inf", "inf").replace(".nan", "nan"))
    except ValueError:
        raise Odd("It is no number.") from None
    if not math.isfinite(number):
        raise Odd("Numbers must be finite.")
    return number


def _whole(text: str) -> int:
    digits = text.lstrip("+-")
    # YAML 1.1 reads 0755 as octal, 1.2 as 755; and who writes a postal code or an id means neither.
    if digits[:1] == "0" and digits[1:].isdecimal():
        raise Odd("A number with a zero in front is read in two ways: put it in quotes, or leave the zero out.")
    base = 0 if digits[:2] in ("0x", "0o", "0b") else 10
    try:
        number = int(text, base) if len(text) < 100 else LARGEST_WHOLE + 1
    except ValueError:
        raise Odd("It is no whole number.") from None
    if abs(number) > LARGEST_WHOLE:
        raise Odd(f"Whole numbers are exact up to {LARGEST_WHOLE:,}; put longer ones in quotes.")
    return number

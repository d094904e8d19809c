"""Single values, as YAML writes them and as a spec may hold them."""

from __future__ import annotations

import json
import math

from reconcile.spec.part import Scalar

LARGEST_WHOLE = 2**53
"""Beyond this a JSON number is no longer exact (SAILTHRU.md §15)."""


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
            return text.lower() in ("true", "yes", "on")
        case "float":
            return _finite(text.replace("_", "").lower())
        case "int":
            return _whole(text.replace("_", "").lower())
    raise Odd("Tags have no meaning here.")


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
    # In YAML 1.2 a leading zero means nothing; octal is 0o17.
    base = 0 if text.lstrip("+-")[:2] in ("0x", "0o", "0b") else 10
    try:
        number = int(text, base) if len(text) < 100 else LARGEST_WHOLE + 1
    except ValueError:
        raise Odd("It is no whole number.") from None
    if abs(number) > LARGEST_WHOLE:
        raise Odd(f"Whole numbers are exact up to {LARGEST_WHOLE:,}; put longer ones in quotes.")
    return number

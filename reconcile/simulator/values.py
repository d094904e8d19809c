"""How the API reads what it is sent.

PHP's idea of true, empty maps as `[]`, e-mails and var names made regular.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any, Final

from reconcile.simulator.model import NOTHING, Refusal

MAX_VAR_NAME: Final = 32
_SCRUBBED: Final = str.maketrans({" ": "_", "%": None, "-": None, ".": None, "$": None})
# A practical subset of PHP's FILTER_VALIDATE_EMAIL; a leading dash is refused too (SAILTHRU.md §7.3).
_ATOM: Final = r"[a-z0-9!#$%&'*+/=?^_`{|}~-]+"
_LABEL: Final = r"[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?"
_EMAIL: Final = re.compile(rf"(?!-)(?=.{{1,254}}\Z)(?=[^@]{{1,64}}@){_ATOM}(?:\.{_ATOM})*@(?:{_LABEL}\.)+{_LABEL}\Z")


def truthy(value: Any) -> bool:
    """PHP's idea of true: `"0"`, `""`, 0, null and empty arrays are not."""
    return bool(value) and value != "0"


def mapping(value: Any) -> Mapping[str, Any]:
    """The map that was sent.

    `[]`, null and absent are the empty one, as PHP clients send them (SAILTHRU.md §3.3).
    """
    return value if isinstance(value, dict) else NOTHING


def text(value: Any) -> str:
    """A parameter that should be text, as text; a map or list in its place is no text at all."""
    if isinstance(value, str):
        return value
    if value is None or isinstance(value, dict | list):
        return ""
    return str(int(value)) if isinstance(value, bool) else str(value)


def required(params: Mapping[str, Any], name: str) -> str:
    """The text of a parameter that must be there."""
    value = text(params.get(name))
    if not value:
        raise Refusal(2, f"Missing required parameter: {name}")
    return value


def email(value: str) -> str:
    """An address as the API stores and looks it up: trimmed, lower-cased (SAILTHRU.md §7.3)."""
    return value.strip().lower()


def valid_email(value: str) -> str:
    """The stored form of an address that may be stored; error 11 otherwise."""
    address = email(value)
    if not _EMAIL.match(address):
        raise Refusal(11, "Invalid Email")
    return address


def var_name(name: str) -> str:
    """A var's name after the silent scrubbing.

    Spaces to `_`, and no `%`, `-`, `.`, `$` (SAILTHRU.md §7.3).
    """
    scrubbed = name.translate(_SCRUBBED)
    if len(scrubbed) > MAX_VAR_NAME:
        raise Refusal(99, f"Variable name may not be longer than {MAX_VAR_NAME} characters: {scrubbed}")
    if scrubbed[:1].isdigit():
        raise Refusal(99, f"Variable name may not start with a digit: {scrubbed}")
    return scrubbed


def list_name(name: str) -> str:
    """A list's name, kept to the letter; `$` is not allowed (SAILTHRU.md §8.4)."""
    if "$" in name:
        raise Refusal(99, f"List name may not contain $: {name}")
    return name

"""How the API reads what it is sent.

PHP's idea of true, empty maps as `[]`, e-mails and var names made regular.
"""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Mapping
from typing import Any, Final

from reconcile.simulator.model import NOTHING, Refusal

MAX_VAR_NAME: Final = 32
_SCRUBBED: Final = str.maketrans({" ": "_", "%": None, "-": None, ".": None, "$": None})

_PHP_SPACE: Final = " \t\n\r\0\v"
_SMALL: Final = str.maketrans("ABCDEFGHIJKLMNOPQRSTUVWXYZ", "abcdefghijklmnopqrstuvwxyz")
_WORD: Final = r"""(?:[a-z0-9!#$%&'*+/=?^_`{|}~-]+|"(?:[^\x00\t\n\r "\\\x80-\U0010ffff]|\\[\x00-\x7f])*")"""
_LOCAL: Final = re.compile(rf"{_WORD}(?:\.{_WORD})*")
_LABEL: Final = re.compile(r"[a-z0-9]+(?:-+[a-z0-9]+)*")


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
    """An address as the API stores and looks it up: PHP's trim and strtolower, which know ASCII alone (§7.3)."""
    return value.strip(_PHP_SPACE).translate(_SMALL)


def is_email(address: str) -> bool:
    """Whether this is an address in its stored form: PHP's FILTER_VALIDATE_EMAIL, and no leading dash (§7.3)."""
    local, _, host = address.rpartition("@")
    if len(address) > 254 or len(local) > 64 or local.startswith("-") or _LOCAL.fullmatch(local) is None:
        return False
    return _is_machine(host[1:-1]) if host[:1] + host[-1:] == "[]" else _is_host(host)


def _is_host(host: str) -> bool:
    labels = host.split(".")
    fit = all(len(label) <= 63 and _LABEL.fullmatch(label) for label in labels)
    return fit and len(labels) > 1 and not labels[-1][0].isdigit()


def _is_machine(literal: str) -> bool:
    """Whether the text between brackets is a machine's address: `10.0.0.1`, `ipv6:::1`."""
    six = literal.removeprefix("ipv6:")
    try:
        ipaddress.IPv4Address(literal) if six == literal else ipaddress.IPv6Address(six)
    except ValueError:
        return False
    return True


def valid_email(value: str) -> str:
    """The stored form of an address that may be stored; error 11 otherwise."""
    address = email(value)
    if not is_email(address):
        raise Refusal(11, f"Invalid email: {value}")
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

"""Web addresses and URLs of databases: what may stand in them, and how they are shown without a secret.

What cannot be parsed is never quoted: nobody knows which part of it is a password.
"""

from __future__ import annotations

import re
from urllib.parse import unquote, urlsplit, urlunsplit

from reconcile.errors import Problem, SpecInvalid, Where

PASSWORD_HINT = "In a password write @ as %40, / as %2F, : as %3A, ? as %3F, # as %23 and % as %25."  # noqa: S105
_SHORTEST = 2
"""Characters of a part of a password that is looked for in what others say."""


def find_fault(url: str) -> str | None:
    """What is wrong with the URL of an account, in our own words; None when nothing is."""
    if not url.startswith(("http://", "https://")):
        return "is no web address"
    if "@" in url:
        return "holds a user or a password (before the @)"
    if "?" in url or "#" in url:
        return "holds a query (behind the ? or #)"
    try:
        parts = urlsplit(url)
        readable = bool(parts.hostname) and (parts.port or 1) > 0 and url.isprintable() and " " not in url
    except ValueError:
        readable = False
    return None if readable else "cannot be read as a web address"


def raise_if_unfit(url: str, where: Where | None) -> str:
    """The URL of an account, which holds no secret.

    Raises:
        SpecInvalid: it is no web address, or holds more than scheme, host, port and path.
    """
    fault = find_fault(url)
    if fault is not None:
        hint = "It is https://HOST, or https://HOST/PATH; the account's key and secret go into api_key and api_secret."
        raise SpecInvalid([Problem(f"the URL of the account {fault}", where, hint)])
    return url


def show(url: str) -> str:
    """A URL without user, password, query and fragment; only our own words for one that cannot be parsed."""
    if is_odd(url):
        return "a URL that cannot be read"
    try:
        parts = urlsplit(url)
        return urlunsplit((parts.scheme, parts.netloc.rpartition("@")[2], parts.path, "", ""))
    except ValueError:
        return "a URL that cannot be read"


def show_host(url: str) -> str:
    """The host of a URL, whose path may be a secret by itself: that of the file of an export."""
    shown = show(url)
    parts = urlsplit(shown)
    return f"{parts.scheme}://{parts.netloc}" if parts.netloc else shown


def is_odd(url: str) -> bool:
    """Whether nobody can say where the password of a URL ends: it holds an @ or / that is not written as %40 or %2F."""
    _, _, rest = url.partition("://")
    user, at, after = rest.partition("@")
    if not at or rest.startswith("/"):  # no user; or no host, but the path of a file
        return False
    if "/" in user:  # a path before the @: that of a query, or the password goes on behind a /
        host = user.partition("/")[0]
        return "?" not in user or re.fullmatch(r"[^:]*(:\d*)?|\[[^\]]*\](:\d*)?", host) is None
    return "@" in re.split("[/?#]", after, maxsplit=1)[0]


def find_secrets(url: str) -> set[str]:
    """All that may be a password in a URL, as it is written and as it is meant; of an odd one all its parts."""
    _, _, rest = url.partition("://")
    found = set(re.findall(r"[?&;](?:password|passwd|pwd|token|secret|sslpassword)=([^&;]+)", rest, re.IGNORECASE))
    if is_odd(url):
        user = rest.rpartition("@")[0]
        found |= {user, user.partition(":")[2], *re.split("[@/:?#]", user.partition(":")[2])}
        found |= {rest.partition("@")[2].rpartition("@")[0]}
    else:
        authority = rest.partition("@")
        if authority[1] and "/" not in authority[0]:
            found.add(authority[0].partition(":")[2])
    both = {text for one in found for text in (one, unquote(one))}
    return {text for text in both if len(text) >= _SHORTEST}

"""What the environment says of the way to a host: its proxy, hosts without one, and whom TLS is to believe.

Ours and not the libraries', because theirs (urllib's, httpx's) end on odd settings with errors that name no variable,
and know neither networks (`10.0.0.0/8`) nor addresses in brackets (`[::1]`). No value is ever shown but host and port:
a proxy's URL may hold a password.
"""

from __future__ import annotations

import ipaddress
import re
import ssl
from collections.abc import Iterator, Mapping
from importlib.util import find_spec
from typing import Final, NamedTuple
from urllib.parse import SplitResult, urlsplit

from reconcile.errors import EnvironmentUnfit

_SCHEMES: Final = ("http", "https", "socks5", "socks5h")
_PORTS: Final = {"http": 80, "https": 443}
_ODD: Final = re.compile(r"[\x00-\x20\x7f]")
_HINT: Final = "Set it as http://HOST:PORT, unset it, or name the account's host in no_proxy."


class Proxy(NamedTuple):
    """A proxy, and the variable that names it."""

    variable: str
    url: str

    def __str__(self) -> str:
        """`proxy.example:3128 (https_proxy)`, without a password."""
        parts = urlsplit(self.url)
        return f"{parts.hostname}:{parts.port or _PORTS.get(parts.scheme, 1080)} ({self.variable})"


def find_proxy(scheme: str, host: str, port: int | None, environ: Mapping[str, str]) -> Proxy | None:
    """The proxy for a host; None where it is reached without one.

    Raises:
        EnvironmentUnfit: a variable names a proxy that cannot be used.
    """
    if host and is_bypassed(host, port or _PORTS.get(scheme), _value("no_proxy", environ)[1]):
        return None
    for name in (f"{scheme}_proxy", "all_proxy"):
        variable, value = _value(name, environ)
        if value:
            return Proxy(variable, _checked(variable, value if "://" in value else f"http://{value}"))
    return None


def is_bypassed(host: str, port: int | None, no_proxy: str) -> bool:
    """Whether `no_proxy` names a host: by `*`, a name with all below it, an address or a network, and maybe a port."""
    plain = host.strip("[]").rstrip(".").lower()
    address = _address(plain)
    for entry in re.split(r"[\s,]+", no_proxy.lower()):
        name, wanted = _split_port(entry)
        if not name or (wanted is not None and wanted != port):
            continue
        if name == "*" or (_holds(name, address) if address else _is_below(plain, name)):
            return True
    return False


def explain_tls(error: OSError, environ: Mapping[str, str]) -> OSError | EnvironmentUnfit:
    """The error for certificates that cannot be read, by the variable that names them; itself where none does."""
    reason = error.strerror or str(getattr(error, "reason", "")).replace("_", " ").lower() or type(error).__name__
    for variable, what in _tls_variables(environ):
        return EnvironmentUnfit(
            f"The variable {variable} names {what} that cannot be used: {reason}.",
            hint=f"Mend it, or unset {variable}.",
        )
    return error


def _tls_variables(environ: Mapping[str, str]) -> Iterator[tuple[str, str]]:
    """Those that are set, the one at fault first."""
    if environ.get("SSL_CERT_FILE"):
        try:
            ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT).load_verify_locations(cafile=environ["SSL_CERT_FILE"])
        except (OSError, ValueError):
            yield "SSL_CERT_FILE", "a file of certificates"
    if environ.get("SSLKEYLOGFILE"):
        yield "SSLKEYLOGFILE", "a file for keys"
    if environ.get("SSL_CERT_DIR"):
        yield "SSL_CERT_DIR", "a folder of certificates"


def _value(name: str, environ: Mapping[str, str]) -> tuple[str, str]:
    """The variable and its value; lower case wins, also where it is empty."""
    variable = name if name in environ else name.upper()
    return variable, environ.get(variable, "").strip()


def _checked(variable: str, url: str) -> str:
    wrong = _problem(url)
    if wrong is not None:
        raise EnvironmentUnfit(f"The variable {variable} names no proxy that can be used: {wrong}.", hint=_HINT)
    return url


def _problem(url: str) -> str | None:
    """What is wrong with the URL of a proxy, without anything of it that may be a secret."""
    if _ODD.search(url):
        return "it holds a space or a line end"
    scheme = url.partition("://")[0].lower()
    if scheme not in _SCHEMES:
        return f"it begins with none of {', '.join(f'{one}://' for one in _SCHEMES)}"
    try:
        parts: SplitResult = urlsplit(url)
        host, port = parts.hostname, parts.port
        url.encode()
    except ValueError:
        return "its host or its port cannot be read"
    if not host or port == 0:
        return "it has no host" if not host else "its port is 0"
    if scheme.startswith("socks") and find_spec("socksio") is None:
        return "a SOCKS proxy needs the library socksio (pip install 'httpx[socks]')"
    return None


def _split_port(entry: str) -> tuple[str, int | None]:
    """A name and its port: `host:8080`, `[::1]:8080`; more than one colon without brackets is an address."""
    found = re.fullmatch(r"(?:\[([^\]]*)\]|([^:]*)):(\d{1,5})", entry)
    if found:
        return found[1] or found[2], int(found[3])
    return entry.strip("[]"), None


def _is_below(host: str, name: str) -> bool:
    name = name.removeprefix("*").strip(".")
    return bool(name) and (host == name or host.endswith(f".{name}"))


def _holds(name: str, address: ipaddress.IPv4Address | ipaddress.IPv6Address) -> bool:
    try:
        return address in ipaddress.ip_network(name.replace("[", "").replace("]", ""), strict=False)
    except ValueError:
        return False


def _address(host: str) -> ipaddress.IPv4Address | ipaddress.IPv6Address | None:
    try:
        return ipaddress.ip_address(host)
    except ValueError:
        return None

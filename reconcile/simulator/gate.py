"""All that stands before a call.

Method, key, address, signature, quota, in the order of SAILTHRU.md §16, 1.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from ipaddress import ip_address, ip_network

from reconcile.simulator import signing
from reconcile.simulator.calls import METHODS
from reconcile.simulator.decoding import Sent
from reconcile.simulator.limits import Quota
from reconcile.simulator.messages import Request
from reconcile.simulator.model import Refusal


class Gate:
    """Who may come in.

    Args:
        keys: api_key to secret.
        allowed_ips: addresses or networks such as `10.0.0.0/8`; empty lets everybody in.

    Raises:
        ValueError: one of the addresses is none.
    """

    def __init__(self, keys: Mapping[str, str], allowed_ips: Sequence[str] = ()) -> None:
        self.keys = dict(keys)
        self._networks = [ip_network(network, strict=False) for network in allowed_ips]

    def check(self, request: Request, endpoint: str, sent: Sent, quota: Quota) -> None:
        """Let a call in, or refuse it with the error of the first thing that is wrong."""
        if request.method not in METHODS:
            raise Refusal(1, "Unsupported HTTPS method", 405)
        if sent.texts.get("format", "xml") not in {"json", "xml"}:
            raise Refusal(99, "Unsupported format", 406)
        secret = self.keys.get(_present(sent, "api_key"))
        if secret is None:
            raise Refusal(3, "Invalid API key", 401)
        if self._networks and not self._allowed(request.client):
            raise Refusal(4, "Disallowed IP", 403)
        if not signing.holds(_present(sent, "sig"), secret, sent.signed()):
            raise Refusal(5, "Authentication failed", 401)
        if quota.exceeded:
            raise too_many(request.method, endpoint)

    def _allowed(self, client: str) -> bool:
        try:
            address = ip_address(client)
        except ValueError:
            return False
        return any(address in network for network in self._networks)


def too_many(method: str, endpoint: str) -> Refusal:
    """Error 43: the minute's quota is used up (SAILTHRU.md §5)."""
    return Refusal(43, f"Too many {method} requests this minute to /{endpoint} API", 429)


def _present(sent: Sent, name: str) -> str:
    value = sent.texts.get(name)
    if not value:
        raise Refusal(2, f"Missing required parameter: {name}")
    return value

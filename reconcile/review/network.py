"""The door through which comments, issues and notices leave: one call at a time, and again where that can help.

Apart from `sailthru.network`, which knows one service and its ways: this one knows none. No exception of httpx leaves,
and no message says more than host and status: requests hold a token.
"""

from __future__ import annotations

import os
import ssl
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

import httpx

from reconcile.errors import CommentFailed, EnvironmentUnfit
from reconcile.review.hosts import Request
from reconcile.sailthru import proxies

TRIES = 4
LONGEST = 60.0
"""Seconds to wait for another try at most, whatever the host says."""


class Unsure(Exception):
    """A call that makes something failed, and may have made it all the same."""


@dataclass(frozen=True, slots=True)
class Network:
    """Calls over HTTP.

    Args:
        transport: in place of the network.
    """

    sleep: Callable[[float], None] = time.sleep
    transport: httpx.BaseTransport | None = None

    def call(self, request: Request) -> Any:
        """The answer as JSON.

        Raises:
            CommentFailed: the host cannot be reached, or refuses.
            Unsure: the same, where something may have been made.
        """
        answer = self._called(request, _HINTS)
        try:
            return answer.json()
        except ValueError:
            raise CommentFailed(f"{_host(request)} gave an answer that is no JSON.", hint=_BETWEEN) from None

    def tell(self, request: Request) -> None:
        """The same where nobody waits for an answer. Raises as `call` does."""
        self._called(request, {})

    def _called(self, request: Request, hints: Mapping[int, str]) -> httpx.Response:
        told = "no answer"
        # By our own look at the environment: the library ends on an odd variable with an error that names none.
        with httpx.Client(timeout=30.0, transport=self.transport or _transport(request), trust_env=False) as client:
            for attempt in range(TRIES):
                answer = self._answer(client, request)
                if answer is not None and answer.is_success:
                    return answer
                told = f"status {answer.status_code}" if answer is not None else "no answer"
                if answer is not None and not _passing(answer):
                    raise CommentFailed(f"{_host(request)} refuses ({told}).", hint=hints.get(answer.status_code))
                if request.method == "POST" and (answer is None or answer.status_code >= 500):
                    raise Unsure
                if attempt < TRIES - 1:
                    self.sleep(_wait(answer, attempt))
        raise CommentFailed(f"{_host(request)} cannot be reached ({told}, {TRIES} times).", hint="Try again later.")

    def _answer(self, client: httpx.Client, request: Request) -> httpx.Response | None:
        try:
            return client.request(
                request.method,
                request.url,
                params=dict(request.query),
                headers={"User-Agent": "sailthru-reconcile", **request.headers},
                json=request.json,
            )
        except (httpx.HTTPError, httpx.InvalidURL):
            return None
        except ValueError:  # of a header or a URL: UnicodeError among them
            raise CommentFailed(f"What is to be sent to {_host(request)} holds a sign that cannot be sent.") from None


_HINTS = {
    401: "The token is not known there, or has expired.",
    403: "The token may not write comments: docs/review.md says what it needs.",
    404: "There is no such pull request, or the token may not see it.",
    422: "The host does not take this comment.",
}


_BETWEEN = "See what stands between: a proxy, a gateway, a login page."


def _transport(request: Request) -> httpx.BaseTransport:
    """The way to a host, through the proxy that the environment names for it.

    Raises:
        CommentFailed: a variable of the environment cannot be used.
    """
    try:
        url = httpx.URL(request.url)
        proxy = proxies.find_proxy(url.scheme, url.host, url.port, os.environ)
        return httpx.HTTPTransport(verify=_trusted(), proxy=proxy.url if proxy else None)
    except EnvironmentUnfit as error:
        raise CommentFailed(error.message, hint=error.hint) from None
    except (ValueError, TypeError, ImportError, OSError, httpx.InvalidURL):
        raise CommentFailed(f"There is no way to {_host(request)}: its URL or its proxy cannot be used.") from None


def _trusted() -> ssl.SSLContext:
    try:
        return httpx.create_ssl_context()
    except OSError as error:
        raise proxies.explain_tls(error, os.environ) from None


def _passing(answer: httpx.Response) -> bool:
    """Too many calls, or trouble over there; GitHub says the former by 403 with a time."""
    return answer.status_code == 429 or answer.status_code >= 500 or "retry-after" in answer.headers


def _wait(answer: httpx.Response | None, attempt: int) -> float:
    told = answer.headers.get("retry-after", "") if answer is not None else ""
    return min(LONGEST, float(told) if told.isdecimal() else 2.0**attempt)


def _host(request: Request) -> str:
    try:
        return urlsplit(request.url).hostname or "The code host"
    except ValueError:
        return "The code host"

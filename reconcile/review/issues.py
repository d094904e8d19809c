"""One rolling issue an account and environment about drift: opened, kept up to date, closed when it is gone.

Sources: GitHub REST (2022-11-28) "issues"; GitLab REST v4 "issues". Bitbucket and Azure keep work in trackers of other
kinds, and are not served.
"""

from __future__ import annotations

import hashlib
import re
from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote

from reconcile.errors import CommentFailed
from reconcile.review.hosts import Request, github_headers, needed

LABEL = "reconcile-drift"
_MARKER = re.compile(r"<!-- reconcile drift for=(\S+) said=([0-9a-f]+) -->")


@dataclass(frozen=True, slots=True)
class Issue:
    """An open issue; `id` is what the host needs to change it."""

    id: str
    body: str


@dataclass(frozen=True, slots=True)
class Found:
    """What drifted: as Markdown, and what of it is new when it is another, which its dates are not."""

    text: str
    said: str


class Tracker(ABC):
    """The issues of one repository."""

    def __init__(self, url: str, headers: Mapping[str, str]) -> None:
        self.url, self.headers = url, headers

    @abstractmethod
    def listing(self) -> Request:
        """Asks for the open issues with our label; a hundred are more than there ever should be."""

    @abstractmethod
    def read(self, answer: Any) -> list[Issue]:
        """The issues of an answer."""

    @abstractmethod
    def create(self, title: str, body: str) -> Request:
        """Opens one."""

    @abstractmethod
    def update(self, issue: Issue, title: str, body: str, *, close: bool = False) -> Request:
        """Changes one, and closes it."""


class GitHub(Tracker):
    """`GET|POST /repos/{repo}/issues`, `PATCH /repos/{repo}/issues/{n}`."""

    def listing(self) -> Request:
        """By label."""
        return Request("GET", self.url, self.headers, {"labels": LABEL, "state": "open", "per_page": "100"})

    def read(self, answer: Any) -> list[Issue]:
        """Pull requests are issues too, and none of ours."""
        return [Issue(str(one["number"]), one["body"] or "") for one in answer if "pull_request" not in one]

    def create(self, title: str, body: str) -> Request:
        """With the label, which GitHub makes where it is not there."""
        return Request("POST", self.url, self.headers, json={"title": title, "body": body, "labels": [LABEL]})

    def update(self, issue: Issue, title: str, body: str, *, close: bool = False) -> Request:
        """By its number."""
        said = {"title": title, "body": body} | ({"state": "closed", "state_reason": "completed"} if close else {})
        return Request("PATCH", f"{self.url}/{issue.id}", self.headers, json=said)


class GitLab(Tracker):
    """`GET|POST /projects/{id}/issues`, `PUT /projects/{id}/issues/{iid}`."""

    def listing(self) -> Request:
        """By label."""
        return Request("GET", self.url, self.headers, {"labels": LABEL, "state": "opened", "per_page": "100"})

    def read(self, answer: Any) -> list[Issue]:
        """By their number within the project."""
        return [Issue(str(one["iid"]), one["description"] or "") for one in answer]

    def create(self, title: str, body: str) -> Request:
        """With the label."""
        return Request("POST", self.url, self.headers, json={"title": title, "description": body, "labels": LABEL})

    def update(self, issue: Issue, title: str, body: str, *, close: bool = False) -> Request:
        """By its number."""
        said = {"title": title, "description": body} | ({"state_event": "close"} if close else {})
        return Request("PUT", f"{self.url}/{issue.id}", self.headers, json=said)


def of(provider: str | None, environ: Mapping[str, str]) -> Tracker:
    """The tracker of the repository that the environment of a CI job names.

    Args:
        provider: `github` or `gitlab`; the one whose CI this is when None.

    Raises:
        CommentFailed: no host whose issues we know, or its variables lack something.
    """
    name = provider or ("github" if environ.get("GITHUB_ACTIONS") else "gitlab" if environ.get("GITLAB_CI") else "")
    if name == "github":
        api, repo = environ.get("GITHUB_API_URL") or "https://api.github.com", needed(environ, "GITHUB_REPOSITORY")
        return GitHub(f"{api.rstrip('/')}/repos/{quote(repo)}/issues", github_headers(environ))
    if name == "gitlab":
        api, project = needed(environ, "CI_API_V4_URL"), needed(environ, "CI_PROJECT_ID")
        headers = {"PRIVATE-TOKEN": needed(environ, "GITLAB_TOKEN")}
        return GitLab(f"{api.rstrip('/')}/projects/{quote(project, safe='')}/issues", headers)
    raise CommentFailed("Issues are kept at GitHub and GitLab only.", hint="--provider github|gitlab")


def keep(about: str, found: Found | None, tracker: Tracker, call: Callable[[Request], Any]) -> str:
    """See that there is one open issue about something that drifted, or none when nothing did.

    Args:
        about: the account and environment; one issue each.
        found: what drifted; None when nothing did.

    Returns:
        What was done: `opened`, `updated`, `unchanged`, `closed`, or `none`.

    Raises:
        CommentFailed, Unsure: see `review.network`.
    """
    key = quote(about, safe="")
    ours = [
        one for one in tracker.read(call(tracker.listing())) if (said := _MARKER.search(one.body)) and said[1] == key
    ]
    title = f"Drift at {about}"
    if found is None:
        for one in ours:
            call(tracker.update(one, title, f"{one.body.rstrip()}\n\nGone by now.\n", close=True))
        return "closed" if ours else "none"
    digest = hashlib.sha256(found.said.encode()).hexdigest()[:16]
    body = f"<!-- reconcile drift for={key} said={digest} -->\n{found.text}"
    if not ours:
        call(tracker.create(title, body))
        return "opened"
    first, *twins = ours
    for twin in twins:  # opened side by side by two jobs
        call(tracker.update(twin, title, twin.body, close=True))
    known = _MARKER.search(first.body)
    if known is not None and known[2] == digest:
        return "unchanged"
    call(tracker.update(first, title, body))
    return "updated"

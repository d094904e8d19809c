"""How four code hosts keep the comments of a pull request: requests and answers as data, no I/O.

Sources: GitHub REST (2022-11-28) "issue comments"; GitLab REST v4 "notes"; Bitbucket Cloud REST 2.0 "pullrequests,
comments"; Azure DevOps REST 7.0 "pull request threads". Lengths: GitHub refuses bodies of more than 65,536 characters,
GitLab of more than 1,000,000, Bitbucket of 32,768 or more, Azure of more than 150,000.
"""

from __future__ import annotations

import json
import re
from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import quote

from reconcile.errors import CommentFailed

TRUSTED = {"OWNER", "MEMBER", "COLLABORATOR"}
"""Who else than a bot may have written a comment of ours at GitHub: anybody may comment on a public repository."""


@dataclass(frozen=True, slots=True)
class Request:
    """One call; `headers` hold the token."""

    method: str
    url: str
    headers: Mapping[str, str] = field(repr=False, default_factory=dict)
    query: Mapping[str, str] = field(default_factory=dict)
    json: Any = None


@dataclass(frozen=True, slots=True)
class Comment:
    """A comment that is there; `id` is what the host needs to change it."""

    id: str
    body: str


class Host(ABC):
    """One pull request at one host.

    `most` is the length of a body that it takes, `folds` whether it knows `<details>` and hides `<!-- -->`.
    """

    most = 60_000
    folds = True

    def __init__(self, url: str, headers: Mapping[str, str]) -> None:
        self.url, self.headers = url, headers

    def _asked(self, method: str, path: str = "", body: Any = None, **query: str) -> Request:
        return Request(method, self.url + path, self.headers, query, body)

    @abstractmethod
    def listing(self, page: int) -> Request:
        """Asks for the comments, `page` from 1."""

    @abstractmethod
    def read(self, answer: Any) -> tuple[list[Comment], bool]:
        """The comments of an answer that may be ours, and whether there is a further page."""

    @abstractmethod
    def create(self, body: str) -> Request:
        """Makes a comment."""

    @abstractmethod
    def update(self, comment: Comment, body: str) -> Request:
        """Changes one."""


class GitHub(Host):
    """`GET|POST /repos/{repo}/issues/{n}/comments`, `PATCH /repos/{repo}/issues/comments/{id}`."""

    def listing(self, page: int) -> Request:
        """A hundred a page."""
        return self._asked("GET", per_page="100", page=str(page))

    def read(self, answer: Any) -> tuple[list[Comment], bool]:
        """Those of bots and of people of the repository."""
        ours = [one for one in answer if one["user"]["type"] == "Bot" or one.get("author_association") in TRUSTED]
        return [Comment(str(one["id"]), one["body"] or "") for one in ours], len(answer) == 100

    def create(self, body: str) -> Request:
        """Below the pull request, which is an issue too."""
        return self._asked("POST", body={"body": body})

    def update(self, comment: Comment, body: str) -> Request:
        """By its own id."""
        url = re.sub(r"/issues/\d+/comments$", f"/issues/comments/{comment.id}", self.url)
        return Request("PATCH", url, self.headers, json={"body": body})


class GitLab(Host):
    """`GET|POST /projects/{id}/merge_requests/{iid}/notes`, `PUT .../notes/{note}`."""

    def listing(self, page: int) -> Request:
        """A hundred a page, the oldest first."""
        return self._asked("GET", sort="asc", order_by="created_at", per_page="100", page=str(page))

    def read(self, answer: Any) -> tuple[list[Comment], bool]:
        """Without the notes that GitLab makes by itself."""
        return [Comment(str(one["id"]), one["body"]) for one in answer if not one["system"]], len(answer) == 100

    def create(self, body: str) -> Request:
        """A note."""
        return self._asked("POST", body={"body": body})

    def update(self, comment: Comment, body: str) -> Request:
        """By its id within the merge request."""
        return self._asked("PUT", f"/{comment.id}", {"body": body})


class Bitbucket(Host):
    """`GET|POST /repositories/{workspace}/{repo}/pullrequests/{id}/comments`, `PUT .../comments/{comment}`."""

    most = 32_000
    folds = False

    def listing(self, page: int) -> Request:
        """A hundred a page."""
        return self._asked("GET", pagelen="100", page=str(page))

    def read(self, answer: Any) -> tuple[list[Comment], bool]:
        """Without those that were deleted."""
        found = [Comment(str(one["id"]), one["content"]["raw"]) for one in answer["values"] if not one.get("deleted")]
        return found, "next" in answer

    def create(self, body: str) -> Request:
        """As Markdown."""
        return self._asked("POST", body={"content": {"raw": body}})

    def update(self, comment: Comment, body: str) -> Request:
        """By its id."""
        return self._asked("PUT", f"/{comment.id}", {"content": {"raw": body}})


class Azure(Host):
    """`GET|POST .../pullRequests/{id}/threads`, `PATCH .../threads/{thread}/comments/{comment}`."""

    def listing(self, page: int) -> Request:  # noqa: ARG002 -- all threads come at once
        """All threads."""
        return self._asked("GET", **_AZURE)

    def read(self, answer: Any) -> tuple[list[Comment], bool]:
        """The first comment of each thread."""
        firsts = [
            (one["id"], one["comments"][0]) for one in answer["value"] if one["comments"] and not one.get("isDeleted")
        ]
        return [Comment(f"{thread}/comments/{one['id']}", one.get("content") or "") for thread, one in firsts], False

    def create(self, body: str) -> Request:
        """A thread that is closed: an open one may hold a merge up."""
        comment = {"parentCommentId": 0, "content": body, "commentType": "text"}
        return self._asked("POST", body={"comments": [comment], "status": "closed"}, **_AZURE)

    def update(self, comment: Comment, body: str) -> Request:
        """By thread and comment."""
        return self._asked("PATCH", f"/{comment.id}", {"content": body}, **_AZURE)


_AZURE = {"api-version": "7.0"}


# Which pull request it is, by what the host's CI says


def of(provider: str | None, environ: Mapping[str, str], number: int | None = None) -> Host:
    """The host and pull request that the environment of a CI job names.

    Args:
        provider: one of `PROVIDERS`; the one whose CI this is when None.
        number: the pull request; the job's own when None.

    Raises:
        CommentFailed: no CI that we know, or it lacks something.
    """
    name = provider or next((name for name, sign in _SIGNS.items() if environ.get(sign)), None)
    if name is None:
        raise CommentFailed("No code host is known here.", hint=f"--provider {'|'.join(PROVIDERS)}")
    return PROVIDERS[name](environ, str(number) if number else None)


def needed(environ: Mapping[str, str], *names: str) -> str:
    """The first of these variables that is set.

    Raises:
        CommentFailed: none is.
    """
    found = next((environ[name] for name in names if environ.get(name)), None)
    if found is None:
        raise CommentFailed(f"{' or '.join(names)} is not set.", hint="docs/review.md says what each host needs.")
    if not found.isprintable():  # the end of a line, mostly: no header takes it, nor a URL
        raise CommentFailed(f"{' or '.join(names)} holds a line end or another sign that cannot be sent.")
    return found


def _github(environ: Mapping[str, str], number: str | None) -> Host:
    api, repo = environ.get("GITHUB_API_URL") or "https://api.github.com", needed(environ, "GITHUB_REPOSITORY")
    headers = github_headers(environ)
    path = f"/repos/{quote(repo)}/issues/{number or _event(environ)}/comments"
    return GitHub(api.rstrip("/") + path, headers)


def github_headers(environ: Mapping[str, str]) -> Mapping[str, str]:
    """What every call of GitHub's REST takes, the token among it."""
    return {
        "Authorization": f"Bearer {needed(environ, 'GITHUB_TOKEN', 'GH_TOKEN')}",
        "Accept": "application/vnd.github+json",
        "X-GitHub-Api-Version": "2022-11-28",
    }


def _event(environ: Mapping[str, str]) -> str:
    """The pull request of a GitHub job: of its ref, or else of the event that started it."""
    if found := re.match(r"refs/pull/(\d+)/", environ.get("GITHUB_REF", "")):
        return found[1]
    try:
        event = json.loads(Path(environ.get("GITHUB_EVENT_PATH", "")).read_bytes())
        return str(int(event.get("number") or event["pull_request"]["number"]))
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        raise CommentFailed("This job is about no pull request.", hint="Name one: --pull-request N.") from None


def _gitlab(environ: Mapping[str, str], number: str | None) -> Host:
    api, project = needed(environ, "CI_API_V4_URL"), needed(environ, "CI_PROJECT_ID")
    request = number or needed(environ, "CI_MERGE_REQUEST_IID")
    path = f"/projects/{quote(project, safe='')}/merge_requests/{quote(request)}/notes"
    # A job's own token may not write notes.
    return GitLab(api.rstrip("/") + path, {"PRIVATE-TOKEN": needed(environ, "GITLAB_TOKEN")})


def _bitbucket(environ: Mapping[str, str], number: str | None) -> Host:
    api = environ.get("BITBUCKET_API_URL") or "https://api.bitbucket.org/2.0"
    repo, request = needed(environ, "BITBUCKET_REPO_FULL_NAME"), number or needed(environ, "BITBUCKET_PR_ID")
    path = f"/repositories/{quote(repo)}/pullrequests/{quote(request)}/comments"
    return Bitbucket(api.rstrip("/") + path, {"Authorization": f"Bearer {needed(environ, 'BITBUCKET_TOKEN')}"})


def _azure(environ: Mapping[str, str], number: str | None) -> Host:
    collection, project = needed(environ, "SYSTEM_COLLECTIONURI"), needed(environ, "SYSTEM_TEAMPROJECT")
    repo = needed(environ, "BUILD_REPOSITORY_ID")
    request = number or needed(environ, "SYSTEM_PULLREQUEST_PULLREQUESTID")
    path = f"/{quote(project)}/_apis/git/repositories/{quote(repo)}/pullRequests/{quote(request)}/threads"
    return Azure(collection.rstrip("/") + path, {"Authorization": f"Bearer {needed(environ, 'SYSTEM_ACCESSTOKEN')}"})


PROVIDERS: Mapping[str, Callable[[Mapping[str, str], str | None], Host]] = {
    "github": _github,
    "gitlab": _gitlab,
    "bitbucket": _bitbucket,
    "azure": _azure,
}
_SIGNS = {
    "github": "GITHUB_ACTIONS",
    "gitlab": "GITLAB_CI",
    "bitbucket": "BITBUCKET_BUILD_NUMBER",
    "azure": "TF_BUILD",
}

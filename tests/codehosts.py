"""Four code hosts in one small app, made from their documentation: comments of pull request 7, and how they fail.

GitHub: docs.github.com/en/rest/issues/comments (100 a page, 422 above 65,536 characters). GitLab:
docs.gitlab.com/api/notes (PRIVATE-TOKEN, PUT to change). Bitbucket Cloud: developer.atlassian.com,
pullrequests/comments (`values`, `next`, less than 32,768 characters). Azure DevOps:
learn.microsoft.com, pull request threads 7.0.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import loopback
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

TOKEN = "t0ken"


@dataclass
class Said:
    """A comment: `extra` is what the host tells beside it."""

    id: int
    body: str
    extra: dict[str, Any] = field(default_factory=dict)


@dataclass
class CodeHosts:
    """What is there at one of them; all four share it.

    Args:
        failures: answers to give instead, first to last: a status, and whether the call is done all the same.
    """

    comments: list[Said] = field(default_factory=list)
    failures: list[tuple[int, bool]] = field(default_factory=list)
    calls: list[str] = field(default_factory=list)
    numbers: Iterator[int] = field(default_factory=lambda: itertools.count(101))
    url: str = ""

    def bodies(self) -> list[str]:
        return [one.body for one in self.comments]

    def say(self, body: str, **extra: Any) -> Said:
        said = Said(next(self.numbers), body, extra)
        self.comments.append(said)
        return said

    def change(self, number: int, body: str) -> Said:
        said = next(one for one in self.comments if one.id == number)
        said.body = body
        return said

    def environ(self, provider: str) -> dict[str, str]:
        """What a CI job of this host sets."""
        return {
            "github": {
                "GITHUB_ACTIONS": "true", "GITHUB_API_URL": f"{self.url}/github", "GITHUB_REPOSITORY": "acme/shop",
                "GITHUB_REF": "refs/pull/7/merge", "GITHUB_TOKEN": TOKEN,
            },
            "gitlab": {
                "GITLAB_CI": "true", "CI_API_V4_URL": f"{self.url}/gitlab", "CI_PROJECT_ID": "acme/shop",
                "CI_MERGE_REQUEST_IID": "7", "GITLAB_TOKEN": TOKEN,
            },
            "bitbucket": {
                "BITBUCKET_BUILD_NUMBER": "1", "BITBUCKET_API_URL": f"{self.url}/bitbucket",
                "BITBUCKET_REPO_FULL_NAME": "acme/shop", "BITBUCKET_PR_ID": "7", "BITBUCKET_TOKEN": TOKEN,
            },
            "azure": {
                "TF_BUILD": "True", "SYSTEM_COLLECTIONURI": f"{self.url}/azure/", "SYSTEM_TEAMPROJECT": "acme",
                "BUILD_REPOSITORY_ID": "shop", "SYSTEM_PULLREQUEST_PULLREQUESTID": "7", "SYSTEM_ACCESSTOKEN": TOKEN,
            },
        }[provider]  # fmt: skip

    def app(self) -> Starlette:
        routes = [
            ("/github/repos/acme/shop/issues/7/comments", self.github, ["GET", "POST"]),
            ("/github/repos/acme/shop/issues/comments/{id:int}", self.github, ["PATCH"]),
            ("/gitlab/projects/{project}/merge_requests/7/notes", self.gitlab, ["GET", "POST"]),
            ("/gitlab/projects/{project}/merge_requests/7/notes/{id:int}", self.gitlab, ["PUT"]),
            ("/gitlab/projects/acme/shop/merge_requests/7/notes", self.gitlab, ["GET", "POST"]),
            ("/gitlab/projects/acme/shop/merge_requests/7/notes/{id:int}", self.gitlab, ["PUT"]),
            ("/bitbucket/repositories/acme/shop/pullrequests/7/comments", self.bitbucket, ["GET", "POST"]),
            ("/bitbucket/repositories/acme/shop/pullrequests/7/comments/{id:int}", self.bitbucket, ["PUT"]),
            (f"{AZURE}/threads", self.azure, ["GET", "POST"]),
            (f"{AZURE}/threads/{{thread:int}}/comments/{{id:int}}", self.azure, ["PATCH"]),
        ]
        return Starlette(routes=[Route(path, self._played(one), methods=ways) for path, one, ways in routes])

    def _played(self, answer: Any) -> Any:
        async def played(request: Request) -> Response:
            self.calls.append(request.method)
            status, done = self.failures.pop(0) if self.failures else (0, True)
            found = await answer(request) if done else None
            return JSONResponse({"message": "no"}, status, {"Retry-After": "1"}) if status else found

        return played

    async def github(self, request: Request) -> Response:
        if request.headers.get("authorization") != f"Bearer {TOKEN}":
            return JSONResponse({"message": "Bad credentials"}, 401)
        if request.method == "GET":
            size, page = int(request.query_params["per_page"]), int(request.query_params["page"])
            some = self.comments[(page - 1) * size : page * size]
            return JSONResponse([self._github(one) for one in some])
        body = (await request.json())["body"]
        if len(body) > 65_536:
            return JSONResponse({"message": "Body is too long (maximum is 65536 characters)"}, 422)
        if request.method == "PATCH":
            return JSONResponse(self._github(self.change(request.path_params["id"], body)))
        return JSONResponse(self._github(self.say(body)), 201)

    def _github(self, one: Said) -> dict[str, Any]:
        return {"id": one.id, "body": one.body, "user": {"type": "Bot"}, "author_association": "NONE"} | one.extra

    async def gitlab(self, request: Request) -> Response:
        if request.headers.get("private-token") != TOKEN:
            return JSONResponse({"message": "401 Unauthorized"}, 401)
        if request.method == "GET":
            size, page = int(request.query_params["per_page"]), int(request.query_params["page"])
            some = self.comments[(page - 1) * size : page * size]
            return JSONResponse([{"id": one.id, "body": one.body, "system": False} | one.extra for one in some])
        body = (await request.json())["body"]
        said = self.change(request.path_params["id"], body) if request.method == "PUT" else self.say(body)
        return JSONResponse(
            {"id": said.id, "body": said.body, "system": False}, 200 if request.method == "PUT" else 201
        )

    async def bitbucket(self, request: Request) -> Response:
        if request.headers.get("authorization") != f"Bearer {TOKEN}":
            return JSONResponse({"type": "error"}, 401)
        if request.method == "GET":
            size, page = int(request.query_params["pagelen"]), int(request.query_params["page"])
            values = [{"id": one.id, "content": {"raw": one.body}, "deleted": False} for one in self.comments]
            more = {"next": "https://elsewhere.example/?page=2"} if len(values) > page * size else {}
            return JSONResponse({"values": values[(page - 1) * size : page * size], "pagelen": size} | more)
        body = (await request.json())["content"]["raw"]
        if len(body) >= 32_768:
            return JSONResponse({"type": "error"}, 400)
        said = self.change(request.path_params["id"], body) if request.method == "PUT" else self.say(body)
        return JSONResponse({"id": said.id, "content": {"raw": body}}, 200 if request.method == "PUT" else 201)

    async def azure(self, request: Request) -> Response:
        if request.headers.get("authorization") != f"Bearer {TOKEN}" or request.query_params["api-version"] != "7.0":
            return JSONResponse({"message": "TF400813"}, 401)
        if request.method == "GET":
            gone = {"id": 3, "isDeleted": True, "comments": [{"id": 1, "content": "gone"}]}
            threads = [{"id": one.id, "comments": [{"id": 1, "content": one.body}]} for one in self.comments]
            return JSONResponse({"value": [gone, {"id": 4, "comments": []}, *threads], "count": len(threads)})
        given = await request.json()
        if request.method == "PATCH":
            assert request.path_params["id"] == 1
            return JSONResponse({"id": 1, "content": self.change(request.path_params["thread"], given["content"]).body})
        assert given["status"] == "closed"
        [comment] = given["comments"]
        assert comment["parentCommentId"] == 0
        return JSONResponse({"id": self.say(comment["content"]).id, "comments": [comment]})


AZURE = "/azure/acme/_apis/git/repositories/shop/pullRequests/7"


@contextmanager
def running(hosts: CodeHosts) -> Iterator[CodeHosts]:
    """The app on a free port of loopback."""
    with loopback.served(hosts.app()) as hosts.url:
        yield hosts

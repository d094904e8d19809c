"""Somebody changed the account: told, kept in one issue, and quiet when there is nothing new."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import loopback
import pytest
from desk import PLANTED, Desk
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from reconcile.review import issues
from reconcile.review.network import Network
from reconcile.simulator import Faults, Simulator
from reconcile.simulator.server import running

TOKEN = "t0ken"


@dataclass
class Tracker:
    """Issues at GitHub and GitLab, made from their REST documentation: the fields that both want and give."""

    issues: dict[int, dict[str, Any]] = field(default_factory=dict)
    writes: int = 0
    url: str = ""

    def app(self) -> Starlette:
        paths = {"/github/repos/acme/shop/issues": self._github, "/gitlab/projects/acme%2Fshop/issues": self._gitlab}
        routes = []
        for written, answer in paths.items():
            path = written.replace("acme%2Fshop", "{project:path}")
            routes.append(Route(path + "/{number:int}", answer, methods=["PATCH", "PUT"]))
            routes.append(Route(path, answer, methods=["GET", "POST"]))
        return Starlette(routes=routes)

    async def _github(self, request: Request) -> Response:
        if request.headers.get("authorization") != f"Bearer {TOKEN}":
            return JSONResponse({"message": "Bad credentials"}, 401)
        if request.method == "GET":
            asked = request.query_params
            found = [
                {"number": number, "body": one["body"], "user": {"type": "Bot"}}
                for number, one in self.issues.items()
                if asked["labels"] in one["labels"] and one["state"] == asked["state"]
            ]
            return JSONResponse([*found, {"number": 99, "body": "a pull request", "pull_request": {}}])
        said = await request.json()
        if request.method == "POST":
            return JSONResponse(self._open(said["title"], said["body"], said["labels"]), 201)
        return JSONResponse(self._change(request, said["title"], said["body"], said.get("state")))

    async def _gitlab(self, request: Request) -> Response:
        if request.headers.get("private-token") != TOKEN:
            return JSONResponse({"message": "401 Unauthorized"}, 401)
        if request.method == "GET":
            state = {"opened": "open"}[request.query_params["state"]]
            return JSONResponse(
                [{"iid": n, "description": one["body"]} for n, one in self.issues.items() if one["state"] == state]
            )
        said = await request.json()
        if request.method == "POST":
            return JSONResponse(self._open(said["title"], said["description"], said["labels"].split(",")), 201)
        state = {"close": "closed", None: None}[said.get("state_event")]
        return JSONResponse(self._change(request, said["title"], said["description"], state))

    def _open(self, title: str, body: str, labels: list[str]) -> dict[str, Any]:
        self.writes += 1
        self.issues[len(self.issues) + 1] = {"title": title, "body": body, "labels": labels, "state": "open"}
        return self.issues[len(self.issues)]

    def _change(self, request: Request, title: str, body: str, state: str | None) -> dict[str, Any]:
        self.writes += 1
        one = self.issues[request.path_params["number"]]
        one |= {"title": title, "body": body} | ({"state": state} if state else {})
        return one

    def environ(self, provider: str) -> dict[str, str]:
        return {
            "github": {"GITHUB_ACTIONS": "true", "GITHUB_API_URL": f"{self.url}/github", "GITHUB_TOKEN": TOKEN,
                       "GITHUB_REPOSITORY": "acme/shop"},
            "gitlab": {"GITLAB_CI": "true", "CI_API_V4_URL": f"{self.url}/gitlab", "CI_PROJECT_ID": "acme/shop",
                       "GITLAB_TOKEN": TOKEN},
        }[provider]  # fmt: skip


@contextmanager
def served() -> Iterator[Tracker]:
    tracker = Tracker()
    with loopback.served(tracker.app()) as tracker.url:
        yield tracker


def meddle(desk: Desk, email: str, city: str | None) -> None:
    """Somebody changes a var of a person by hand."""
    account = desk.simulator.account
    profile = account.profile(email)
    assert profile is not None
    account.put(profile._replace(vars={**profile.vars, "city": city}))


@pytest.mark.parametrize("provider", ["github", "gitlab"])
def test_an_issue_is_opened_left_alone_updated_and_closed(provider: str) -> None:
    with served() as hosts:
        tracker, call = issues.of(None, hosts.environ(provider)), Network().call
        first, second = issues.Found("12 people", "a"), issues.Found("13 people", "b")
        keep = [issues.keep("shop / prod", found, tracker, call) for found in (None, first, first, second)]
        assert keep == ["none", "opened", "unchanged", "updated"]
        assert issues.keep("other", first, tracker, call) == "opened"
        assert issues.keep("shop / prod", None, tracker, call) == "closed"
        assert [(one["title"], one["state"]) for one in hosts.issues.values()] == [
            ("Drift at shop / prod", "closed"),
            ("Drift at other", "open"),
        ]
        assert "13 people" in hosts.issues[1]["body"]


def test_drift_is_told_in_one_issue_and_quiet_when_nothing_is_new(tmp_path: Path) -> None:
    simulator = Simulator(seed=1, faults=Faults.named("none"))
    with running(simulator) as url, served() as tracker:
        desk = Desk(tmp_path, url, simulator)
        desk.environ |= tracker.environ("github")

        # Nothing was applied yet: what differs may be anything.
        told = desk.run("drift", "--detailed-exitcode")
        assert (told.returncode, "whether somebody changed it is not known" in told.stdout) == (2, True), told.stderr
        assert desk.run("apply", "specs", "--yes").returncode == 0
        calm = desk.run("drift", "--detailed-exitcode", "--issue")
        assert (calm.returncode, calm.stdout) == (0, "Nobody changed what is managed at shop.\n")
        assert tracker.writes == 0

        # The data moves on: that is no drift.
        desk.sql("update customers set city = 'Oslo' where id = 2")
        assert desk.run("drift", "--detailed-exitcode").returncode == 0

        meddle(desk, PLANTED[0], "Elsewhere")
        writes = desk.writes()
        told = desk.run("drift", "--detailed-exitcode", "--issue")
        assert (told.returncode, "Somebody changed shop: 1 action would undo it." in told.stdout) == (2, True), (
            told.stdout
        )
        [issue] = tracker.issues.values()
        assert (issue["title"], issue["state"]) == ("Drift at shop", "open")
        assert "city" in issue["body"]
        assert "Somebody changed shop: 1 action would undo it." in issue["body"], "what a page about it begins with"
        assert "the next apply undoes it" in issue["body"]
        assert not any(word in issue["body"] + told.stdout for word in (*PLANTED, "Elsewhere"))
        assert desk.writes() == writes

        # Nothing new: nothing is said again.
        before = tracker.writes
        assert "unchanged" in desk.run("drift", "--issue").stderr
        assert tracker.writes == before
        meddle(desk, "person3@example.com", "Elsewhere")
        assert "updated" in desk.run("drift", "--issue").stderr
        assert len(tracker.issues) == 1

        assert desk.run("apply", "specs", "--yes").returncode == 0
        assert "closed" in desk.run("drift", "--issue").stderr
        assert tracker.issues[1]["state"] == "closed"
        desk.environ |= {"GITHUB_TOKEN": "wrong", "GITLAB_TOKEN": "wrong"}
        assert desk.run("drift", "--issue").returncode == 69

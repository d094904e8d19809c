"""A gateway between us and the simulated account, which answers some calls in its place."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from urllib.parse import parse_qs

import httpx
from world import World

Answers = Callable[[str, dict], httpx.Response | None]
"""Is asked before every call, with its name (`GET /user`) and parameters: None lets it through."""

GARBLED = {
    "a redirect": httpx.Response(302, headers={"location": "https://login.example"}),
    "a redirect with JSON": httpx.Response(302, json={"login": "required"}),
    "an empty object": httpx.Response(200, json={}),
    "a list": httpx.Response(200, json=[]),
    "a text": httpx.Response(200, json="ok"),
    "no content": httpx.Response(204),
    "a page": httpx.Response(200, html="<html>Sign in</html>"),
    "a truncated body": httpx.Response(200, text='{"keys":{"sid":"6158'),
    "another's absence": httpx.Response(400, json={"error": 99, "errormsg": "User not found with email: x@y.example"}),
    "another's profile": httpx.Response(200, json={"keys": {"sid": "6" * 24, "email": "x@y.example"}, "lists": None}),
    "a write's answer": httpx.Response(200, json={"ok": True}),
    "a gateway's 404": httpx.Response(404, json={"message": "no Route matched with those values"}),
}

OF_OTHER_CALLS = frozenset({"another's absence", "another's profile", "a write's answer"})
"""Those that are Sailthru's, and answer another call: to some calls they may be an answer."""


class Gateway(httpx.AsyncBaseTransport):
    """Lets calls through, or answers them."""

    def __init__(self, behind: httpx.AsyncBaseTransport, answers: Answers) -> None:
        self._behind = behind
        self._answers = answers

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        body = await request.aread()
        query = request.url.query if request.method != "POST" else body
        found = parse_qs(query.decode(errors="replace")).get("json", ["{}"])[0]
        answer = self._answers(f"{request.method} {request.url.path}", json.loads(found))
        if answer is None:
            return await self._behind.handle_async_request(request)
        return httpx.Response(answer.status_code, headers=answer.headers, stream=httpx.ByteStream(answer.content))


def behind_a_gateway(world: World, answers: Answers) -> World:
    """The same world, whose account is reached through a gateway from now on."""
    world.ours = replace(world.ours, transport=Gateway(world.simulator.transport(), answers))
    return world


def answer_looks(answer: httpx.Response, *about: str) -> Answers:
    """Answers look-ups of these addresses and sids alone; of everybody where none is named."""

    def answers(name: str, params: dict) -> httpx.Response | None:
        return answer if name == "GET /user" and (not about or params["id"] in about) else None

    return answers

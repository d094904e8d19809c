"""Every recorded exchange (SAILTHRU.md §13), played against the simulator over real HTTP, byte for byte."""

from __future__ import annotations

import json
from typing import Any

import httpx
import pytest
from wire.simulated import HERE, Template, call

from reconcile.simulator import Simulator
from reconcile.simulator.server import running

RECORDED = json.loads((HERE / "recorded.json").read_text(encoding="utf-8"))


@pytest.mark.parametrize("row", RECORDED["rows"], ids=lambda row: f"row {row['n']}")
def test_answers_as_recorded(row: dict[str, Any]) -> None:
    template = Template(RECORDED["placeholders"])
    with (
        running(Simulator(timezone="America/Los_Angeles")) as base_url,
        httpx.Client(base_url=base_url) as client,
    ):
        for step in row["given"]:
            answer = _play(client, template, step)
            assert answer.status_code == 200, answer.text
            assert template.matches(step.get("body", answer.text), answer.text), answer.text
        answer = _play(client, template, row["request"])

    assert answer.status_code == row["status"]
    assert template.matches(row["body"], answer.text), f"{answer.text}\nis not\n{row['body']}"
    for name, value in (RECORDED["headers"] | row["headers"]).items():
        assert template.matches(value, answer.headers.get(name, "")), name
    assert not [name for name in row["absent"] if name in answer.headers]
    assert all(template.bound[one] != template.bound[other] for one, other in row.get("differ", []))


def test_the_client_may_ask_for_the_connection_to_be_closed() -> None:
    with running(Simulator()) as base_url, httpx.Client(base_url=base_url) as client:
        client.headers["Connection"] = "close"
        assert call(client, "GET", "/settings", {}).headers["connection"] == "close"


def _play(client: httpx.Client, template: Template, step: dict[str, Any]) -> httpx.Response:
    step = template.fill({k: v for k, v in step.items() if k != "body"})
    return call(client, step["method"], step["endpoint"], step["payload"])

"""What SAILTHRU.md says beyond the recordings, as rows of `amended.json`: by the simulator, and by our own decoder."""

from __future__ import annotations

import json
from typing import Any

import httpx
import pytest
from unit.simulator.driver import Driver
from wire.simulated import HERE, Template, call

from reconcile.sailthru import wire
from reconcile.sailthru.model import Answer, Call, Group, Trouble
from reconcile.simulator import Faults, Simulator
from reconcile.simulator.server import running

AMENDED, RECORDED = (
    json.loads((HERE / name).read_text(encoding="utf-8")) for name in ("amended.json", "recorded.json")
)
ROWS = AMENDED["rows"]
PLACEHOLDERS = RECORDED["placeholders"] | AMENDED["placeholders"]
OURS = {"absent": Group.ABSENT, "final": Group.FINAL}


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row["name"])
def test_answers_as_the_record_says(row: dict[str, Any]) -> None:
    knobs = row.get("knobs", {})
    answer = _over_http(knobs, row["request"]) if "wire" in knobs else _in_process(knobs, row)

    assert answer.status_code == row["status"], answer.text
    assert Template(PLACEHOLDERS).matches(row["body"], answer.text), f"{answer.text}\nis not\n{row['body']}"
    assert {name: answer.headers.get(name) for name in row.get("headers", {})} == row.get("headers", {})
    assert not [name for name in row.get("absent", []) if name in answer.headers]


def _in_process(knobs: dict[str, Any], row: dict[str, Any]) -> httpx.Response:
    api = Driver(knobs)
    for step in row.get("given", []):
        api.ok(*step)
    return api.call(*row["request"])


def _over_http(knobs: dict[str, Any], request: list[Any]) -> httpx.Response:
    """How an answer goes over the wire is only to be seen there."""
    sim = Simulator(faults=Faults.model_validate(knobs))
    with running(sim) as base_url, httpx.Client(base_url=base_url) as client:
        return call(client, *request)


@pytest.mark.parametrize("row", [row for row in ROWS if "ours" in row], ids=lambda row: row["name"])
def test_our_decoder_understands_it(row: dict[str, Any]) -> None:
    method, endpoint, params = row["request"]
    body = row["body"]
    for name, one in PLACEHOLDERS.items():
        body = body.replace(name, one["example"])
    try:
        found: Answer | Trouble = wire.decode(Call(method, endpoint[1:], params), row["status"], {}, body.encode())
    except Trouble as trouble:
        found = trouble

    if row["ours"] == "yes":
        assert isinstance(found, Answer)
    else:
        assert isinstance(found, Trouble)
        assert (found.group, found.said) == (OURS[row["ours"]], json.loads(body)["errormsg"])

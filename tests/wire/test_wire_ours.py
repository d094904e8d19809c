"""Our encoder and decoder against what was recorded (SAILTHRU.md §3.2, §13)."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest

from reconcile.sailthru import wire
from reconcile.sailthru.model import Answer, Call, Credentials, Group, Trouble

HERE = Path(__file__).parent
SIGNATURES = json.loads((HERE / "signatures.json").read_text("utf-8"))
RECORDED = json.loads((HERE / "recorded.json").read_text("utf-8"))
ROWS = RECORDED["rows"]


def is_ours(vector: dict) -> bool:
    """Neither legacy parameters nor spaced or escaped JSON: those we never send."""
    values = vector["values"]
    return len(values) == 3 and wire.to_json(json.loads(values[2])) == values[2]


def filled(text: str) -> str:
    examples = {name: one["example"] for name, one in RECORDED["placeholders"].items()}
    return re.sub("|".join(map(re.escape, examples)), lambda found: examples[found[0]], text)


def call_of(request: dict) -> Call:
    payload = json.loads(filled(json.dumps(request["payload"])))
    return Call(request["method"], request["endpoint"].strip("/"), payload)


@pytest.mark.parametrize("vector", SIGNATURES, ids=lambda one: one["id"])
def test_signature(vector):
    assert wire.sign(vector["secret"], vector["values"]) == vector["sig"]
    assert wire.sign(vector["secret"], reversed(vector["values"])) == vector["sig"]


@pytest.mark.parametrize("vector", [one for one in SIGNATURES if is_ours(one)], ids=lambda one: one["id"])
def test_our_encoder_makes_the_recorded_text_and_signature(vector):
    key, _, text = vector["values"]
    request = wire.encode(Call("POST", "user", json.loads(text)), Credentials(key, vector["secret"]))
    assert request.form == {"api_key": key, "format": "json", "json": text, "sig": vector["sig"]}


@pytest.mark.parametrize("row", ROWS, ids=lambda row: f"{row['n']}: {row['name']}")
def test_our_decoder_understands_the_recorded_answer(row):
    headers = {name.lower(): filled(value) for name, value in (RECORDED["headers"] | row["headers"]).items()}
    body = filled(row["body"])
    try:
        found: Answer | Trouble = wire.decode(call_of(row["request"]), row["status"], headers, body.encode())
    except Trouble as trouble:
        found = trouble
    assert found.rate == wire.Rate(36000, 36000, 36000)
    if row["status"] == 200:
        assert isinstance(found, Answer)
        assert found.body == json.loads(body)
    else:
        # Every no that was ever recorded says that something is not there.
        assert isinstance(found, Trouble)
        assert found.group is Group.ABSENT
        assert found.said == json.loads(body)["errormsg"]


@pytest.mark.parametrize("row", ROWS, ids=lambda row: f"{row['n']}: {row['name']}")
def test_our_encoder_keeps_the_order_of_the_recorded_call(row):
    call = call_of(row["request"])
    request = wire.encode(call, Credentials("key", "secret"))
    sent = request.form if call.method == "POST" else request.query
    assert sent["json"] == json.dumps(dict(call.params), separators=(",", ":"), ensure_ascii=False)
    assert request.path == row["request"]["endpoint"]

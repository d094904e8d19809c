"""Every signature vector (SAILTHRU.md §3.2), sent to the simulator over real HTTP.

And one wrong letter refused.
"""

from __future__ import annotations

import json
from typing import Any

import httpx
import pytest
from wire.simulated import HERE

from reconcile.simulator import Simulator
from reconcile.simulator.server import running

VECTORS = json.loads((HERE / "signatures.json").read_text(encoding="utf-8"))


def _sent(vector: dict[str, Any]) -> dict[str, str]:
    """The values under names they may have had: the signature does not cover the names."""
    key, *values = vector["values"]
    if values[0] == "json":
        return {"api_key": key, "format": "json", "json": values[1], "sig": vector["sig"]}
    names = ("email", "format", "vars[myvar]", "optout")
    return {"api_key": key, **dict(zip(names, values, strict=True)), "sig": vector["sig"]}


@pytest.mark.parametrize("vector", VECTORS, ids=lambda vector: vector["id"])
@pytest.mark.parametrize("method", ["GET", "POST"])
def test_the_right_signature_is_let_in_and_a_wrong_one_is_not(vector: dict[str, Any], method: str) -> None:
    sent = _sent(vector)
    sim = Simulator(keys={sent["api_key"]: vector["secret"]})
    with running(sim) as base_url:
        statuses = []
        for sig in (vector["sig"], vector["sig"][:-1] + ("0" if vector["sig"][-1] != "0" else "1")):
            how = "data" if method == "POST" else "params"
            statuses.append(httpx.request(method, f"{base_url}/user", **{how: {**sent, "sig": sig}}).status_code)

    assert statuses[0] != 401
    assert statuses[1] == 401

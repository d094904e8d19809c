"""Malformed requests, thrown at the simulator for a bounded time: no unscripted 500, no hang, no growth."""

from __future__ import annotations

import asyncio
import json
import socket
from collections import Counter
from typing import Any
from urllib.parse import urlencode

import httpx
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from unit.simulator.driver import Driver
from wire.simulated import KEY, call, parameters, signed

from reconcile.simulator import Faults, Simulator, faults
from reconcile.simulator.server import running

JSON: st.SearchStrategy[Any] = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**70), 2**70)
    | st.floats()
    | st.text(max_size=8)
    | st.sampled_from(["ada@example.com", "email", "sid", "5e94d0f0c2f4d7a3b1e60f21", "Main", "2020-01-01", "0"]),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=6,
)
NAMES = st.sampled_from(
    [
        *("id", "key", "keys", "keysconflict", "vars", "lists", "fields", "optout_email"),
        *("list", "list_id", "type", "primary", "query", "public_name", "stat", "date"),
        *("template", "email", "blast_id"),
        *("job", "job_id", "emails", "update", "url", "file", "signup_dates", "report_email", "postback_url"),
    ]
)
CRITERIA = ["match", "gt", "signup_after", "engagement_min", "daily_open", "var_date", "x"]
QUERY = st.fixed_dictionaries(
    {},
    optional={
        "source_list": st.sampled_from(["Main", ".multiple", ""]) | JSON,
        "criteria": st.lists(st.sampled_from(CRITERIA), max_size=2) | JSON,
        "compare": st.lists(st.sampled_from(["min", "max", "x"]), max_size=2) | JSON,
        "compare_value": st.lists(JSON, max_size=2) | JSON,
        "timerange": st.lists(st.sampled_from(["since_date", "not_since_days", "ever", "x"]), max_size=2) | JSON,
        "field": JSON,
        "value": st.lists(JSON | st.sampled_from(["-30 days", "-9999 years", "²"]), max_size=2) | JSON,
        "query_mode": JSON,
        "multiple_source_list": st.lists(st.sampled_from(["Main", "No"]), max_size=2) | JSON,
    },
)
PARAMS = st.dictionaries(NAMES, JSON, max_size=5) | st.fixed_dictionaries(
    {"id": st.just("ada@example.com")},
    optional={"vars": JSON, "lists": JSON, "keys": JSON, "fields": JSON, "key": JSON, "optout_email": JSON},
)
JOBS = st.fixed_dictionaries(
    {"job": st.sampled_from(["import", "update", "export_list_data", "snapshot", "list_erase"])},
    optional={
        "list": JSON | st.just("Main"),
        "emails": JSON,
        "query": QUERY,
        "update": JSON,
        "lists": JSON,
        "fields": JSON,
    },
)
METHODS = st.sampled_from(["GET", "POST", "DELETE", "PUT", "HEAD"])
ENDPOINTS = st.sampled_from(
    [*("user", "list", "job", "settings", "stats", "send", "purchase", "event"), *("%00", "a/b", "ünknown")]
)
UNPRINTABLE = st.binary(max_size=60)


def fits(answer: httpx.Response) -> None:
    """An answer that a caller can live with: the API's own, and never an error of the simulator's making."""
    assert answer.status_code < 500, answer.text
    assert "x-rate-limit-reset" in answer.headers
    if answer.headers["content-type"] == "application/json" and answer.content:
        assert isinstance(answer.json(), dict)


#: The defaults, and every knob turned.
APIS = [
    Driver(),
    Driver(
        {
            "wire": {"gzip": True, "chunked": True, "close": True},
            "reads": {"least": 0, "most": 5, "lists": True, "counts": 30},
            "guesses": {
                "empty_vars": "missing",
                "keysconflict": "merge",
                "extid_lookup": False,
                "import_empty": "store",
                "export_extid": True,
                "export_lists": "exported",
                "export_fields": "ignored",
                "unknown_job": 400,
                "unknown_template": 200,
                "not_permitted": {"*": ["list_erase"]},
                "query_without_source": "nobody",
                "flows_by_jobs": ["removed", "changed"],
            },
        }
    ),
    Driver({"guesses": {"query_without_source": "error", "export_fields": "refused", "export_quotes": "php"}}),
]
for one in APIS:
    one.account.flows.add({"flow": "Welcome", "joined": "Main"})
    one.account.flows.add({"flow": "Upgrade", "changed": "a"})
KNOBS = st.sampled_from(APIS)


def send(api: Driver, *requests: httpx.Request) -> None:
    async def all_of_them() -> None:
        async with api.client() as client:
            for request in requests:
                fits(await asyncio.wait_for(client.send(request), 5))

    asyncio.run(all_of_them())


BOUNDED = settings(max_examples=200, deadline=None, suppress_health_check=[HealthCheck.too_slow])


@given(api=KNOBS, method=METHODS, endpoint=ENDPOINTS, params=PARAMS | JOBS | JSON)
@BOUNDED
def test_any_json_is_answered(api: Driver, method: str, endpoint: str, params: Any) -> None:
    sent = parameters(json.dumps(params))
    how = {"data": sent} if method == "POST" else {"params": sent}
    send(
        api,
        httpx.Request(method, f"https://api.sailthru.test/{endpoint}", **how),
        httpx.Request("GET", "https://api.sailthru.test/list", params=parameters({})),
        httpx.Request("GET", "https://api.sailthru.test/user", params=parameters({"id": "ada@example.com"})),
    )


@given(
    api=KNOBS,
    file=UNPRINTABLE | st.lists(JSON, max_size=4).map(lambda rows: "\n".join(map(json.dumps, rows)).encode()),
    job=JOBS,
)
@BOUNDED
def test_any_upload_is_answered(api: Driver, file: bytes, job: dict[str, Any]) -> None:
    files = {"file": ("x", b"email,a b,c\n" + file if len(file) % 2 else file)}
    url = "https://api.sailthru.test/job"
    send(
        api,
        httpx.Request("POST", url, data=parameters(json.dumps(job)), files=files),
        httpx.Request("GET", url, params=parameters({"job_id": "0" * 24})),
    )


@given(
    pairs=st.lists(
        st.tuples(st.text(max_size=12) | st.sampled_from(["a[b]", "a[]", "[", "vars[x][y"]), st.text(max_size=8))
    ),
    fmt=st.sampled_from(["json", "xml", "", "yaml"]),
    endpoint=ENDPOINTS,
)
@BOUNDED
def test_any_legacy_parameters_are_answered(pairs: list[tuple[str, str]], fmt: str, endpoint: str) -> None:
    flat = {**dict(pairs), "api_key": KEY, "format": fmt}
    flat.pop("sig", None)
    url = f"https://api.sailthru.test/{endpoint}"
    send(APIS[0], httpx.Request("POST", url, data={**flat, "sig": signed(list(flat.values()))}))


@given(
    body=UNPRINTABLE,
    kind=st.sampled_from(
        ["application/x-www-form-urlencoded", "multipart/form-data; boundary=x", "multipart/form-data", "text/\xff", ""]
    ),
    query=st.text(alphabet="%&=abc[]0F+;", max_size=20),
)
@BOUNDED
def test_any_bytes_are_answered(body: bytes, kind: str, query: str) -> None:
    url = httpx.URL("https://api.sailthru.test/user").copy_with(query=query.encode())
    wrapped = b"--x\r\nContent-Disposition: form-data" + body
    for content in (body, wrapped):
        send(APIS[0], httpx.Request("POST", url, content=content, headers={b"Content-Type": kind.encode("latin-1")}))


def test_nothing_grows_without_bound() -> None:
    api = Driver({"calls": [{"fault": "error-9", "rate": 0.01}]})
    for number in range(30_000):
        api.sim.mischief.on_call("GET", "user", {"id": f"{number}" * 3}, api.clock.now)
        api.sim.windows.take(f"M{number}", f"e{number}", api.clock.now)
    for number in range(300):
        api.call("GET", f"/e{number}", {})
        api.call("POST", "/job", {"job": "export_list_data", "list": f"{number}"})

    assert len(api.sim.windows.used()) <= 4
    assert len(api.sim.calls_total) <= 3
    assert api.sim.calls.maxlen is not None
    assert not api.account.lists


NOISE = [
    b"\x00\xff" * 50,
    b"GET\r\n\r\n",
    b"POST /user HTTP/1.1\r\nContent-Length: x\r\n\r\n",
    b"GET /u",
    b"GET /user?a=\xe9 HTTP/1.1\r\nHost: x\r\n\r\n",
]


@pytest.mark.parametrize("preset", faults.PRESETS)
def test_under_every_preset_calls_end_as_scripted(preset: str) -> None:
    """No fault makes anything else of a call than an answer, an error of the API, a 5xx page, or a broken network."""
    calm = {"latency": faults.Latency(), "lists": faults.Lists(twins=True, window=0)}
    api = Driver(Faults.named(preset).model_copy(update=calm), seed=3)
    api.clock.sleep(24 * 3600)  # a Monday: on Sundays there is maintenance
    ended: Counter[int | str] = Counter()
    for number in range(250):
        who = {"id": f"p{number % 37}@example.com", "key": "email"}
        for method, endpoint, payload in (
            ("POST", "/user", {**who, "vars": {"n": number}, "lists": {f"L{number % 5}": 1}}),
            ("GET", "/user", who),
            ("DELETE", "/user", who) if number % 3 == 0 else ("GET", "/list", {}),
            ("POST", "/job", {"job": "export_list_data", "list": f"L{number % 5}"}),
        ):
            try:
                ended[api.call(method, endpoint, payload).status_code] += 1
            except httpx.TransportError as error:
                ended[type(error).__name__] += 1
        api.clock.sleep(20)  # so that windows that were exhausted come to their end

    assert set(ended) <= {
        200,
        400,
        404,
        429,
        500,
        502,
        503,
        "ConnectError",
        "ConnectTimeout",
        "ReadTimeout",
        "ReadError",
    }
    assert ended[200] > 600
    if preset == "none":
        assert set(ended) <= {200, 400}


def test_broken_http_neither_hangs_nor_harms_the_server() -> None:
    with running(Simulator()) as base_url:
        port = int(base_url.rpartition(":")[2])
        for noise in NOISE:
            with socket.create_connection(("127.0.0.1", port), timeout=5) as raw:
                raw.sendall(noise)
                raw.shutdown(socket.SHUT_WR)
                assert b"HTTP/1.1 5" not in raw.recv(4096)
        with httpx.Client(base_url=base_url) as client:
            many = client.get("/user?" + urlencode({"json": "x" * 5000}))
            assert many.status_code == 400
            assert call(client, "GET", "/list", {}).json() == {"lists": []}

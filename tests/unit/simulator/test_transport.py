"""The way in and out: methods, formats, parameters, signature, keys, addresses, quota, pages."""

from __future__ import annotations

import json
from typing import Any
from urllib.parse import urlencode

import pytest
from unit.simulator.driver import Driver
from wire.simulated import KEY, SECRET, parameters, signed

LISTS = {"Content-Type": "application/x-www-form-urlencoded"}


@pytest.fixture
def api() -> Driver:
    return Driver()


def errors(answer: Any) -> tuple[int, int]:
    return answer.status_code, answer.json()["error"]


# -- methods and formats


@pytest.mark.parametrize("method", ["PUT", "PATCH", "OPTIONS", "BREW"])
def test_other_methods_are_405(api: Driver, method: str) -> None:
    assert errors(api.raw(method, "/user", params=parameters({}))) == (405, 1)


def test_without_a_format_errors_are_xml(api: Driver) -> None:
    answer = api.raw("GET", "/user")

    assert answer.status_code == 400
    assert answer.headers["content-type"] == "application/xml"
    assert answer.text == (
        '<?xml version="1.0" encoding="UTF-8"?>\n'
        "<triggermail><error>2</error><errormsg>Missing required parameter: api_key</errormsg></triggermail>"
    )
    assert "x-rate-limit-limit" in answer.headers


def test_answers_are_xml_where_xml_is_asked_for(api: Driver) -> None:
    api.person(vars={"a": "<x>", "n": None}, lists={"My List": 1})
    text = json.dumps({"id": "ada@example.com"})
    sent = {"api_key": KEY, "format": "xml", "json": text, "sig": signed([KEY, "xml", text])}
    answer = api.raw("GET", "/user", params=sent)

    assert answer.status_code == 200
    assert "<vars><a>&lt;x&gt;</a><n></n></vars>" in answer.text
    assert "<My_List>" in answer.text


def test_a_format_that_is_neither_is_406(api: Driver) -> None:
    sent = {"api_key": KEY, "format": "txt", "sig": signed([KEY, "txt"])}

    assert api.raw("GET", "/list", params=sent).status_code == 406


def test_accept_is_ignored(api: Driver) -> None:
    answer = api.raw("GET", "/list", params=parameters({}), headers={"Accept": "application/xml"})

    assert answer.json() == {"lists": []}


def test_answers_are_compact_json_as_php_writes_it(api: Driver) -> None:
    api.ok("POST", "/list", {"list": "Zoë/Ü"})

    assert b'"name":"Zo\\u00eb\\/\\u00dc"' in api.call("GET", "/list").content


# -- parameters


def test_the_json_parameter_may_be_absent(api: Driver) -> None:
    sent = {"api_key": KEY, "format": "json", "sig": signed([KEY, "json"])}

    assert api.raw("GET", "/list", params=sent).json() == {"lists": []}


@pytest.mark.parametrize("text", ["{", "nonsense", '{"a":NaN}', "[" * 500 + "]" * 500, '{"id":"\\ud800"}'])
def test_json_that_is_none_is_refused(api: Driver, text: str) -> None:
    assert api.no("GET", "/list", text)[:2] == (400, 99)


def test_parameters_may_come_in_any_order_and_with_any_spaces(api: Driver) -> None:
    text = ' { "list" : "Main" } '
    pairs = [("sig", signed([text, "json", KEY])), ("json", text), ("format", "json"), ("api_key", KEY)]
    for encoded in (urlencode(pairs), urlencode(pairs).replace("+", "%20")):
        assert api.raw("POST", "/list", content=encoded, headers=LISTS).status_code == 200


def test_legacy_parameters_are_unfolded(api: Driver) -> None:
    flat = {"id": "ada@example.com", "vars[plan]": "pro", "vars[tags][0]": "a", "lists[Main]": "1", "format": "json"}
    flat["api_key"] = KEY
    answer = api.raw("POST", "/user", data={**flat, "sig": signed(list(flat.values()))})

    assert answer.json() == {"ok": True}
    assert api.look()["vars"] == {"plan": "pro", "tags": {"0": "a"}}
    assert list(api.look()["lists"]) == ["Main"]


def test_appended_legacy_parameters_count_up(api: Driver) -> None:
    pairs = [("job", "list_erase"), ("lists[]", "A"), ("lists[]", "B"), ("format", "json"), ("api_key", KEY)]
    body = urlencode([*pairs, ("sig", signed([value for _, value in pairs]))])

    assert errors(api.raw("POST", "/job", content=body, headers=LISTS)) == (400, 2)


def test_an_upload_is_multipart_and_its_file_is_not_signed(api: Driver) -> None:
    assert api.job({"job": "update"}, file='{"id":"a@example.com"}\n')["status"] == "completed"
    assert api.account.profile("a@example.com") is not None


@pytest.mark.parametrize(
    ("body", "kind"),
    [
        (b"--x\r\nnonsense", "multipart/form-data; boundary=x"),
        (b"whatever", "multipart/form-data"),
        (b"json=%FF", "application/x-www-form-urlencoded"),
        (b"json=\xff", "application/x-www-form-urlencoded"),
        (b"&".join(b"a%d=" % n for n in range(30_000)), "application/x-www-form-urlencoded"),
        (
            b'--x\r\nContent-Disposition: form-data; name="json"\r\n\r\n\xff\r\n--x--\r\n',
            "multipart/form-data; boundary=x",
        ),
        (b'{"api_key":"demo-key"}', "application/json"),
    ],
)
def test_bodies_that_are_none_are_refused(api: Driver, body: bytes, kind: str) -> None:
    assert api.raw("POST", "/user", content=body, headers={"Content-Type": kind}).status_code == 400


# -- who may come in


def test_the_checks_come_in_their_order(api: Driver) -> None:
    good = parameters({})

    def answered(**changed: str | None) -> tuple[int, int]:
        sent = {name: value for name, value in {**good, **changed}.items() if value is not None}
        return errors(api.raw("GET", "/list", params=sent))

    assert answered(api_key=None) == (400, 2)
    assert answered(api_key="stranger") == (401, 3)
    assert answered(sig=None) == (400, 2)
    assert answered(sig="0" * 32) == (401, 5)
    assert answered(sig=good["sig"].upper()) == (401, 5)
    assert answered(extra="unsigned") == (401, 5)


def test_a_captured_call_can_be_made_again(api: Driver) -> None:
    sent = parameters({"list": "Main"})

    assert [api.raw("POST", "/list", data=sent).status_code for _ in range(2)] == [200, 200]


def test_several_keys_are_keys_of_one_account_and_share_its_quota() -> None:
    api = Driver(keys={"one": "secret-1", "two": "secret-2"})
    first = api.call("POST", "/list", {"list": "Main"}, key="one", secret="secret-1")
    second = api.call("POST", "/list", {"list": "Main"}, key="two", secret="secret-2")

    assert first.json()["list_id"] == second.json()["list_id"]
    assert [answer.headers["x-rate-limit-remaining"] for answer in (first, second)] == ["2399", "2398"]
    assert errors(api.call("GET", "/list", {}, key="one", secret="secret-2")) == (401, 5)


@pytest.mark.parametrize(("allowed", "status"), [("127.0.0.0/8", 200), ("10.0.0.1", 403), ("::1", 403)])
def test_addresses_may_be_disallowed(allowed: str, status: int) -> None:
    api = Driver(allowed_ips=[allowed])
    answer = api.call("GET", "/list")

    assert answer.status_code == status
    assert status == 200 or answer.json()["error"] == 4


# -- quota


def test_windows_are_the_clocks_minutes_per_method_and_endpoint(api: Driver) -> None:
    api.clock.now = 1_600_000_070.0  # ten seconds before a full minute

    def told(method: str, endpoint: str) -> tuple[str, ...]:
        headers = api.call(method, endpoint, {"id": "a@example.com", "list": "Main"}).headers
        return tuple(headers[f"x-rate-limit-{name}"] for name in ("limit", "remaining", "reset"))

    assert told("GET", "/user") == ("18000", "17999", "1600000080")  # a 400 counts as well
    assert told("POST", "/user") == ("18000", "17999", "1600000080")
    assert told("DELETE", "/user") == ("2400", "2399", "1600000080")
    assert told("POST", "/list") == ("2400", "2399", "1600000080")
    assert told("GET", "/list") == ("18000", "17999", "1600000080")
    assert told("GET", "/user")[1] == "17998"
    api.clock.sleep(10)
    assert told("GET", "/user") == ("18000", "17999", "1600000140")


def test_recorded_limits_are_double() -> None:
    api = Driver(limits="recorded")

    assert api.call("GET", "/list").headers["x-rate-limit-limit"] == "36000"
    assert api.call("DELETE", "/user", {"id": "a@example.com"}).headers["x-rate-limit-limit"] == "4800"


def test_above_the_limit_comes_429_until_the_reset(api: Driver) -> None:
    for _ in range(2400):
        api.sim.windows.take("DELETE", "user", api.clock.now)
    answer = api.call("DELETE", "/user", {"id": "a@example.com"})

    assert answer.status_code == 429
    assert answer.json() == {"error": 43, "errormsg": "Too many DELETE requests this minute to /user API"}
    assert answer.headers["x-rate-limit-remaining"] == "0"
    assert "retry-after" not in answer.headers
    api.clock.now = float(answer.headers["x-rate-limit-reset"])
    assert api.call("DELETE", "/user", {"id": "a@example.com"}).status_code == 404


# -- what is not there, and what the real API has not


@pytest.mark.parametrize(
    ("method", "endpoint", "error"),
    [
        ("GET", "/blast", 13),
        ("GET", "/template", 14),
        ("GET", "/send", 12),
        ("POST", "/event", 99),
        ("GET", "/no/such", 99),
    ],
)
def test_what_is_not_known_is_404(api: Driver, method: str, endpoint: str, error: int) -> None:
    assert errors(api.call(method, endpoint, {"blast_id": 1})) == (404, error)


def test_calls_are_remembered_and_counted(api: Driver) -> None:
    api.person()
    api.call("GET", "/user", {"id": "nobody@example.com"})
    api.call("BREW", "/tea")

    last = [(c.method, c.endpoint, c.status, c.params.get("id")) for c in api.sim.calls][:2]
    assert last == [("POST", "user", 200, "ada@example.com"), ("GET", "user", 400, "nobody@example.com")]
    assert api.sim.calls_total == {("POST", "user"): 1, ("GET", "user"): 1, ("?", "?"): 1}


def test_large_calls_are_remembered_in_short(api: Driver) -> None:
    api.ok("POST", "/job", {"job": "update", "emails": ",".join(f"p{i}@example.com" for i in range(1000))})

    assert api.sim.calls[-1].params == {"job": "update"}


def test_the_state_can_be_written_as_json(api: Driver) -> None:
    api.person(vars={"a": [1, None]}, lists={"Main": 1})
    state = json.loads(json.dumps(api.sim.state()))

    assert state["profiles_total"] == 1
    assert state["profiles"][0]["keys"]["email"] == "ada@example.com"
    assert state["lists"][0]["members"] == 1
    assert state["calls"] == {"POST /user": 1}
    assert SECRET not in json.dumps(state)

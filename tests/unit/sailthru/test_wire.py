from __future__ import annotations

from urllib.parse import parse_qs, urlencode

import orjson
import pytest
from unit.sailthru.scripted import PLANTED, SID

from reconcile.errors import ApiRejected
from reconcile.sailthru import wire
from reconcile.sailthru.model import Call, Cause, Credentials, Group, Trouble

LOOK = Call("GET", "user", {"id": PLANTED, "key": "email"})
LOOK_BY_SID = Call("GET", "user", {"id": SID, "key": "sid"})
WRITE = Call("POST", "user", {"id": PLANTED, "key": "email"})
DELETE = Call("DELETE", "user", {"id": PLANTED, "key": "email"})
LIST = Call("GET", "list", {"list": "Main"})
OURS = Credentials("the key", "the secret")


def error(code: int, text: str = "words") -> bytes:
    return orjson.dumps({"error": code, "errormsg": text})


def trouble(call: Call, status: int, body: bytes) -> Trouble:
    with pytest.raises(Trouble) as caught:
        wire.decode(call, status, {}, body)
    return caught.value


def test_what_is_signed_is_what_is_sent():
    request = wire.encode(Call("POST", "user", {"id": PLANTED, "vars": {"city": "Zürich / + & %"}}), OURS)
    sent = parse_qs(urlencode(request.form))
    assert sent["json"] == ['{"id":"' + PLANTED + '","vars":{"city":"Zürich / + & %"}}']
    assert sent["sig"] == [wire.sign("the secret", ["the key", "json", sent["json"][0]])]
    assert request.path == "/user"
    assert not request.query


@pytest.mark.parametrize("call", [LOOK, DELETE])
def test_get_and_delete_send_a_query(call):
    request = wire.encode(call, OURS)
    assert not request.form
    assert set(request.query) == {"api_key", "format", "json", "sig"}


def test_no_secret_and_no_person_in_a_repr():
    told = repr([OURS, LOOK, wire.encode(LOOK, OURS), wire.encode(WRITE, OURS)])
    assert "the secret" not in told
    assert PLANTED not in told


@pytest.mark.parametrize("value", [PLANTED + "\ud800", 2**70])
def test_a_value_without_a_json_form_is_a_final_no(value):
    with pytest.raises(ApiRejected) as caught:
        wire.encode(Call("POST", "user", {"vars": {"x": value}}), OURS)
    assert caught.value.__cause__ is None
    assert PLANTED not in str(caught.value)


@pytest.mark.parametrize(
    ("call", "status", "body"),
    [
        (LOOK, 400, error(99, f"User not found with email: {PLANTED}")),
        (LOOK, 400, error(99, f"User not found with email: {PLANTED.title()} ")),
        (LOOK_BY_SID, 400, error(99, f"User not found with sid: {SID}")),
        (DELETE, 404, error(99, f"User not found with email: {PLANTED}")),
        (LIST, 404, error(15, "Unknown list: Main")),
    ],
)
def test_absent_only_by_the_exact_answers(call, status, body):
    assert trouble(call, status, body).group is Group.ABSENT


@pytest.mark.parametrize(
    ("call", "status", "body"),
    [
        (LOOK, 404, error(99, "User not found with email: x")),  # the status of DELETE
        (DELETE, 400, error(99, "User not found with email: x")),  # the status of GET
        (LOOK, 200, error(99, "User not found with email: x")),
        (LOOK, 400, error(99, "Something else")),
        (LOOK, 400, error(11, "Invalid Email")),
        (LIST, 400, error(15, "Unknown list: Main")),
        (LIST, 404, error(99, "Unknown list: Main")),
        (WRITE, 400, error(99, "User not found with sid: x")),
        (Call("GET", "job", {}), 404, error(99, "Invalid Job ID: x")),
        (WRITE, 401, error(17, "Login failure")),
    ],
)
def test_final_is_what_is_left(call, status, body):
    assert trouble(call, status, body).group is Group.FINAL


@pytest.mark.parametrize(
    ("status", "body", "cause"),
    [
        (500, error(9), Cause.INTERNAL),
        (200, error(9), Cause.INTERNAL),
        (200, b'{"error":"9","errormsg":"Internal Error"}', Cause.INTERNAL),
        (429, error(43), Cause.THROTTLED),
        (200, error(43), Cause.THROTTLED),
        (429, b"<html>", Cause.THROTTLED),
        (503, b"<html>", Cause.SERVER),
        (502, b"", Cause.SERVER),
        (503, error(3), Cause.SERVER),
        (200, b"<html>Down</html>", Cause.GARBLED),
        (404, b"<html>Not here</html>", Cause.GARBLED),
        (200, b"[]", Cause.GARBLED),
        (200, b'{"keys":null}', Cause.GARBLED),
        (200, b'{"keys":{"email":"a@example.com"}}', Cause.GARBLED),
        (200, b"\xff\xfe", Cause.GARBLED),
    ],
)
def test_passing(status, body, cause):
    found = trouble(LOOK, status, body)
    assert (found.group, found.cause) == (Group.PASSING, cause)


@pytest.mark.parametrize(("status", "code"), [(401, 3), (403, 4), (401, 5), (200, 5)])
def test_credentials(status, code):
    assert trouble(LOOK, status, error(code)).group is Group.CREDENTIALS


@pytest.mark.parametrize("call", [LIST, Call("POST", "job"), WRITE])
def test_an_error_with_http_200_is_an_error(call):
    found = trouble(call, 200, error(2, "Missing required parameter: list"))
    assert (found.group, found.code, found.said) == (Group.FINAL, 2, "Missing required parameter: list")


def test_a_job_may_tell_its_own_error():
    body = {"job_id": "1", "status": "error", "error": "bad list"}
    assert wire.decode(Call("GET", "job", {"job_id": "1"}), 200, {}, orjson.dumps(body)).body == body


def test_rate_headers_are_read_on_yes_and_no():
    headers = {"x-rate-limit-limit": "36000", "x-rate-limit-remaining": "35999", "x-rate-limit-reset": "1633218420"}
    assert wire.decode(DELETE, 200, headers, b'{"ok":true}').rate == wire.Rate(36000, 35999, 1633218420)
    with pytest.raises(Trouble) as caught:
        wire.decode(DELETE, 404, headers, error(99))
    assert caught.value.rate == wire.Rate(36000, 35999, 1633218420)


@pytest.mark.parametrize("headers", [{}, {"x-rate-limit-limit": "many"}])
def test_rate_headers_may_be_missing(headers):
    assert wire.decode(DELETE, 200, headers, b'{"ok":true}').rate is None


def test_trouble_does_not_tell_what_was_said():
    found = trouble(LOOK, 400, error(99, f"User not found with email: {PLANTED}"))
    assert PLANTED not in repr(found) + str(found)

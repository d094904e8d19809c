from __future__ import annotations

import asyncio
import logging
import socket
from collections import Counter
from email.utils import formatdate

import httpx
import pytest
from unit.sailthru.scripted import HTML, MASKS, PLANTED, SID, Clock, Script, a_client, everything_told, no, rate, yes

from reconcile.errors import AccountUnavailable, ApiRejected, CredentialsRefused, ReconcileError
from reconcile.sailthru.client import Client, Patience
from reconcile.sailthru.model import Call, Credentials, NotFound, Unsure
from reconcile.simulator import Simulator
from reconcile.simulator.engine import DEMO_KEYS
from reconcile.simulator.server import running
from reconcile.state.masks import Masks

LOOK = Call("GET", "user", {"id": PLANTED, "key": "email"})
WRITE = Call("POST", "user", {"id": PLANTED, "key": "email", "vars": {"city": "Zürich", "n": 12345}})
DEMO = Credentials(*next(iter(DEMO_KEYS.items())))
NEW_LIST = Call("POST", "list", {"list": "Main"})
NEW_JOB = Call("POST", "job", {"job": "export_list_data", "list": "Main"})
MADE = {"list": "Main", "type": "natural", "list_id": SID, "job_id": SID}
OK = yes({"ok": True})
KNOWN = yes({"keys": {"sid": SID}, "ok": True})

PASSING = {
    "name not resolved": httpx.ConnectError("[Errno -2] Name or service not known"),
    "no connection": httpx.ConnectError("[Errno 111] Connection refused"),
    "connect timeout": httpx.ConnectTimeout("timed out"),
    "timeout": httpx.ReadTimeout("timed out"),
    "broken read": httpx.ReadError("reset by peer"),
    "protocol": httpx.RemoteProtocolError("peer closed connection"),
    "bad gzip": httpx.DecodingError("incorrect header check"),
    "error 9": no(500, 9, "Internal Error"),
    "html": HTML,
    "no json": httpx.Response(200, text="Unable To Stream"),
}


def call(client: Client, *calls: Call) -> list:
    async def all_of_them():
        async with client:
            return await asyncio.gather(*[client.call(one) for one in calls], return_exceptions=True)

    return asyncio.run(all_of_them())


def error_of(client: Client, one: Call) -> BaseException:
    (result,) = call(client, one)
    assert isinstance(result, ReconcileError), result
    return result


@pytest.mark.parametrize("trouble", PASSING.values(), ids=PASSING)
@pytest.mark.parametrize("one", [LOOK, WRITE], ids=lambda one: one.name)
def test_what_is_passing_is_repeated(trouble, one):
    script, clock = Script(trouble, trouble, KNOWN), Clock()
    client = a_client(script, clock)
    (answer,) = call(client, one)
    assert answer.body == {"keys": {"sid": SID}, "ok": True}
    assert client.counts == {(one.method, "user"): 3}
    assert client.retries.total() == 2
    assert 0.25 <= clock.slept[0] <= 0.5 <= clock.slept[1] <= 1.0


def test_causes_are_told_apart():
    script = Script(PASSING["name not resolved"], PASSING["no connection"], PASSING["timeout"], HTML, KNOWN)
    client = a_client(script)
    call(client, LOOK)
    assert client.retries == {"name not resolved": 1, "no connection": 1, "no answer in time": 1, "server error": 1}


@pytest.mark.parametrize("trouble", PASSING.values(), ids=PASSING)
def test_it_ends_after_eight_tries(trouble):
    client = a_client(Script(*[trouble] * 20))
    error = error_of(client, LOOK)
    assert isinstance(error, AccountUnavailable)
    assert not isinstance(error, Unsure)
    assert client.counts.total() == 8
    assert PLANTED not in everything_told(error)
    assert MASKS.person(PLANTED) in str(error)


@pytest.mark.parametrize("one", [NEW_LIST, NEW_JOB], ids=lambda one: one.name)
@pytest.mark.parametrize("which", ["timeout", "broken read", "protocol", "error 9", "html", "no json", "bad gzip"])
def test_a_list_or_job_is_not_asked_for_twice_blindly(one, which):
    client = a_client(Script(PASSING[which]))
    error = error_of(client, one)
    assert isinstance(error, Unsure)
    assert client.counts.total() == 1


@pytest.mark.parametrize("one", [NEW_LIST, NEW_JOB], ids=lambda one: one.name)
@pytest.mark.parametrize("which", ["name not resolved", "no connection", "connect timeout"])
def test_what_was_never_sent_is_repeated_always(one, which):
    client = a_client(Script(PASSING[which], yes(MADE)))
    (answer,) = call(client, one)
    assert answer.body == MADE


def test_429_waits_for_the_reset_and_does_not_count_as_a_try():
    clock = Clock(600_000_000.0 + 20)
    throttled = no(429, 43, "Too many POST requests this minute to /user API", left=0)
    client = a_client(Script(throttled, OK), clock, patience=Patience(tries=1))
    (answer,) = call(client, WRITE)
    assert answer.body == {"ok": True}
    assert 41 <= sum(clock.slept) <= 42
    assert client.retries == {"rate limit": 1}


def test_429_without_end_is_an_error_after_the_deadline():
    clock = Clock()
    throttled = lambda *_: no(429, 43, "Too many", left=0, reset=int(clock.now // 60 + 1) * 60)  # noqa: E731 -- short
    error = error_of(a_client(Script(otherwise=throttled), clock), WRITE)
    assert isinstance(error, AccountUnavailable)
    assert 600 <= sum(clock.slept) <= 680


def test_429_for_a_list_is_repeated_since_nothing_was_done():
    (answer,) = call(a_client(Script(no(429, 43, "Too many", left=0), yes(MADE))), NEW_LIST)
    assert answer.body == MADE


def test_calls_keep_to_our_share_of_the_minute():
    clock, minutes = Clock(), Counter()

    def delete(*_: object) -> httpx.Response:
        minutes[clock.now // 60] += 1
        return httpx.Response(200, json={"ok": True})

    client = a_client(Script(otherwise=delete), clock, at_once=10, patience=Patience(share=0.01))
    call(client, *[Call("DELETE", "user", {"id": SID, "key": "sid"})] * 50)
    assert list(minutes.values()) == [24, 24, 2]


@pytest.mark.parametrize("ahead", [-25.0, 25.0, 3600.0 + 25])
def test_the_minutes_are_the_accounts_not_those_of_our_clock(ahead):
    clock, minutes = Clock(600_000_000.0 + 30), Counter()

    def delete(*_: object) -> httpx.Response:
        minutes[(clock.now - ahead) // 60] += 1
        date = formatdate(int(clock.now - ahead), usegmt=True)
        return httpx.Response(200, json={"ok": True}, headers={"date": date})

    client = a_client(Script(otherwise=delete), clock, at_once=5, patience=Patience(share=0.01))
    call(client, *[Call("DELETE", "user", {"id": SID, "key": "sid"})] * 50)
    assert sum(minutes.values()) == 50
    assert max(minutes.values()) <= 24 + 5  # those under way before the first answer told the time


def test_budgets_do_not_wait_for_each_other():
    clock = Clock()
    script = Script(no(429, 43, "Too many", left=0), otherwise=lambda *_: KNOWN)
    client = a_client(script, clock, at_once=1)

    async def both():
        async with client:
            write = asyncio.create_task(client.call(WRITE))
            await asyncio.sleep(0)
            await client.call(LOOK)
            return await write

    asyncio.run(both())
    assert [method for method, _, _ in script.seen] == ["POST", "GET", "POST"]


def test_no_more_calls_at_once_than_allowed():
    under_way = most = 0

    class Slow(httpx.AsyncBaseTransport):
        async def handle_async_request(self, request):
            nonlocal under_way, most
            under_way += 1
            most = max(most, under_way)
            for _ in range(5):
                await asyncio.sleep(0)
            under_way -= 1
            return httpx.Response(200, json={"keys": {"sid": SID}})

    call(a_client(Slow(), at_once=7), *[LOOK] * 40)
    assert most == 7


@pytest.mark.parametrize(
    ("answer", "kind"),
    [
        (no(400, 99, f"User not found with email: {PLANTED}"), NotFound),
        (no(400, 11, f"Invalid Email: {PLANTED.upper()}"), ApiRejected),
        (no(409, 99, f"conflict with {SID} and 0f{SID}aa of other@example.org"), ApiRejected),
        (no(400, 99, "value Zürich or 12345 is wrong"), ApiRejected),
        (no(400, 99, "x" * 5000), ApiRejected),
        (no(400, 99, ""), ApiRejected),
    ],
)
def test_a_final_no_is_told_at_once_without_any_person(answer, kind):
    asked = WRITE if kind is ApiRejected else LOOK
    client = a_client(Script(answer))
    error = error_of(client, asked)
    assert type(error) is kind
    assert client.counts.total() == 1
    told = everything_told(error).lower()
    for private in (PLANTED, SID, "zürich", "12345", "other@"):
        assert private.lower() not in told
    assert MASKS.person(PLANTED) in str(error)
    assert len(str(error)) < 500
    assert error.status == answer.status_code


def test_an_id_that_is_no_address_is_masked_too():
    one = Call("GET", "user", {"id": " Weird Name ", "key": "extid"})
    error = error_of(a_client(Script(no(400, 99, "User not found with extid: weird name"))), one)
    assert "weird name" not in everything_told(error).lower()


def test_reveal_shows_people_to_whoever_asked_for_it():
    client = Client(
        Credentials("k", "s"),
        masks=Masks(b"k", reveal=True),
        transport=Script(no(400, 11, f"Invalid Email: {PLANTED}")),
    )
    assert str(error_of(client, WRITE)).count(PLANTED) == 2


@pytest.mark.parametrize(("status", "code"), [(401, 3), (403, 4), (401, 5)])
def test_refused_credentials_come_with_a_hint(status, code):
    error = error_of(a_client(Script(no(status, code, "words"))), LOOK)
    assert isinstance(error, CredentialsRefused)
    assert error.hint
    assert "demo-secret" not in everything_told(error)


@pytest.mark.parametrize("url", ["api.sailthru.com", "ftp://example.com", "https://example.com:port", "https://", ""])
def test_a_url_that_is_none_is_an_error_at_once(url):
    client = Client(Credentials("k", "s"), masks=MASKS, url=url, sleep=Clock().sleep)
    error = error_of(client, LOOK)
    assert isinstance(error, AccountUnavailable)
    assert "account.url" in (error.hint or "")
    assert client.counts.total() == 1
    assert PLANTED not in everything_told(error)


def test_over_a_real_socket_nobody_listens():
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        url = f"http://127.0.0.1:{free.getsockname()[1]}"
        client = Client(Credentials("k", "s"), masks=MASKS, url=url, sleep=Clock().sleep, at_once=25)
        error = error_of(client, LOOK)
    assert isinstance(error, AccountUnavailable)
    assert client.retries == {"no connection": 7}
    assert PLANTED not in everything_told(error)


def test_a_call_that_is_cancelled_gives_its_place_back():
    class Stuck(httpx.AsyncBaseTransport):
        begun = asyncio.Event()

        async def handle_async_request(self, request):
            if request.method == "POST":
                self.begun.set()
                await asyncio.Event().wait()
            return httpx.Response(200, json={"keys": {"sid": SID}})

    async def go():
        stuck = Stuck()
        async with a_client(stuck, at_once=1) as client:
            task = asyncio.create_task(client.call(WRITE))
            await stuck.begun.wait()
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)
            return await client.call(LOOK)

    assert asyncio.run(go()).body == {"keys": {"sid": SID}}


def test_no_log_at_any_level_holds_a_person_or_the_key(caplog):
    sim = Simulator()
    with running(sim) as url, caplog.at_level(logging.DEBUG):
        client = Client(DEMO, masks=MASKS, url=url)
        assert isinstance(error_of(client, LOOK), NotFound)
    assert "httpcore" in caplog.text, "those below us do log"
    assert "planted" not in caplog.text
    assert DEMO.key not in caplog.text


def test_calls_go_through_the_proxy_that_the_environment_names(monkeypatch):
    sim = Simulator()
    with running(sim) as proxy:  # which knows nothing of proxies, and so says no to a whole URL as the path
        monkeypatch.setenv("http_proxy", proxy)
        assert isinstance(error_of(Client(DEMO, masks=MASKS, url="http://api.sailthru.test"), LOOK), ApiRejected)
    assert sum(sim.calls_total.values()) == 1


def test_no_proxy_is_heeded(monkeypatch):
    sim = Simulator()
    with running(sim) as url:
        monkeypatch.setenv("http_proxy", "http://127.0.0.1:9")
        monkeypatch.setenv("no_proxy", "127.0.0.1")
        client = Client(DEMO, masks=MASKS, url=url, sleep=Clock().sleep)
        assert isinstance(error_of(client, LOOK), NotFound)


@pytest.mark.parametrize("tunnelled", [True, False])
def test_a_dead_proxy_is_named_at_once_and_a_busy_one_is_waited_for(monkeypatch, tunnelled):
    scheme = "https" if tunnelled else "http"
    monkeypatch.setenv(f"{scheme}_proxy", "http://u:s3cret@127.0.0.1:9")
    clock = Clock()
    error = error_of(Client(DEMO, masks=MASKS, url=f"{scheme}://api.sailthru.test", sleep=clock.sleep), LOOK)
    assert isinstance(error, AccountUnavailable)
    assert f"the proxy 127.0.0.1:9 ({scheme}_proxy) cannot be reached" in str(error)
    assert "s3cret" not in everything_told(error)
    assert sum(clock.slept) < 2
    client = Client(DEMO, masks=MASKS, url=f"{scheme}://api.sailthru.test", sleep=clock.sleep)
    client._is_reached = True  # it was there before
    error_of(client, LOOK)
    assert client.counts == {("GET", "user"): 8}


@pytest.mark.parametrize(
    ("answer", "told"),
    [
        (
            httpx.Response(302, headers={"Location": "https://login.example/in?u=s3cret"}),
            "sends us on to login.example",
        ),
        (httpx.Response(302, headers={"Location": "/in"}), "sends us on to another place"),
        (httpx.Response(408, text="<h1>Request timeout</h1>"), "no answer in time (HTTP 408)"),
        (httpx.Response(408, json={"error": 99, "errormsg": "timeout"}), "timeout (error 99, HTTP 408)"),
        (httpx.Response(400, json={"error": "9" * 5000, "errormsg": "no"}), "answer not understood"),
    ],
)
def test_what_a_gateway_says_is_asked_for_again_and_then_told(caplog, answer, told):
    client = a_client(Script(*[answer] * 8), Clock())
    error = error_of(client, LOOK)
    assert isinstance(error, AccountUnavailable)
    assert told in str(error)
    assert "s3cret" not in str(error)
    assert client.counts == {("GET", "user"): 8}
    assert caplog.messages == [
        f"Sailthru gives no answer to GET /user so far ({next(iter(client.retries))}); trying on."
    ]


@pytest.mark.parametrize(
    "headers",
    [
        {"Date": f"Thu, 01 Jan 2026 00:00:00 +{'9' * 20}"},
        {"Date": "Thu, 01 Jan 9999 00:00:00 -9999"},
        {"Date": "Fri, 31 Dec 9999 23:59:59 GMT"},
        {"Date": "1"},
        {f"X-Rate-Limit-{name}": "9" * 400 for name in ("Limit", "Remaining", "Reset")},
        {f"X-Rate-Limit-{name}": "9" * 5000 for name in ("Limit", "Remaining", "Reset")},
        {"X-Rate-Limit-Limit": "600", "X-Rate-Limit-Remaining": "-9", "X-Rate-Limit-Reset": "99999999999"},
    ],
    ids=str,
)
def test_odd_headers_do_no_harm(headers):
    content = b'\xef\xbb\xbf{"keys":{"sid":"%s"},"ok":true}' % SID.encode()  # a BOM is no harm either
    answers = [httpx.Response(200, content=content, headers=headers) for _ in range(3)]
    clock = Clock()
    client = a_client(Script(*answers), clock)
    assert [answer.body["ok"] for answer in call(client, WRITE, WRITE, WRITE)] == [True] * 3
    assert sum(clock.slept) <= 4 * 60


def test_a_file_goes_as_its_own_part_and_is_not_signed(tmp_path):
    path = tmp_path / "rows.json"
    path.write_text('{"id":"a"}\n')
    script = Script(OK)
    call(a_client(script), Call("POST", "job", {"job": "update"}, file=path))
    assert script.raw[0].headers["content-type"].startswith("multipart/form-data")
    assert b'{"id":"a"}\n' in script.bodies[0]
    assert b'name="file"' in script.bodies[0]


# -- downloads

CSV = b'"Profile Id","Email Hash"\n1,2\n'
FILE = "https://files.example/export/1"


def download(script: Script, path, clock: Clock | None = None) -> BaseException | None:
    async def go():
        async with a_client(script, clock) as client:
            await client.download(FILE, path, "the download of a file")

    try:
        asyncio.run(go())
    except ReconcileError as error:
        return error
    return None


def test_a_download_arrives_whole(tmp_path):
    script = Script(httpx.Response(200, content=CSV))
    assert download(script, tmp_path / "a.csv") is None
    assert (tmp_path / "a.csv").read_bytes() == CSV
    assert [one.name for one in tmp_path.iterdir()] == ["a.csv"]
    assert script.raw[0].url == FILE


@pytest.mark.parametrize(
    "broken",
    [
        httpx.Response(200, content=CSV[:-3], headers={"content-length": str(len(CSV))}),
        httpx.Response(200, content=CSV[:-1]),
        httpx.Response(200, content=b""),
        httpx.Response(503, html="busy"),
        httpx.Response(302, headers={"location": "https://elsewhere.example"}),
        httpx.ReadError("broken"),
        httpx.RemoteProtocolError("incomplete chunked read"),
    ],
)
def test_a_broken_download_is_repeated_and_never_smaller(tmp_path, broken):
    assert download(Script(broken, httpx.Response(200, content=CSV)), tmp_path / "a.csv") is None
    assert (tmp_path / "a.csv").read_bytes() == CSV

    clock = Clock()
    error = download(Script(*[broken] * 8), tmp_path / "b.csv", clock)
    assert isinstance(error, AccountUnavailable)
    assert not (tmp_path / "b.csv").exists()
    assert len(clock.slept) == 7


@pytest.mark.parametrize("status", [403, 404, 410])
def test_a_file_that_is_gone_is_not_asked_for_again(tmp_path, status):
    error = download(Script(httpx.Response(status, text="gone")), tmp_path / "a.csv")
    assert isinstance(error, NotFound)


def test_rate_headers_of_a_no_count_as_well():
    clock = Clock()
    denied = httpx.Response(400, json={"error": 99, "errormsg": "no"}, headers=rate(10, 100))
    script = Script(denied, otherwise=lambda *_: yes({"ok": True}, left=100, limit=100, reset=600_000_120))
    client = a_client(script, clock)
    call(client, WRITE)
    call(client, WRITE)
    assert clock.slept == [60.0]  # 10 of 100 were left, and 25 are the others'

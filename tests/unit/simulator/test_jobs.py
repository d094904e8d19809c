from __future__ import annotations

import asyncio
import csv
import hashlib
import io
import json
import time
from http.server import BaseHTTPRequestHandler, HTTPServer
from threading import Thread
from typing import Any
from urllib.parse import parse_qsl

import httpx
import pytest
from unit.simulator.driver import Driver
from wire.simulated import SECRET, signed

from reconcile.simulator.calls import Call

HEADER = (
    '"Profile Id","Email Hash",Domain,Engagement,Lists,"Profile Created Date",Signup,Opens,Clicks,Pageviews,'
    '"Last Open","Last Click","Last Pageview","Optout Time","List Signup","Geolocation City","Geolocation State",'
    '"Geolocation Country","Geolocation Zip","Lifetime Message","First Purchase Time","Purchase Count",'
    '"Purchase Price","Purchase Incomplete","Last Purchase Time","Largest Purchase Item Price","Top Device",'
    '"Email Status"'
)


@pytest.fixture
def api() -> Driver:
    return Driver()


def rows(text: str) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(text, newline="")))


# -- import


def test_import_adds_to_one_list_and_makes_whom_it_does_not_know(api: Driver) -> None:
    told = api.job({"job": "import", "list": "Main", "emails": "A@example.com, b@example.com,,no-address"})

    assert told["name"] == "List Import: Main"
    assert (told["status"], told["list"]) == ("completed", "Main")
    assert api.account.members("Main") == {"a@example.com", "b@example.com"}


def test_import_of_a_file_scrubs_names_and_keeps_cells_as_text(api: Driver) -> None:
    api.person("b@example.com", vars={"city": "Rome"})
    file = 'email,first name,city,n\na@example.com,Zoë,"Paris\nFrance",10\nb@example.com,,,\n\nbroken\n'
    api.job({"job": "import", "list": "Main"}, file=file)

    assert api.look("a@example.com")["vars"] == {"city": "Paris\nFrance", "first_name": "Zoë", "n": "10"}
    assert api.look("b@example.com")["vars"] == {"city": "Rome"}
    assert len(api.account.members("Main")) == 2


def test_import_by_extid_and_with_sign_up_dates(api: Driver) -> None:
    api.job({"job": "import", "list": "Main"}, file="extid,a\nC-1,x\n")
    assert api.ok("GET", "/user", {"id": "C-1", "key": "extid"})["vars"] == {"a": "x"}

    file = "email,signup_date,a\na@example.com,2019-01-02,y\n"
    told = api.job({"job": "import", "list": "Main", "signup_dates": 1}, file=file)
    assert told["status"] == "completed"
    assert api.look("a@example.com")["vars"] == {"a": "y"}


def test_an_import_without_a_key_column_ends_in_error(api: Driver) -> None:
    assert api.job({"job": "import", "list": "Main"}, file="name\nAda\n")["status"] == "error"


@pytest.mark.parametrize(
    "params",
    [
        {"job": "import", "emails": "a@example.com"},
        {"job": "import", "list": "Main"},
        {"job": "update"},
        {"job": "update", "emails": "a@example.com", "query": {"source_list": "Main"}},
        {"job": "snapshot"},
        {"job": "list_erase"},
        {"job": "no-such-job"},
        {},
    ],
)
def test_a_job_that_lacks_something_is_refused(api: Driver, params: Any) -> None:
    assert api.no("POST", "/job", params)[0] == 400


# -- update


def test_update_by_emails_changes_vars_lists_and_optout(api: Driver) -> None:
    api.person(vars={"old": 1, "keep": 1}, lists={"Old": 1})
    update = {"vars": {"plan": "pro"}, "lists": {"Old": 0, "New": 1}, "optout": "blast", "delete_vars": ["old"]}
    started = api.ok("POST", "/job", {"job": "update", "emails": "ada@example.com,b@example.com", "update": update})
    assert list(started) == ["job_id", "name", "update", "status"]
    assert (started["name"], started["update"]) == ("Bulk Update", [])

    api.ok("GET", "/job", {"job_id": started["job_id"]})

    body = api.look()
    assert body["vars"] == {"keep": 1, "plan": "pro"}
    assert (list(body["lists"]), body["optout_email"]) == (["New"], "blast")
    assert api.account.members("New") == {"ada@example.com", "b@example.com"}  # unknown ones are made


def test_an_unknown_optout_word_opts_people_in(api: Driver) -> None:
    api.person(optout_email="all")
    api.job({"job": "update", "emails": "ada@example.com", "update": {"optout": "al"}})

    assert api.look()["optout_email"] == "none"


def test_update_by_file_takes_typed_lines_and_passes_over_bad_ones(api: Driver) -> None:
    lines = [
        {"id": "a@example.com", "key": "email", "vars": {"n": 1, "b": True, "x": None}, "lists": {"Main": 1}},
        {"id": "b@example.com", "vars": {"n": 2.5}},
        {"email": "c@example.com", "vars": {"n": 3}},
        {"id": "no-address", "vars": {"n": 4}},
        ["not", "an", "object"],
        {"id": "d@example.com", "lists": {"Main": 0}},
    ]
    told = api.job({"job": "update"}, file=api.lines(*lines) + "{broken\n\n")

    assert told["status"] == "completed"
    assert api.look("a@example.com")["vars"] == {"b": True, "n": 1, "x": None}
    assert api.look("b@example.com")["vars"] == {"n": 2.5}
    assert api.look("c@example.com")["vars"] == {"n": 3}
    assert api.look("d@example.com")["lists"] is None  # a removal alone makes a profile as well
    assert len(api.account.profiles) == 4


def test_update_by_query_copies_and_empties_lists(api: Driver) -> None:
    for number in range(5):
        api.person(f"p{number}@example.com", lists={"Main": 1, f"L{number % 2}": 1})
    api.job({"job": "update", "query": {"source_list": "Main"}, "update": {"lists": {"Copy": 1}}})
    assert api.account.members("Copy") == api.account.members("Main")

    several = {"source_list": ".multiple", "multiple_source_list": ["L0", "L1"]}
    api.job({"job": "update", "query": several, "update": {"lists": {"Main": 0}}})
    assert api.account.members("Main") == set()
    assert api.no("POST", "/job", {"job": "update", "query": {"source_list": "No"}})[1] == 15


def test_the_sign_up_date_is_forgotten_when_lists_are_set_too(api: Driver) -> None:
    lines = [
        {"id": "a@example.com", "signup_date": "1987-08-01"},
        {"id": "b@example.com", "signup_date": "1987-08-01", "lists": {"Main": 1}},
    ]
    api.job({"job": "update"}, file=api.lines(*lines))

    signups = [api.look(who, activity=1)["activity"]["signup_time"][5:16] for who in ("a@example.com", "b@example.com")]
    assert signups == ["01 Aug 1987", "13 Sep 2020"]


def test_lists_are_erased_in_bulk(api: Driver) -> None:
    api.person(lists={"A": 1, "B": 1, "C": 1})
    told = api.job({"job": "list_erase", "lists": ["A", "B", "never"]})

    assert told["name"] == "Bulk List Erase: 3 requested"
    assert list(api.look()["lists"]) == ["C"]


# -- export


def test_an_export_has_the_recorded_header_and_row(api: Driver) -> None:
    sid = api.person("Ada@Example.com", vars={"n": 10}, lists={"Just Eli": 1})
    text = api.export("Just Eli")

    hashed = hashlib.md5(b"ada@example.com").hexdigest()
    when = '"2020/09/13 08:26:40"'
    assert text == (
        f"{HEADER},n\n"
        f'{sid},{hashed},example.com,new,"Just Eli",{when},{when},0,0,0,,,,,{when},,,,,0,,0,,0,,,,Valid,10\n'
    )


def test_the_file_comes_as_csv_under_the_lists_name(api: Driver) -> None:
    api.person(lists={"Just Eli": 1})
    told = api.job({"job": "export_list_data", "list": "Just Eli"})
    assert list(told) == ["job_id", "name", "list", "status", "start_time", "end_time", "filename", "export_url"]
    assert told["name"] == "Export All List Data: Just Eli"
    answer = api.raw("GET", told["export_url"])

    assert told["filename"] == "just_eli.csv"
    assert answer.headers["content-type"] == "text/csv; charset=utf-8"
    assert answer.headers["content-disposition"] == "attachment; filename=just_eli.csv"
    assert int(answer.headers["content-length"]) == len(answer.content)


def test_cells_have_no_types_and_are_quoted_as_php_quotes(api: Driver) -> None:
    values = {
        "a": 'say "hi"',
        "b": "two\nlines",
        "c": "x,y",
        "d": "plain",
        "e": None,
        "f": "",
        "g": True,
        "h": 1.5,
        "i": "10",
        "j": 10,
        "k": ["a", 1],
        "l": "Zoë",
    }
    api.person(vars=values, lists={"Main": 1})
    text = api.export("Main")

    assert text.endswith('Valid,"say ""hi""","two\nlines","x,y",plain,,,true,1.5,10,10,"[""a"",1]",Zoë\n')
    assert rows(text)[0]["b"] == "two\nlines"


def test_quotes_after_a_backslash_are_a_trap_of_php() -> None:
    api = Driver({"guesses": {"export_quotes": "php", "export_true": "1"}})
    api.person(vars={"a": 'x\\"y"', "b": True}, lists={"Main": 1})

    assert api.export("Main").endswith(',"x\\"y""",1\n')


def test_a_member_without_an_address_has_neither_hash_nor_domain(api: Driver) -> None:
    api.ok("POST", "/user", {"id": "C-1", "key": "extid", "lists": {"Main": 1}})
    (row,) = rows(api.export("Main"))

    assert (row["Email Hash"], row["Domain"]) == ("", "")


def test_a_var_named_like_a_native_column_doubles_the_header(api: Driver) -> None:
    api.person(vars={"Opens": "mine", "Domain": "yours"}, lists={"Main": 1})
    header, row = csv.reader(io.StringIO(api.export("Main")))

    assert header.count("Opens") == 2
    assert row[header.index("Opens")] == "0"
    assert row[-2:] == ["yours", "mine"]


def test_an_export_shows_opt_outs_and_all_lists(api: Driver) -> None:
    api.person(lists={"Main": 1, "Side": 1}, optout_email="all")
    (row,) = rows(api.export("Main"))

    assert row["Lists"] == "Main,Side"
    assert row["Email Status"] == "Optout"
    assert row["Optout Time"] == "2020/09/13 08:26:40"


def test_fields_restrict_the_columns(api: Driver) -> None:
    api.person(vars={"a": 1, "b": 2}, lists={"Main": 1})

    def header(fields: Any) -> str:
        return api.export("Main", fields=fields).splitlines()[0]

    assert header({"vars": {"b": 1, "z": 1}}) == f"{HEADER},b,z"
    assert header({"vars": 1}) == f"{HEADER},a,b"
    assert header({"email_hash": 1, "Profile Id": 1}) == '"Profile Id","Email Hash"'
    assert header({"domain": 1, "vars": {"a": 1}}) == "Domain,a"


def test_an_export_is_the_account_as_it_was_when_the_job_ran(api: Driver) -> None:
    api.person("a@example.com", vars={"n": 1}, lists={"Main": 1})
    api.person("b@example.com", lists={"Main": 1})
    url = api.job({"job": "export_list_data", "list": "Main"})["export_url"]
    api.person("a@example.com", vars={"n": 2}, lists={"Main": 0})
    api.ok("DELETE", "/user", {"id": "b@example.com"})

    found = rows(api.raw("GET", url).text)
    assert [row["n"] for row in found] == ["1", ""]


def test_an_export_of_an_unknown_list_is_error_15(api: Driver) -> None:
    assert api.no("POST", "/job", {"job": "export_list_data", "list": "No"}) == (404, 15, "Unknown list: No")


def test_the_url_dies_after_two_hours(api: Driver) -> None:
    api.person(lists={"Main": 1})
    told = api.job({"job": "export_list_data", "list": "Main"})
    api.clock.sleep(7199)
    assert api.raw("GET", told["export_url"]).status_code == 200
    api.clock.sleep(1)
    assert api.raw("GET", told["export_url"]).status_code == 404

    later = api.ok("GET", "/job", {"job_id": told["job_id"]})
    assert "export_url" not in later
    assert later["expired"] is True


def test_a_snapshot_exports_whom_a_query_means(api: Driver) -> None:
    api.person("a@example.com", vars={"plan": "pro"}, lists={"Main": 1})
    api.person("b@example.com", lists={"Main": 1})
    query = {"source_list": "Main", "criteria": ["match"], "field": ["plan"], "value": ["pro"]}
    told = api.job({"job": "snapshot", "query": query})

    assert len(rows(api.raw("GET", told["export_url"]).text)) == 1


# -- the knobs of exports


def test_an_export_may_show_the_extid(api: Driver) -> None:
    told = Driver({"guesses": {"export_extid": True}})
    for one in (api, told):
        one.person(keys={"extid": "C-1"}, lists={"Main": 1})

    assert "Extid" not in api.export("Main").partition("\n")[0]
    assert [row["Extid"] for row in rows(told.export("Main"))] == ["C-1"]


@pytest.mark.parametrize(("knob", "shown"), [("all", "Main,Side"), ("exported", "Side")])
def test_an_export_tells_all_lists_or_its_own(knob: str, shown: str) -> None:
    api = Driver({"guesses": {"export_lists": knob}})
    api.person(lists={"Main": 1, "Side": 1})

    assert [row["Lists"] for row in rows(api.export("Side"))] == [shown]


def test_an_export_may_ignore_fields() -> None:
    api = Driver({"guesses": {"export_fields": "ignored"}})
    api.person(vars={"n": 1}, lists={"Main": 1})

    assert api.export("Main", fields={"vars": {"other": 1}}) == api.export("Main")


# -- the queue


def test_a_job_is_pending_then_running_then_completed() -> None:
    api = Driver({"jobs": {"start": [10, 10], "rows_per_second": {"update": 1}}})
    job_id = api.ok("POST", "/job", {"job": "update", "emails": "a@example.com,b@example.com"})["job_id"]

    def told() -> Any:
        return api.ok("GET", "/job", {"job_id": job_id})

    assert list(told()) == ["job_id", "name", "status"]
    api.clock.sleep(11)
    assert list(told()) == ["job_id", "name", "status", "start_time"]
    assert told()["status"] == "running"
    assert not api.account.profiles
    api.clock.sleep(1)
    assert told()["status"] == "completed"
    assert len(api.account.profiles) == 2


def test_only_so_many_jobs_run_at_a_time() -> None:
    api = Driver({"jobs": {"parallel": 1, "rows_per_second": {"update": 1}}})
    ids = [api.ok("POST", "/job", {"job": "update", "emails": "a@example.com"})["job_id"] for _ in range(3)]

    statuses = []
    for _ in range(4):
        statuses.append("".join(api.ok("GET", "/job", {"job_id": i})["status"][0] for i in ids))
        api.clock.sleep(1)
    assert statuses == ["rpp", "crp", "ccr", "ccc"]


def test_the_queue_keeps_no_order() -> None:
    api = Driver({"jobs": {"start": [0, 100]}}, seed=1)
    for number in range(6):
        api.ok("POST", "/job", {"job": "update", "emails": "a@example.com", "update": {"vars": {"n": number}}})
    seen = set()
    for _ in range(101):
        api.clock.sleep(1)
        seen.add(api.call("GET", "/user", {"id": "a@example.com"}).json().get("vars", {}).get("n"))
    assert api.look("a@example.com")["vars"]["n"] != 5 or len(seen - {None}) < 6


@pytest.mark.parametrize(("fault", "status"), [("stall", "running"), ("fail", "error")])
def test_jobs_stall_or_fail_with_nothing_done(fault: str, status: str) -> None:
    api = Driver({"jobs": {fault: 1}})
    job_id = api.ok("POST", "/job", {"job": "update", "emails": "a@example.com"})["job_id"]
    api.clock.sleep(10**6)

    assert api.ok("GET", "/job", {"job_id": job_id})["status"] == status
    assert not api.account.profiles


def test_lines_are_left_out_in_silence_and_others_when_tried_again() -> None:
    api = Driver({"jobs": {"skip_lines": 0.3}}, seed=5)
    lines = api.lines(*({"id": f"p{i}@example.com"} for i in range(200)))
    assert api.job({"job": "update"}, file=lines)["status"] == "completed"
    first = len(api.account.profiles)
    api.job({"job": "update"}, file=lines)

    assert 110 < first < 170
    assert len(api.account.profiles) > first


def test_an_export_may_lag() -> None:
    api = Driver({"jobs": {"export_lag": 5}})
    api.person("old@example.com", vars={"n": 1}, lists={"Main": 1})
    api.clock.sleep(60)
    api.person("old@example.com", vars={"n": 2}, lists={"Main": 0})
    api.person("new@example.com", vars={"n": 3}, lists={"Main": 1})

    assert [row["n"] for row in rows(api.export("Main"))] == ["1"]
    api.clock.sleep(6)
    assert [row["n"] for row in rows(api.export("Main"))] == ["3"]


def test_a_download_may_break_off() -> None:
    api = Driver({"jobs": {"truncate": 1}})
    api.person(lists={"Main": 1})
    url = api.job({"job": "export_list_data", "list": "Main"})["export_url"]

    with pytest.raises(httpx.RemoteProtocolError, match="without sending complete message body"):
        api.raw("GET", url)


def test_a_large_job_lets_other_calls_through() -> None:
    api = Driver()
    lines = api.lines(*({"id": f"p{i}@example.com"} for i in range(45_000)))

    async def scene() -> tuple[str, str]:
        started = (await api.acall("POST", "/job", {"job": "update"}, file=lines.encode())).json()
        ask = ("GET", "/job", {"job_id": started["job_id"]})
        first = (await api.acall(*ask)).json()["status"]
        for _ in range(200):
            last = (await api.acall(*ask)).json()["status"]
            if last == "completed":
                break
        return first, last

    assert asyncio.run(scene()) == ("running", "completed")
    assert len(api.account.profiles) == 45_000


# -- loopback


class Heard(BaseHTTPRequestHandler):
    posts: list[dict[str, str]]

    def do_GET(self) -> None:
        body = b"email,plan\na@example.com,pro\n"
        self.send_response(200 if self.path == "/people.csv" else 404)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"])).decode()
        self.posts.append(dict(parse_qsl(body)))
        self.send_response(200)
        self.end_headers()

    def log_message(self, *_: object) -> None:
        pass


@pytest.fixture
def listener() -> Any:
    Heard.posts = []
    server = HTTPServer(("127.0.0.1", 0), Heard)
    thread = Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    thread.join()
    server.server_close()


def test_a_file_is_fetched_from_loopback(api: Driver, listener: str) -> None:
    api.job({"job": "import", "list": "Main", "url": f"{listener}/people.csv"})
    assert api.look("a@example.com")["vars"] == {"plan": "pro"}

    assert api.no("POST", "/job", {"job": "import", "list": "M", "url": f"{listener}/none"})[0] == 400


@pytest.mark.parametrize("url", ["https://example.com/a.csv", "file:///etc/passwd", "http://[::2]/", "nonsense"])
def test_nothing_is_fetched_from_elsewhere(api: Driver, url: str) -> None:
    assert api.no("POST", "/job", {"job": "import", "list": "Main", "url": url})[:2] == (400, 99)


def test_the_end_of_a_job_is_told_by_a_signed_postback(api: Driver, listener: str) -> None:
    async def scene() -> None:
        params = {"job": "update", "emails": "a@example.com", "postback_url": f"{listener}/done"}
        await api.acall("POST", "/job", params)
        until = time.monotonic() + 60
        while not Heard.posts and time.monotonic() < until:  # noqa: ASYNC110 -- a thread hears it
            await asyncio.sleep(0.01)

    asyncio.run(scene())
    (form,) = Heard.posts
    sig = form.pop("sig")
    assert form["status"] == "completed"
    assert sig == signed(list(form.values()), SECRET)
    assert json.loads(json.dumps(form))["api_key"] == "demo-key"


def test_old_jobs_are_forgotten(api: Driver) -> None:
    api.person(lists={"Main": 1})
    first = api.job({"job": "export_list_data", "list": "Main"})
    for _ in range(10_000):
        api.sim.jobs.post(Call("POST", "job", {"job": "list_erase", "lists": ["x"]}, api.clock.now))

    assert api.no("GET", "/job", {"job_id": first["job_id"]})[:2] == (401, 99)
    assert api.raw("GET", first["export_url"]).status_code == 404
    assert len(api.sim.jobs.jobs) == 10_000

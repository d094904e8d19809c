from __future__ import annotations

import asyncio
import csv
from collections.abc import Callable
from pathlib import Path

import httpx
import pytest
from unit.sailthru.scripted import HTML, Clock, Script, a_client, no

from reconcile.errors import AccountUnavailable, ApiRejected, ExportBroken, ReconcileError
from reconcile.sailthru import exports, jobs
from reconcile.sailthru.model import Export

URL = "https://files.example/export/abc"
NATIVE = (
    '"Profile Id","Email Hash",Domain,Engagement,Lists,"Profile Created Date",Signup,Opens,Clicks,Pageviews,'
    '"Last Open","Last Click","Last Pageview","Optout Time","List Signup","Geolocation City","Geolocation State",'
    '"Geolocation Country","Geolocation Zip","Lifetime Message","First Purchase Time","Purchase Count",'
    '"Purchase Price","Purchase Incomplete","Last Purchase Time","Largest Purchase Item Price","Top Device",'
    '"Email Status"'
)
FILE = f"{NATIVE},plan\n1,2,a.example,{',' * 24},Valid,pro\n"


def a_job(**more: object) -> httpx.Response:
    body = {"job_id": "555a468b975910683a63b666", "name": "Export All List Data: Main", "list": "Main"}
    return httpx.Response(200, json=body | more)


PENDING = a_job(status="pending")
DONE = a_job(status="completed", export_url=URL)
EXPIRED = a_job(status="completed", expired=True)


def csv_file(text: str = FILE) -> httpx.Response:
    return httpx.Response(200, content=text.encode(), headers={"content-type": "text/csv; charset=utf-8"})


def export(script: Script, folder: Path, *names: str, clock: Clock | None = None) -> Export:
    async def go() -> Export:
        async with a_client(script, clock) as client:
            return await jobs.export(client, "Main", names, folder)

    return asyncio.run(go())


def asked(script: Script) -> list[str]:
    return [f"{method} /{endpoint}" for method, endpoint, _ in script.seen]


def test_the_native_header_is_the_recorded_one():
    assert set(next(csv.reader([NATIVE]))) == exports.NATIVE


def test_an_export(tmp_path):
    script = Script(PENDING, a_job(status="running"), DONE, csv_file())
    found = export(script, tmp_path, "plan", "never seen")
    assert found.list == "Main"
    assert Path(found.path).read_text() == FILE
    assert found.columns == tuple(f"c{n}" for n in range(29))
    assert (found.sid_column, found.hash_column) == ("c0", "c1")
    assert found.var_columns == {"plan": "c28"}
    params = {"job": "export_list_data", "list": "Main", "fields": {"vars": {"plan": 1, "never seen": 1}}}
    assert script.seen[0] == ("POST", "job", params)
    assert script.seen[1] == ("GET", "job", {"job_id": "555a468b975910683a63b666"})


def test_without_vars_no_fields_are_named(tmp_path):
    script = Script(PENDING, DONE, csv_file())
    assert export(script, tmp_path).var_columns == {}
    assert script.seen[0][2] == {"job": "export_list_data", "list": "Main"}


def test_two_exports_are_two_files(tmp_path):
    paths = {export(Script(PENDING, DONE, csv_file()), tmp_path).path for _ in range(2)}
    assert len(paths) == 2


def test_polls_further_and_further_apart(tmp_path):
    clock = Clock()
    export(Script(PENDING, *[PENDING] * 7, DONE, csv_file()), tmp_path, clock=clock)
    assert clock.slept == [0.2, 1, 2, 4, 8, 15, 30, 30]


@pytest.mark.parametrize("word", ["pending", "running", "queued for tea"])
def test_any_unknown_status_is_still_going_until_the_deadline(tmp_path, word):
    clock = Clock()
    with pytest.raises(AccountUnavailable, match="6 hours"):
        export(Script(PENDING, otherwise=lambda *_: a_job(status=word)), tmp_path, clock=clock)
    assert sum(clock.slept) == pytest.approx(6 * 3600, abs=30)


@pytest.mark.parametrize("end", [a_job(status="error"), a_job(status="error", error="x"), a_job(status="completed")])
def test_an_export_that_failed_is_asked_for_once_more(tmp_path, end):
    script = Script(PENDING, end, PENDING, DONE, csv_file())
    assert Path(export(script, tmp_path).path).read_text() == FILE
    assert asked(script).count("POST /job") == 2
    with pytest.raises(ApiRejected, match='export of the list "Main" failed'):
        export(Script(PENDING, end, PENDING, end), tmp_path)


@pytest.mark.parametrize("first", [0, 1])
def test_an_export_that_takes_long_is_asked_for_once_more_and_the_first_to_end_is_taken(tmp_path, first):
    clock, posted = Clock(), []

    def answer(method: str, endpoint: str, params: dict) -> httpx.Response:
        if (method, endpoint) == ("POST", "job"):
            posted.append(clock.now)
            return a_job(job_id=f"job {len(posted) - 1}")
        if endpoint != "job":
            return csv_file()
        ended = params["job_id"] == f"job {first}" and clock.now >= posted[0] + 7_000
        told = {"status": "completed", "export_url": URL} if ended else {"status": "pending"}
        return a_job(**told, job_id=params["job_id"])

    export(Script(otherwise=answer), tmp_path, clock=clock)
    assert [at - posted[0] for at in posted] == [0, pytest.approx(5_400, abs=31)]
    assert sum(clock.slept) == pytest.approx(7_000, abs=31)


def test_an_expired_export_is_asked_for_once_more(tmp_path):
    script = Script(PENDING, EXPIRED, PENDING, DONE, csv_file())
    export(script, tmp_path)
    assert asked(script).count("POST /job") == 2
    with pytest.raises(ApiRejected, match="expired"):
        export(Script(PENDING, EXPIRED, PENDING, EXPIRED), tmp_path)


def test_a_url_that_died_between_poll_and_download_is_asked_for_once_more(tmp_path):
    gone = httpx.Response(404, text="NoSuchKey")
    script = Script(PENDING, DONE, gone, PENDING, DONE, csv_file())
    assert Path(export(script, tmp_path).path).read_text() == FILE


def test_an_unsure_post_is_repeated_since_a_second_export_is_harmless(tmp_path):
    script = Script(httpx.ReadTimeout("timed out"), HTML, PENDING, DONE, csv_file())
    export(script, tmp_path)
    assert asked(script)[:3] == ["POST /job"] * 3


def test_an_unsure_post_is_not_repeated_for_ever(tmp_path):
    script = Script(otherwise=lambda *_: HTML)
    with pytest.raises(AccountUnavailable):
        export(script, tmp_path)
    assert asked(script) == ["POST /job"] * 8


def test_an_accepted_job_may_be_unknown_for_a_moment(tmp_path):
    unknown = no(401, 99, "Invalid Job ID: 555a468b975910683a63b666")
    export(Script(PENDING, unknown, unknown, DONE, csv_file()), tmp_path)
    with pytest.raises(ApiRejected, match="Invalid Job ID"):
        export(Script(PENDING, otherwise=lambda *_: unknown), tmp_path)


def test_an_unknown_list_is_a_final_no(tmp_path):
    with pytest.raises(ApiRejected, match="Unknown list"):
        export(Script(no(404, 15, "Unknown list: Main")), tmp_path)


def test_an_answer_without_a_job_id(tmp_path):
    with pytest.raises(AccountUnavailable, match=r"POST /job .*not understood"):
        export(Script(otherwise=lambda *_: httpx.Response(200, json={"status": "pending"})), tmp_path)


def test_a_truncated_file_never_counts(tmp_path):
    short = httpx.Response(200, content=FILE[:-9].encode(), headers={"content-length": str(len(FILE))})
    assert Path(export(Script(PENDING, DONE, short, csv_file()), tmp_path).path).read_text() == FILE


def test_naming_vars_may_have_left_out_the_native_columns(tmp_path):
    script = Script(PENDING, DONE, csv_file("plan\npro\n"), PENDING, DONE, csv_file())
    assert export(script, tmp_path, "plan").var_columns == {"plan": "c28"}
    assert "fields" not in script.seen[3][2]


@pytest.mark.parametrize("names", [(), ("plan",)])
@pytest.mark.parametrize(
    "text",
    [
        "email,plan\na,b\n",
        "\n",
        '"Profile Id","Email Ha\n',
        '"' + "a page without end " * 10_000 + "\n",
    ],
    ids=["other columns", "a line end", "a header cut inside quotes", "a record without end"],
)
def test_a_file_without_sid_or_hash_is_no_export(tmp_path, names, text):
    with pytest.raises(ExportBroken, match='list "Main" is broken: its header has no columns "Profile Id"'):
        export(Script(otherwise=answers_of(csv_file(text))), tmp_path, *names)


@pytest.mark.parametrize("text", ["", FILE[:-9], "<html>Down for maintenance</html>\n", "{}\n", "\ufeff[]\n"])
def test_a_file_that_never_comes_whole_names_its_list(tmp_path, text):
    with pytest.raises(AccountUnavailable, match='the download of the export of the list "Main"'):
        export(Script(otherwise=answers_of(csv_file(text))), tmp_path)


@pytest.mark.parametrize(
    ("extra", "columns"),
    [
        ("Domain,plan", {"Domain": "c28", "plan": "c29"}),
        ("plan", {"plan": "c28"}),  # the one Domain there is, is the native one
        ("plan,Domain,Email Hash", {"plan": "c28", "Domain": "c29"}),
        ('"a b",plan', {"plan": "c29"}),
    ],
)
def test_the_first_of_two_columns_of_one_name_is_native(tmp_path, extra, columns):
    text = f"{NATIVE},{extra}\n"
    found = export(Script(PENDING, DONE, csv_file(text)), tmp_path, "plan", "Domain")
    assert found.var_columns == columns
    assert found.hash_column == "c1"
    assert len(set(found.columns)) == len(found.columns)


def test_a_byte_order_mark_is_no_part_of_a_name(tmp_path):
    found = export(Script(PENDING, DONE, csv_file("\ufeff" + FILE)), tmp_path)
    assert found.sid_column == "c0"


def test_only_the_first_record_is_read_in_python(tmp_path):
    wild = f'{NATIVE},"pl\nan"\n' + '"broken\n'
    assert export(Script(PENDING, DONE, csv_file(wild)), tmp_path, "pl\nan").var_columns == {"pl\nan": "c28"}


def answers_of(file: httpx.Response) -> Callable[[str, str, dict], httpx.Response]:
    def answer(method: str, endpoint: str, _: dict) -> httpx.Response:
        return {"POST job": PENDING, "GET job": DONE}.get(f"{method} {endpoint}", file)

    return answer


def test_errors_are_ours(tmp_path):
    with pytest.raises(ReconcileError):
        export(Script(otherwise=lambda *_: httpx.ReadError("broken")), tmp_path)

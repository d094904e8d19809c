"""Each fault as a caller meets it, who is hit, and what the YAML says."""

from __future__ import annotations

import json
import subprocess
import sys
from datetime import datetime
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import httpx
import pytest
from unit.simulator.driver import START, Driver

from reconcile.simulator import Faults, faults

ADA = {"id": "ada@example.com", "key": "email"}


def driver(fault: str, **more: Any) -> Driver:
    return Driver({"calls": [{"fault": fault, **more}]})


# -- how calls fail


@pytest.mark.parametrize(
    ("fault", "raised", "said"),
    [
        ("unresolved", httpx.ConnectError, "Name or service not known"),
        ("connect-timeout", httpx.ConnectTimeout, "timed out"),
        ("read-timeout", httpx.ReadTimeout, "timed out"),
        ("reset", httpx.ReadError, "Connection reset by peer"),
    ],
)
def test_the_network_fails_before_anything_is_done(fault: str, raised: type[Exception], said: str) -> None:
    api = driver(fault)

    with pytest.raises(raised, match=said):
        api.call("POST", "/user", ADA)
    assert not api.account.profiles
    assert (api.sim.calls[-1].status, api.sim.calls[-1].fault) == (0, fault)


def test_a_timeout_after_the_commit_has_done_the_work() -> None:
    api = driver("timeout-after-commit")

    with pytest.raises(httpx.ReadTimeout):
        api.call("POST", "/user", ADA)
    assert len(api.account.profiles) == 1


def test_a_proxy_answers_with_html() -> None:
    answer = driver("html", status=502).call("POST", "/user", ADA)

    assert (answer.status_code, answer.headers["content-type"]) == (502, "text/html")
    assert answer.text.startswith("<html>")


def test_a_gateway_answers_with_what_the_api_never_says() -> None:
    api = driver("gateway")
    answers = [api.call("POST", "/user", ADA) for _ in range(8)]

    assert {answer.status_code for answer in answers} == {200, 204, 302, 404}
    assert not any(b'ok":true' in answer.content or b"errormsg" in answer.content for answer in answers)
    assert not api.account.profiles


@pytest.mark.parametrize(
    ("fault", "status", "error", "saved"),
    [
        ("error-9", 500, 9, 0),
        ("error-9-saved", 500, 9, 1),
        ("ok-with-error", 200, 9, 0),
        ("rate-limited", 429, 43, 0),
    ],
)
def test_the_api_answers_with_an_error(fault: str, status: int, error: int, saved: int) -> None:
    api = driver(fault)

    assert api.no("POST", "/user", ADA)[:2] == (status, error)
    assert len(api.account.profiles) == saved
    assert api.sim.mischief.done == {fault: 1}


@pytest.mark.parametrize("skew", [0, 1])
def test_a_429_stays_until_the_minutes_reset_whoever_asks(skew: int) -> None:
    api = Driver({"calls": [{"fault": "rate-limited", "times": 1}], "reset_skew": skew})
    first = api.call("GET", "/user", ADA)
    reset = int(first.headers["x-rate-limit-reset"]) - skew

    def statuses() -> list[int]:
        calls = [("GET", "/user", {"id": "b@example.com"}), ("POST", "/user", ADA), ("GET", "/list", {})]
        return [api.call(*one).status_code for one in calls]

    assert (first.status_code, first.headers["x-rate-limit-remaining"]) == (429, "0")
    api.clock.now = reset - 0.5
    assert statuses() == [429, 200, 200]
    api.clock.now = reset
    assert statuses() == [400, 200, 200]
    assert api.sim.mischief.done["rate-limited"] == 1, "the others were earned"


def test_faults_do_not_hide_a_wrong_signature() -> None:
    assert driver("error-9").no("POST", "/user", ADA, secret="wrong")[:2] == (401, 5)


# -- who is hit


def test_a_fault_is_aimed_by_method_endpoint_subject_times_and_second() -> None:
    rule = {"methods": ["GET"], "endpoints": ["user"], "ids": ["ada@example.com"], "times": 2, "between": [10, 20]}
    api = driver("error-9", **rule)
    api.person()
    api.person("b@example.com")

    def hit(method: str = "GET", endpoint: str = "/user", who: str = "ADA@example.com") -> bool:
        return api.call(method, endpoint, {"id": who, "list": "Main"}).status_code == 500

    assert not hit()
    api.clock.sleep(10)
    assert not hit("POST")
    assert not hit(endpoint="/list")
    assert not hit(who="b@example.com")
    assert [hit(), hit(), hit()] == [True, True, False]
    api.clock.sleep(10)
    assert not hit()


def outcome(seed: int, order: int) -> set[str]:
    api = Driver({"calls": [{"fault": "error-9", "rate": 0.2}]}, seed=seed)
    who = [f"p{i}@example.com" for i in range(100)][::order]
    return {email for email in who if api.call("POST", "/user", {"id": email}).status_code == 500}


def test_who_is_hit_follows_from_the_seed_and_not_from_the_order() -> None:
    assert outcome(1, 1) == outcome(1, -1)
    assert outcome(1, 1) != outcome(2, 1)
    assert 8 <= len(outcome(1, 1)) <= 35


def test_a_repeated_call_is_decided_anew() -> None:
    api = Driver({"calls": [{"fault": "error-9", "rate": 0.5}]})

    assert len({api.call("POST", "/user", ADA).status_code for _ in range(30)}) == 2


# -- deletes


def tries(api: Driver, email: str) -> int:
    """How many deletes it takes until this person is gone."""
    sid = api.person(email)
    for number in range(1, 6):
        assert api.ok("DELETE", "/user", {"id": sid, "key": "sid"}) == {"ok": True}
        if api.call("GET", "/user", {"id": sid, "key": "sid"}).status_code == 400:
            return number
    raise AssertionError("never gone")


def test_chosen_deletes_answer_200_and_do_nothing() -> None:
    api = Driver({"deletes": {"ids": {"ada@example.com": 2}}})

    assert [tries(api, "ada@example.com"), tries(api, "b@example.com")] == [3, 1]
    assert tries(api, "ada@example.com") == 3  # made again, the profile is a new one


def test_the_field_reports_rates_hold() -> None:
    api = Driver(Faults.named("field-report").model_copy(update={"latency": faults.Latency()}))
    lies, twice, lost = 0, 0, 0
    for number in range(20_000):
        profile = api.account.new_profile(int(START), f"p{number}@example.com")
        if api.sim.mischief.delete_lies(profile):
            lies += 1
            twice += api.sim.mischief.delete_lies(profile)
            assert not api.sim.mischief.delete_lies(profile)
        lost += api.sim.mischief.on_call("GET", "user", {"id": profile.email}, START) is not None

    assert 0.0067 * 0.7 < lies / 20_000 < 0.0067 * 1.3
    assert 0.0013 * 0.4 < twice / 20_000 < 0.0013 * 1.7
    assert 0.0026 * 0.6 < lost / 20_000 < 0.0026 * 1.4


# -- reads that lag


def test_reads_may_be_behind_the_writes() -> None:
    api = Driver({"reads": {"least": 5, "most": 5}})

    def seen(who: str = "ada@example.com") -> Any:
        answer = api.call("GET", "/user", {"id": who, "key": "email", "fields": {"vars": 1}})
        return answer.json().get("vars") if answer.status_code == 200 else None

    api.person(vars={"n": 1})
    assert seen() is None
    api.clock.sleep(6)
    assert seen() == {"n": 1}
    api.person(vars={"n": 2}, keys={"email": "new@example.com"})
    assert (seen(), seen("new@example.com")) == ({"n": 1}, None)
    api.clock.sleep(6)
    assert (seen(), seen("new@example.com")) == (None, {"n": 2})
    api.ok("DELETE", "/user", {"id": "new@example.com", "key": "email"})
    assert seen("new@example.com") == {"n": 2}
    api.clock.sleep(6)
    assert seen("new@example.com") is None


def test_lists_that_were_just_made_may_be_missed() -> None:
    api = Driver({"reads": {"least": 5, "most": 5, "lists": True}})
    api.ok("POST", "/list", {"list": "Main"})

    assert api.ok("GET", "/list", {}) == {"lists": []}
    assert api.no("GET", "/list", {"list": "Main"}) == (404, 15, "Unknown list: Main")
    api.clock.sleep(5)
    assert api.ok("GET", "/list", {"list": "Main"})["count"] == 0


# -- maintenance


def test_planned_downtime_comes_after_some_seconds_and_goes() -> None:
    api = Driver({"maintenance": {"between": [[10, 40]]}})
    statuses = []
    for _ in range(5):
        statuses.append(api.call("GET", "/list").status_code)
        api.clock.sleep(10)

    assert statuses == [200, 503, 503, 503, 200]


@pytest.mark.parametrize(
    ("when", "down"),
    [
        ("2026-11-24 22:59", False),  # a Tuesday
        ("2026-11-24 23:00", True),
        ("2026-11-25 00:59", True),
        ("2026-11-25 01:00", False),
        ("2026-11-27 23:00", True),  # a Friday
        ("2026-11-29 12:00", True),
        ("2026-11-30 01:00", False),
    ],
)
def test_the_documented_windows_are_kept(when: str, *, down: bool) -> None:
    api = Driver(Faults.named("maintenance"))
    local = datetime.strptime(when, "%Y-%m-%d %H:%M").replace(tzinfo=ZoneInfo("America/New_York"))
    found = api.sim.mischief.on_call("GET", "list", {}, local.timestamp())

    assert (found is not None) is down


def test_a_mixed_downtime_answers_in_every_way() -> None:
    api = Driver({"maintenance": {"between": [[0, 10]], "answer": "mixed"}})
    met = set()
    for _ in range(30):
        try:
            met.add(api.call("GET", "/list").status_code)
        except httpx.ReadError:
            met.add(0)

    assert met == {0, 500, 503}


# -- the rest


def test_the_reset_may_be_off_the_minute() -> None:
    api = Driver({"reset_skew": -1})

    assert int(api.call("GET", "/list").headers["x-rate-limit-reset"]) % 60 == 59


def test_answers_may_take_their_time() -> None:
    api = Driver({"latency": {"least": 0.02, "most": 0.03}})
    answer = api.call("GET", "/list")

    assert answer.elapsed.total_seconds() >= 0.02


# -- YAML


@pytest.mark.parametrize("name", faults.PRESETS)
def test_every_preset_loads_and_says_what_it_is_for(name: str) -> None:
    preset = Faults.named(name)

    assert preset.description or preset == Faults()


def test_an_unknown_preset_is_told_with_those_there_are() -> None:
    with pytest.raises(ValueError, match="field-report"):
        Faults.named("field_report")


def test_a_choice_is_a_preset_or_a_file(tmp_path: Path) -> None:
    path = tmp_path / "none.yml"
    path.write_text("latency: {least: 1, most: 2}\n", encoding="utf-8")

    assert Faults.chosen("hostile") == Faults.named("hostile")
    assert Faults.chosen(str(path)).latency.most == 2
    with pytest.raises(ValueError, match="neither a file nor a preset"):
        Faults.chosen("no-such")


def test_a_file_is_loaded(tmp_path: Path) -> None:
    path = tmp_path / "mine.yaml"
    path.write_text("version: 1\ncalls:\n- {fault: html, rate: 0.5, status: 500}\n", encoding="utf-8")

    assert Faults.load(path).calls[0].status == 500


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("calls: [", "mine.yaml"),
        ("cals: []", "cals"),
        ("calls: [{fault: gremlins}]", "calls.0.fault"),
        ("deletes: {lie: 2}", "deletes.lie"),
        ("- 1", "dictionary"),
        ("maintenance: {weekly: [{days: [mon], from: '25:00', hours: 1}]}", "from"),
    ],
)
def test_a_file_that_is_wrong_is_told_where(tmp_path: Path, text: str, said: str) -> None:
    path = tmp_path / "mine.yaml"
    path.write_text(text, encoding="utf-8")

    with pytest.raises(ValueError, match=said):
        Faults.load(path)


def test_an_editor_finds_in_fault_files_what_is_wrong_and_nothing_else(tmp_path: Path) -> None:
    schema = Path(faults.__file__).with_name("faults.schema.json")
    page = (schema.parents[2] / "docs" / "simulator.md").read_text(encoding="utf-8")
    made = {
        "page": page.partition("```yaml\n")[2].partition("```")[0],
        "unknown": "version: 1\ncals: []",
        "kind": "version: 1\ncalls: [{fault: gremlins}]",
        "rate": "version: 1\ndeletes: {lie: 2}",
        "inner": "version: 1\njobs: {stal: 0.1}",
    }
    for name, text in made.items():
        (tmp_path / f"{name}.yaml").write_text(text, encoding="utf-8")
    files = map(str, [*schema.with_name("presets").glob("*.yaml"), *tmp_path.iterdir()])
    words = ["--output-format", "json", "--schemafile", str(schema), *files]
    done = subprocess.run(
        [sys.executable, "-m", "check_jsonschema", *words], capture_output=True, text=True, check=False
    )

    wrong = {Path(one["filename"]).stem for one in json.loads(done.stdout)["errors"]}
    assert wrong == made.keys() - {"page"}

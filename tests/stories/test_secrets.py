"""What a spec refers to is listed by name, blocks where it is new, and is shown nowhere."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest
from desk import Desk
from world import SPEC

from reconcile.simulator import Faults, Simulator
from reconcile.simulator.server import running

PLANTED = {
    "SALT": "planted-salt",
    "LEAST": "planted-least",
    "AWAY": "planted-away",
    "PLACE": "planted-place",
    "OTHER": "planted-other",
}
"""A secret for each place where a spec can refer to one; keys, URL and database are those of the desk."""
QUERY = "select * from customers where city <> {{ env('LEAST') }} or city <> {{ away }} or city is null"


@pytest.fixture
def desk(tmp_path: Path) -> Iterator[Desk]:
    simulator = Simulator(seed=1, faults=Faults.named("none"))
    with running(simulator) as url:
        made = Desk(tmp_path, url, simulator)
        made.environ |= PLANTED
        made.spec(SPEC)
        (tmp_path / "specs").rename(tmp_path / "base")
        yield made


def referring(desk: Desk) -> str:
    """A spec that refers to secrets wherever it can."""
    secret = desk.folder / "secret"
    secret.write_text("demo-secret\n")
    return (
        SPEC.replace("table: customers", f'query: "{QUERY}", parameters: {{away: "{{{{ env(\'AWAY\') }}}}"}}')
        .replace("{{ env('SECRET') }}", f"{{{{ file('{secret}') }}}}")
        .replace("url: http://sailthru.test", "url: \"{{ env('SAILTHRU_URL') }}\"")
        .replace(
            "  news: {column", "  token: {column: email, hash: sha256, salt: \"{{ env('SALT') }}\"}\n  news: {column"
        )
        + "state: \"kept/{{ env('PLACE') }}\"\n"
    )


def test_secrets_are_listed_by_name_block_where_they_are_new_and_show_nowhere(desk: Desk) -> None:
    desk.spec(referring(desk))
    assert desk.run("validate").returncode == 0
    blocked = desk.run("plan", "--base", "base", "--out", "p.rplan", "--enforce")
    assert blocked.returncode == 3, blocked.stderr
    for name, key in (
        ("env(SALT)", "properties: token: salt"),
        ("env(LEAST)", "sources: customers: query"),
        ("env(AWAY)", "sources: customers: parameters: away"),
        ("env(PLACE)", "state"),
        ("env(SAILTHRU_URL)", "account: url"),
        (f"file({desk.folder / 'secret'})", "account: api_secret"),
    ):
        assert f"new_references: {name} is read at {key}, and not in the base spec" in blocked.stdout, name
    assert "env(KEY) is read" not in blocked.stdout, "the base has it"
    assert "specs/shop.yaml:" in blocked.stdout
    shown = json.loads(desk.run("show", "p.rplan", "--spec", "specs", "--format", "json").stdout)
    assert {"name": "env(SALT)", "key": "properties: token: salt"} in shown["references"]
    for form in ("text", "markdown", "html"):
        assert "env(SALT)" in desk.run("show", "p.rplan", "--format", form).stdout
    assert desk.run("apply", "p.rplan").returncode == 3

    assert desk.run("plan", "--base", "specs", "--out", "p.rplan", "--enforce").returncode == 0, "none is new"
    assert desk.run("apply", "p.rplan", "--spec", "specs").returncode == 0
    for command in (("runs",), ("status", "nothing"), ("preview", "big"), ("drift",), ("groups",)):
        desk.run(*command)
    desk.environ["SHOP"] = f"postgresql://me:{PLANTED['OTHER']}@localhost:1/none"
    assert desk.run("plan").returncode == 69
    desk.environ["SAILTHRU_URL"] = f"https://{PLANTED['OTHER']}@host"
    assert desk.run("check").returncode == 65
    there = [(one.keys, one.vars, one.lists) for one in desk.simulator.account.profiles.values()]
    assert len(there) == 31
    for value in PLANTED.values():
        assert value not in desk.said + repr(there)
    assert "demo-secret" not in desk.said


@pytest.mark.parametrize(
    ("old", "new", "told"),
    [
        ("url: http://sailthru.test", "url: \"http://h/{{ env('OTHER') }}\"", "refers to something for a part of it"),
        ("url: http://sailthru.test", "url: \"{{ env('SAILTHRU_URL') }}{{ env('OTHER') }}\"", "for a part of it"),
        ("{{ env('SHOP') }}", "{{ env('SH' ~ 'OP') }}", "is not written in it"),
        ("table: customers", "query: \"select *, {{ env('OTHER') }} as town from customers\"", "selects a secret"),
        ('template: "Hi', "template: \"{{ env('OTHER') }} Hi", "env"),
    ],
)
def test_a_secret_reaches_no_value_and_no_host(desk: Desk, old: str, new: str, told: str) -> None:
    assert old in SPEC
    desk.spec(SPEC.replace(old, new))
    done = desk.run("validate")
    if done.returncode == 0:
        done = desk.run("plan")
    assert (done.returncode, told in done.stderr) == (65, True), done.stderr + done.stdout
    assert PLANTED["OTHER"] not in desk.said
    assert not desk.simulator.calls_total

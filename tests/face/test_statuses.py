"""What commands exit with in the situations of docs/flow.md: a table of commands and situations, tried in process."""

from __future__ import annotations

import re
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from desk import Desk

from reconcile import cli
from reconcile.apply import endings  # noqa: F401 -- has errors of its own
from reconcile.cli import ending, signals
from reconcile.errors import ReconcileError
from reconcile.sailthru import network
from reconcile.simulator import Faults, Simulator
from reconcile.simulator.server import running

DOCUMENTED = {
    int(number)
    for row in re.findall(
        r"^\| (\d+) \| (.*)$",
        (Path(__file__).parents[2] / "docs/flow.md").read_text("utf-8").partition("## Exit statuses")[2],
        re.MULTILINE,
    )
    for number in (row[0], *re.findall(r"\b1\d\d\b", row[1]))
}
"""Also those that a row tells of beside its own: 129 and 143."""

Situation = Callable[[Desk, pytest.MonkeyPatch], None]

COMMANDS = {
    "init": "init new --connect shop.db --table customers --email email --key id --vars city",
    "import": "import brought",
    "validate": "validate",
    "test": "test",
    "check": "check",
    "observe": "observe --out seen",
    "plan": "plan",
    "show": "show shop.rplan",
    "diff": "diff shop.rplan shop.rplan",
    "comment": "comment shop.rplan",
    "groups": "groups",
    "preview": "preview big",
    "explain": "explain 3",
    "drift": "drift",
    "approve": "approve shop.rplan",
    "apply PLAN": "apply shop.rplan",
    "apply SPEC": "apply --yes",
    "rollback": "rollback shop.rplan",
    "runs": "runs",
    "status": "status",
    "audit": "audit",
    "lease": "lease",
    "ci": "ci",
    "doctor": "doctor",
    "fmt": "fmt --check",
    "schema": "schema",
    "simulator": "simulator --faults nowhere.yaml",
    "seed": "seed nowhere.csv --data account",
}
"""Every command but the demo, which is a story of many."""


@pytest.fixture(scope="module")
def url() -> Iterator[str]:
    with running(Simulator(seed=1, faults=Faults.named("none"))) as url:
        yield url


@pytest.fixture
def desk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, url: str) -> Desk:
    """A shop with an account, and a file that is no plan."""
    desk = Desk(tmp_path, url, Simulator())
    (tmp_path / "shop.rplan").write_bytes(b"PK no plan")
    monkeypatch.chdir(tmp_path)
    for name, value in {**desk.environ, "SAILTHRU_API_KEY": "demo-key", "SAILTHRU_API_SECRET": "demo-secret"}.items():
        monkeypatch.setenv(name, value)
    return desk


def spoil_spec(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    (desk.folder / "specs" / "shop.yaml").write_text("version: 1\nnonsense: 1\n")


def remove_spec(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    (desk.folder / "specs" / "shop.yaml").unlink()


def unset(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("KEY", "SECRET", "SAILTHRU_API_KEY", "SAILTHRU_API_SECRET"):
        monkeypatch.delenv(name)


def spoil_key(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("KEY", "SAILTHRU_API_KEY"):
        monkeypatch.setenv(name, "demo-key\n")


def spoil_proxy(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("http_proxy", "http://u:s3cret@127.0.0.1:99999")


def break_proxy(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("http_proxy", "http://u:s3cret@127.0.0.1:9")


def spoil_certificates(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(network, "_trusted", network._trusted.__wrapped__)  # it is read once otherwise
    monkeypatch.setenv("SSL_CERT_FILE", "/nowhere")


def remove_source(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    (desk.folder / "shop.db").unlink()


def spoil_state(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    (desk.folder / ".reconcile").write_text("no folder")


def run(line: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> tuple[int, str]:
    monkeypatch.setattr(sys, "argv", ["reconcile", *line.split()])
    with pytest.raises(SystemExit) as ended:
        cli.main()
    said = capsys.readouterr()
    return int(ended.value.code or 0), said.out + said.err


def change_nothing(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    """The plan file is damaged all the same, and there was no run."""


PLANS = dict.fromkeys(("show", "diff", "comment", "approve", "apply PLAN", "rollback"), 5)
CALM = dict.fromkeys(COMMANDS, 0) | PLANS | {"status": 64, "fmt": 1, "simulator": 1, "seed": 1}
ACCOUNT = ("import", "check", "observe", "plan", "explain", "drift", "apply SPEC")
SPEC = tuple(
    name for name in COMMANDS if name not in {"init", "import", "ci", "doctor", "schema", "simulator", "seed", *PLANS}
)

SITUATIONS: list[tuple[Situation, dict[str, int], str]] = [
    (change_nothing, {name: status for name, status in CALM.items() if name not in {"apply SPEC", "import"}}, ""),
    (spoil_spec, dict.fromkeys((*SPEC, "rollback"), 65), "the spec has no section account"),
    (remove_spec, dict.fromkeys((*SPEC, "rollback"), 65), "there is no spec in specs"),
    (unset, dict.fromkeys(ACCOUNT, 77), "KEY is not set"),
    (spoil_key, dict.fromkeys(ACCOUNT, 64), "KEY holds a space or a line end"),
    (spoil_proxy, dict.fromkeys(ACCOUNT, 64), "The variable http_proxy names no proxy"),
    (break_proxy, dict.fromkeys(ACCOUNT, 69), "the proxy 127.0.0.1:9 (http_proxy) cannot be reached"),
    (spoil_certificates, dict.fromkeys(ACCOUNT, 64), "The variable SSL_CERT_FILE names"),
    (
        remove_source,
        dict.fromkeys(("init", "plan", "groups", "preview", "explain", "drift", "apply SPEC"), 69),
        "there is no database file",
    ),
    (spoil_state, {"apply SPEC": 74}, ".reconcile"),
]
"""What commands exit with, and what they say, where something is wrong around them."""


@pytest.mark.parametrize(("situation", "expected", "told"), SITUATIONS, ids=lambda one: getattr(one, "__name__", ""))
def test_every_command_exits_as_documented(
    desk: Desk,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    situation: Situation,
    expected: dict[str, int],
    told: str,
) -> None:
    situation(desk, monkeypatch)
    for name, status in expected.items():
        found, said = run(COMMANDS[name], monkeypatch, capsys)
        assert (found, told in said, "bug" in said, "s3cret" in said) == (status, True, False, False), (name, said)
    assert set(expected.values()) <= DOCUMENTED


def test_a_command_line_that_is_wrong_is_64_everywhere(
    desk: Desk, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    for line in COMMANDS.values():
        status, said = run(f"{line} --nonsense", monkeypatch, capsys)
        assert (status, "No such option: --nonsense" in said) == (64, True), line


def test_the_table_has_every_command_and_the_docs_every_status() -> None:
    assert {name.split()[0] for name in COMMANDS} | {"demo"} >= {*cli.app.commands}
    kinds = [ReconcileError]
    for kind in kinds:
        kinds.extend(kind.__subclasses__())
    assert len(kinds) > 20
    assert {kind.exit_status for kind in kinds} <= DOCUMENTED
    assert {
        ending.INTERRUPTED,
        ending.UNWRITTEN,
        ending.USAGE,
        signals.status_of(1),
        signals.status_of(15),
    } <= DOCUMENTED

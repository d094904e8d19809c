"""docs/adopting.md, run as it stands: its files are written, its commands are run, and the account is looked at."""

from __future__ import annotations

import json
import os
import re
import shlex
import sqlite3
import subprocess
import sys
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
import warm
from world import writes

from reconcile.simulator import Faults, Simulator, seeds
from reconcile.simulator.server import running

ROOT = Path(__file__).parents[2]
GIVEN = {"SAILTHRU_API_KEY": "demo-key", "SAILTHRU_API_SECRET": "demo-secret", "DATABASE_URL": "sqlite:///shop.db"}
OURS = "reconcile: managed"
_FENCE = re.compile(r"^```(console|yaml)\n(.*?)^```$", re.MULTILINE | re.DOTALL)


def sections() -> dict[str, str]:
    """Heading -> text of the page."""
    text = (ROOT / "docs" / "adopting.md").read_text(encoding="utf-8")
    parts = re.split(r"^## (.+)$", text, flags=re.MULTILINE)
    return dict(zip(parts[1::2], parts[2::2], strict=True))


class Reader:
    """Somebody who does what the page says: a folder, a shop, and an account that others have used for years."""

    def __init__(self, folder: Path, simulator: Simulator, url: str) -> None:
        self.folder, self.simulator = folder, simulator
        self.environ = {"SAILTHRU_URL": url, "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}"}
        self._open_shop()
        self._fill_account()

    def _open_shop(self) -> None:
        now = datetime.now(UTC)
        with sqlite3.connect(self.folder / "shop.db") as shop:
            shop.execute(
                "create table customers (id integer primary key, email text, first_name text, plan text,"
                " last_order_at datetime)"
            )
            shop.executemany(
                "insert into customers values (?, ?, ?, ?, ?)",
                [
                    (4711, "ada@example.com", "Ada", "plus", f"{now - timedelta(days=3):%Y-%m-%d %H:%M:%S}"),
                    (2, "ben@example.com", "Ben", "free", f"{now - timedelta(days=300):%Y-%m-%d %H:%M:%S}"),
                    (3, "cleo@example.com", "Cleo", "pro", None),
                ],
            )
        shop.close()

    def _fill_account(self) -> None:
        people = [
            {"id": "ada@example.com", "vars": {"firstName": "A.", "plan": "plus"}, "lists": {"Newsletter": 1}},
            {"id": "ben@example.com", "vars": {"firstName": "Ben", "plan": "plus"}, "lists": {"Plus": 1}},
            {"id": "stranger@example.com", "vars": {"plan": "plus"}, "lists": {"Plus": 1, "Newsletter": 1}},
        ]
        path = self.folder / "people.ndjson"
        path.write_text("".join(json.dumps(one) + "\n" for one in people), encoding="utf-8")
        seeds.load(self.simulator, path)

    def follow(self, text: str) -> str:
        """Write the files and run the commands of a section, in order; what was said."""
        said = []
        for kind, block in _FENCE.findall(text):
            if kind == "yaml":
                self._write(block)
            else:
                said += [self._run(line.removeprefix("$ ")) for line in block.splitlines()]
        return "\n".join(said)

    def _write(self, block: str) -> None:
        path = self.folder / block.partition("\n")[0].removeprefix("# ")
        assert path.exists(), "a file that the step before has written"
        path.write_text(block, encoding="utf-8")

    def _run(self, line: str) -> str:
        command, *words = shlex.split(line, comments=True)
        if command == "export":
            self.environ |= {name: GIVEN.get(name, value) for name, _, value in (one.partition("=") for one in words)}
            assert "..." not in self.environ.values()
            return ""
        taken = {*GIVEN, "CI"}  # the reader is at a terminal
        environ = {name: value for name, value in os.environ.items() if name not in taken} | self.environ
        words = [re.sub(r"\$(\w+)", lambda found: environ[found[1]], word) for word in words]
        done = self._started(command, words, environ)
        assert done.returncode == 0, (line, done.stdout + done.stderr)
        return done.stdout + done.stderr

    def _started(self, command: str, words: list[str], environ: Mapping[str, str]) -> subprocess.CompletedProcess[str]:
        if command == "reconcile":
            return warm.run(words, self.folder, environ)
        return subprocess.run(
            [str(self.folder / command), *words],
            cwd=self.folder, env=environ, capture_output=True, text=True, check=False, timeout=280,
        )  # fmt: skip

    def lists(self) -> dict[str, set[str]]:
        """Who is on which list."""
        people = self.simulator.account.profiles.values()
        names = self.simulator.account.list_names()
        return {
            name: {one.keys["email"].partition("@")[0] for one in people if name in (one.lists or {})} for name in names
        }

    def name_of(self, email: str) -> object:
        return (self.simulator.account.profile(email).vars or {}).get("firstName")

    def writes(self) -> int:
        return writes(self.simulator)


@pytest.fixture
def reader(tmp_path: Path) -> Iterator[Reader]:
    simulator = Simulator(seed=1, faults=Faults.named("none"))
    with running(simulator) as url:
        yield Reader(tmp_path, simulator, url)


def test_the_five_steps_and_the_way_back(reader: Reader) -> None:
    page = sections()
    assert list(page) == ["1. Import", "2. Observe", "3. Add", "4. Sync", "5. CI", "When something was not meant"]

    before = reader.lists()
    assert "2 lists and 0 smart lists" in reader.follow(page["1. Import"])
    said = reader.follow(page["2. Observe"])
    assert "this plan cannot be applied" in said
    assert reader.writes() == 0
    assert reader.lists() == before

    said = reader.follow(page["3. Add"])
    assert "Held back by mode additive" in said
    everybody = {"ada", "ben", "cleo"}
    assert reader.lists() == {
        "Newsletter": {"ada", "stranger"},
        "Plus": {*everybody, "stranger"},
        "Lapsed": {"ben"},
        OURS: everybody,
    }
    assert reader.name_of("ada@example.com") == "Ada"

    added = reader.lists()
    assert "No changes." in reader.follow(page["4. Sync"])
    synced = {**added, "Plus": {"ada", "cleo"}}
    assert reader.lists() == synced

    writes = reader.writes()
    assert "No changes." in reader.follow(page["5. CI"])
    assert (reader.folder / "plan.rplan").exists()
    assert reader.writes() == writes

    assert "Revert the spec too" in reader.follow(page["When something was not meant"])
    assert reader.lists() == added

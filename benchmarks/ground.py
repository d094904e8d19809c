"""What the benchmarks stand on: a shop of any size, its spec, the simulator apart, and processes that are measured."""

from __future__ import annotations

import json
import os
import platform
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import duckdb

HERE = Path(__file__).parent
ROOT = HERE.parent

SPEC = """\
version: 1
account:
  name: bench
  api_key: "{{ env('KEY') }}"
  api_secret: "{{ env('SECRET') }}"
  url: "{{ env('URL') }}"
sources:
  customers: {connect: "{{ env('SHOP') }}", table: customers, key: id}
profiles: {from: customers, email: email, id: id, identity: {var: customer_id}}
properties:
  first_name: {column: first_name}
  city: {column: city}
  spent: {column: spent, type: float, default: 0}
  news: {column: news, type: boolean, default: false}
vars:
  firstName: first_name
  city: city
  spent: spent
groups:
  big: {list: Big Spenders, where: "spent >= 1000"}
  news: {list: News, where: news}
policy:
  POLICY
  guards: {removals: 100%, joins: 100000000, deletions: 100000000, updates: 100%, source_rows: 100%, nulled: 100%,
    same_value: 100%}
"""


@dataclass(frozen=True)
class Cost:
    """What a process took: seconds of wall and of CPU, and its peak in MiB."""

    wall: float
    cpu: float
    peak: float
    said: str


class Account:
    """The simulator, in a process of its own."""

    def __init__(self, *knobs: str) -> None:
        self._process = subprocess.Popen(
            [sys.executable, HERE / "simulated.py", *knobs],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            env=_environ(),
        )
        self.url = self._line()

    def calls(self) -> dict[str, int]:
        """Calls answered so far, by name."""
        return dict(self._asked()["calls"])

    def minutes(self) -> list[int]:
        """Upserts let through in each minute, in order."""
        return [count for _, count in sorted(self._asked()["minutes"].items())]

    def fetched(self) -> dict[str, int]:
        """Exports fetched so far: `files` and `bytes`."""
        return dict(self._asked()["fetched"])

    def peak(self) -> float:
        """The most memory that it has taken so far, in MiB."""
        status = Path(f"/proc/{self._process.pid}/status").read_text()
        return next(int(line.split()[1]) / 1024 for line in status.splitlines() if line.startswith("VmHWM"))

    def _asked(self) -> Any:
        assert self._process.stdin is not None
        self._process.stdin.write("\n")
        self._process.stdin.flush()
        return json.loads(self._line())

    def close(self) -> None:
        """End it."""
        self._process.terminate()
        self._process.wait()

    def _line(self) -> str:
        assert self._process.stdout is not None
        return self._process.stdout.readline().strip()


@contextmanager
def account(*knobs: str) -> Iterator[Account]:
    """A simulator for as long as the block runs."""
    made = Account(*knobs)
    try:
        yield made
    finally:
        made.close()


@dataclass(frozen=True)
class Shop:
    """Customers in a DuckDB file, and the spec about them."""

    folder: Path

    @property
    def spec(self) -> Path:
        """The spec's file."""
        return self.folder / "spec.yaml"

    def environ(self, url: str) -> dict[str, str]:
        """What the spec's references resolve to."""
        shop = f"duckdb:///{self.folder / 'shop.duckdb'}"
        secret = "demo-secret"
        return {"KEY": "demo-key", "SECRET": secret, "SAILTHRU_API_SECRET": secret, "URL": url, "SHOP": shop}

    def policy(self, text: str) -> None:
        """Write the spec with this policy."""
        self.spec.write_text(SPEC.replace("POLICY", text.replace("\n", "\n  ")))

    def fill(self, size: int) -> None:
        """So many customers, all made up."""
        self.run(
            "create or replace table customers as select i as id, 'person' || i || '@example.com' as email,"
            " 'Name ' || i % 1000 as first_name, 'City ' || i % 50 as city, (i % 2000)::double as spent,"
            f" i % 2 = 0 as news from range({size}) t(i)"
        )

    def run(self, sql: str) -> None:
        """Change the shop."""
        with duckdb.connect(str(self.folder / "shop.duckdb")) as shop:
            shop.execute(sql)


@contextmanager
def shop() -> Iterator[Shop]:
    """A shop for as long as the block runs."""
    with tempfile.TemporaryDirectory(prefix="bench-") as folder:
        made = Shop(Path(folder))
        made.policy("route: auto")
        yield made


def reconcile(made: Shop, url: str, *words: str, fine: tuple[int, ...] = (0, 2)) -> Cost:
    """Run our command as a user would, and measure the process."""
    return measured([sys.executable, "-m", "reconcile.cli", *words], made.environ(url), folder=made.folder, fine=fine)


def measured(
    command: list[Any], environ: dict[str, str], *, folder: Path | None = None, fine: tuple[int, ...] = (0,)
) -> Cost:
    """Run a process to its end: what it took, and what it printed."""
    with tempfile.TemporaryFile("w+") as out, tempfile.TemporaryFile("w+") as err:
        told = _launched(command, stdout=out, stderr=err, env=_environ() | environ, cwd=folder)
        out.seek(0)
        err.seek(0)
        if told["code"] not in fine:
            raise RuntimeError(f"{command} ended with {told['code']}:\n{out.read()[-3000:]}\n{err.read()[-3000:]}")
        return Cost(**told["figures"], said=out.read())


def _launched(command: list[Any], **options: Any) -> dict[str, Any]:
    """Run a process by `launch.py`; what that tells of it."""
    reading, writing = os.pipe()
    with os.fdopen(reading) as told:
        launch = [sys.executable, "-S", "-E", HERE / "launch.py", str(writing), *command]
        process = subprocess.Popen(launch, pass_fds=[writing], **options)
        os.close(writing)
        found = told.read()
        process.wait()
    return dict(json.loads(found))


def counts(plan: Cost) -> dict[str, int]:
    """What `reconcile plan --json` counted, by the last event that it printed."""
    return dict(json.loads(plan.said.splitlines()[-1])["counts"])


def machine() -> str:
    """Where and when, without a name."""
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30
    load, python, day = os.getloadavg()[0], platform.python_version(), datetime.now(UTC).date().isoformat()
    return f"*{day}; {os.cpu_count()} cores, {memory:.0f} GiB, Python {python}; load before it began {load:.1f}.*"


def _environ() -> dict[str, str]:
    return {"PYTHONPATH": str(ROOT)} | os.environ

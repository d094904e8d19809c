"""A terminal for stories: commands as real processes, over a shop in SQLite and an account on a real socket."""

from __future__ import annotations

import os
import sqlite3
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import warm
from world import SPEC, shop, writes

from reconcile.simulator import Faults, Simulator
from reconcile.simulator.server import running

PLANTED = ("planted.person@secretmail.example", "Plantedfirst", "Plantedville")


class Desk:
    """A folder with a spec and a shop, an account over HTTP, and a terminal."""

    def __init__(self, folder: Path, url: str, simulator: Simulator) -> None:
        self.folder, self.url, self.simulator = folder, url, simulator
        self.environ = {"KEY": "demo-key", "SECRET": "demo-secret", "SHOP": "sqlite:///shop.db", "SAILTHRU_URL": url}
        self.environ["SAILTHRU_API_SECRET"] = "demo-secret"  # verifies plans where no spec says which it is
        self.said = ""
        self.spec(SPEC)
        self.fill(30)

    def spec(self, text: str) -> None:
        settled = {"MODE": "sync", "ON_LEAVE": "delete", "NULLS": "clear", "http://sailthru.test": self.url}
        for word, value in settled.items():
            text = text.replace(word, value)
        (self.folder / "specs").mkdir(exist_ok=True)
        (self.folder / "specs" / "shop.yaml").write_text(text)

    def fill(self, size: int) -> None:
        with sqlite3.connect(self.folder / "shop.db") as database:
            database.execute("drop table if exists customers")
            database.execute(
                "create table customers"
                " (id integer primary key, email text, first_name text, city text, spent real, news integer)"
            )
            rows = [(c.id, c.email, c.first_name, c.city, c.spent, c.news) for c in shop(size)]
            database.executemany("insert into customers values (?, ?, ?, ?, ?, ?)", rows)
            database.execute("insert into customers values (900, ?, ?, ?, 1, 1)", PLANTED)
        database.close()

    def sql(self, statement: str) -> None:
        with sqlite3.connect(self.folder / "shop.db") as database:
            database.execute(statement)
        database.close()

    def run(self, *words: str, stdin: str = "") -> subprocess.CompletedProcess[str]:
        done = warm.run(words, self.folder, {**os.environ, **self.environ}, stdin)
        self.said += done.stdout + done.stderr
        assert "Traceback" not in done.stderr, done.stderr
        return done

    def writes(self) -> int:
        return writes(self.simulator)


@contextmanager
def applying(folder: Path, latency: float) -> Iterator[tuple[Desk, subprocess.Popen[str]]]:
    """A desk with 400 people, and a process that has begun to apply `shop.rplan` for them.

    Args:
        latency: seconds that each answer takes.
    """
    slow = Faults.model_validate({"latency": {"least": latency, "most": latency}})
    simulator = Simulator(seed=1, faults=slow)
    with running(simulator) as url:
        desk = Desk(folder, url, simulator)
        desk.fill(400)
        assert desk.run("plan", "--out", "shop.rplan").returncode == 0
        process = subprocess.Popen(
            [sys.executable, "-m", "reconcile.cli", "apply", "shop.rplan"],
            cwd=folder,
            env={**os.environ, **desk.environ},
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        deadline = time.monotonic() + 60
        while simulator.calls_total.get(("POST", "user"), 0) < 5 and time.monotonic() < deadline:
            time.sleep(0.02)
        yield desk, process

"""The Chinook store, a public sample database: as a SQLite file, and in a real PostgreSQL."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
from world import Time

import reconcile as rc
from reconcile.simulator import Simulator

People = Mapping[str, tuple[Mapping[str, Any], frozenset[str]]]
FOLDER = Path(__file__).parents[2] / "shared" / "data" / "chinook"


@pytest.fixture(scope="session")
def chinook_sqlite() -> Path:
    """The store's SQLite file; it may be read only."""
    return _there("chinook.sqlite")


@pytest.fixture(scope="session")
def chinook_postgres(postgres_url: str) -> str:
    """The URL of the store in the run's PostgreSQL; tables and columns are in snake_case there."""
    psycopg = pytest.importorskip("psycopg")
    script = _there("chinook-postgres.sql").read_text(encoding="utf-8")
    # What stands before psql's `\c chinook;` drops and creates the database; only psql knows that command.
    _, _, tables = script.partition("\\c chinook;")
    with psycopg.connect(postgres_url, autocommit=True) as connection:
        connection.execute("CREATE DATABASE chinook")
    url = urlsplit(postgres_url)._replace(path="/chinook").geturl()
    with psycopg.connect(url) as connection:
        connection.execute(tables)
    return url


def _there(name: str) -> Path:
    path = FOLDER / name
    if not path.exists():
        pytest.skip(f"no Chinook store beside this clone ({name})")
    return path


class Account:
    """An empty account, and who reconciles it with a store."""

    def __init__(self, folder: Path, spec: str, store: str) -> None:
        time = Time()
        self.folder = folder
        (folder / "spec.yaml").write_text(spec)
        self.simulator = Simulator(keys={"demo-key": "demo-secret"}, clock=time.clock)
        self.ours = rc.Reconciler(
            environ={"KEY": "demo-key", "SECRET": "demo-secret", "STORE": store},
            state=folder / ".reconcile",
            transport=self.simulator.transport(),
            sleep=time.sleep,
            clock=time.clock,
            now=lambda: datetime.fromtimestamp(time.now, UTC),
        )

    def plan(self) -> rc.Plan:
        return asyncio.run(self.ours.plan(rc.load(self.folder), out=self.folder / "plan.rplan"))

    def settle(self, plan: rc.Plan) -> None:
        """Apply, and make sure that a further plan is empty."""
        report = asyncio.run(self.ours.apply(plan))
        assert report.converged, report
        assert self.plan().face.empty

    def people(self) -> People:
        """Everybody at the account: vars and lists."""
        return {
            profile.keys["email"]: (dict(profile.vars or {}), frozenset(profile.lists or {}))
            for profile in self.simulator.account.profiles.values()
        }


def snake_case(text: str) -> str:
    """The same with PostgreSQL's names: `<CustomerId>` is customer_id there."""
    return re.sub(r"<(\w+)>", lambda word: re.sub(r"(?<=[a-z])(?=[A-Z])", "_", word[1]).lower(), text)

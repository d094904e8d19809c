"""The Chinook store, a public sample database: as a SQLite file, and in a real PostgreSQL."""

from __future__ import annotations

from pathlib import Path
from urllib.parse import urlsplit

import pytest

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

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from reconcile import sources
from reconcile.errors import CredentialsRefused, SourceUnavailable
from reconcile.sources import queries
from reconcile.state.model import Demand


def test_importing_and_opening_load_no_engine() -> None:
    engines = "{'ibis', 'duckdb', 'pyarrow', 'sqlglot', 'adbc_driver_postgresql'}"
    code = f"import sys, reconcile.sources; print({engines} & set(sys.modules))"
    done = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True)
    assert done.stdout.strip() == "set()"


def test_opening_connects_to_nothing(open_source: Any) -> None:
    assert open_source(connect="postgresql://u:p@127.0.0.1:1/x", table="t").name == "shop"


def test_references_are_resolved(open_source: Any) -> None:
    source = open_source({"URL": "sqlite:///x.db"}, connect="{{ env('URL') }}", table="t")
    assert source.origin.engine == "sqlite"
    with pytest.raises(CredentialsRefused, match="URL"):
        open_source({}, connect="{{ env('URL') }}", table="t")


@pytest.mark.parametrize(
    ("connect", "engine"),
    [
        ("sqlite:///a.db", "sqlite"),
        ("shop.sqlite", "sqlite"),
        ("shop.db", "sqlite"),
        ("duckdb:///a", "duckdb"),
        ("shop.duckdb", "duckdb"),
        ("postgres://h/d", "postgres"),
        ("postgresql://h/d", "postgres"),
        ("mysql://h/d", "mysql"),
        ("mariadb://h/d", "mysql"),
        ("snowflake://h/d", "remote"),
        ("mongodb://h/d", None),
        ("shop", None),
    ],
)
def test_the_engine_is_told_by_url_or_ending(connect: str, engine: str | None, open_source: Any) -> None:
    assert open_source(connect=connect, table="t").origin.engine == engine


def test_an_unknown_engine_is_said_without_the_url(open_source: Any) -> None:
    with pytest.raises(SourceUnavailable) as caught:
        open_source(connect="mongodb://u:s3cret@h/d", table="t").read(Demand(()))
    assert "s3cret" not in f"{caught.value} {caught.value.hint}"
    assert "s3cret" not in repr(open_source(connect="mongodb://u:s3cret@h/d", table="t"))


def test_relative_and_absolute_database_files(tmp_path: Path, open_source: Any, monkeypatch: Any) -> None:
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    monkeypatch.chdir(elsewhere)
    source = open_source(connect="sqlite:///a.db", table="t")
    assert source.origin.database_file == elsewhere / "a.db"
    (tmp_path / "a.db").touch()
    assert source.origin.database_file == tmp_path / "a.db"
    assert open_source(connect="sqlite:////b/c.db", table="t").origin.database_file == Path("/b/c.db")


@pytest.mark.parametrize(
    ("query", "words"),
    [
        ("delete from t", "no SELECT but DELETE"),
        ("select 1; drop table t", "2 statements"),
        ("", "0 statements"),
        ("drop table t", "no SELECT but DROP"),
        ("pragma user_version = 3", "no SELECT"),
        ("attach 'x' as y", ""),
        ("with gone as (delete from t returning *) select * from gone", "writes (DELETE)"),
        ("select * into u from t", "writes (INTO)"),
        ("select (", "cannot be read as SQL"),
        ("select 'planted", "cannot be read as SQL"),
    ],
)
def test_a_query_that_is_not_one_select_is_refused(query: str, words: str) -> None:
    refused = queries.refused(query, "postgres")
    assert refused is not None
    assert words in refused
    assert "planted" not in refused


@pytest.mark.parametrize(
    "query",
    [
        "select 1",
        "select 1;",
        "-- a comment\nselect 1",
        "with a as (select 1) select * from a",
        "select 1 union select 2",
    ],
)
def test_one_select_is_let_through(query: str) -> None:
    assert queries.refused(query, "sqlite") is None
    assert queries.refused(query, None) is None


@pytest.mark.parametrize(
    ("parts", "words"),
    [
        ({"connect": "a.db"}, "found none"),
        ({"connect": "a.db", "table": "t", "query": "select 1"}, "found table and query"),
        ({"table": "t"}, "needs `connect`"),
        ({"connect": "a.db", "query": "drop table t"}, "no SELECT but DROP"),
    ],
)
def test_check_finds_what_is_wrong_as_written(parts: dict[str, str], words: str, make_spec: Any) -> None:
    (problem,) = sources.check(make_spec(**parts))
    assert words in problem.message
    assert str(problem.where) == "shop.yaml:3:3"


def test_check_is_silent_about_good_sources(make_spec: Any) -> None:
    assert sources.check(make_spec(file="a.csv")) == ()
    assert sources.check(make_spec(connect="{{ env('X') }}", query="select 1")) == ()

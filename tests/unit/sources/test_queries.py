"""Queries with parameters: what the database gets, and what is refused before."""

from __future__ import annotations

import sqlite3
from pathlib import Path
from typing import Any

import pytest

from reconcile import sources
from reconcile.errors import CredentialsRefused, SourceUnavailable, SpecInvalid
from reconcile.sources import queries
from reconcile.spec import parameters
from reconcile.state.model import Demand


@pytest.fixture
def shop(tmp_path: Path) -> str:
    with sqlite3.connect(tmp_path / "shop.db") as connection:
        connection.execute("CREATE TABLE people (id INTEGER, name TEXT, country TEXT)")
        rows = [(1, "O'Hara", "DE"), (2, "x' OR '1'='1", "AT"), (3, "Zoë", "FR")]
        connection.executemany("INSERT INTO people VALUES (?, ?, ?)", rows)
    connection.close()
    return "sqlite:///shop.db"


@pytest.mark.parametrize(
    ("query", "given", "ids"),
    [
        ("SELECT * FROM people WHERE name = {{ name }}", {"name": "O'Hara"}, [1]),
        ("SELECT * FROM people WHERE name = {{ name }}", {"name": "x' OR '1'='1"}, [2]),
        ("SELECT * FROM people WHERE country IN {{ countries }}", {"countries": ["DE", "FR"]}, [1, 3]),
        (
            "SELECT * FROM people WHERE id >= {{ least }}{% if not all %} AND id < 3{% endif %}",
            {"least": 2, "all": False},
            [2],
        ),
        ("SELECT * FROM people WHERE name = {{ env('NAME') }}", {}, [3]),
        ("SELECT * FROM people WHERE name = {{ name }}", {"name": "{{ env('NAME') }}"}, [3]),
        ("SELECT * FROM people WHERE country = {{ country | upper }}", {"country": "at"}, [2]),
        ("SELECT * FROM people WHERE {{ nothing }} IS NULL AND id < 2", {"nothing": None}, [1]),
    ],
)
def test_a_value_is_a_literal_and_never_sql(
    query: str, given: dict[str, Any], ids: list[int], shop: str, open_source: Any, rows: Any
) -> None:
    source = open_source({"NAME": "Zoë"}, connect=shop, query=query, parameters=given)
    assert sorted(rows(source, "id")["id"].to_pylist()) == ids


@pytest.mark.parametrize(
    ("dialect", "written"),
    [("postgres", "'a\\''b'"), ("mysql", "'a\\\\''b'"), ("bigquery", "'a\\\\\\'b'"), (None, "'a\\''b'")],
)
def test_a_text_is_written_as_the_dialect_reads_it(dialect: str | None, written: str) -> None:
    assert parameters.literal("a\\'b", dialect) == written


@pytest.mark.parametrize(
    ("query", "given"),
    [
        ("SELECT id, {{ env('NAME') }} AS city FROM people", {}),
        ("SELECT id, {{ file('/secret') }} AS city FROM people", {}),
        ("SELECT id, {{ name }} AS city FROM people", {"name": "x{{ env('NAME') }}"}),
        ("SELECT * FROM people WHERE id IN (SELECT {{ env('NAME') }})", {}),
        ("SELECT * FROM people, (SELECT {{ env('NAME') }} AS x) AS y", {}),
        ("WITH x AS (SELECT {{ env('NAME') }} AS y) SELECT * FROM people, x WHERE id = 1", {}),
        ("SELECT id, city FROM people ORDER BY {{ env('NAME') }}", {}),
        ("SELECT id FROM people UNION ALL SELECT {{ env('NAME') }}", {}),
        ("SELECT * FROM people WHERE name = {{ env('NAME') | upper }}", {}),
        ("SELECT {% if env('NAME')[0] == 'a' %}'a'{% endif %} AS city FROM people", {}),
        ("SELECT {% for one in name %}{{ one }}, {% endfor %} id FROM people", {"name": "{{ env('NAME') }}"}),
    ],
)
def test_a_secret_does_not_come_out_of_a_query(
    query: str, given: dict[str, Any], shop: str, open_source: Any, make_spec: Any
) -> None:
    parts = {"connect": shop, "query": query, "parameters": given}
    assert "secret" in sources.check(make_spec(**parts))[0].message
    with pytest.raises(SpecInvalid, match="secret") as refused:
        open_source({"NAME": "s3cret"}, **parts)
    assert "s3cret" not in str(refused.value)


def test_a_variable_that_is_not_set_is_said(shop: str, open_source: Any) -> None:
    with pytest.raises(CredentialsRefused, match="NAME"):
        open_source({}, connect=shop, query="SELECT id FROM people WHERE name = {{ env('NAME') }}")


def test_a_query_that_is_no_select_once_it_is_filled_in_is_refused(shop: str, open_source: Any, make_spec: Any) -> None:
    query = "SELECT 1 AS id{% if drop %}; DROP TABLE people{% endif %}"
    parts = {"connect": shop, "query": query, "parameters": {"drop": True}}
    assert sources.check(make_spec(**parts))[0].message.endswith("the query holds 2 statements, not one")
    with pytest.raises(SourceUnavailable, match="2 statements"):
        open_source({}, **parts).read(Demand(())).__enter__()


def test_a_query_is_parsed_in_the_dialect_of_its_database(make_spec: Any) -> None:
    query = "SELECT `id` FROM `people`"
    assert sources.check(make_spec(connect="mysql://h/d", query=query)) == ()
    (problem,) = sources.check(make_spec(connect="postgresql://h/d", query=query))
    assert "cannot be read as SQL" in problem.message


@pytest.mark.parametrize(
    "query",
    [
        "SELECT id FROM people -- all",
        "SELECT id FROM people; -- who's it?",
        "SELECT id FROM people -- all;",
        "SELECT id FROM people /* all",
        "SELECT id FROM people ; ; ",
        "SELECT id, ';' AS mark FROM people -- a 'quoted' word",
    ],
)
def test_a_comment_may_end_a_query(query: str, shop: str, open_source: Any, rows: Any) -> None:
    query = f"{query} */" if "/*" in query else query
    assert sorted(rows(open_source({}, connect=shop, query=query), "id")["id"].to_pylist()) == [1, 2, 3]


@pytest.mark.parametrize(
    ("query", "dialect", "sent"),
    [
        ("select 1 # all", "mysql", "select 1 # all\n"),
        ("select 5--1;", "mysql", "select 5--1\n"),
        ("select 1; -- it's all", "postgres", "select 1  -- it's all\n"),
        ("select ';'", "postgres", "select ';'\n"),
    ],
)
def test_a_comment_cannot_take_in_what_stands_behind_the_query(query: str, dialect: str, sent: str) -> None:
    assert queries.close_comment(query, dialect) == sent

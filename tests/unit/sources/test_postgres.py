# ruff: noqa: DTZ001 -- sources' timestamps have no zone: they are in UTC
from __future__ import annotations

import gc
import os
import signal
import sys
import threading
import time
import traceback
from datetime import date, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import psycopg
import pyarrow as pa
import pytest

from reconcile.errors import SourceUnavailable, SpecInvalid
from reconcile.state.model import MISFIT, Demand
from reconcile.state.values import FOREIGN

PLANTED = "planted.person@example.com"


@pytest.fixture(scope="module")
def odd(postgres_url: str) -> str:
    """A database with a table of types that seldom meet."""
    with psycopg.connect(postgres_url, autocommit=True) as connection:
        connection.execute("CREATE DATABASE odd")
    url = postgres_url.removesuffix("postgres") + "odd"
    with psycopg.connect(url) as connection:
        connection.execute("CREATE TYPE mood AS ENUM ('glad'); CREATE DOMAIN mail AS text; CREATE SCHEMA crm")
        connection.execute(f"""CREATE TABLE crm.odd AS SELECT 1::int2 i, 1.25::numeric(10,2) n, 'glad'::mood m,
            '{PLANTED}'::mail d, '{{"a": 1}}'::jsonb j, array[1, 2] l, 'infinity'::timestamp forever,
            timestamptz '2024-01-01 10:00+02' tz, time '10:00' t, '2 days'::interval iv, true AS ok,
            date '2024-01-01' AS day, '0044-03-15 BC'::date ides, 'NaN'::numeric nan, inet '10.0.0.1' ip,
            2::money money""")
        connection.execute("CREATE ROLE poor LOGIN PASSWORD 'hunter2'")
    return url


def test_types_come_down_to_few_kinds(odd: str, open_source: Any, rows: Any) -> None:
    source = open_source(connect=odd, table="crm.odd")
    (row,) = rows(source).to_pylist()
    assert row == {
        "i": 1, "n": 1.25, "m": "glad", "d": PLANTED, "j": FOREIGN + '{"a":1}', "l": FOREIGN + "[1,2]", "forever": None,
        "tz": datetime(2024, 1, 1, 8), "t": "10:00:00", "iv": "2 days", "ok": True, "day": date(2024, 1, 1),
        "ides": None, "ip": "10.0.0.1/32", "money": 2, "nan": None,
    }  # fmt: skip
    assert source.misfits == {"forever": 1, "ides": 1, "nan": 1}


def _kinds(table: pa.Table) -> list[str]:
    """The types, of decimals without their digits: only PostgreSQL holds its values to them."""
    return [str(kind).partition("(")[0] for kind in table.schema.types]


@pytest.mark.parametrize("parts", [{"table": "exact"}, {"query": "SELECT * FROM exact"}])
def test_decimals_keep_every_digit_and_what_is_no_number_is_flagged(
    parts: dict[str, str], postgres_url: str, open_source: Any
) -> None:
    with psycopg.connect(postgres_url, autocommit=True) as connection:
        connection.execute("DROP TABLE IF EXISTS exact; CREATE TABLE exact (k numeric(20,0), x numeric, f float4)")
        connection.execute(
            "INSERT INTO exact VALUES (9007199254740993, 12345678901234567.89, 19.9), (9007199254740992, 'NaN', 0.1),"
            " (99999999999999999999, 1e30, 'NaN'), (NULL, 1.0 / 3, NULL)"
        )
    source = open_source(connect=postgres_url, **parts)
    with source.read(Demand((), flagged=True)) as batches:
        found = batches.read_all()
    assert found["k"].to_pylist() == [9007199254740993, 9007199254740992, 99999999999999999999, None]
    assert found["x"].to_pylist()[:3] == [Decimal("12345678901234567.89"), None, None]
    assert str(found["x"].to_pylist()[3]) == "0.333333333333333333"
    assert found[f"{MISFIT}x"].to_pylist() == [False, True, True, False]
    assert found.schema.field("f").type == pa.float32()
    assert source.misfits == {"x": 2}


CUSTOMER = ("CustomerId", "FirstName", "LastName", "City", "Country", "Email", "SupportRepId")
INVOICE = ("InvoiceId", "CustomerId", "InvoiceDate", "BillingCity", "Total")


@pytest.mark.parametrize(("table", "columns"), [("Customer", CUSTOMER), ("Invoice", INVOICE)])
def test_one_store_has_the_same_rows_and_types_in_sqlite_and_postgresql(
    table: str, columns: tuple[str, ...], chinook_sqlite: Path, chinook_postgres: str, open_source: Any, rows: Any
) -> None:
    snake = ["".join("_" * (at > 0) + c.lower() if c.isupper() else c for at, c in enumerate(name)) for name in columns]
    lite = rows(open_source(connect=f"sqlite:///{chinook_sqlite}", table=table), *columns)
    real = rows(open_source(connect=chinook_postgres, table=table.lower()), *snake)
    assert _kinds(lite) == _kinds(real)
    assert _by_first(lite) == _by_first(real)


def test_aggregates_have_the_same_types_too(
    chinook_sqlite: Path, chinook_postgres: str, open_source: Any, rows: Any
) -> None:
    lite = "SELECT CustomerId, max(InvoiceDate) AS last, count(*) AS n, sum(Total) AS spent FROM Invoice GROUP BY 1"
    real = "SELECT customer_id, max(invoice_date) AS last, count(*) AS n, sum(total) AS spent FROM invoice GROUP BY 1"
    one = rows(open_source(connect=str(chinook_sqlite), query=lite))
    other = rows(open_source(connect=chinook_postgres, query=real))
    assert one.schema.types == other.schema.types
    assert len(one) == len(other) == 59


def test_accents_arrive_unharmed(chinook_postgres: str, open_source: Any, rows: Any) -> None:
    query = "SELECT first_name, last_name FROM customer WHERE last_name LIKE 'K%hler'"
    assert rows(open_source(connect=chinook_postgres, query=query)).to_pylist() == [
        {"first_name": "Leonie", "last_name": "Köhler"}
    ]


def test_rows_come_in_batches(postgres_url: str, open_source: Any) -> None:
    query = "SELECT at AS id, repeat('x', 100) AS x FROM generate_series(1, 100000) AS s(at)"
    with open_source(connect=postgres_url, query=query).read(Demand(("id", "x"))) as batches:
        sizes = [batch.nbytes for batch in batches]
    assert len(sizes) > 2
    assert max(sizes) < 6 * 2**20


@pytest.mark.parametrize("batches_read", [0, 1])
def test_a_read_may_end_early(batches_read: int, postgres_url: str, open_source: Any) -> None:
    source = open_source(connect=postgres_url, query="SELECT at AS id FROM generate_series(1, 90000) AS s(at)")
    with source.read(Demand(())) as batches:
        for _ in range(batches_read):
            batches.read_next_batch()
    del batches
    gc.collect()
    with psycopg.connect(postgres_url) as connection:
        left = "SELECT count(*) FROM pg_stat_activity WHERE application_name = 'reconcile' AND state != 'idle'"
        assert connection.execute(left).fetchone() == (0,)


def test_what_is_written_meanwhile_is_not_read(postgres_url: str, open_source: Any) -> None:
    with psycopg.connect(postgres_url, autocommit=True) as connection:
        connection.execute(
            "CREATE TABLE growing AS SELECT at AS id, repeat('x', 100) FROM generate_series(1, 90000) at"
        )
        with open_source(connect=postgres_url, table="growing").read(Demand(())) as batches:
            connection.execute("INSERT INTO growing SELECT id + 90000 FROM growing; DELETE FROM growing WHERE id < 10")
            assert sum(len(batch) for batch in batches) == 90_000


def test_a_server_that_goes_away_is_an_error_and_never_fewer_rows(postgres_url: str, open_source: Any) -> None:
    query = "SELECT at AS id, repeat('x', 200) AS x FROM generate_series(1, 2000000) AS s(at)"

    def read() -> None:
        with open_source(connect=postgres_url, query=query).read(Demand(())) as batches:
            batches.read_next_batch()
            with psycopg.connect(postgres_url) as connection:
                end = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = 'reconcile'"
                connection.execute(end)
            batches.read_all()

    with pytest.raises(SourceUnavailable, match=r"terminating connection|closed the connection"):
        read()


def test_an_interrupt_ends_the_query_at_the_server(postgres_url: str, open_source: Any) -> None:
    threading.Timer(1, os.kill, (os.getpid(), signal.SIGINT)).start()
    began = time.monotonic()
    query = "SELECT 1 AS id, pg_sleep(60)::text AS x"
    with pytest.raises(KeyboardInterrupt), open_source(connect=postgres_url, query=query).read(Demand(())) as batches:
        batches.read_all()
    assert time.monotonic() - began < 30
    with psycopg.connect(postgres_url) as connection:
        left = "SELECT count(*) FROM pg_stat_activity WHERE application_name = 'reconcile' AND state = 'active'"
        assert connection.execute(left).fetchone() == (0,)


def test_parameters_and_odd_passwords_of_the_url_reach_the_driver(postgres_url: str, open_source: Any) -> None:
    with psycopg.connect(postgres_url, autocommit=True) as connection:
        connection.execute("CREATE ROLE odd LOGIN PASSWORD 'a?b&c=d e%'")
    url = postgres_url.replace("shop:s3cret-of-the-tests", "odd:a?b&c=d%20e%25")
    query = "SELECT current_setting('application_name') AS id, current_setting('work_mem') AS memory"
    source = open_source(connect=f"{url}?application_name=mine&options=-c%20work_mem%3D1MB", query=query)
    with source.read(Demand(())) as batches:
        assert batches.read_all().to_pylist() == [{"id": "mine", "memory": "1MB"}]
    _refused(open_source(connect=f"{url}?sslmode=require", query=query), "does not support SSL", "a?b&c=d")


def test_the_session_only_reads(postgres_url: str, open_source: Any) -> None:
    with psycopg.connect(postgres_url) as connection:
        connection.execute("CREATE SEQUENCE IF NOT EXISTS counter")
    _refused(open_source(connect=postgres_url, query="SELECT nextval('counter') AS id"), "read-only transaction")


def test_a_wrong_password_is_said_and_not_shown(postgres_url: str, open_source: Any) -> None:
    url = postgres_url.replace("s3cret-of-the-tests", "wr0ng%40")
    error = _refused(open_source(connect=url, table="t"), "password authentication failed", "wr0ng")
    assert error.hint is not None


@pytest.mark.parametrize(
    "url",
    [
        "postgresql://u:hunter2@127.0.0.1:1/x",
        "postgresql://u:hunter2@127.0.0.1:port/x",
        "postgresql://u:hunter2%@127.0.0.1/x",
        "postgresql://u:hunter2@[::1/x",
        "postgresql://u@127.0.0.1:1/x?password=hunter2",
        "postgresql://u:hunter2@127.0.0.1/x?nonsense=1",
    ],
)
def test_no_password_is_in_any_message(url: str, open_source: Any) -> None:
    _refused(open_source(connect=url, table="t"), "Source `shop` (shop.yaml:3:3): ", "hunter2")


@pytest.mark.parametrize("code", ["", "USING ERRCODE = '42P01'", "USING ERRCODE = '22012', DETAIL = 'Lovelace'"])
def test_what_a_function_raises_is_told_in_our_own_words(odd: str, open_source: Any, code: str) -> None:
    with psycopg.connect(odd) as connection:
        connection.execute(
            "CREATE OR REPLACE FUNCTION broken(text) RETURNS text LANGUAGE plpgsql AS"
            f" $$ BEGIN RAISE EXCEPTION 'customer Lovelace % is broken', $1 {code}; END $$"
        )
    source = open_source(connect=odd, query="SELECT broken(d) AS d FROM crm.odd")
    _refused(source, "a function or trigger of the database raised an error", "Lovelace")


def test_no_value_is_in_any_message(odd: str, open_source: Any) -> None:
    _refused(open_source(connect=odd, query="SELECT d::text::int AS id FROM crm.odd"), "invalid input syntax")


def test_a_missing_right_is_said(odd: str, open_source: Any) -> None:
    url = odd.replace("shop:s3cret-of-the-tests", "poor:hunter2")
    error = _refused(open_source(connect=url, query="SELECT i FROM crm.odd"), "permission denied", "hunter2")
    assert error.hint is not None


def test_a_missing_table_or_column_is_said_with_what_was_meant(chinook_postgres: str, open_source: Any) -> None:
    _refused(open_source(connect=chinook_postgres, table="custmer"), "did you mean `customer`?")
    with pytest.raises(SpecInvalid, match="did you mean `email`"):
        open_source(connect=chinook_postgres, table="customer").read(Demand(("emial",))).__enter__()


def test_a_missing_driver_says_what_to_install(open_source: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "adbc_driver_postgresql", None)
    error = _refused(open_source(connect="postgresql://h/d", table="t"), "adbc-driver-postgresql) is not installed")
    assert "sailthru-reconcile[postgres]" in str(error.hint)


def _by_first(table: Any) -> list[tuple[Any, ...]]:
    """The rows in order. PostgreSQL takes outer spaces off the script's N'…' literals, so they are off here too."""
    rows = zip(*(column.to_pylist() for column in table.columns), strict=True)
    return sorted(tuple(value.strip() if isinstance(value, str) else value for value in row) for row in rows)


def _refused(source: Any, words: str, *secrets: str) -> SourceUnavailable:
    with pytest.raises(SourceUnavailable) as caught, source.read(Demand(())) as batches:
        batches.read_all()
    assert words in str(caught.value)
    told = "".join(traceback.format_exception(caught.value)) + str(caught.value.hint)
    for secret in (PLANTED, "s3cret-of-the-tests", *secrets):
        assert secret not in told
    return caught.value

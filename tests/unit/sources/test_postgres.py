# ruff: noqa: DTZ001 -- sources' timestamps have no zone: they are in UTC
from __future__ import annotations

import gc
import sys
import traceback
from datetime import date, datetime
from pathlib import Path
from typing import Any

import psycopg
import pytest

from reconcile.errors import SourceUnavailable, SpecInvalid
from reconcile.state.model import Demand

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


def test_types_come_down_to_six_kinds(odd: str, open_source: Any, rows: Any) -> None:
    source = open_source(connect=odd, table="crm.odd")
    (row,) = rows(source).to_pylist()
    assert row["nan"] != row.pop("nan")
    assert row == {
        "i": 1, "n": 1.25, "m": "glad", "d": PLANTED, "j": '{"a": 1}', "l": "{1,2}", "forever": None,
        "tz": datetime(2024, 1, 1, 8), "t": "10:00:00", "iv": "2 days", "ok": True, "day": date(2024, 1, 1),
        "ides": None, "ip": "10.0.0.1/32", "money": "$2.00",
    }  # fmt: skip
    assert source.misfits == {"timestamp": 1, "date": 1}


CUSTOMER = ("CustomerId", "FirstName", "LastName", "City", "Country", "Email", "SupportRepId")
INVOICE = ("InvoiceId", "CustomerId", "InvoiceDate", "BillingCity", "Total")


@pytest.mark.parametrize(("table", "columns"), [("Customer", CUSTOMER), ("Invoice", INVOICE)])
def test_one_store_has_the_same_rows_and_types_in_sqlite_and_postgresql(
    table: str, columns: tuple[str, ...], chinook_sqlite: Path, chinook_postgres: str, open_source: Any, rows: Any
) -> None:
    snake = ["".join("_" * (at > 0) + c.lower() if c.isupper() else c for at, c in enumerate(name)) for name in columns]
    lite = rows(open_source(connect=f"sqlite:///{chinook_sqlite}", table=table), *columns)
    real = rows(open_source(connect=chinook_postgres, table=table.lower()), *snake)
    assert lite.schema.types == real.schema.types
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
    source = open_source(connect=postgres_url, query="SELECT at AS id FROM generate_series(1, 45000) AS s(at)")
    with source.read(Demand(("id",))) as batches:
        assert [len(batch) for batch in batches] == [20_000, 20_000, 5_000]


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
    monkeypatch.setitem(sys.modules, "psycopg", None)
    error = _refused(open_source(connect="postgresql://h/d", table="t"), "psycopg) is not installed")
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

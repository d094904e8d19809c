# ruff: noqa: DTZ001 -- sources' timestamps have no zone: they are in UTC
from __future__ import annotations

import gc
import sys
import time
import traceback
from collections.abc import Iterator
from datetime import date, datetime
from typing import Any
from urllib.parse import urlsplit

import pytest

from reconcile.errors import SourceUnavailable, SpecInvalid
from reconcile.state.model import MISFIT, Demand

PLANTED = "planted.person@example.com"
ODD = f"""CREATE TABLE odd (i SMALLINT, big BIGINT UNSIGNED, n DECIMAL(10, 2), ok BOOLEAN, m ENUM('glad'), j JSON,
  e VARCHAR(50), day DATE, never DATE, at TIMESTAMP(6) NULL, dt DATETIME, t TIME, b VARBINARY(4), bits BIT(3), y YEAR,
  tags SET('a', 'b'), `order` INT, x TEXT);
INSERT INTO odd VALUES (1, 9007199254740993, 1.25, 2, 'glad', '{{"a": 1}}', '{PLANTED}', '2024-01-01', '0000-00-00',
  '2024-01-01 08:00:00.000001', '2024-01-01 08:00:00', '10:00:00', X'00FF', 5, 2024, 'a,b', 7, 'Köhler 😀');
INSERT INTO odd (i) VALUES (NULL)"""


@pytest.fixture(scope="module")
def odd(mariadb_url: str) -> str:
    """A database with a table of types that seldom meet."""
    with session(mariadb_url) as cursor:
        cursor.execute("SET time_zone = '+00:00'")
        cursor.execute("SET sql_mode = ''")
        for statement in ODD.split(";\n"):
            cursor.execute(statement)
    return mariadb_url


class session:  # noqa: N801 -- read as a function
    """A cursor of the server that commits each statement."""

    def __init__(self, url: str) -> None:
        import pymysql

        to = urlsplit(url)
        login: dict[str, Any] = {"user": to.username, "password": to.password, "autocommit": True}
        self._connection = pymysql.connect(host=to.hostname, port=to.port, database="shop", **login)

    def __enter__(self) -> Any:
        return self._connection.cursor()

    def __exit__(self, *_: object) -> None:
        self._connection.close()


def test_types_come_down_to_few_kinds(odd: str, open_source: Any, rows: Any) -> None:
    source = open_source(connect=odd, table="odd")
    row, empty = rows(source).to_pylist()
    assert row == {
        "i": 1, "big": 9007199254740993, "n": 1.25, "ok": True, "m": "glad", "j": '{"a": 1}', "e": PLANTED,
        "day": date(2024, 1, 1), "never": None, "at": datetime(2024, 1, 1, 8, 0, 0, 1), "dt": datetime(2024, 1, 1, 8),
        "t": "10:00:00", "b": r"\x00ff", "bits": 5, "y": 2024, "tags": "a,b", "order": 7, "x": "Köhler 😀",
    }  # fmt: skip
    assert set(empty.values()) == {None}
    assert source.misfits == {"never": 1}


def test_whole_numbers_keep_every_digit(mariadb_url: str, open_source: Any, rows: Any) -> None:
    with session(mariadb_url) as cursor:
        cursor.execute(
            "CREATE OR REPLACE TABLE exact (u BIGINT UNSIGNED, d DECIMAL(20,0), x DECIMAL(22,2), t TINYINT(1))"
        )
        cursor.execute("INSERT INTO exact VALUES (18446744073709551615, 9007199254740993, 12345678901234567.89, 5)")
        cursor.execute("INSERT INTO exact VALUES (1, 9007199254740992, 0.10, 0)")
    source = open_source(connect=mariadb_url, table="exact")
    found = rows(source)
    assert found["u"].to_pylist() == [18446744073709551615, 1]
    assert found["d"].to_pylist() == [9007199254740993, 9007199254740992]
    assert [str(value) for value in found["x"].to_pylist()] == ["12345678901234567.89", "0.10"]
    assert [str(found.schema.field(name).type) for name in "dx"] == ["decimal128(20, 0)", "decimal128(22, 2)"]
    assert found["t"].to_pylist() == [True, False]
    with source.read(Demand((), numbers=frozenset({"t"}))) as batches:
        assert batches.read_all()["t"].to_pylist() == [5, 0]


def test_a_date_that_is_none_is_flagged(odd: str, open_source: Any) -> None:
    with open_source(connect=odd, table="odd").read(Demand(("i", "never"), flagged=True)) as batches:
        assert batches.read_all().to_pylist() == [
            {"i": 1, "never": None, f"{MISFIT}i": False, f"{MISFIT}never": True},
            {"i": None, "never": None, f"{MISFIT}i": False, f"{MISFIT}never": False},
        ]


def test_columns_asked_for_are_read_and_no_others(odd: str, open_source: Any, rows: Any) -> None:
    assert rows(open_source(connect=odd, table="shop.odd"), "order", "i").to_pylist()[0] == {"order": 7, "i": 1}
    with pytest.raises(SpecInvalid, match="did you mean `order`"):
        open_source(connect=odd, table="odd").read(Demand(("ordr",))).__enter__()


def test_rows_come_in_batches_of_one_moment(mariadb_url: str, open_source: Any) -> None:
    with session(mariadb_url) as cursor:
        cursor.execute("CREATE TABLE growing AS SELECT seq AS id FROM seq_1_to_45000")
        with open_source(connect=mariadb_url, table="growing").read(Demand(())) as batches:
            cursor.execute("INSERT INTO growing SELECT id FROM growing")
            assert [len(batch) for batch in batches] == [20_000, 20_000, 5_000]


def test_a_read_that_is_left_ends_at_the_server(mariadb_url: str, open_source: Any) -> None:
    began = time.monotonic()
    query = "SELECT seq AS id, SLEEP(0.001) AS x FROM seq_1_to_100000"
    with open_source(connect=mariadb_url, query=query).read(Demand(())):
        pass
    assert time.monotonic() - began < 30
    with session(mariadb_url) as cursor:
        cursor.execute("SELECT info FROM information_schema.processlist WHERE info LIKE '%seq_1_to_100000%'")
        assert [info for (info,) in cursor.fetchall() if "processlist" not in info] == []


def test_a_read_may_end_early(mariadb_url: str, open_source: Any) -> None:
    query = "SELECT seq AS id FROM seq_1_to_1000000"
    with open_source(connect=mariadb_url, query=query).read(Demand(())) as batches:
        batches.read_next_batch()
    del batches
    gc.collect()  # nothing that is left of it complains


@pytest.fixture
def counter(mariadb_url: str) -> Iterator[None]:
    """A sequence, which a query could move."""
    with session(mariadb_url) as cursor:
        cursor.execute("CREATE SEQUENCE counter")
        yield
        cursor.execute("DROP SEQUENCE counter")


@pytest.mark.usefixtures("counter")
def test_the_session_only_reads(mariadb_url: str, open_source: Any) -> None:
    _refused(open_source(connect=mariadb_url, query="SELECT NEXTVAL(counter) AS id"), "READ ONLY")


def test_a_wrong_password_or_table_is_said_without_secrets(odd: str, open_source: Any) -> None:
    url = odd.replace("s3cret-of-the-tests", "wr0ng")
    assert _refused(open_source(connect=url, table="odd"), "Access denied", "wr0ng").hint
    _refused(open_source(connect=odd, table="oddd"), "did you mean `odd`?")
    _refused(open_source(connect=f"{odd}?nonsense=1", table="odd"), 'a parameter "nonsense"')
    _refused(open_source(connect="mysql://u:hunter2@127.0.0.1:1/x", table="t"), "Can't connect", "hunter2")


@pytest.mark.parametrize("number", ["", ", MYSQL_ERRNO = 30001"])
def test_what_a_function_raises_is_told_in_our_own_words(odd: str, open_source: Any, number: str) -> None:
    with session(odd) as cursor:
        cursor.execute("DROP FUNCTION IF EXISTS broken")
        cursor.execute(
            "CREATE FUNCTION broken(e TEXT) RETURNS TEXT DETERMINISTIC BEGIN DECLARE told TEXT;"
            " SET told = CONCAT('customer Lovelace ', e);"
            f" SIGNAL SQLSTATE '45000' SET MESSAGE_TEXT = told{number}; RETURN e; END"
        )
    source = open_source(connect=odd, query="SELECT broken(e) AS e FROM odd WHERE e IS NOT NULL")
    _refused(source, "a function or trigger of the database raised an error", "Lovelace")


def test_a_missing_driver_says_what_to_install(open_source: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "pymysql", None)
    error = _refused(open_source(connect="mariadb://h/d", table="t"), "pymysql) is not installed")
    assert "sailthru-reconcile[mysql]" in str(error.hint)


def _refused(source: Any, words: str, *secrets: str) -> SourceUnavailable:
    with pytest.raises(SourceUnavailable) as caught, source.read(Demand(())) as batches:
        batches.read_all()
    assert words in str(caught.value)
    told = "".join(traceback.format_exception(caught.value)) + str(caught.value.hint)
    for secret in (PLANTED, "s3cret-of-the-tests", *secrets):
        assert secret not in told
    return caught.value

from __future__ import annotations

import sqlite3
from pathlib import Path
from urllib.parse import urlsplit

import duckdb
import pymysql
import pytest

from reconcile.errors import SourceUnavailable
from reconcile.sources.discovery import ROWS, Place, Table, of_people


def sqlite(folder: Path, *statements: str) -> Place:
    with sqlite3.connect(folder / "shop.db") as database:
        for statement in statements:
            database.execute(statement)
    database.close()
    return Place("sqlite:///shop.db", folder)


def test_the_tables_of_a_sqlite_file(tmp_path: Path) -> None:
    place = sqlite(tmp_path, "create table a (id integer)", 'create table "b c" (id)', "create view v as select 1")
    assert place.tables() == ("a", "b c", "v")
    assert not place.is_file


def test_the_tables_of_a_duckdb_file(tmp_path: Path) -> None:
    with duckdb.connect(str(tmp_path / "shop.duckdb")) as database:
        database.execute("create table people (id int, email text)")
        database.execute("create schema crm")
        database.execute('create table crm."Odd name" (id int)')
        database.execute("insert into people select range, 'p' || range || '@example.com' from range(5000)")
    place = Place("shop.duckdb", tmp_path)
    assert set(place.tables()) == {"people", "crm.Odd name"}
    assert place.look("crm.Odd name").rows == 0
    assert place.look("people").rows == ROWS


def test_the_tables_of_a_mysql_server(mariadb_url: str, tmp_path: Path) -> None:
    server = urlsplit(mariadb_url)
    password = {"password": server.password} if server.password else {}
    connection = pymysql.connect(
        host=server.hostname, port=server.port or 3306, user=server.username, database=server.path[1:], **password
    )
    with connection, connection.cursor() as cursor:
        cursor.execute("create table discovered (discovered_id int, `E-Mail` varchar(50))")
        cursor.execute("insert into discovered values (1, 'p@example.com')")
        cursor.execute("create database elsewhere")
        cursor.execute("create table elsewhere.orders (id int)")
        connection.commit()
        try:
            place = Place(mariadb_url, tmp_path)
            assert {"discovered", "elsewhere.orders"} <= set(place.tables())
            found = place.look("discovered")
            assert (found.emails, found.keys) == (("E-Mail",), ("discovered_id",))
            assert [one.name for one in place.look("elsewhere.orders").columns] == ["id"]
        finally:
            cursor.execute("drop table discovered")
            cursor.execute("drop database elsewhere")


def test_tables_that_are_called_like_people_are_likelier() -> None:
    assert of_people(("orders", "shop.Users", "customer", "userdata")) == ("customer", "shop.Users")


def people(folder: Path, columns: str, *rows: str, name: str = "customers") -> Table:
    return sqlite(
        folder, f"create table {name} ({columns})", *(f"insert into {name} values ({row})" for row in rows)
    ).look(name)


def test_columns_of_addresses_are_told_by_their_values_then_by_name(tmp_path: Path) -> None:
    found = people(
        tmp_path, "contact text, email text, mail_count int", "'a@b.example', 'c@d.example', 3", "'?', null, 4"
    )
    assert found.emails == ("email", "contact")


def test_a_table_without_rows_is_told_by_names(tmp_path: Path) -> None:
    found = people(tmp_path, "customer_id integer, e_mail text, mailings integer")
    assert (found.rows, found.emails, found.keys) == (0, ("e_mail",), ("customer_id",))


@pytest.mark.parametrize(
    ("columns", "rows", "keys"),
    [
        ("CustomerId int, email text, phone text", ["1, 'a@b.example', '1'", "2, 'c@d.example', '2'"], ("CustomerId",)),
        ("id int, code text, external_id text", ["1, 'x', 'e'", "2, 'y', 'f'"], ("id",)),
        ("company_id int, code text, member_uuid text", ["1, 'x', 'e'", "1, 'y', 'f'"], ("member_uuid",)),
        ("id int, code text, town text", ["1, 'x', 'e'", "null, 'y', 'e'"], ("code",)),
        ("id int, at real", ["1, 1.5", "1, 2.5"], ()),
    ],
    ids=["the table's own", "id before others", "unique only", "without gaps only", "none"],
)
def test_what_may_be_the_key(tmp_path: Path, columns: str, rows: list[str], keys: tuple[str, ...]) -> None:
    assert people(tmp_path, columns, *rows).keys == keys


def test_no_value_of_a_person_is_kept(tmp_path: Path) -> None:
    found = people(tmp_path, "id int, email text, city text", "1, 'planted@secret.example', 'Plantedville'")
    assert "lanted" not in repr(found)


def test_what_cannot_be_read_is_told_without_the_password(tmp_path: Path) -> None:
    place = Place("postgresql://ada:hunter22@127.0.0.1:1/shop?connect_timeout=1", tmp_path)
    assert "hunter22" not in repr(place)
    with pytest.raises(SourceUnavailable) as caught:
        place.tables()
    assert "hunter22" not in f"{caught.value} {caught.value.hint}"
    with pytest.raises(SourceUnavailable, match=r"there is no table `custmers`; did you mean `customers`\?"):
        sqlite(tmp_path, "create table customers (id int)").look("custmers")
    with pytest.raises(SourceUnavailable, match="cannot tell which database"):
        Place("what is this", tmp_path).tables()

"""What databases say reaches nobody with a person's data in it, and no part of a password."""

from __future__ import annotations

from pathlib import Path

import pytest

from reconcile.sources import failures
from reconcile.sources.origin import Origin
from reconcile.spec.source import SourceSpec


def origin(connect: str) -> Origin:
    return Origin("customers", SourceSpec(table="t", key="id", connect="x"), connect, Path(), lambda _: None)


class Postgres(Exception):
    """An error as ADBC raises it."""

    def __init__(self, told: str, sqlstate: str, context: str = "") -> None:
        super().__init__(f"ERROR: {told}\nCONTEXT:  {context}")
        self.sqlstate = sqlstate
        self.details = [(b"PG_DIAG_MESSAGE_PRIMARY", told.encode())]


class ConversionException(Exception):
    """As DuckDB calls its own."""


POSTGRES, MYSQL, REMOTE = "postgresql://u:pw@h/d", "mysql://u:pw@h/d", "trino://u:pw@h/d"
RAISE = "PL/pgSQL function broken(text) line 1 at RAISE"
PERSON = ("ada", "Lovelace", "0151 2345678")
CASES = [
    (
        POSTGRES,
        Postgres("customer ada@example.com is broken", "P0001", RAISE),
        "a function or trigger",
    ),
    (POSTGRES, Postgres("Lovelace 0151 2345678", "P0001"), "a function or trigger"),
    (
        POSTGRES,
        Postgres("Lovelace does not pay", "42P01", RAISE),
        "a function or trigger",
    ),
    (POSTGRES, Postgres('invalid input syntax for type integer: "ada"', "22P02"), "invalid input syntax"),
    (POSTGRES, Postgres("permission denied by ada@example.com", "42501"), "permission denied by …"),
    (POSTGRES, Postgres('relation "shop" does not exist', "42P01"), 'relation "shop" does not exist'),
    (POSTGRES, Exception("ERROR: broken\nDETAIL:  Key (email)=(ada@example.com) exists."), "broken"),
    (MYSQL, Exception(1644, "customer Lovelace is broken"), "a function or trigger"),
    (MYSQL, Exception(30001, "Lovelace"), "a function or trigger"),
    (MYSQL, Exception(1525, "Incorrect DATE value: 'ada'"), "Incorrect DATE …"),
    (MYSQL, Exception(1146, "Table 'shop.people' doesn't exist"), "shop.people"),
    ("shop.db", Exception("malformed JSON: ada@example.com"), "malformed JSON"),
    ("shop.duckdb", ConversionException("Conversion Error: Could not convert string 'ada' to INT32"), "Conversion"),
    (REMOTE, Exception("Cannot cast 'ada' to BIGINT"), "Cannot cast … to BIGINT"),
    (REMOTE, Exception("Bad thing happened: Lovelace"), "Bad thing happened"),
]


@pytest.mark.parametrize(("connect", "error", "told"), CASES)
def test_no_person_is_in_what_a_database_says(connect: str, error: Exception, told: str) -> None:
    said = str(failures.of(origin(connect), error))
    assert told in said
    assert not [one for one in PERSON if one in said]


@pytest.mark.parametrize("password", ["Sup3r/PW@x", "p@PW", "PW", "p%2FPW"])
def test_no_part_of_a_password_is_in_what_a_driver_says(password: str) -> None:
    of = origin(f"postgresql://u:{password}@host/db")
    said = str(failures.of(of, Exception(f'could not translate host name "PW@x@host" of u:{password}@host')))
    assert "PW" not in said
    assert "host" in said or "***" in said

"""The canonical form: one text for what is the same, whichever side it came from."""

from collections.abc import Iterator

import pytest

from reconcile.spec.property import ValueType as V
from reconcile.state import arrows, values
from reconcile.state.engines.duckdb import DuckDB
from reconcile.state.workspace import Workspace


@pytest.fixture(scope="module")
def workspace() -> Iterator[Workspace]:
    with DuckDB() as opened:
        yield opened


def canonical(workspace: Workspace, kind: V, *texts: str | None) -> list[str | None]:
    rows = workspace.store("texts", arrows.table({"text": list(texts)}, {"text": "string"}))
    found = workspace.dicts(rows.mutate(text=values.canonical(rows.text, kind)), limit=1000)
    return [row["text"] for row in found]


@pytest.mark.parametrize("kind", V)
def test_null_missing_and_empty_are_one(workspace: Workspace, kind: V) -> None:
    assert canonical(workspace, kind, None, "") == [None, None]


@pytest.mark.parametrize("kind", [V.INTEGER, V.FLOAT])
@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("1", "1"),
        ("1.0", "1"),
        ("+1", "1"),
        ("007", "7"),
        ("-0.50", "-0.5"),
        ("-0", "0"),
        ("-0.0", "0"),
        ("0.1", "0.1"),
        ("1e3", "1000"),
        ("9007199254740993", "9007199254740993"),
        ("123456789012345678", "123456789012345678"),
        ("1234567890123456789", "1234567890123456789"),
        ("-9223372036854775808", "-9223372036854775808"),
        ("9223372036854775808", "9223372036854775808"),
        ("12345678901234567890", "12345678901234567890"),
        ("-99999999999999999999999999999999999999", "-99999999999999999999999999999999999999"),
        ("1e18", "1000000000000000000"),
        ("9007199254740992.0", "9007199254740992"),
        ("1e400", "1e400"),
        ("nan", "nan"),
        ("inf", "inf"),
        ("ten", "ten"),
        ("1,5", "1,5"),
        ("0x10", "0x10"),
        ("1_000", "1_000"),
        ("1234567890123456.5", "1234567890123456.5"),
    ],
)
def test_numbers(workspace: Workspace, kind: V, text: str, told: str | None) -> None:
    assert canonical(workspace, kind, text) == [told]


def test_a_large_number_is_told_as_its_type_is_sent(workspace: Workspace) -> None:
    assert canonical(workspace, V.FLOAT, "1e30", "10000000000000000000000") == ["1e+30", "1e+22"]
    digits = ["1" + 30 * "0", "1" + 22 * "0", "1" + 22 * "0"]
    assert canonical(workspace, V.INTEGER, "1e30", "10000000000000000000000", "1.0E+22") == digits


@pytest.mark.parametrize(
    ("kind", "text", "told"),
    [
        (V.BOOLEAN, "TRUE", "true"),
        (V.BOOLEAN, "1", "true"),
        (V.BOOLEAN, "0", "false"),
        (V.BOOLEAN, "maybe", "maybe"),
        (V.DATE, "1987-08-01", "1987-08-01"),
        (V.DATE, "1987-8-1", "1987-08-01"),
        (V.DATE, "soon", "soon"),
        (V.DATE, "today", "today"),
        (V.DATE, "infinity", "infinity"),
        (V.DATE, "2026-02-31", "2026-02-31"),
        (V.DATE, "2026-01-02T23:59:59-05:00", "2026-01-02"),
        (V.DATETIME, "epoch", "epoch"),
        (V.DATETIME, "10:00:00", "10:00:00"),
        (V.DATETIME, "2026-03-29T02:30+02:00", "2026-03-29T00:30:00Z"),
        (V.DATETIME, "2026-03-29T02:30:00Z", "2026-03-29T02:30:00Z"),
        (V.DATETIME, "2026-03-29 02:30:00", "2026-03-29T02:30:00Z"),
        (V.DATETIME, "2026-03-29T02:30:00.123456Z", "2026-03-29T02:30:00Z"),
        (V.DATETIME, "2026-03-29T02:30:00+02:00", "2026-03-29T00:30:00Z"),
        (V.DATETIME, "soon", "soon"),
        (V.STRING, "Zoe\u0308", "Zoë"),
        (V.STRING, " padded ", " padded "),
        (V.STRING, "é\x00é 🙂", "é\x00é 🙂"),
        (V.STRING, "1.0", "1.0"),
    ],
)
def test_other_types(workspace: Workspace, kind: V, text: str, told: str) -> None:
    assert canonical(workspace, kind, text) == [told]


@pytest.mark.parametrize(
    ("value", "kind", "told"),
    [
        (10, V.INTEGER, "10"),
        (10.5, V.FLOAT, "10.5"),
        (True, V.BOOLEAN, "true"),
        (None, V.STRING, None),
        ("", V.INTEGER, ""),
        ("1987-08-01", V.DATE, "1987-08-01"),
    ],
)
def test_a_json_value_that_fits_is_its_text(value: object, kind: V, told: str | None) -> None:
    assert values.seen(value, kind) == told


@pytest.mark.parametrize(
    ("value", "kind"),
    [(10, V.STRING), ("10", V.INTEGER), (True, V.STRING), (1, V.BOOLEAN), ([1], V.STRING), ({}, V.DATE)],
)
def test_a_json_value_of_another_type_differs_from_all_that_fit(workspace: Workspace, value: object, kind: V) -> None:
    [told] = canonical(workspace, kind, values.seen(value, kind))
    assert told is not None
    assert told.startswith(values.FOREIGN)


@pytest.mark.parametrize(
    ("text", "kind", "sent"),
    [
        ("1", V.INTEGER, 1),
        ("12.5", V.FLOAT, 12.5),
        ("3", V.FLOAT, 3),
        ("ten", V.INTEGER, "ten"),
        ("true", V.BOOLEAN, True),
        ("false", V.BOOLEAN, False),
        ("1", V.STRING, "1"),
        (None, V.STRING, None),
        ("1987-08-01", V.DATE, "1987-08-01"),
        ("12345678901234567890", V.INTEGER, 12345678901234567890),
        ("1_000", V.INTEGER, "1_000"),
        ("\u0661", V.INTEGER, "\u0661"),
        ("nan", V.FLOAT, "nan"),
    ],
)
def test_what_is_sent(text: str | None, kind: V, sent: object) -> None:
    found = values.typed(text, kind)
    assert found == sent
    assert type(found) is type(sent)


def test_addresses_are_keyed_as_sailthru_keys_them(workspace: Workspace) -> None:
    rows = workspace.store("texts", arrows.table({"text": ["  Ada@Example.COM ", "", None]}, {"text": "string"}))
    keyed = rows.mutate(key=values.address(rows.text))
    keyed = keyed.mutate(hash=values.md5(keyed.key))
    assert [row["key"] for row in workspace.dicts(keyed, limit=9)] == ["ada@example.com", None, None]
    assert workspace.dicts(keyed, limit=1)[0]["hash"] == values.hash_of("ada@example.com")

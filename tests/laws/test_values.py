"""Laws of the canonical form: doing it twice is doing it once, and what is sent comes back as the same."""

from __future__ import annotations

import json
import math
import re
from collections.abc import Iterator
from decimal import Decimal

import pyarrow as pa
import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from reconcile.spec import grammar
from reconcile.spec.property import ValueType
from reconcile.state import arrows, conversions, nested, values
from reconcile.state.engines.duckdb import DuckDB
from reconcile.state.workspace import Workspace

BOUNDED = settings(max_examples=10, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
SHORT = st.text(st.characters(exclude_categories=["Cs"]), max_size=5)
NESTED = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**53), 2**53) | SHORT,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(SHORT, inner, max_size=3),
    max_leaves=5,
).map(nested.dumped)
LIKELY = st.one_of(
    NESTED,
    st.lists(SHORT, max_size=3).map(json.dumps),
    st.integers().map(str),
    st.floats().map(str),
    st.decimals(allow_nan=False, allow_infinity=False, places=3).map(str),
    st.dates().map(str),
    st.datetimes().map(lambda at: at.isoformat()),
    st.datetimes(timezones=st.timezones()).map(lambda at: at.isoformat()),
    st.sampled_from(["true", "F", "yes", "NaN", "-Infinity", "1e400", "-0.0", "epoch", "infinity", "0001-01-01 (BC)"]),
    # Arrow and JSON hold no lone surrogates.
    st.text(st.characters(exclude_categories=["Cs"]), max_size=20),
)
BATCH = st.lists(LIKELY, min_size=1, max_size=30)


@pytest.fixture(scope="module")
def workspace() -> Iterator[Workspace]:
    with DuckDB() as opened:
        yield opened


def canonical(workspace: Workspace, kind: ValueType, texts: list[str | None]) -> list[str | None]:
    columns = {"at": list(map(str, range(len(texts)))), "text": texts}
    rows = workspace.store("texts", arrows.table(columns, {"at": "string", "text": "string"}))
    made = rows.mutate(text=values.canonical(rows.text, kind), at=rows["at"].cast("int64")).order_by("at")
    return [row["text"] for row in workspace.dicts(made, limit=1000)]


@pytest.mark.parametrize("kind", ValueType)
@BOUNDED
@given(BATCH)
@example(["9223372036854775808", "1e308", "-1e19", "99999999999999999999"])
@example(["a\x00b", "\U0001f468\u200d\U0001f469", "\u212b", "\ufeff", " ", "\n"])
def test_twice_is_once(workspace: Workspace, kind: ValueType, texts: list[str]) -> None:
    once = canonical(workspace, kind, list(texts))
    assert canonical(workspace, kind, once) == once


@pytest.mark.parametrize("kind", ValueType)
@BOUNDED
@given(BATCH)
@example(["9007199254740993", "9007199254740992.0", "1e22", "-1e19", "0.1", "1.0", "9223372036854775807"])
@example(["12345678901234567890.123", "9007199254740993.5", "1.5e38", "1" + 38 * "0", "-1234567890123456.5"])
def test_what_is_sent_is_seen_as_what_was_wanted(workspace: Workspace, kind: ValueType, texts: list[str]) -> None:
    """Text -> canonical -> JSON value -> over the wire -> text -> canonical: nothing differs that was just written."""
    wanted = canonical(workspace, kind, list(texts))
    sent = json.loads(json.dumps([values.typed(text, kind) for text in wanted]))
    seen = canonical(workspace, kind, [values.seen(value, kind) for value in sent])
    fits = [_fits(value, kind) for value in sent]
    assert [text for text, fit in zip(seen, fits, strict=True) if fit] == [
        text for text, fit in zip(wanted, fits, strict=True) if fit
    ]


@BOUNDED
@given(BATCH)
def test_text_is_kept_but_for_its_unicode_form(workspace: Workspace, texts: list[str]) -> None:
    from unicodedata import normalize

    found = canonical(workspace, ValueType.STRING, list(texts))
    assert [normalize("NFC", text or "") for text in found] == [normalize("NFC", text) for text in texts]


HUGE = [2.0**81, 2.0**91, -(2.0**91), 8.535058474086213e242, 2.0**63, 1e300, 5e-324, 0.1, -0.0, 1.5]


@BOUNDED
@given(st.lists(st.floats(allow_nan=False, allow_infinity=False), min_size=1, max_size=30))
@example(HUGE)
def test_a_number_is_sent_as_itself(workspace: Workspace, numbers: list[float]) -> None:
    columns = {"at": list(map(str, range(len(numbers)))), "number": numbers}
    rows = workspace.store("numbers", arrows.table(columns, {"at": "string", "number": "float64"}))
    made = rows.mutate(
        of=values.of(rows.number, ValueType.FLOAT), text=values.text_of(rows.number), at=rows["at"].cast("int64")
    )
    found = workspace.dicts(made.order_by("at"), limit=1000)
    assert [values.typed(row["of"], ValueType.FLOAT) for row in found] == numbers
    assert [float(row["text"]) for row in found] == numbers


GRAMMAR = [ValueType.INTEGER, ValueType.FLOAT, ValueType.BOOLEAN, ValueType.DATE, ValueType.DATETIME]
NEAR = st.one_of(
    LIKELY,
    *(st.from_regex(rf"\A(?:{text})\Z") for text in grammar.EXPRESSIONS.values()),
    st.text("0123456789+-.eE_x :TZ/", max_size=25),
)


def typed(workspace: Workspace, kind: ValueType, texts: list[str]) -> list[str | None]:
    """Text -> value -> canonical text."""
    columns = {"at": list(map(str, range(len(texts)))), "text": texts}
    rows = workspace.store("texts", arrows.table(columns, {"at": "string", "text": "string"}))
    found = conversions.converted(values.received(rows.text), kind)
    made = rows.mutate(text=values.of(found, kind), at=rows["at"].cast("int64")).order_by("at")
    return [row["text"] for row in workspace.dicts(made, limit=1000)]


def free(text: str, kind: ValueType) -> str | None:  # noqa: PLR0911 -- a case a type
    """The canonical text by Python's own reading, with the freedoms of the grammar; None for a misfit."""
    if kind is ValueType.BOOLEAN:
        word = text.strip(" \t\n\x0b\f\r").lower()
        return "true" if word in grammar.TRUE else "false" if word in grammar.FALSE else None
    bare = grammar.read(text, kind)
    if bare is None:
        return None
    match kind:
        case ValueType.INTEGER:
            whole = int(bare.partition(".")[0])
            return str(whole) if -(2**63) <= whole < 2**63 else None
        case ValueType.FLOAT:
            number = float(bare)
            exact = Decimal(bare)
            if not math.isfinite(number) or (
                re.fullmatch(r"[+-]?[0-9]+(\.0*)?", bare) and Decimal(repr(number)) != exact
            ):
                return None
            return str(int(number)) if number.is_integer() and abs(number) < 2**63 else repr(number)
        case ValueType.DATE:
            day = grammar.read_date(re.split("[T ]", bare)[0])
            return f"{day:%Y}".zfill(4) + f"{day:-%m-%d}" if day else None
        case _:
            at = grammar.read_moment(bare)
            return f"{at.year:04}" + f"{at:-%m-%dT%H:%M:%SZ}" if at else None


@pytest.mark.parametrize("kind", GRAMMAR)
@BOUNDED
@given(st.lists(NEAR, min_size=1, max_size=30))
@example(["17.6", "1.5", "0.1", "0x10", "1_000", "1e-7", "17.0", "9223372036854775808", "1e400", "-0", "٣"])
@example(["9007199254740993", "9007199254740992", "100000000000000000000000", "1e23", "nan", "inf", "-Infinity"])
@example(["epoch", "today", "now", "infinity", "99999-01-01", "-2025-01-01", "2025-02-31", "10:00:00", "0000-01-01"])
@example(["2026-01-02T10:00-05:00", "2026-01-02 10:00:00.9999999 +0530", "0001-01-01T00:00:00+14:00", "\t2026/1/2\n"])
def test_a_text_is_its_value_or_a_misfit(workspace: Workspace, kind: ValueType, texts: list[str]) -> None:
    texts = [text for text in texts if "\0" not in text and not text.startswith(values.FOREIGN)] or ["1"]
    found = zip(texts, typed(workspace, kind, texts), strict=True)
    assert [(text, made) for text, made in found if made != free(text, kind)] == []


@pytest.mark.parametrize("kind", GRAMMAR)
@BOUNDED
@given(st.lists(NEAR, min_size=1, max_size=30))
def test_what_fits_has_the_canonical_form_of_its_text(workspace: Workspace, kind: ValueType, texts: list[str]) -> None:
    """Both sides are read by one grammar: of a source by conversion, of an export by the canonical form."""
    pairs = zip(typed(workspace, kind, texts), canonical(workspace, kind, list(texts)), strict=True)
    assert [(made, told) for made, told in pairs if made is not None and made != told] == []


@pytest.mark.parametrize(("kind", "fits", "text"), list(grammar.examples()))
def test_the_examples_of_the_grammar_are_right(workspace: Workspace, kind: ValueType, fits: bool, text: str) -> None:
    assert (typed(workspace, kind, [text]) != [None]) is fits


@BOUNDED
@given(st.lists(st.decimals(allow_nan=False, allow_infinity=False, places=4, min_value=-(10**30), max_value=10**30)))
def test_a_decimal_is_told_by_its_own_shortest_text(workspace: Workspace, numbers: list[Decimal]) -> None:
    columns = {"at": pa.array(range(len(numbers))), "number": pa.array(numbers, pa.decimal128(38, 4))}
    rows = workspace.store("numbers", pa.table(columns))
    made = rows.mutate(text=conversions.converted(values.received(rows.number), ValueType.STRING)).order_by("at")
    shortest = [re.sub(r"\.?0+$", "", f"{one:f}") if one else "0" for one in numbers]
    assert [row["text"] for row in workspace.dicts(made, limit=1000)] == shortest


@BOUNDED
@given(st.lists(st.integers(-(10**38) + 1, 10**38 - 1)))
def test_a_whole_number_keeps_every_digit(workspace: Workspace, numbers: list[int]) -> None:
    table = pa.table({"at": pa.array(range(len(numbers))), "n": pa.array(map(Decimal, numbers), pa.decimal128(38, 0))})
    rows = workspace.store("numbers", table)
    assert values.kind_of(rows.n) is ValueType.INTEGER
    made = rows.mutate(text=values.of(values.received(rows.n), ValueType.INTEGER)).order_by("at")
    found = [row["text"] for row in workspace.dicts(made, limit=1000)]
    sent = [one if -(2**63) <= one < 2**64 else str(one) for one in numbers]  # JSON has room for 64 bits
    assert [values.typed(text, ValueType.INTEGER) for text in found] == sent
    assert canonical(workspace, ValueType.INTEGER, list(found)) == found


def _fits(value: object, kind: ValueType) -> bool:
    """What does not fit its type is sent as it is, and differs for ever: that is told, not hidden."""
    match kind:
        case ValueType.INTEGER | ValueType.FLOAT:
            return value is None or isinstance(value, int | float)
        case ValueType.BOOLEAN:
            return value is None or isinstance(value, bool)
        case ValueType.LIST:
            return value is None or (isinstance(value, list) and all(isinstance(one, str) for one in value))
        case ValueType.JSON:
            return value is None or isinstance(value, list | dict)
        case _:
            return True

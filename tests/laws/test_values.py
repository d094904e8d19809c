"""Laws of the canonical form: doing it twice is doing it once, and what is sent comes back as the same."""

from __future__ import annotations

import json
from collections.abc import Iterator

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from reconcile.spec.property import ValueType
from reconcile.state import arrows, nested, values
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

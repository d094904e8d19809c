"""Two texts are one address only when they differ in ASCII case or outer ASCII white space."""

from __future__ import annotations

import unicodedata
from collections.abc import Iterator, Sequence

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from laws.test_values import BOUNDED

from reconcile.simulator import values as theirs
from reconcile.spec.folding import fold_address
from reconcile.state import arrows, conversions, values
from reconcile.state.engines.duckdb import DuckDB
from reconcile.state.workspace import Workspace

ODD = (
    "\u212a\u0130\u0131\u017f\u00df\u1e9e\u00a0\u2003\u0085\u2028\ufeff\x1c\x1f\x7f\uff41\uff20\u3002\u0430\u0307\u0301"
)
LETTERS = st.sampled_from([*"abkKiIsS019.-+_'@ \t\n\r\v\f\"", *ODD])
SOME = st.text(LETTERS, max_size=12) | st.text(st.characters(codec="utf-8"), max_size=6)
NAMES = st.text(st.sampled_from([*"akK1.-+_'\"", *ODD]), min_size=1, max_size=6)
HOSTS = st.text(st.sampled_from([*"akK19.-", *ODD]), min_size=1, max_size=8)
TEXTS = st.lists(SOME | st.builds("{}@{}".format, NAMES, HOSTS), min_size=1, max_size=30)


@pytest.fixture(scope="module")
def workspace() -> Iterator[Workspace]:
    with DuckDB() as opened:
        yield opened


def judged(workspace: Workspace, texts: Sequence[str]) -> list[tuple[str | None, bool]]:
    columns = {"at": [f"{at:04}" for at in range(len(texts))], "text": list(texts)}
    rows = workspace.store("texts", arrows.table(columns, dict.fromkeys(columns, "string")))
    rows = rows.mutate(address=values.address(rows.text))
    rows = rows.mutate(fit=conversions.well_formed(rows.address)).order_by("at")
    return [(row["address"], bool(row["fit"])) for row in workspace.dicts(rows, limit=len(texts))]


def plain(text: str) -> str:
    """What may be changed, worked out letter by letter."""
    while text[:1] in {*" \t\n\v\f\r"} and text:
        text = text[1:]
    while text[-1:] in {*" \t\n\v\f\r"} and text:
        text = text[:-1]
    return "".join(chr(ord(one) + 32) if "A" <= one <= "Z" else one for one in text)


@BOUNDED
@given(TEXTS)
@example(
    ["\u212aate@example.com", "Kate@example.com", "kate@example.com", "\u0130bo@example.com", "i\u0307bo@example.com"]
)
@example(
    ["ada@example.com", "ada@example.com\u00a0", "\u2003ada@example.com", "ada@example.com\x1f", " ADA@example.com\f"]
)
def test_nothing_is_changed_but_ascii_case_and_outer_ascii_white_space(workspace: Workspace, texts: list[str]) -> None:
    texts = [text.replace("\0", "") for text in texts]
    made = [address or "" for address, _ in judged(workspace, texts)]
    assert made == [plain(text) for text in texts]
    assert made == [fold_address(text) for text in texts]


@BOUNDED
@given(TEXTS)
def test_forms_that_unicode_takes_for_one_stay_two(workspace: Workspace, texts: list[str]) -> None:
    texts = [text.replace("\0", "") for text in texts]
    pairs = [(text, other) for text in texts for other in (text.casefold(), unicodedata.normalize("NFKC", text))]
    made = judged(workspace, [one for pair in pairs for one in pair])
    for at, (text, other) in enumerate(pairs):
        assert (made[2 * at][0] == made[2 * at + 1][0]) == (plain(text) == plain(other))


@BOUNDED
@given(TEXTS)
def test_what_passes_is_taken_by_the_simulator_to_the_letter(workspace: Workspace, texts: list[str]) -> None:
    for text, (address, fit) in zip(texts, judged(workspace, texts), strict=True):
        if fit:
            assert address is not None
            assert address.isascii()
            assert theirs.is_email(address), text
            assert theirs.email(address) == address

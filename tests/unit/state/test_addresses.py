"""Which texts are addresses: what passes is taken by PHP's filter, and so by Sailthru, letter for letter."""

from __future__ import annotations

from collections.abc import Sequence

from addresses import DASHED, FIT, ONLY_PHP, UNFIT

from reconcile.spec.folding import fold_address
from reconcile.state import arrows, conversions, values
from reconcile.state.engines.duckdb import DuckDB


def judged(texts: Sequence[str]) -> list[tuple[str | None, bool]]:
    """The address that the engine makes of each text, and whether it is well formed."""
    columns = {"at": [f"{at:04}" for at in range(len(texts))], "text": list(texts)}
    with DuckDB() as workspace:
        rows = workspace.store("texts", arrows.table(columns, dict.fromkeys(columns, "string")))
        rows = rows.mutate(address=values.address(rows.text))
        rows = rows.mutate(fit=conversions.well_formed(rows.address)).order_by("at")
        return [(row["address"], bool(row["fit"])) for row in workspace.dicts(rows, limit=len(texts))]


def test_what_php_takes_is_an_address_in_its_regular_form():
    assert judged([text for text, _ in FIT]) == [(address, True) for _, address in FIT]


def test_what_php_refuses_is_no_address():
    let_through = [text for text, (_, fit) in zip(UNFIT, judged(UNFIT), strict=True) if fit]
    assert not let_through


def test_quoted_names_addresses_of_machines_and_leading_dashes_are_left_out():
    assert not any(fit for _, fit in judged([*ONLY_PHP, *DASHED]))


def test_python_and_the_engine_fold_alike():
    texts = [text for text, _ in FIT] + UNFIT + ONLY_PHP + DASHED
    assert [address for address, _ in judged(texts)] == [fold_address(text) or None for text in texts]

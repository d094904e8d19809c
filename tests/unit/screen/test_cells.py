"""Values and tables as a person reads them."""

from __future__ import annotations

import pytest
from rich.cells import cell_len

from reconcile.screen import cells


@pytest.mark.parametrize(
    ("value", "shown", "told"),
    [
        (None, False, "null"),
        (None, True, "null"),
        ("Ada", False, "***"),
        (True, True, "true"),
        ("two\nlines\tand  more", True, "two lines and more"),
        ("x" * 61, True, "x" * 59 + "…"),
        (0, True, "0"),
    ],
)
def test_a_value_is_one_line_and_seen_only_where_it_may_be(value: object, shown: bool, told: str) -> None:
    assert cells.value(value, shown=shown) == told


def test_columns_stand_under_each_other_in_every_script() -> None:
    _, title, *rows = cells.table("Names", [("さくら", "1"), ("Ada", "22"), ("Ελένη", "333")])
    assert title == "Names"
    assert rows[0] == "  さくら  1"
    assert {cell_len(row.rstrip("123")) for row in rows} == {cell_len("  さくら  ")}


def test_a_share_of_nobody_is_no_number() -> None:
    assert (cells.share(1, 3), cells.share(0, 0)) == ("33.3%", "-")

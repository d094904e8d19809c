from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from reconcile.sailthru import exports, inventory


@pytest.mark.parametrize(
    ("values", "type_"),
    [
        ([1, 2, None], "integer"),
        ([1, 2.5], "float"),
        ([True, False], "boolean"),
        ([True, 1], None),
        (["1", "2"], "string"),
        (["1", 2], None),
        (["2026-01-01", None, ""], "date"),
        (["2026-01-01T10:00:00Z", "2026-01-01 10:00:00+02:00"], "datetime"),
        (["2026-01-01", "soon"], "string"),
        (["2026-01-01", "2026-01-01T10:00:00Z"], None),
        ([["a", "b"]], None),
        ([{"a": 1}], None),
        ([None, ""], None),
        ([], None),
    ],
)
def test_the_one_type_of_all_values(values: list[Any], type_: str | None) -> None:
    assert inventory._type(values) == type_


def test_a_var_named_like_a_native_column_is_the_second_of_that_name(tmp_path: Path) -> None:
    path = tmp_path / "export.csv"
    path.write_text(
        '"Profile Id","Email Hash",Domain,Engagement,plan,Domain\n1,h,x,new,"a\nb",mine\n2,h,,,,\n3,h,,,,\n'
    )
    assert exports.vars_in(path) == ("plan", "Domain")
    export = exports.described("L", (), path)
    assert export is not None
    assert exports.sids(export, 2) == ["1", "2"]

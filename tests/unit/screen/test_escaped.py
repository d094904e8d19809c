"""Names and values that would do something to a terminal or a CI do nothing in any form of a plan."""

from __future__ import annotations

import json
from pathlib import Path

import plans
import pytest
from account import FakeAccount

from reconcile.cli import telling
from reconcile.cli.options import Format

NAME = "shop\n::error::boo \u202eevil \x1b[2J ##vso[task.complete]"


@pytest.mark.parametrize("form", Format)
def test_a_name_with_line_ends_and_commands_does_nothing(
    form: Format, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    spec = plans.SPEC.replace("name: shop", f"name: {json.dumps(NAME)}")
    plan = plans.of(tmp_path, "id,email,city,spent\n1,a@example.com,Oslo,5\n", FakeAccount(), text=spec)
    telling.show(plan, form, reveal=True)
    out = capsys.readouterr().out
    assert "boo" in out
    for line in out.splitlines():
        assert not line.strip().startswith("::error")
        assert not {"\x1b", "\u202e"} & set(line)
        assert form is Format.HTML or "##vso" not in line
    if form is Format.JSON:
        assert json.loads(out)["account"]["name"] == NAME
